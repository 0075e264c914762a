#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/containers.h"
#include "api/kube_status.h"
#include "api/rest.h"
#include "api/state.h"
#include "api/ws.h"
#include "base/cleanup.h"
#include "base/loop.h"

/* pods/NAME/exec and /attach: WebSocket frames in an extended CONNECT (RFC 8441), Kubernetes'
 * v5.channel.k8s.io inside.
 *
 * Flow control, from the process: its output waits here as frames; above EXEC_QUEUE_HIGH the
 * backend leaves it in the pipe until half of that is gone.  To the process: what it has not read
 * waits in the backend; above the same mark the client's window stops growing.  The backend does
 * not tell when the process has read, so a held stream looks again, at first soon, then less often.
 *
 * The end has one order: output, the status, the close frame, the end of the HTTP/2 stream. */

enum { RESIZE_MAX = 128, LOOK_FIRST_MS = 2, LOOK_MAX_MS = 100 };

struct stream {
	struct exec_peer peer; /* first: what the backend gives back is the stream */
	struct h2_stream *h2;
	const struct api_backend *backend;
	struct loop *loop;
	struct exec_session *session; /* NULL before it starts and once it has ended */
	bool is_attach, has_stdin;    /* stdin: it was asked for, and has not ended */
	bool has_ended;               /* the backend said so, or must not say anything any more */
	bool is_closing;              /* the close frame is in out: nothing may follow */
	bool is_paused;               /* the backend waits for exec_resume */
	struct ws_reader reader;
	struct buf out; /* frames, from out_sent on not taken yet */
	size_t out_sent;
	char pong[WS_CONTROL_MAX];
	size_t pong_len;
	bool owes_pong; /* for the newest ping: more of them cost no memory, RFC 6455 §5.5.3 */
	char resize[RESIZE_MAX];
	size_t resize_len; /* above RESIZE_MAX: too long, ignored */
	struct loop_timer look;
	int64_t look_ms;
};

/* ---- to the client ---- */

static size_t queued(const struct stream *s)
{
	return s->out.len - s->out_sent;
}

static void send_close(struct stream *s, int code)
{
	if (s->is_closing)
		return;
	ws_write_close(&s->out, NULL, code);
	s->is_closing = true;
	h2_wake(s->h2);
}

static size_t peer_output(struct exec_peer *p, int channel, const char *bytes, size_t len)
{
	struct stream *s = (struct stream *)p;

	if (s->is_closing)
		return 0;
	if (len > 0)
		ws_write_channel(&s->out, NULL, channel, bytes, len);
	s->is_paused = queued(s) > EXEC_QUEUE_HIGH;
	h2_wake(s->h2);
	return queued(s);
}

static struct json *status_of_exit(int exit_code)
{
	CLEANUP(cleanup_free) char *number = str_fmt("%d", exit_code);
	CLEANUP(cleanup_free)
	char *message = str_fmt("command terminated with non-zero exit code: command terminated "
				"with exit code %d",
		exit_code);
	struct json *details = json_new_object(), *causes = json_new_array(),
		    *cause = json_new_object();
	struct json *status;

	json_set_str(cause, "reason", "ExitCode");
	json_set_str(cause, "message", number);
	json_push(causes, cause);
	json_set(details, "causes", causes);
	status = kube_status(500, "NonZeroExitCode", details, message);
	(void)json_remove(status, "code");
	return status;
}

static struct json *status_of_failure(const struct stream *s, const struct err *e)
{
	CLEANUP(cleanup_free)
	char *cause_text = str_fmt("error %s: %s",
		s->is_attach ? "attaching to container" : "executing command in container",
		e->text[0] ? e->text : strerror(e->code));
	CLEANUP(cleanup_free)
	char *message = str_fmt("Internal error occurred: %s", cause_text);
	struct json *details = json_new_object(), *causes = json_new_array(),
		    *cause = json_new_object();

	json_set_str(cause, "message", cause_text);
	json_push(causes, cause);
	json_set(details, "causes", causes);
	return kube_status(500, "InternalError", details, message);
}

/* {"metadata":{},"status":…}: Kubernetes writes no kind here. */
static void peer_done(struct exec_peer *p, int exit_code, const struct err *e)
{
	struct stream *s = (struct stream *)p;
	CLEANUP(cleanup_json) struct json *status = NULL;
	CLEANUP(buf_free) struct buf text = { 0 };

	s->session = NULL;
	s->has_ended = true;
	if (s->is_closing)
		return;
	if (e && e->code != 0)
		status = status_of_failure(s, e);
	else if (exit_code != 0)
		status = status_of_exit(exit_code);
	else
		status = kube_status(200, NULL, NULL, NULL);
	(void)json_remove(status, "kind");
	(void)json_remove(status, "apiVersion");
	if (str_eq(json_get_str(status, "status"), "Success"))
		(void)json_remove(status, "code");
	json_write(status, JSON_COMPACT, &text);
	ws_write_channel(&s->out, NULL, WS_STATUS, text.data, text.len);
	send_close(s, WS_CODE_NORMAL);
}

