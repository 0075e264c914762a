/* What becomes of a container's process, as the engine tells it, and the end of it by force. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "cri/state.h"

static struct cri_container *of(const struct ctr *c)
{
	return container_of(c, struct cri_container, ctr);
}

bool container_is_alive(const struct cri_container *c)
{
	return c->state == CONTAINER_STARTING || c->state == CONTAINER_IS_RUNNING;
}

static void note(struct cri_container *c)
{
	struct err e = { 0 };

	if (container_record(c, &e) < 0)
		log_err("container=%s cannot write its record: %s", c->ctr.id, e.text);
}

void container_unqueue(struct cri_container *c)
{
	if (!c->wants_start)
		return;
	c->wants_start = false;
	wait_fail(&c->start, GRPC_CANCELLED, "the container was stopped before its start");
}

void container_kill(struct cri_container *c)
{
	container_unqueue(c);
	if (!container_is_alive(c))
		return;
	c->wants_end = true; /* where its process is not there yet, as soon as it is */
	loop_timer_stop(&c->kill_timer);
	ctr_kill(&c->ctr);
}

static void set_text(char **text, const char *to)
{
	free(*text);
	*text = str_dup(to && *to ? to : NULL);
}

/* Its sandbox may be no more when this returns, nor c. */
static void after_end(struct cri_container *c)
{
	const Runtime__V1__StopContainerResponse stopped =
		RUNTIME__V1__STOP_CONTAINER_RESPONSE__INIT;
	struct cri_sandbox *s = c->sandbox;

	event_tell(s, c->ctr.id, CRI_STOPPED);
	wait_reply(&c->stop, &stopped.base);
	if (s->starting == c)
		s->starting = NULL;
	container_start_next(s);
	if (c->is_removing)
		container_try_to_go(c);
	else
		sandbox_went_on(s);
}

void container_exited(
	struct cri_container *c, int32_t exit_code, const char *reason, const char *message)
{
	loop_timer_stop(&c->kill_timer);
	usage_forget(c);
	if (c->state == CONTAINER_STARTING)
		c->is_answered = true; /* by a failure, and the same from now on */
	c->state = CONTAINER_HAS_EXITED;
	c->finished_ns = clock_wall_ns();
	if (!c->started_ns)
		c->started_ns = c->finished_ns; /* or clients show 1970 */
	c->exit_code = exit_code;
	set_text(&c->reason, reason);
	set_text(&c->message, message);
	note(c);
	wait_fail(&c->start, GRPC_UNKNOWN, message);
	log_info("sandbox=%s container=%s id=%s exited code=%d", c->sandbox->box.name,
		c->spec->name, c->ctr.id, (int)exit_code);
	after_end(c);
}

/* Not known after a crash of ours between its start and its record. */
static void keep_user(struct cri_container *c)
{
	const struct json *user = json_get(c->ctr.user, "linux");

	if (!user)
		return;
	(void)json_i64(json_get(user, "uid"), 0, UINT32_MAX, &c->uid);
	(void)json_i64(json_get(user, "gid"), 0, UINT32_MAX, &c->gid);
	container_read_groups(c, json_get(user, "supplementalGroups"));
}

/* ---- what the engine asks and tells ---- */

static int on_record(struct ctr *c, struct err *e)
{
	return container_record(of(c), e);
}

static int on_request(struct ctr *ctr, struct container_request *out, struct err *e)
{
	struct cri_container *c = of(ctr);

	/* Its filter was being compiled when it was stopped: there was nothing to kill yet. */
	if (c->wants_end && c->state == CONTAINER_STARTING)
		return err_say(e, ECANCELED, "the container was stopped while it was started");
	if (!ctr->image.ref)
		return err_say(e, ENOENT, "image \"%s\" is not here any more", c->spec->image);
	*out = (struct container_request){ .at = &c->sandbox->box.at,
		.dir = ctr->dir,
		.pod = c->sandbox->spec,
		.spec = c->spec,
		.image = &ctr->image,
		.facts = &c->sandbox->facts,
		.id = ctr->id };
	return 0;
}

static void on_up(struct ctr *ctr)
{
	const Runtime__V1__StartContainerResponse started =
		RUNTIME__V1__START_CONTAINER_RESPONSE__INIT;
	struct cri_container *c = of(ctr);
	struct cri_sandbox *s = c->sandbox;

	c->state = CONTAINER_IS_RUNNING;
	c->started_ns = clock_wall_ns();
	keep_user(c);
	note(c);
	log_info("sandbox=%s container=%s id=%s started", s->box.name, c->spec->name, ctr->id);
	event_tell(s, ctr->id, CRI_STARTED);
	wait_reply(&c->start, &started.base);
	s->starting = NULL;
	container_start_next(s);
	if (c->wants_end)
		container_kill(c);
}

static void on_failed(struct ctr *ctr, enum ctr_failure how, const struct err *e, int exit_code)
{
	struct cri_container *c = of(ctr);

	(void)how;
	wait_fail(&c->start,
		e->code == ECANCELED   ? GRPC_CANCELLED
		: e->code == ETIMEDOUT ? GRPC_DEADLINE_EXCEEDED
				       : GRPC_UNKNOWN,
		e->text);
	if (c->wants_end)
		container_exited(c, 128 + SIGKILL, "Error", e->text);
	else
		container_exited(c, exit_code, "StartError", e->text);
}

static void on_ended(struct ctr *ctr, int32_t status, bool is_oom)
{
	struct cri_container *c = of(ctr);

	if (status < 0)
		container_exited(c, 255, "Unknown", "nobody saw how it ended");
	else if (is_oom)
		container_exited(c, 128 + SIGKILL, "OOMKilled", NULL);
	else if (WIFSIGNALED(status))
		container_exited(c, 128 + WTERMSIG(status), "Error", NULL);
	else
		container_exited(
			c, WEXITSTATUS(status), WEXITSTATUS(status) ? "Error" : "Completed", NULL);
}

/* A client that follows the log stops at EXITED: all of it is there then. */
static bool wants_log(const struct ctr *c, int32_t status)
{
	(void)c;
	(void)status;
	return true;
}

static void on_released(struct ctr *c)
{
	(void)c; /* its programs notice by themselves */
}

const struct ctr_owner cri_ctr_owner = {
	.record = on_record,
	.request = on_request,
	.up = on_up,
	.failed = on_failed,
	.ended = on_ended,
	.wants_log = wants_log,
	.released = on_released,
};
