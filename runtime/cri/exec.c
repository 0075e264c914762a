/* ExecSync: one program, its output and its exit code.  Whoever waits for it may set a time, after
 * which its whole tree is killed; a client that leaves has the same effect, since nobody is left to
 * hear of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cri/state.h"
#include "engine/exec_run.h"

/* Both together stay below what a client takes; what is more is read and dropped, so the program
 * never waits for us. */
enum { OUTPUT_MAX = 8 * 1024 * 1024 - 4096, ARGS_MAX = 4096 };

/* What containers say must not fill our memory, however many are asked at once: all outputs share
 * so much, and of each a little is kept in any case. */
enum { OUTPUTS_MAX = 64 * 1024 * 1024, OUTPUT_SURE = 64 * 1024 };

struct exec_sync {
	struct cri *cri;
	struct exec_run *run;
	struct grpc_call *call;
	struct loop_timer deadline;
	struct buf out, err;
	size_t kept; /* of the program's bytes */
	bool is_late;
	int64_t timeout_s;
};

static size_t room_for(const struct exec_sync *x, const struct buf *to)
{
	size_t room = OUTPUT_MAX - to->len, all = x->cri->outputs;
	size_t sure = to->len < OUTPUT_SURE ? OUTPUT_SURE - to->len : 0;
	size_t shared = all < OUTPUTS_MAX ? OUTPUTS_MAX - all : 0;
	size_t granted = sure > shared ? sure : shared;

	return room < granted ? room : granted;
}

static bool on_output(void *arg, int channel, const char *bytes, size_t len)
{
	struct exec_sync *x = arg;
	struct buf *to = channel == 1 ? &x->out : &x->err;
	size_t room = room_for(x, to), n = len < room ? len : room;

	buf_add(to, bytes, n);
	x->kept += n;
	x->cri->outputs += n;
	return true;
}

static void sync_free(struct exec_sync *x)
{
	loop_timer_stop(&x->deadline);
	x->cri->outputs -= x->kept;
	buf_free(&x->out);
	buf_free(&x->err);
	free(x);
}

static ProtobufCBinaryData bytes_of(const struct buf *b)
{
	return (ProtobufCBinaryData){ .len = b->len, .data = (uint8_t *)b->data };
}

static void reply(struct exec_sync *x, int exit_code)
{
	Runtime__V1__ExecSyncResponse answer = RUNTIME__V1__EXEC_SYNC_RESPONSE__INIT;

	answer.stdout = bytes_of(&x->out);
	answer.stderr = bytes_of(&x->err);
	answer.exit_code = exit_code;
	grpc_reply(x->call, &answer.base);
}

/* A program that is not there ends as in a shell, with 127 and a word on stderr, so that a probe by
 * a wrong name fails and is not ignored. */
static void on_ended(void *arg, int rc, const struct err *e)
{
	struct exec_sync *x = arg;

	if (x->is_late) {
		CLEANUP(cleanup_free)
		char *why = str_fmt("the command did not end within %" PRId64 " s and was killed",
			x->timeout_s);

		grpc_fail(x->call, GRPC_DEADLINE_EXCEEDED, why);
	} else if (rc < 0 && (e->code == 126 || e->code == 127)) {
		buf_addf(&x->err, "%s\n", e->text);
		reply(x, e->code);
	} else if (rc < 0) {
		grpc_fail(x->call, GRPC_UNKNOWN, e->text);
	} else {
		reply(x, rc);
	}
	sync_free(x);
}

static void on_deadline(struct loop_timer *t)
{
	struct exec_sync *x = t->arg;

	x->is_late = true;
	exec_run_kill(x->run);
}

static void on_gone(void *arg, enum grpc_gone why)
{
	struct exec_sync *x = arg;

	(void)why;
	exec_run_abandon(x->run, true);
	sync_free(x);
}

static int check_request(struct cri *c, const Runtime__V1__ExecSyncRequest *q,
	struct cri_container **out, struct err *e)
{
	int rc = container_find(c, q->container_id, out, e);

	if (rc < 0)
		return rc;
	if (q->n_cmd == 0 || !*q->cmd[0])
		return err_say(e, EINVAL, "cmd: Required value");
	if (q->n_cmd > ARGS_MAX)
		return err_say(e, E2BIG, "cmd: %zu words, at most %d", q->n_cmd, ARGS_MAX);
	if (q->timeout < 0)
		return err_say(e, EINVAL, "timeout: %" PRId64 " is negative", q->timeout);
	if ((*out)->state != CONTAINER_IS_RUNNING)
		return err_say(e, EBUSY, "container %s is not running", (*out)->ctr.id);
	return 0;
}

static int start(
	struct exec_sync *x, struct ctr *c, const Runtime__V1__ExecSyncRequest *q, struct err *e)
{
	CLEANUP(strv_free) struct strv command = { 0 };
	const struct exec_run_options o = { .command = &command };
	const struct exec_run_peer peer = { .output = on_output, .ended = on_ended, .arg = x };

	for (size_t i = 0; i < q->n_cmd; i++)
		strv_add(&command, q->cmd[i]);
	return exec_run_start(c, &o, &peer, &x->run, e);
}

void rpc_exec_sync(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ExecSyncRequest *q = (const void *)grpc_request(call);
	struct cri_container *c = NULL;
	struct exec_sync *x;
	struct err e = { 0 };
	int rc = check_request(ctx, q, &c, &e);

	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	x = mem_zalloc(sizeof(*x));
	x->cri = ctx;
	x->call = call;
	x->timeout_s = q->timeout;
	rc = start(x, &c->ctr, q, &e);
	if (rc < 0) {
		sync_free(x);
		grpc_fail_err(call, rc, &e);
		return;
	}
	grpc_on_gone(call, on_gone, x);
	if (q->timeout > 0)
		loop_timer_start(c->cri->engine->loop, &x->deadline,
			q->timeout < INT32_MAX ? q->timeout * 1000 : INT32_MAX * INT64_C(1000),
			on_deadline, x);
}
