/* What the socket's server does by the clock, with limits of a few milliseconds: a client that says
 * nothing, half of something, or nothing more.  Each wait is for the server's own act.
 */
#include "tests/unit/h2_fixture.h"

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

/* ---- clients with calls: are they there? ---- */

static void test_silent_client_is_left(void **state)
{
	struct h2_limits limits = long_limits;
	struct bench b;

	(void)state;
	limits.ping_ms = 20;
	limits.ping_wait_ms = 20;
	bench_start(&b, &limits);
	b.is_answering = false;
	b.is_kept = true;
	say_hello(&b);
	say_head(&b, 5);
	loop_run(b.loop);
	assert_int_equal(count_frames(&b, 6, NULL), 1);
	assert_int_equal(b.gone, 1);
	expect_goaway(&b, 0);
	bench_end(&b);
}

static void enough(struct loop_timer *t)
{
	struct bench *b = t->arg;

	if (b->pings >= 3)
		loop_stop(b->loop);
	else
		loop_timer_start(b->loop, t, 5, enough, b);
}

static void test_client_that_answers_stays(void **state)
{
	struct h2_limits limits = long_limits;
	struct loop_timer timer = { 0 };
	struct bench b;

	(void)state;
	limits.ping_ms = 10;
	limits.ping_wait_ms = 2000;
	bench_start(&b, &limits);
	b.is_answering = false;
	b.is_kept = b.has_pong = true;
	say_hello(&b);
	say_head(&b, 5);
	loop_timer_start(b.loop, &timer, 5, enough, &b);
	loop_run(b.loop);
	assert_false(b.is_closed);
	assert_int_equal(b.gone, 0);
	assert_int_equal(h2_server_connections(b.server), 1);
	bench_end(&b);
}

/* Whoever waits for nothing has nothing to be asked for. */
static void test_answered_client_is_not_asked(void **state)
{
	struct h2_limits limits = long_limits;
	struct bench b;

	(void)state;
	limits.ping_ms = 10;
	limits.ping_wait_ms = 10;
	limits.idle_ms = 60;
	bench_start(&b, &limits);
	b.is_kept = true;
	say_hello(&b);
	say_head(&b, 5);
	loop_run(b.loop); /* until it was idle for too long */
	assert_int_equal(b.requests, 1);
	assert_int_equal(count_frames(&b, 6, NULL), 0);
	expect_goaway(&b, 0);
	bench_end(&b);
}

/* ---- leaving ---- */

/* "\x7f\xff\xff\xff" first, so that what is on its way is served; then the truth. */
static void test_two_goodbyes(void **state)
{
	struct frame f = { 0 };
	struct bench b;

	(void)state;
	for (int has_pong = 0; has_pong <= 1; has_pong++) {
		bench_start(&b, &long_limits);
		b.has_pong = has_pong;
		say_hello(&b);
		say_head(&b, 5);
		while (b.requests == 0)
			turn(&b);
		h2_server_stop(b.server, LIMIT_MS, on_drained, &b);
		while (b.refusal != -1)
			loop_run(b.loop);
		while (!b.is_closed)
			loop_run(b.loop);
		assert_memory_equal(find_frame(&b, 7), "\x7f\xff\xff\xff\0\0\0\0", 8);
		assert_int_equal(count_frames(&b, 7, &f), 2);
		assert_memory_equal(f.payload, "\0\0\0\1\0\0\0\0", 8);
		bench_end(&b);
	}
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
		cmocka_unit_test(test_silent_client_is_left),
		cmocka_unit_test(test_client_that_answers_stays),
		cmocka_unit_test(test_answered_client_is_not_asked),
		cmocka_unit_test(test_two_goodbyes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
