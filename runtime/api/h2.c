#include <string.h>

#include "api/h2_session.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

/* nghttp2 calls back while it reads or writes; a callback may submit frames but neither read, write
 * nor free the session.  So a connection that must end is only marked (is_doomed), and h2_conn.c
 * ends it when nghttp2 has returned.
 *
 * Memory of a connection is bounded by its streams: a request body by H2_BODY_MAX and all of them
 * by H2_BODIES_MAX, an answer by one chunk, since nghttp2 asks for the next one only when the
 * client's window has room.  What handlers hold beyond that is counted by h2_hold(). */

enum {
	CONN_WINDOW =
		8 * 1024 * 1024, /* above all stream windows: a held stream never stalls another */
	HEAD_ABUSE_MAX =
		1024 * 1024, /* dropped header bytes of one request before the connection ends */
	TOKENS_MAX = 1000,
	TOKENS_PER_SECOND = 200,
	LINGER_MS = 1000,
};

static const char *const header_names[H2_HEADERS] = {
	[H2_METHOD] = ":method",
	[H2_PATH] = ":path",
	[H2_PROTOCOL] = ":protocol",
	[H2_CONTENT_TYPE] = "content-type",
	[H2_ACCEPT] = "accept",
	[H2_USER_AGENT] = "user-agent",
	[H2_WS_PROTOCOL] = "sec-websocket-protocol",
	[H2_IMPERSONATE] = "impersonate-", /* a prefix */
	[H2_GRPC_TIMEOUT] = "grpc-timeout",
	[H2_GRPC_ENCODING] = "grpc-encoding",
};

const char *h2_header(const struct h2_stream *s, enum h2_header which)
{
	return s->header[which];
}

const struct buf *h2_request_body(const struct h2_stream *s)
{
	return &s->body;
}

int h2_refusal(const struct h2_stream *s)
{
	return s->refusal;
}

bool h2_is_stopping(const struct h2_stream *s)
{
	return s->conn->srv->is_stopping;
}

struct loop *h2_loop(const struct h2_stream *s)
{
	return s->conn->srv->loop;
}

const struct h2_limits *h2_limits_of(const struct h2_stream *s)
{
	return &s->conn->srv->limits;
}

/* ---- streams ---- */

static struct h2_stream *stream_new(struct h2_conn *c, int32_t id)
{
	struct h2_stream *s = mem_zalloc(sizeof(*s));

	s->conn = c;
	s->id = id;
	s->deadline_ms = clock_now().boot_ms + c->srv->limits.request_ms;
	s->next = c->streams;
	if (s->next)
		s->next->link = &s->next;
	s->link = &c->streams;
	c->streams = s;
	c->streams_len++;
	h2_conn_arm(c);
	return s;
}

/* What only the handler needed; an idle watcher lives long. */
static void stream_forget_request(struct h2_stream *s)
{
	s->conn->bodies_bytes -= s->body.len;
	buf_free(&s->body);
	for (int i = 0; i < H2_HEADERS; i++) {
		free(s->header[i]);
		s->header[i] = NULL;
	}
}

static void stream_free(struct h2_stream *s)
{
	struct h2_conn *c = s->conn;

	if (s->answer.gone)
		s->answer.gone(s->answer.arg);
	if (s->held)
		(void)nghttp2_session_consume_connection(c->session, s->held);
	stream_forget_request(s);
	h2_hold_forget(s);
	if (s->is_kept)
		c->kept_streams--;
	free(s->trailer_status);
	free(s->trailer_message);
	buf_free(&s->out);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	if (--c->streams_len == 0)
		c->idle_since_ms = clock_now().boot_ms;
	free(s);
	h2_conn_arm(c);
}

static void stream_dispatch(struct h2_stream *s)
{
	struct h2_server *srv = s->conn->srv;

	if (s->is_dispatched)
		return;
	s->is_dispatched = true;
	s->deadline_ms = 0;
	srv->handler.request(srv->handler.ctx, s);
	stream_forget_request(s);
}

static void stream_refuse(struct h2_stream *s, int status)
{
	if (s->is_dispatched)
		return;
	s->refusal = status;
	stream_dispatch(s);
}

/* ---- floods ---- */