/* The client has no use for the session any more. */
static void cancel(struct stream *s)
{
	if (s->session)
		s->backend->exec_cancel(s->session);
	s->session = NULL;
	s->has_ended = true;
	loop_timer_stop(&s->look);
}

static enum h2_fill stream_fill(void *arg, struct buf *out)
{
	struct stream *s = arg;
	size_t n;

	if (h2_is_stopping(s->h2) && !s->is_closing) {
		cancel(s);
		send_close(s, WS_CODE_GOING_AWAY);
	}
	if (s->owes_pong && !s->is_closing)
		ws_write(out, NULL, WS_PONG, s->pong, s->pong_len);
	s->owes_pong = false;
	n = queued(s) < H2_CHUNK ? queued(s) : H2_CHUNK;
	if (n > 0)
		buf_add(out, s->out.data + s->out_sent, n);
	s->out_sent += n;
	if (s->out_sent >= s->out.len / 2) {
		buf_drop(&s->out, s->out_sent);
		s->out_sent = 0;
	}
	if (queued(s) > 0)
		return H2_FILL_MORE;
	buf_free(&s->out); /* an idle session keeps none */
	return s->is_closing ? H2_FILL_END : H2_FILL_WAIT;
}

/* After each fill, because the backend may answer within exec_resume(). */
static enum h2_fill stream_fill_and_resume(void *arg, struct buf *out)
{
	struct stream *s = arg;
	enum h2_fill more = stream_fill(s, out);

	if (s->is_paused && s->session && queued(s) <= EXEC_QUEUE_HIGH / 2) {
		s->is_paused = false;
		s->backend->exec_resume(s->session);
		if (queued(s) > 0)
			more = H2_FILL_MORE;
	}
	return more;
}

/* ---- from the client ---- */

static void look_due(struct loop_timer *t)
{
	struct stream *s = t->arg;

	if (s->session && s->backend->exec_input_queued(s->session) > EXEC_QUEUE_HIGH / 2) {
		s->look_ms = s->look_ms * 2 < LOOK_MAX_MS ? s->look_ms * 2 : LOOK_MAX_MS;
		loop_timer_start(s->loop, &s->look, s->look_ms, look_due, s);
		return;
	}
	h2_release_input(s->h2);
}

static void on_stdin(struct stream *s, const char *bytes, size_t len)
{
	if (!s->has_stdin || len == 0 || !s->session)
		return;
	s->backend->exec_input(s->session, bytes, len);
	/* The call may have been the process's end. */
	if (!s->session || loop_timer_is_set(&s->look) ||
		s->backend->exec_input_queued(s->session) <= EXEC_QUEUE_HIGH)
		return;
	h2_hold_input(s->h2);
	s->look_ms = LOOK_FIRST_MS;
	loop_timer_start(s->loop, &s->look, s->look_ms, look_due, s);
}

/* What is no size is ignored, and so is a size of nothing. */
static void apply_resize(struct stream *s)
{
	CLEANUP(cleanup_json) struct json *size = NULL;
	int64_t columns, rows;

	if (s->resize_len > RESIZE_MAX ||
		json_parse(s->resize, s->resize_len, NULL, &size, NULL) < 0)
		return;
	if (json_i64(json_get(size, "Width"), 1, UINT16_MAX, &columns) == 0 &&
		json_i64(json_get(size, "Height"), 1, UINT16_MAX, &rows) == 0)
		s->backend->exec_resize(s->session, (int)columns, (int)rows);
}

static void on_resize(struct stream *s, const char *bytes, size_t len, bool is_end)
{
	if (s->resize_len + len <= RESIZE_MAX)
		memcpy(s->resize + s->resize_len, bytes, len);
	s->resize_len = s->resize_len + len <= RESIZE_MAX ? s->resize_len + len : RESIZE_MAX + 1;
	if (!is_end)
		return;
	if (s->session)
		apply_resize(s);
	s->resize_len = 0;
}

static void on_channel_data(void *arg, int channel, const char *bytes, size_t len, bool is_end)
{
	struct stream *s = arg;

	if (channel == WS_STDIN)
		on_stdin(s, bytes, len);
	else if (channel == WS_RESIZE)
		on_resize(s, bytes, len, is_end);
}

static void on_channel_ended(void *arg, int channel)
{
	struct stream *s = arg;

	if (channel != WS_STDIN || !s->has_stdin)
		return;
	s->has_stdin = false;
	if (s->session)
		s->backend->exec_close_input(s->session);
}

static void on_ping(void *arg, const char *bytes, size_t len)
{
	struct stream *s = arg;

	memcpy(s->pong, bytes, len);
	s->pong_len = len;
	s->owes_pong = true;
	h2_wake(s->h2);
}

static void on_closed(void *arg, int code)
{
	struct stream *s = arg;

	cancel(s);
	send_close(s, code == WS_CODE_NONE ? WS_CODE_NORMAL : code);
}

