#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pod/backoff.h"
#include "pod/lifecycle.h"

static const struct lifecycle_config *cfg = &lifecycle_defaults;

/* A container that ends as soon as it runs waits 0, 10, 20, 40 … 300, 300 s. */
static void test_crash_loop(void **state)
{
	static const int64_t waits[] = { 0, 10, 20, 40, 80, 160, 300, 300, 300 };
	struct backoff b = { 0 };
	int64_t now = 5000000;

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		int64_t at = backoff_retry_at(cfg, &b, now);

		assert_int_equal(at - now, waits[i] * 1000);
		now = at;
		backoff_advance(cfg, &b, now);
	}
}

static void test_wait_counts_from_the_end(void **state)
{
	struct backoff b = { .wait_ms = 20000, .allowed_boot_ms = 1000000 };

	(void)state;
	assert_int_equal(backoff_retry_at(cfg, &b, 1100000), 1120000);
}

/* It ran for ten minutes: no wait, and the next one is the first again. */
static void test_long_run_begins_afresh(void **state)
{
	struct backoff b = { .wait_ms = 300000, .allowed_boot_ms = 1000000 };

	(void)state;
	assert_int_equal(backoff_retry_at(cfg, &b, 1600000), 1600000);
	assert_int_equal(backoff_retry_at(cfg, &b, 1700000), 1700000);
	backoff_advance(cfg, &b, 1700000);
	assert_int_equal(b.wait_ms, 10000);
	assert_int_equal(b.allowed_boot_ms, 1700000);
}

/* Run 400 s, then wait 200 s and not 300: the entry is void by then. */
static void test_wait_ends_with_the_entry(void **state)
{
	struct backoff b = { .wait_ms = 300000, .allowed_boot_ms = 1000000 };

	(void)state;
	assert_int_equal(backoff_retry_at(cfg, &b, 1400000), 1600000);
	backoff_advance(cfg, &b, 1600000);
	assert_int_equal(b.wait_ms, 10000);
}

static void test_entry_is_kept_just_before(void **state)
{
	struct backoff b = { .wait_ms = 80000, .allowed_boot_ms = 1000000 };

	(void)state;
	backoff_advance(cfg, &b, 1599999);
	assert_int_equal(b.wait_ms, 160000);
}

static void test_lower_maximum(void **state)
{
	struct lifecycle_config low = lifecycle_defaults;
	struct backoff b = { 0 };

	(void)state;
	low.backoff_max_ms = 3000;
	backoff_advance(&low, &b, 1000000);
	assert_int_equal(b.wait_ms, 3000); /* the first value is lowered with it */
	backoff_advance(&low, &b, 1010000);
	assert_int_equal(b.wait_ms, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash_loop),
		cmocka_unit_test(test_wait_counts_from_the_end),
		cmocka_unit_test(test_long_run_begins_afresh),
		cmocka_unit_test(test_wait_ends_with_the_entry),
		cmocka_unit_test(test_entry_is_kept_just_before),
		cmocka_unit_test(test_lower_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
