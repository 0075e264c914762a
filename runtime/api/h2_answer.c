#include <stdio.h>
#include <string.h>

#include "api/h2_session.h"
#include "base/cleanup.h"

/* The way out.  An answer is asked for its next bytes only when the client's window and the socket
 * have room, so a slow client makes its own stream wait and nothing pile up. */

enum { WARNINGS_MAX = 32 };

struct head_lines {
	nghttp2_nv at[9 + WARNINGS_MAX];
	size_t len;
};

static void head_add(struct head_lines *h, const char *name, const char *value)
{
	union {
		const char *text;
		uint8_t *bytes; /* nghttp2 copies and does not write */
	} n = { name }, v = { value };

	if (!value)
		return;
	h->at[h->len++] = (nghttp2_nv){
		.name = n.bytes,
		.namelen = strlen(name),
		.value = v.bytes,
		.valuelen = strlen(value),
	};
}

/* Behind the last byte of the body, in which nghttp2 asks for this. */
static void submit_trailers(struct h2_stream *s)
{
	struct head_lines lines = { .len = 0 };

	head_add(&lines, "grpc-status", s->trailer_status);
	head_add(&lines, "grpc-message", s->trailer_message);
	if (nghttp2_submit_trailer(s->conn->session, s->id, lines.at, lines.len) < 0)
		s->conn->is_doomed = true;
}

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *room, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2_stream *s = source->ptr;
	size_t n;

	(void)session;
	(void)id;
	(void)arg;
	if (s->is_cut)
		return NGHTTP2_ERR_DEFERRED; /* the reset is on its way */
	if (s->out_sent == s->out.len && !s->is_out_ended) {
		enum h2_fill more;

		buf_clear(&s->out);
		s->out_sent = 0;
		more = s->answer.fill(s->answer.arg, &s->out);
		s->is_out_ended = more == H2_FILL_END;
		if (more == H2_FILL_MORE && s->out.len == 0)
			h2_wake(s);
	}
	n = s->out.len - s->out_sent < length ? s->out.len - s->out_sent : length;
	if (n > 0)
		memcpy(room, s->out.data + s->out_sent, n);
	s->out_sent += n;
	if (s->out_sent == s->out.len) {
		buf_free(&s->out); /* an idle watcher keeps no buffer */
		s->out_sent = 0;
		if (s->is_out_ended)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->is_out_ended && s->trailer_status) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			submit_trailers(s);
		}
	}
	if (n == 0 && !s->is_out_ended) {
		s->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)n;
}

/* RFC 9110 §5.6.4 quoted string; control characters would end the header. */
static char *warning_text(const char *text)
{
	struct buf out = { 0 };

	buf_adds(&out, "299 - \"");
	for (const char *p = text; *p && out.len < 1000; p++) {
		if (*p == '"' || *p == '\\')
			buf_addc(&out, '\\');
		buf_addc(&out, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
	}
	buf_addc(&out, '"');
	return buf_take(&out);
}

static void submit(struct h2_stream *s, const struct h2_head *head, bool has_body)
{
	nghttp2_data_provider provider = { .source.ptr = s, .read_callback = read_answer };
	size_t warnings_len = head->warnings ? head->warnings->len : 0;
	char *warnings[WARNINGS_MAX];
	struct head_lines lines = { .len = 0 };
	char status[16], retry[16];

	if (warnings_len > WARNINGS_MAX)
		warnings_len = WARNINGS_MAX;
	snprintf(status, sizeof(status), "%d", head->status);
	snprintf(retry, sizeof(retry), "%d", head->retry_after_seconds);
	head_add(&lines, ":status", status);
	head_add(&lines, "content-type", head->content_type);
	head_add(&lines, "cache-control", head->is_grpc ? NULL : "no-cache, private");
	head_add(&lines, "sec-websocket-protocol", head->ws_protocol);
	head_add(&lines, "grpc-status", head->grpc_status);
	head_add(&lines, "grpc-message", head->grpc_message);
	head_add(&lines, "grpc-accept-encoding", head->grpc_accept);
	head_add(&lines, "retry-after", head->retry_after_seconds ? retry : NULL);
	for (size_t i = 0; i < warnings_len; i++) {
		warnings[i] = warning_text(head->warnings->at[i]);
		head_add(&lines, "warning", warnings[i]);
	}
	/* Fails only without memory: the stream then ends with its connection. */
	if (nghttp2_submit_response(
		    s->conn->session, s->id, lines.at, lines.len, has_body ? &provider : NULL) < 0)
		s->conn->is_doomed = true;
	for (size_t i = 0; i < warnings_len; i++)
		free(warnings[i]);
	h2_conn_touch(s->conn);
}

void h2_answer(struct h2_stream *s, const struct h2_head *head, struct buf *body)
{
	s->answer = (struct h2_body){ 0 }; /* h2_on_gone() was for an answer that never came */
	s->is_out_ended = true;
	if (body) {
		s->out = *body;
		*body = (struct buf){ 0 };
	}
	if (s->is_bodiless)
		buf_free(&s->out);
	submit(s, head, s->out.len > 0);
}

void h2_answer_stream(struct h2_stream *s, const struct h2_head *head, const struct h2_body *body)
{
	s->answer = *body;
	submit(s, head, true);
}

void h2_on_gone(struct h2_stream *s, void (*gone)(void *arg), void *arg)
{
	s->answer.gone = gone;
	s->answer.arg = arg;
}

void h2_on_input(struct h2_stream *s, void (*input)(void *arg, const char *bytes, size_t len),
	void (*gone)(void *arg), void *arg)
{
	s->answer = (struct h2_body){ .input = input, .gone = gone, .arg = arg };
}

void h2_widen_input(struct h2_stream *s, size_t len)
{
	if (len <= s->window || len <= NGHTTP2_INITIAL_WINDOW_SIZE)
		return;
	s->window = len;
	(void)nghttp2_session_set_local_window_size(
		s->conn->session, NGHTTP2_FLAG_NONE, s->id, (int32_t)len);
	h2_conn_touch(s->conn);
}

void h2_set_trailers(struct h2_stream *s, int status, const char *message)
{
	free(s->trailer_status);
	free(s->trailer_message);
	s->trailer_status = str_fmt("%d", status);
	s->trailer_message = str_dup(message);
}

void h2_keep_alive(struct h2_stream *s)
{
	if (!s->is_kept)
		s->conn->kept_streams++;
	s->is_kept = true;
	h2_conn_arm(s->conn);
}

void h2_wake(struct h2_stream *s)
{
	s->is_awake = true;
	h2_conn_touch(s->conn);
}

void h2_hold_input(struct h2_stream *s)
{
	s->is_held = true;
}

void h2_release_input(struct h2_stream *s)
{
	s->is_held = false;
	if (s->held)
		(void)nghttp2_session_consume(s->conn->session, s->id, s->held);
	s->held = 0;
	h2_conn_touch(s->conn);
}

int h2_session_take(struct h2_conn *c)
{
	for (struct h2_stream *s = c->streams; s; s = s->next) {
		if (!s->is_awake)
			continue;
		s->is_awake = false;
		if (s->is_deferred)
			(void)nghttp2_session_resume_data(c->session, s->id);
		s->is_deferred = false;
	}
	while (c->out.len < H2_CHUNK) {
		const uint8_t *bytes = NULL;
		ssize_t n = nghttp2_session_mem_send(c->session, &bytes);

		if (n < 0)
			return -ECONNABORTED;
		if (n == 0)
			break;
		buf_add(&c->out, bytes, (size_t)n);
	}
	return 0;
}
