#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#define S INT64_C(1000000000)

static void test_printed_times(void **state)
{
	char out[CLOCK_TEXT_MAX];

	(void)state;
	clock_rfc3339(0, out);
	assert_string_equal(out, "");
	clock_rfc3339(1, out);
	assert_string_equal(out, "1970-01-01T00:00:00Z");
	clock_rfc3339(1767225605999, out);
	assert_string_equal(out, "2026-01-01T00:00:05Z");
	clock_rfc3339(-1, out);
	assert_string_equal(out, "1969-12-31T23:59:59Z");
	clock_rfc3339(-1000, out);
	assert_string_equal(out, "1969-12-31T23:59:59Z");
	clock_rfc3339(951782400000, out);
	assert_string_equal(out, "2000-02-29T00:00:00Z");
	clock_rfc3339_nano(1767225605 * S + 120, out);
	assert_string_equal(out, "2026-01-01T00:00:05.000000120Z");
	clock_rfc3339_nano(0, out);
	assert_string_equal(out, "1970-01-01T00:00:00.000000000Z");
	clock_rfc3339_nano(-1, out);
	assert_string_equal(out, "1969-12-31T23:59:59.999999999Z");
	clock_rfc3339_micro(1767225605000120, out);
	assert_string_equal(out, "2026-01-01T00:00:05.000120Z");
	clock_rfc3339_micro(-1, out);
	assert_string_equal(out, "1969-12-31T23:59:59.999999Z");
	clock_rfc3339(INT64_MAX, out);
	assert_true(strlen(out) < CLOCK_TEXT_MAX);
}

static void test_parsed_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1969-12-31T23:59:59.5Z", -S / 2 },
		{ "2026-01-01T00:00:05Z", 1767225605 * S },
		{ "2026-01-01t00:00:05z", 1767225605 * S },
		{ "2026-01-01T02:00:05+02:00", 1767225605 * S },
		{ "2025-12-31T18:30:05-05:30", 1767225605 * S },
		{ "2026-01-01T00:00:05-00:00", 1767225605 * S },
		{ "2026-01-01T00:00:05.1Z", 1767225605 * S + 100000000 },
		{ "2026-01-01T00:00:05.000000001Z", 1767225605 * S + 1 },
		{ "2026-01-01T00:00:05.9999999999Z", 1767225605 * S + 999999999 },
		{ "2024-02-29T00:00:00Z", 1709164800 * S },
		{ "2000-02-29T00:00:00Z", 951782400 * S },
		{ "2016-12-31T23:59:60Z", 1483228800 * S },
		{ "2262-04-11T23:47:16.854775807Z", INT64_MAX },
		{ "2262-04-11T23:47:16.854775808Z", INT64_MAX },
		{ "9999-12-31T23:59:59Z", INT64_MAX },
		{ "0001-01-01T00:00:00Z", INT64_MIN },
		{ "0000-01-01T00:00:00Z", INT64_MIN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ns = 42;

		if (clock_parse_rfc3339(cases[i].text, &ns) < 0 || ns != cases[i].ns)
			print_error("%s\n", cases[i].text);
		assert_int_equal(clock_parse_rfc3339(cases[i].text, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void test_refused_times(void **state)
{
	static const char *const texts[] = { "", "2026", "2026-01-01", "2026-01-01T00:00:00",
		"2026-01-01 00:00:00Z", "2026-01-01T00:00Z", "2026-1-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-32T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z",
		"2024-02-30T00:00:00Z", "1900-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00ZZ",
		"2026-01-01T00:00:00+", "2026-01-01T00:00:00+02", "2026-01-01T00:00:00+0200",
		"2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+02:60",
		"2026-01-01T00:00:00+02:00:00", "2026-01-01T00:00:00 +02:00",
		" 2026-01-01T00:00:00Z", "-026-01-01T00:00:00Z", "2026/01/01T00:00:00Z",
		"2026-01-01t00:00:00x" };
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (clock_parse_rfc3339(texts[i], &ns) != -EINVAL)
			print_error("accepted %s\n", texts[i]);
		assert_int_equal(clock_parse_rfc3339(texts[i], &ns), -EINVAL);
	}
	assert_int_equal(ns, 42);
}

static void test_lengths_of_months(void **state)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t ns;

	(void)state;
	for (int month = 1; month <= 12; month++)
		for (int more = 0; more < 2; more++) {
			CLEANUP(cleanup_free)
			char *text =
				str_fmt("2026-%02d-%02dT00:00:00Z", month, days[month - 1] + more);

			assert_int_equal(clock_parse_rfc3339(text, &ns), more ? -EINVAL : 0);
		}
}

/* Every second day of four centuries, and its last nanosecond. */
static void test_times_round_trip(void **state)
{
	char out[CLOCK_TEXT_MAX];

	(void)state;
	for (int64_t day = -100000; day < 100000; day += 2) {
		int64_t ns = (day * 86400 + 86399) * S + 999999999, back = 0;

		clock_rfc3339_nano(ns, out);
		assert_int_equal(clock_parse_rfc3339(out, &back), 0);
		assert_int_equal(back, ns);
	}
}

static void test_durations(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = { { 0, "0s" }, { 1, "1ms" }, { 500, "500ms" }, { 999, "999ms" }, { 1000, "1s" },
		{ 1500, "1.5s" }, { 1050, "1.05s" }, { 1001, "1.001s" }, { 10000, "10s" },
		{ 59999, "59.999s" }, { 60000, "1m0s" }, { 80000, "1m20s" }, { 300000, "5m0s" },
		{ 61500, "1m1.5s" }, { 3599999, "59m59.999s" }, { 3600000, "1h0m0s" },
		{ 90061001, "25h1m1.001s" }, { -1, "-1ms" }, { -1500, "-1.5s" },
		{ -61000, "-1m1s" }, { -3600000, "-1h0m0s" },
		{ INT64_MAX, "2562047788015h12m55.807s" },
		{ INT64_MIN, "-2562047788015h12m55.808s" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[CLOCK_TEXT_MAX];

		clock_duration(cases[i].ms, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void test_clocks_run(void **state)
{
	struct moment a = clock_now(), b;
	char first[37], second[37];
	int64_t ns = clock_boot_ns();

	(void)state;
	assert_true(clock_boot_ns() >= ns);
	b = clock_now();
	assert_true(b.boot_ms >= a.boot_ms && a.boot_ms > 0);
	assert_true(ns / 1000000 >= a.boot_ms);
	assert_true(a.wall_ms > 0 && clock_wall_ns() > 0);
	assert_int_equal(clock_boot_id(first), 0);
	assert_int_equal(clock_boot_id(second), 0);
	assert_int_equal(strlen(first), 36);
	assert_string_equal(first, second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printed_times),
		cmocka_unit_test(test_parsed_times),
		cmocka_unit_test(test_refused_times),
		cmocka_unit_test(test_lengths_of_months),
		cmocka_unit_test(test_times_round_trip),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_clocks_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
