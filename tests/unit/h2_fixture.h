/* A server of HTTP/2 with one client on a socket pair, which says bytes and keeps what comes.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/h2.h"
#include "base/cleanup.h"
#include "base/fd.h"

enum { LIMIT_MS = 20 * 1000 };

struct bench {
	struct loop *loop;
	struct h2_server *server;
	struct loop_timer too_long;
	struct loop_io io;
	int client;
	struct buf got; /* all that the server sent */
	bool is_closed;
	int requests, refusal;
	bool is_answering;
	bool is_kept; /* requests are kept alive by pings */
	struct h2_stream *stream[4];
	int gone;
	bool has_pong; /* the client answers PINGs */
	int pings;     /* answered */
};

static inline void on_gone(void *arg)
{
	struct bench *b = arg;

	b->gone++;
}

static inline void on_request(void *ctx, struct h2_stream *s)
{
	const struct h2_head head = { .status = h2_refusal(s) ? h2_refusal(s) : 200 };
	struct bench *b = ctx;
	struct buf body = { 0 };

	if (b->is_kept)
		h2_keep_alive(s);
	b->stream[b->requests++ % (int)ARRAY_LEN(b->stream)] = s;
	b->refusal = h2_refusal(s);
	if (!b->is_answering) {
		h2_on_gone(s, on_gone, b);
		return;
	}
	buf_adds(&body, "answer");
	h2_answer(s, &head, &body);
}

static inline void on_too_long(struct loop_timer *t)
{
	(void)t;
	fail_msg("the server did nothing");
}

static inline void say(struct bench *b, const void *bytes, size_t len);

struct frame {
	int type, flags;
	const char *payload;
	size_t len;
};

/* The nth frame that came; false when there are not so many. */
static inline bool nth_frame(const struct bench *b, int nth, struct frame *out)
{
	const unsigned char *p = (const unsigned char *)b->got.data;
	size_t left = b->got.len;

	for (; left >= 9; nth--) {
		size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];

		if (left < 9 + len)
			return false;
		if (nth == 0) {
			*out = (struct frame){ p[3], p[4], (const char *)p + 9, len };
			return true;
		}
		p += 9 + len;
		left -= 9 + len;
	}
	return false;
}

/* How many frames of a type came, and the last of them. */
static inline int count_frames(const struct bench *b, int type, struct frame *last)
{
	struct frame f;
	int n = 0;

	for (int i = 0; nth_frame(b, i, &f); i++) {
		if (f.type != type)
			continue;
		n++;
		if (last)
			*last = f;
	}
	return n;
}

/* The one PING that came last. */
static inline void answer_pings(struct bench *b)
{
	static const char pong[] = "\0\0\x8\x6\x1\0\0\0\0\0\0\0\0\0\0\0";
	struct frame f;

	if (count_frames(b, 6, &f) > b->pings) {
		b->pings++;
		say(b, pong, 17);
	}
}

static inline void on_bytes(struct loop_io *io, unsigned events)
{
	struct bench *b = io->arg;
	char bytes[4096];
	ssize_t n = recv(b->client, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)events;
	if (n > 0) {
		buf_add(&b->got, bytes, (size_t)n);
		if (b->has_pong)
			answer_pings(b);
		return;
	}
	b->is_closed = true;
	loop_io_stop(io);
	loop_stop(b->loop);
}

static inline void bench_start(struct bench *b, const struct h2_limits *limits)
{
	const struct h2_handler handler = { .request = on_request, .ctx = b };
	int pair[2];

	*b = (struct bench){ .is_answering = true };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	b->client = pair[0];
	b->loop = loop_new();
	assert_int_equal(h2_server_start(b->loop, -1, limits, &handler, &b->server, NULL), 0);
	h2_server_adopt(b->server, pair[1]);
	loop_io_start(b->loop, &b->io, b->client, LOOP_READ, on_bytes, b);
	loop_timer_start(b->loop, &b->too_long, LIMIT_MS, on_too_long, b);
}

static inline void bench_end(struct bench *b)
{
	loop_io_stop(&b->io);
	loop_timer_stop(&b->too_long);
	h2_server_free(b->server);
	loop_free(b->loop);
	close(b->client);
	buf_free(&b->got);
}

static inline void say(struct bench *b, const void *bytes, size_t len)
{
	assert_int_equal(send(b->client, bytes, len, 0), (ssize_t)len);
}

/* The preface and empty SETTINGS. */
static inline void say_hello(struct bench *b)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

	say(b, hello, sizeof(hello) - 1);
}

/* POST http://x/, of RFC 7541's static table; a body follows unless flags end it. */
static inline void say_head(struct bench *b, char flags)
{
	const char head[] = { 0, 0, 6, 1, flags, 0, 0, 0, 1, (char)0x83, (char)0x86, (char)0x84, 1,
		1, 'x' };

	say(b, head, sizeof(head));
}

/* The payload of the first frame of that type; fails without one. */
static inline const char *find_frame(const struct bench *b, int type)
{
	struct frame f;

	for (int i = 0; nth_frame(b, i, &f); i++)
		if (f.type == type)
			return f.payload;
	fail_msg("no frame of type %d came", type);
	return "";
}

static inline void stop_turn(struct loop_timer *t)
{
	loop_stop(t->arg);
}

/* Whatever is ready now. */
static inline void turn(struct bench *b)
{
	struct loop_timer timer = { 0 };

	loop_timer_start(b->loop, &timer, 1, stop_turn, b->loop);
	loop_run(b->loop);
	loop_timer_stop(&timer);
}

static inline void expect_goaway(const struct bench *b, int code)
{
	assert_true(b->is_closed);
	assert_int_equal(h2_server_connections(b->server), 0);
	assert_int_equal(find_frame(b, 7)[7], code);
}

static const struct h2_limits long_limits = {
	.connections = 8,
	.handshake_ms = LIMIT_MS,
	.request_ms = LIMIT_MS,
	.idle_ms = LIMIT_MS,
	.conn_bytes = 1000,
	.all_bytes = 1500,
};
