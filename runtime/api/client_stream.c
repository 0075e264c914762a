#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "api/client_conn.h"
#include "api/ws.h"
#include "base/cleanup.h"
#include "base/str.h"

/* exec and attach: WebSocket frames in the two directions of one extended CONNECT (RFC 8441). */

struct api_stream {
	struct api_client *c;
	struct exchange x;
	struct api_stream_peer peer;
	struct ws_reader reader;
	struct buf queue; /* frames, from queue_sent on not handed to nghttp2 yet */
	size_t queue_sent;
	bool is_deferred; /* nghttp2 waits for more in the queue */
	bool is_ended;    /* a close frame came or went: our half ends behind the queue */
};

/* ---- sending ---- */

static ssize_t fill_frames(struct exchange *x, uint8_t *room, size_t length, uint32_t *flags)
{
	struct api_stream *s = x->arg;
	size_t left = s->queue.len - s->queue_sent;
	size_t n = left < length ? left : length;

	if (n == 0 && !s->is_ended) {
		s->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		memcpy(room, s->queue.data + s->queue_sent, n);
	s->queue_sent += n;
	if (n == left) {
		buf_clear(&s->queue);
		s->queue_sent = 0;
		if (s->is_ended)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)n;
}

static void resume(struct api_stream *s)
{
	if (s->is_deferred && !s->x.is_over)
		(void)nghttp2_session_resume_data(s->c->session, s->x.id);
	s->is_deferred = false;
}

/* What was sent already must not make the queue grow for ever. */
static void make_room(struct api_stream *s)
{
	if (s->queue_sent < s->queue.len / 2)
		return;
	buf_drop(&s->queue, s->queue_sent);
	s->queue_sent = 0;
}

static void new_mask(unsigned char mask[4])
{
	if (getrandom(mask, 4, 0) != 4)
		abort(); /* never for so few bytes, see man 2 getrandom */
}

static void send_message(struct api_stream *s, int channel, const char *bytes, size_t len)
{
	unsigned char mask[4];

	if (s->is_ended)
		return;
	new_mask(mask);
	make_room(s);
	ws_write_channel(&s->queue, mask, channel, bytes, len);
	resume(s);
}

void api_stream_send(struct api_stream *s, int channel, const char *bytes, size_t len)
{
	send_message(s, channel, bytes, len);
}

void api_stream_close_channel(struct api_stream *s, int channel)
{
	const char which = (char)channel;

	send_message(s, WS_END_CHANNEL, &which, 1);
}

/* ---- what comes ---- */

static void on_channel_data(void *arg, int channel, const char *bytes, size_t len, bool is_end)
{
	struct api_stream *s = arg;

	(void)is_end;
	if (len > 0 && (channel == WS_STDOUT || channel == WS_STDERR || channel == WS_STATUS))
		s->peer.output(s->peer.arg, channel, bytes, len);
}

static void on_channel_ended(void *arg, int channel)
{
	(void)arg;
	(void)channel; /* the end of output is told by the end of all */
}

static void on_ping(void *arg, const char *bytes, size_t len)
{
	struct api_stream *s = arg;
	unsigned char mask[4];

	if (s->is_ended)
		return;
	new_mask(mask);
	ws_write(&s->queue, mask, WS_PONG, bytes, len);
	resume(s);
}

static void end(struct api_stream *s, int code)
{
	unsigned char mask[4];

	if (s->is_ended)
		return;
	new_mask(mask);
	ws_write_close(&s->queue, mask, code);
	s->is_ended = true;
	resume(s);
}

static void on_closed(void *arg, int code)
{
	end(arg, code == WS_CODE_NONE ? WS_CODE_NORMAL : code);
}

static int hand_on(struct api_stream *s, struct err *e)
{
	const struct ws_events events = {
		.data = on_channel_data,
		.channel_ended = on_channel_ended,
		.ping = on_ping,
		.closed = on_closed,
		.arg = s,
	};
	CLEANUP(buf_free) struct buf got = s->x.pending;
	int code = 0;

	s->x.pending = (struct buf){ 0 };
	if (got.len > 0)
		code = ws_read(&s->reader, got.data, got.len, &events);
	if (code == 0)
		return 0;
	end(s, code);
	return err_say(e, EPROTO, "the other side sends no proper WebSocket frames (%d)", code);
}

/* ---- life ---- */

/* RFC 8441 §3: not before the server has said that it knows the way. */
static int await_settings(struct api_client *c, struct err *e)
{
	while (!c->has_settings) {
		int rc = client_turn(c, -1, e);

		if (rc < 0)
			return rc;
	}
	if (nghttp2_session_get_remote_settings(
		    c->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) != 1)
		return err_say(e, EPROTONOSUPPORT, "the server has no WebSockets over HTTP/2");
	return 0;
}

static int begin(struct api_stream *s, const char *path, struct err *e)
{
	const nghttp2_nv lines[] = {
		client_line(":method", "CONNECT"),
		client_line(":protocol", "websocket"),
		client_line(":scheme", "http"),
		client_line(":authority", "localhost"),
		client_line(":path", path),
		client_line("user-agent", "carpel/" CARPEL_VERSION),
		client_line("sec-websocket-version", "13"),
		client_line("sec-websocket-protocol", WS_PROTOCOL),
	};
	int rc = await_settings(s->c, e);

	if (rc == 0)
		rc = client_begin(s->c, &s->x, lines, ARRAY_LEN(lines), e);
	if (rc == 0 && s->peer.size)
		send_message(s, WS_RESIZE, s->peer.size, strlen(s->peer.size));
	s->peer.size = NULL;
	while (rc == 0 && !s->x.answer.status && !s->x.is_over)
		rc = client_turn(s->c, -1, e);
	if (rc == 0 && !s->x.answer.status)
		rc = client_check(s->c, &s->x, e);
	return rc;
}

/* Waits for the rest of an answer that is no stream. */
static int take_refusal(struct api_stream *s, struct api_answer *out, struct err *e)
{
	int rc = 0;

	s->is_ended = true; /* nothing of ours follows */
	resume(s);
	while (rc == 0 && !s->x.is_over && !s->x.has_end)
		rc = client_turn(s->c, -1, e);
	if (rc < 0)
		return rc;
	buf_free(&s->x.answer.body);
	s->x.answer.body = s->x.pending;
	s->x.pending = (struct buf){ 0 };
	*out = s->x.answer;
	s->x.answer = (struct api_answer){ 0 };
	return err_say(e, EPROTO, "the server answered %d", out->status);
}

int api_stream_open(struct api_client *c, const char *path, const struct api_stream_peer *peer,
	struct api_stream **out, struct api_answer *out_refusal, struct err *e)
{
	struct api_stream *s = mem_zalloc(sizeof(*s));
	int rc;

	s->c = c;
	s->peer = *peer;
	s->reader.side = WS_CLIENT;
	s->x.arg = s;
	s->x.fill = fill_frames;
	rc = begin(s, path, e);
	if (rc == 0 && s->x.answer.status >= 300)
		rc = take_refusal(s, out_refusal, e);
	if (rc < 0) {
		api_stream_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int api_stream_fd(const struct api_stream *s)
{
	return s->c->fd;
}

/* Also true when there is something to do already: what came together with the answer's head, or
 * the end.  A socket that can be written wakes poll() at once. */
bool api_stream_wants_write(const struct api_stream *s)
{
	return s->x.pending.len > 0 || s->x.is_over || s->c->out_sent < s->c->out.len ||
	       nghttp2_session_want_write(s->c->session);
}

size_t api_stream_queued(const struct api_stream *s)
{
	return s->queue.len - s->queue_sent;
}

int api_stream_step(struct api_stream *s, struct err *e)
{
	int lost_rc = client_turn(s->c, 0, e);
	int rc = hand_on(s, e);

	if (rc < 0)
		return rc;
	if (s->reader.is_closed) {
		(void)client_flush(s->c, NULL); /* our close frame, as far as it goes */
		return 1;
	}
	if (lost_rc < 0)
		return lost_rc;
	rc = client_check(s->c, &s->x, e);
	if (rc < 0)
		return rc;
	return s->x.is_over || s->x.has_end ? 1 : client_flush(s->c, e);
}

void api_stream_free(struct api_stream *s)
{
	if (!s)
		return;
	client_end(s->c, &s->x);
	buf_free(&s->queue);
	free(s);
}
