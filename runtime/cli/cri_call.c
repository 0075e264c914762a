/* Calls of CRI: by name, from JSON to a message and back, until the server or a signal ends them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "api/client_grpc.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cri.h"
#include "cli/cri_rpc.h"
#include "cli/request.h"
#include "spec/message.h"
#include "spec/message_json.h"

struct run {
	struct cri *cri;
	struct cri_call *call;
	sigset_t signals;
	int code; /* of on_message */
};

/* ---- JSON ---- */

struct json *cri_field(const char *key, const char *value)
{
	return cri_wrap(key, json_new_string(value));
}

struct json *cri_wrap(const char *key, struct json *value)
{
	struct json *object = json_new_object();

	json_set(object, key, value);
	return object;
}

/* Messages that are not there are not shown, as in crictl; a level of them is a level of CRI's, so
 * few. */
static void drop_nulls(struct json *j)
{
	for (size_t i = json_len(j); i-- > 0;) {
		const char *key = NULL;
		struct json *member = json_member(j, i, &key);

		if (key && json_type(member) == JSON_NULL)
			(void)json_remove(j, key);
		else
			drop_nulls(member ? member : json_at(j, i));
	}
}

struct json *cri_message_json(const ProtobufCMessage *m)
{
	struct json *j = message_to_json(m, MESSAGE_DEFAULTS_SHOWN);

	drop_nulls(j);
	return j;
}

/* ---- while it lasts ---- */

static int on_message(void *arg, const ProtobufCMessage *m)
{
	struct run *run = arg;

	run->code = run->call->on_message(run->call->arg, m);
	return run->code;
}

/* An interrupt cancels the call, so that the server gives up as well. */
static int on_idle(void *arg)
{
	const struct timespec none = { 0 };
	struct run *run = arg;
	int signal = sigtimedwait(&run->signals, NULL, &none);

	if (signal > 0)
		run->cri->ended_by = signal;
	return signal > 0;
}

static int run_call(struct run *run, struct api_call *call, struct api_call_end *end, struct err *e)
{
	sigset_t before;
	int rc;

	cri_signals(&run->signals);
	(void)sigprocmask(SIG_BLOCK, &run->signals, &before);
	rc = api_call_run(run->cri->cli->client, call, end, e);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* ---- how it ended ---- */

/* "NOT_FOUND" as "not found". */
static void code_text(int code, struct buf *out)
{
	const char *name = api_call_code_name(code);

	if (!name)
		buf_addf(out, "status %d", code);
	for (; name && *name; name++)
		buf_addc(out, (char)(*name == '_'    ? ' '
				      : *name >= 'A' ? *name + ('a' - 'A')
						     : *name));
}

static int tell_end(const struct run *run, const char *rpc, const struct api_call_end *end)
{
	CLEANUP(buf_free) struct buf code = { 0 };

	if (run->call->out_code)
		*run->call->out_code = end->code;
	if (end->code == GRPC_OK)
		return EXIT_OK;
	if (run->call->is_silent)
		return EXIT_ERROR;
	code_text(end->code, &code);
	return cli_say("%s: %s%s%s", rpc, code.data, end->message.len ? ": " : "",
		end->message.len ? end->message.data : "");
}

/* Of a call that did not end by itself. */
static int tell_failure(struct run *run, const struct err *e)
{
	if (run->cri->ended_by)
		return 128 + run->cri->ended_by;
	if (run->code)
		return run->code;
	request_disconnect(run->cri->cli); /* its state is unknown */
	return run->call->is_silent ? EXIT_ERROR : cli_say("%s", e->text);
}

static int make_call(struct run *run, const struct cri_rpc *rpc, const ProtobufCMessage *request)
{
	const struct cri_call *q = run->call;
	int64_t timeout_ms = q->timeout_ms ? q->timeout_ms : run->cri->timeout_ms;
	struct api_call call = {
		.service = rpc->service,
		.method = rpc->method,
		.request = request,
		.timeout_ms = timeout_ms,
		.on_message = on_message,
		.on_idle = on_idle,
		.arg = run,
	};
	CLEANUP(api_call_end_free) struct api_call_end end = { 0 };
	struct err e = { 0 };
	int rc = request_connect(run->cri->cli, REQUEST_STARTS, &e);

	if (rc == 0)
		rc = run_call(run, &call, &end, &e);
	return rc < 0 ? tell_failure(run, &e) : tell_end(run, rpc->method->name, &end);
}

int cri_call(struct cri *r, struct cri_call *call)
{
	CLEANUP(cleanup_json) struct json *body = call->request;
	CLEANUP(cleanup_message) ProtobufCMessage *request = NULL;
	struct run run = { .cri = r, .call = call };
	struct cri_rpc rpc;
	struct err e = { 0 };
	int rc = cri_rpc_find(call->rpc, &rpc, &e);

	call->request = NULL;
	if (rc < 0)
		return cli_usage(r->cli, "%s", e.text);
	if (!body)
		body = json_new_object();
	rc = message_from_json(rpc.method->input, body, &request, &e);
	if (rc < 0)
		return cli_say("%s: %s", rpc.method->name, e.text);
	return make_call(&run, &rpc, request);
}

/* ---- one answer ---- */

struct single {
	struct json *answer;
	size_t count;
};

static int on_single(void *arg, const ProtobufCMessage *m)
{
	struct single *s = arg;

	if (s->count++ == 0)
		s->answer = cri_message_json(m);
	return 0;
}

int cri_ask_within(struct cri *r, struct cri_call *call, struct json **out)
{
	struct single s = { 0 };
	struct cri_call one = *call;
	int code;

	call->request = NULL;
	one.on_message = on_single;
	one.arg = &s;
	code = cri_call(r, &one);
	if (code == EXIT_OK && s.count != 1)
		code = cli_say("%s: %zu answers instead of one", call->rpc, s.count);
	if (code == EXIT_OK)
		*out = TAKE(s.answer);
	json_free(s.answer);
	return code;
}

int cri_ask(struct cri *r, const char *rpc, struct json *request, struct json **out)
{
	struct cri_call call = { .rpc = rpc, .request = request };

	return cri_ask_within(r, &call, out);
}
