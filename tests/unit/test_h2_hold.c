/* What streams hold is counted: a client cannot have more than its share, and one of many clients
 * that fill the memory together loses its own stream, not that of a small one.
 */
#include "tests/unit/h2_fixture.h"

static void test_hold_is_bounded_for_a_connection(void **state)
{
	struct bench b;

	(void)state;
	bench_start(&b, &long_limits);
	b.is_answering = false;
	say_hello(&b);
	say_head(&b, 5);
	while (b.requests == 0)
		turn(&b);
	assert_int_equal(h2_hold(b.stream[0], 600), 0);
	assert_int_equal(h2_hold(b.stream[0], 401), -ENOBUFS);
	assert_int_equal(h2_hold(b.stream[0], SIZE_MAX), -ENOBUFS);
	assert_int_equal(h2_hold(b.stream[0], 400), 0);
	h2_release(b.stream[0], 700);
	assert_int_equal(h2_hold(b.stream[0], 700), 0);
	bench_end(&b);
}

/* Another client's connection with one request. */
static struct h2_stream *other_stream(struct bench *b, int *out_client)
{
	int had = b->requests, own = b->client, pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	h2_server_adopt(b->server, pair[1]);
	b->client = pair[0];
	say_hello(b);
	say_head(b, 5);
	b->client = own;
	while (b->requests == had)
		turn(b);
	*out_client = pair[0];
	return b->stream[had];
}

/* Who holds most makes room for others; who would hold most itself gets none. */
static void test_most_held_is_cut(void **state)
{
	struct h2_stream *large, *small, *own;
	int clients[2];
	struct frame f = { 0 };
	struct bench b;

	(void)state;
	bench_start(&b, &long_limits);
	b.is_answering = false;
	say_hello(&b);
	say_head(&b, 5);
	while (b.requests == 0)
		turn(&b);
	large = b.stream[0];
	small = other_stream(&b, &clients[0]);
	own = other_stream(&b, &clients[1]);
	assert_int_equal(h2_hold(large, 900), 0);
	assert_int_equal(h2_hold(small, 300), 0);
	assert_int_equal(h2_hold(own, 901), -ENOBUFS); /* it would be the largest */
	assert_int_equal(h2_hold(own, 200), 0);
	assert_int_equal(b.gone, 0);
	assert_int_equal(h2_hold(own, 200), 0); /* 1600 in all: the large one goes */
	assert_int_equal(b.gone, 0);            /* but is told from the loop */
	assert_int_equal(h2_hold(large, 1), -ENOBUFS);
	while (b.gone == 0 || count_frames(&b, 3, &f) == 0)
		turn(&b);
	assert_int_equal(b.gone, 1);
	assert_memory_equal(f.payload, "\0\0\0\xb", 4); /* ENHANCE_YOUR_CALM */
	/* What a stream held is free when it ends. */
	close(clients[0]);
	while (b.gone == 1)
		turn(&b);
	assert_int_equal(h2_hold(own, 600), 0);
	close(clients[1]);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold_is_bounded_for_a_connection),
		cmocka_unit_test(test_most_held_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
