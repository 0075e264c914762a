/* What the socket's server does by the clock, with limits of a few milliseconds: a client that says
 * nothing, half of something, or nothing more.  Each wait is for the server's own act.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

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
};

static void on_request(void *ctx, struct h2_stream *s)
{
	const struct h2_head head = { .status = h2_refusal(s) ? h2_refusal(s) : 200 };
	struct bench *b = ctx;
	struct buf body = { 0 };

	b->requests++;
	b->refusal = h2_refusal(s);
	if (!b->is_answering)
		return;
	buf_adds(&body, "answer");
	h2_answer(s, &head, &body);
}

static void on_too_long(struct loop_timer *t)
{
	(void)t;
	fail_msg("the server did nothing");
}

static void on_bytes(struct loop_io *io, unsigned events)
{
	struct bench *b = io->arg;
	char bytes[4096];
	ssize_t n = recv(b->client, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)events;
	if (n > 0) {
		buf_add(&b->got, bytes, (size_t)n);
		return;
	}
	b->is_closed = true;
	loop_io_stop(io);
	loop_stop(b->loop);
}

static void bench_start(struct bench *b, const struct h2_limits *limits)
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

static void bench_end(struct bench *b)
{
	loop_io_stop(&b->io);
	loop_timer_stop(&b->too_long);
	h2_server_free(b->server);
	loop_free(b->loop);
	close(b->client);
	buf_free(&b->got);
}

static void say(struct bench *b, const void *bytes, size_t len)
{
	assert_int_equal(send(b->client, bytes, len, 0), (ssize_t)len);
}

/* The preface and empty SETTINGS. */
static void say_hello(struct bench *b)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

	say(b, hello, sizeof(hello) - 1);
}

/* POST http://x/, of RFC 7541's static table; a body follows unless flags end it. */
static void say_head(struct bench *b, char flags)
{
	const char head[] = { 0, 0, 6, 1, flags, 0, 0, 0, 1, (char)0x83, (char)0x86, (char)0x84, 1,
		1, 'x' };

	say(b, head, sizeof(head));
}

/* The payload of the first frame of that type; fails without one. */
static const char *find_frame(const struct bench *b, int type)
{
	const unsigned char *p = (const unsigned char *)b->got.data;
	size_t left = b->got.len;

	while (left >= 9) {
		size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];

		if (left < 9 + len)
			break;
		if (p[3] == type)
			return (const char *)p + 9;
		p += 9 + len;
		left -= 9 + len;
	}
	fail_msg("no frame of type %d came", type);
	return "";
}

static void expect_goaway(const struct bench *b, int code)
{
	assert_true(b->is_closed);
	assert_int_equal(h2_server_connections(b->server), 0);
	assert_int_equal(find_frame(b, 7)[7], code);
}

static const struct h2_limits long_limits = {
	.connections = 8, .handshake_ms = LIMIT_MS, .request_ms = LIMIT_MS, .idle_ms = LIMIT_MS
};

static void test_no_preface(void **state)
{
	struct h2_limits limits = long_limits;
	struct bench b;

	(void)state;
	limits.handshake_ms = 20;
	bench_start(&b, &limits);
	say(&b, "PRI * HT", 8);
	loop_run(b.loop);
	assert_true(b.is_closed);
	assert_int_equal(b.got.len, 0); /* it might be no HTTP/2 at all */
	bench_end(&b);
}

static void test_no_settings(void **state)
{
	struct h2_limits limits = long_limits;
	struct bench b;

	(void)state;
	limits.handshake_ms = 20;
	bench_start(&b, &limits);
	say(&b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	loop_run(b.loop);
	expect_goaway(&b, 0);
	bench_end(&b);
}

static void test_idle(void **state)
{
	struct h2_limits limits = long_limits;
	struct bench b;

	(void)state;
	limits.idle_ms = 20;
	bench_start(&b, &limits);
	say_hello(&b);
	say_head(&b, 5);
	loop_run(b.loop);
	assert_int_equal(b.requests, 1);
	expect_goaway(&b, 0);
	bench_end(&b);
}

/* Who waits for an answer is not idle, however long that takes. */
static void test_waiting_is_not_idle(void **state)
{
	struct h2_limits limits = long_limits;
	int pair[2], first;
	struct bench b;

	(void)state;
	limits.idle_ms = 10;
	limits.request_ms = 10;
	limits.handshake_ms = 10;
	bench_start(&b, &limits);
	b.is_answering = false;
	say_hello(&b);
	say_head(&b, 5);
	/* A second connection says nothing; its end shows that the time has passed. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	first = b.client;
	b.client = pair[0];
	h2_server_adopt(b.server, pair[1]);
	loop_io_start(b.loop, &b.io, b.client, LOOP_READ, on_bytes, &b);
	loop_run(b.loop);
	assert_true(b.is_closed);
	assert_int_equal(b.requests, 1);
	assert_int_equal(h2_server_connections(b.server), 1);
	close(first);
	bench_end(&b);
}

static void test_slow_body(void **state)
{
	struct h2_limits limits = long_limits;
	struct bench b;

	(void)state;
	limits.request_ms = 20;
	limits.idle_ms = 20;
	bench_start(&b, &limits);
	say_hello(&b);
	say_head(&b, 4);
	say(&b, "\0\0\1\0\0\0\0\0\1x", 10);
	loop_run(b.loop); /* refused, answered; then the connection is idle */
	assert_int_equal(b.refusal, 408);
	assert_memory_equal(find_frame(&b, 0), "answer", 6);
	expect_goaway(&b, 0);
	bench_end(&b);
}

/* Nothing else can come on a connection whose head is not whole. */
static void test_half_a_head(void **state)
{
	struct h2_limits limits = long_limits;
	struct bench b;

	(void)state;
	limits.request_ms = 20;
	bench_start(&b, &limits);
	say_hello(&b);
	say_head(&b, 1); /* CONTINUATION would have to follow */
	loop_run(b.loop);
	assert_int_equal(b.requests, 0);
	assert_true(b.is_closed);
	bench_end(&b);
}

static void on_drained(void *arg)
{
	struct bench *b = arg;

	b->refusal = -1;
	loop_stop(b->loop);
}

/* A stop waits for answers, but not for ever. */
static void test_stop_cuts_after_its_grace(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, &long_limits);
	b.is_answering = false;
	say_hello(&b);
	say_head(&b, 5);
	h2_server_stop(b.server, 30, on_drained, &b);
	while (b.refusal != -1)
		loop_run(b.loop);
	assert_int_equal(h2_server_connections(b.server), 0);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_preface),
		cmocka_unit_test(test_no_settings),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_waiting_is_not_idle),
		cmocka_unit_test(test_slow_body),
		cmocka_unit_test(test_half_a_head),
		cmocka_unit_test(test_stop_cuts_after_its_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