static void stream_input(void *arg, const char *bytes, size_t len)
{
	static const struct ws_events calls = {
		.data = on_channel_data,
		.channel_ended = on_channel_ended,
		.ping = on_ping,
		.closed = on_closed,
	};
	struct ws_events events = calls;
	struct stream *s = arg;
	int code = WS_CODE_GOING_AWAY; /* the end of its half without a close frame */

	events.arg = s;
	if (bytes)
		code = ws_read(&s->reader, bytes, len, &events);
	if (code == 0)
		return;
	cancel(s);
	send_close(s, code);
}

static void stream_gone(void *arg)
{
	struct stream *s = arg;

	cancel(s);
	buf_free(&s->out);
	free(s);
}

/* ---- requests ---- */

/* "sec-websocket-protocol: a, b": whether ours is among them. */
static bool offers_protocol(const char *list)
{
	while (list && *list) {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len == strlen(WS_PROTOCOL) && memcmp(list, WS_PROTOCOL, len) == 0)
			return true;
		list += len;
	}
	return false;
}

/* Answers and returns -1 for a CONNECT that is no WebSocket of ours. */
static int check_upgrade(const struct rest_request *r)
{
	static const struct h2_head no_protocol = { .status = 403 };

	if (!str_eq(h2_header(r->stream, H2_PROTOCOL), "websocket")) {
		kube_bad_request(r, "Upgrade request required");
		return -1;
	}
	if (!offers_protocol(h2_header(r->stream, H2_WS_PROTOCOL))) {
		h2_answer(r->stream, &no_protocol, NULL);
		return -1;
	}
	return 0;
}

static int read_query(const struct rest_request *r, bool is_attach, struct exec_request *out)
{
	const struct kube_subject subject = { "PodExecOptions", NULL, r->name };

	out->ns = r->ns;
	out->pod = r->name;
	out->tty = query_is_true(&r->query, "tty");
	out->has_stdin = query_is_true(&r->query, "stdin");
	out->has_stdout = query_is_true(&r->query, "stdout");
	/* A terminal has one output; asking for two is no error in Kubernetes either. */
	out->has_stderr = query_is_true(&r->query, "stderr") && !out->tty;
	for (size_t i = 0; !is_attach && i < r->query.len; i++) {
		if (str_eq(r->query.at[i].key, "command"))
			strv_add(&out->command, r->query.at[i].value);
	}
	if (!out->has_stdin && !out->has_stdout && !out->has_stderr) {
		kube_bad_request(r, "you must specify at least 1 of stdin, stdout, stderr");
		return -1;
	}
	if (!is_attach && out->command.len == 0) {
		kube_invalid_field(r, &subject, "FieldValueRequired", "command", "Required value");
		return -1;
	}
	return 0;
}

static void refuse_start(const struct rest_request *r, int rc, const struct err *e)
{
	/* A container that does not run: the kubelet's word and code for it. */
	if (rc == -EBUSY || rc == -ENOENT)
		kube_fail(r, 500, "InternalError", NULL, "%s", e->text);
	else
		kube_fail_errno(r, rc, e);
}

static void start(struct rest_request *r, const struct exec_request *q, bool is_attach)
{
	const struct h2_head head = { .status = 200, .ws_protocol = WS_PROTOCOL };
	struct stream *s = mem_zalloc(sizeof(*s));
	struct err e = { 0 };
	int rc;

	s->peer = (struct exec_peer){ .output = peer_output, .done = peer_done };
	s->h2 = r->stream;
	s->backend = r->backend;
	s->loop = r->api->loop;
	s->is_attach = is_attach;
	s->has_stdin = q->has_stdin;
	s->reader.side = WS_SERVER;
	/* Empty: it tells the client that the stream is open. */
	ws_write_channel(&s->out, NULL,
		q->has_stdout   ? WS_STDOUT
		: q->has_stderr ? WS_STDERR
				: WS_STATUS,
		"", 0);
	rc = r->backend->exec_start(r->backend->ctx, q, &s->peer, &s->session, &e);
	if (rc < 0) {
		buf_free(&s->out);
		free(s);
		refuse_start(r, rc, &e);
		return;
	}
	if (s->has_ended) /* at once: what exec_start gave is gone already */
		s->session = NULL;
	h2_answer_stream(r->stream, &head,
		&(struct h2_body){ .fill = stream_fill_and_resume,
			.input = stream_input,
			.gone = stream_gone,
			.arg = s });
}

static void answer(struct rest_request *r, bool is_attach)
{
	struct exec_request q = { 0 };
	CLEANUP(cleanup_json) struct json *pod = NULL;
	CLEANUP(cleanup_free) char *container = NULL;
	const struct object *o = rest_find(r);

	if (!o || check_upgrade(r) < 0)
		return;
	pod = rest_object_json(o);
	if (read_query(r, is_attach, &q) == 0)
		container = container_choose(r, pod);
	if (container) {
		q.container = container;
		start(r, &q, is_attach);
	}
	strv_free(&q.command);
}

void stream_exec(struct rest_request *r)
{
	answer(r, false);
}

void stream_attach(struct rest_request *r)
{
	answer(r, true);
}

/* GET and POST, as HTTP/1.1 clients would upgrade: carpel-gate does that. */
void stream_without_upgrade(struct rest_request *r)
{
	if (rest_find(r))
		kube_bad_request(r, "Upgrade request required");
}