/* Says why, and marks the connection to be ended.  For callbacks to return. */
static int conn_doom(struct h2_conn *c)
{
	if (!c->is_doomed)
		(void)nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM);
	c->is_doomed = true;
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Takes one token for a frame that makes work for us only; without one the connection ends. */
static int conn_pay(struct h2_conn *c)
{
	int64_t now_ms = clock_now().boot_ms;
	int64_t earned = (now_ms - c->tokens_ms) * TOKENS_PER_SECOND / 1000;

	if (earned > 0) {
		c->tokens = c->tokens + earned > TOKENS_MAX ? TOKENS_MAX : c->tokens + earned;
		c->tokens_ms = now_ms;
	}
	return --c->tokens >= 0 ? 0 : conn_doom(c);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
	struct h2_conn *c = arg;
	bool is_paid_by_window = hd->type == NGHTTP2_WINDOW_UPDATE || hd->type == NGHTTP2_HEADERS;

	(void)session;
	/* Resets are judged when the stream closes: those of an answered stream are in order. */
	if (is_paid_by_window || hd->type == NGHTTP2_RST_STREAM ||
		(hd->type == NGHTTP2_DATA &&
			(hd->length > 0 || hd->flags & NGHTTP2_FLAG_END_STREAM)))
		return 0;
	/* gRPC clients measure the line with a PING for each answer: we asked for those. */
	if (hd->type == NGHTTP2_PING && !(hd->flags & NGHTTP2_FLAG_ACK) && c->pings_paid > 0) {
		c->pings_paid--;
		return 0;
	}
	return conn_pay(c);
}

/* ---- requests ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2_conn *c = arg;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	/* Not for streams above H2_STREAMS_MAX: nghttp2 refuses them itself. */
	nghttp2_session_set_stream_user_data(
		session, frame->hd.stream_id, stream_new(c, frame->hd.stream_id));
	return 0;
}

static void header_keep(
	struct h2_stream *s, const char *name, size_t name_len, const char *value, size_t value_len)
{
	for (int i = 0; i < H2_HEADERS; i++) {
		const char *known = header_names[i];
		size_t known_len = strlen(known);
		bool is_prefix = i == H2_IMPERSONATE && name_len > known_len;

		if ((name_len == known_len || is_prefix) && memcmp(name, known, known_len) == 0) {
			free(s->header[i]);
			s->header[i] = str_ndup(value, value_len);
			return;
		}
	}
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	if (!s || s->has_head) /* refused, or trailers */
		return 0;
	s->head_bytes += name_len + value_len + 32; /* as RFC 9113 §10.5.1 counts */
	if (s->head_bytes > HEAD_ABUSE_MAX)
		return conn_doom(arg);
	if (s->head_bytes <= H2_HEAD_MAX)
		header_keep(s, (const char *)name, name_len, (const char *)value, value_len);
	return 0;
}

static void on_head(struct h2_stream *s, bool is_end)
{
	const struct h2_handler *handler = &s->conn->srv->handler;
	bool is_early = str_eq(s->header[H2_METHOD], "CONNECT") ||
			(handler->is_early && handler->is_early(handler->ctx, s));

	s->has_head = true;
	s->is_bodiless = str_eq(s->header[H2_METHOD], "HEAD");
	if (s->head_bytes > H2_HEAD_MAX)
		stream_refuse(s, 431);
	else if (is_end || is_early)
		stream_dispatch(s);
	if (is_end && s->answer.input)
		s->answer.input(s->answer.arg, NULL, 0);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2_conn *c = arg;
	bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct h2_stream *s;

	if (frame->hd.type == NGHTTP2_SETTINGS) {
		c->has_settings = true;
		h2_conn_arm(c);
	}
	if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
		h2_conn_heard_ping(c);
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (!s)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && !s->has_head)
		on_head(s, is_end);
	else if (is_end && !s->is_dispatched)
		stream_dispatch(s);
	else if (is_end && s->answer.input)
		s->answer.input(s->answer.arg, NULL, 0);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
	size_t len, void *arg)
{
	struct h2_conn *c = arg;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	int rc;

	(void)flags;
	if (s && s->is_dispatched && s->answer.input) {
		s->answer.input(s->answer.arg, (const char *)bytes, len);
		if (s->is_held) {
			s->held += len;
			return 0;
		}
	} else if (s && !s->is_dispatched) {
		if (s->body.len + len > H2_BODY_MAX) {
			stream_refuse(s, 413);
		} else if (c->bodies_bytes + len > H2_BODIES_MAX) {
			stream_refuse(s, 429);
		} else {
			buf_add(&s->body, bytes, len);
			c->bodies_bytes += len;
		}
	}
	/* The window of a refused stream is not given back: its client soon has to stop sending. */
	rc = s && s->refusal ? nghttp2_session_consume_connection(session, len)
			     : nghttp2_session_consume(session, id, len);
	return rc == NGHTTP2_ERR_NOMEM ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct h2_conn *c = arg;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	bool is_rapid = s && code != NGHTTP2_NO_ERROR && !s->is_head_sent;

	if (s)
		stream_free(s);
	/* Opened and taken back before it was answered: the work was ours only. */
	return is_rapid ? conn_pay(c) : 0;
}

/* curl before 8 shows nothing of an answer whose stream is reset while it still sends: it has a
 * moment to read why, and to end the stream by itself. */
static void stream_linger(struct h2_stream *s)
{
	s->deadline_ms = clock_now().boot_ms + LINGER_MS;
	h2_conn_arm(s->conn);
}

static void stream_expire(struct h2_stream *s)
{
	struct h2_conn *c = s->conn;

	s->deadline_ms = 0;
	if (!s->has_head)
		c->is_doomed = true; /* half a header block: nothing else can come either */
	else if (!s->is_dispatched)
		stream_refuse(s, 408);
	else
		(void)nghttp2_submit_rst_stream(
			c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2_conn *c = arg;
	struct h2_stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s)
		s->is_head_sent = true;
	if (c->pings_paid < TOKENS_MAX)
		c->pings_paid++;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
		nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) != 0)
		return 0;
	/* Answered before the request was whole: the rest of it is of no use (RFC 9113 §8.1). */
	if (s && s->refusal)
		stream_linger(s);
	else
		(void)nghttp2_submit_rst_stream(
			session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

/* nghttp2 answers many of them by the end of the connection with all calls on it: say why, once. */
static int on_invalid_frame(
	nghttp2_session *session, const nghttp2_frame *frame, int error, void *arg)
{
	struct h2_conn *c = arg;

	(void)session;
	if (!c->has_said_invalid)
		log_info("api: a client sent an invalid frame of type %d on stream %d: %s",
			frame->hd.type, frame->hd.stream_id, nghttp2_strerror(error));
	c->has_said_invalid = true;
	return 0;
}

/* ---- sessions ---- */

int h2_server_callbacks(struct h2_server *srv)
{
	if (nghttp2_session_callbacks_new(&srv->callbacks) < 0 ||
		nghttp2_option_new(&srv->option) < 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(srv->callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(srv->callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(srv->callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(srv->callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(srv->callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(srv->callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(srv->callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
		srv->callbacks, on_invalid_frame);
	nghttp2_option_set_no_auto_window_update(srv->option, 1);
	nghttp2_option_set_no_closed_streams(srv->option, 1);
	/* Ours (on_stream_close) tells a cancelled watch from a rapid reset; the library's does
	 * not. */
	nghttp2_option_set_stream_reset_rate_limit(srv->option, UINT32_MAX, UINT32_MAX);
	return 0;
}

int h2_session_open(struct h2_conn *c, struct err *e)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEAD_MAX },
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
	};

	h2_frames_init(&c->frames);
	c->tokens = TOKENS_MAX;
	c->tokens_ms = clock_now().boot_ms;
	if (nghttp2_session_server_new2(&c->session, c->srv->callbacks, c, c->srv->option) < 0 ||
		nghttp2_submit_settings(
			c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) < 0 ||
		nghttp2_session_set_local_window_size(
			c->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW) < 0)
		return err_set(e, ENOMEM, "open an HTTP/2 session");
	return 0;
}

int h2_session_feed(struct h2_conn *c, const char *bytes, size_t len)
{
	const unsigned char *rest = (const unsigned char *)bytes, *piece;
	size_t rest_len = len, n, dropped = 0;
	ssize_t rc = 0;

	while (rc >= 0 && (n = h2_frames_next(&c->frames, &rest, &rest_len, &piece, &dropped)) > 0)
		rc = nghttp2_session_mem_recv(c->session, piece, n);
	if (rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
		return -EPROTO;
	if (!c->has_preface) {
		c->received += len;
		c->has_preface = c->received >= NGHTTP2_CLIENT_MAGIC_LEN;
	}
	while (dropped-- > 0)
		(void)conn_pay(c);
	if (rc < 0) /* a limit of ours or of the library's */
		(void)conn_doom(c);
	return c->is_doomed ? -ECONNABORTED : 0;
}

void h2_session_expire(struct h2_conn *c, int64_t now_ms)
{
	struct h2_stream *next;

	for (struct h2_stream *s = c->streams; s; s = next) {
		next = s->next;
		if (s->deadline_ms && s->deadline_ms <= now_ms)
			stream_expire(s);
	}
}

void h2_session_close(struct h2_conn *c)
{
	struct h2_stream *next;

	for (struct h2_stream *s = c->streams; s; s = next) {
		next = s->next;
		stream_free(s);
	}
	nghttp2_session_del(c->session);
	c->session = NULL;
}
