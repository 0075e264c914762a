#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "spec/quantity.h"

struct quantity_case {
	const char *text;
	int64_t milli, units;
};

#define MAX INT64_MAX
#define ZEROS_60 "000000000000000000000000000000000000000000000000000000000000"

/* Kubernetes' results, but for those that do not fit: it wraps around, we saturate. */
static const struct quantity_case cases[] = {
	{ "0", 0, 0 },
	{ "1", 1000, 1 },
	{ "100m", 100, 1 },
	{ "1500m", 1500, 2 },
	{ "0.1", 100, 1 },
	{ ".5", 500, 1 },
	{ "5.", 5000, 5 },
	{ "007", 7000, 7 },
	{ "+3", 3000, 3 },
	{ "1n", 1, 1 },
	{ "1u", 1, 1 },
	{ "999n", 1, 1 },
	{ "1000u", 1, 1 },
	{ "1001u", 2, 1 },
	{ "1000001n", 2, 1 },
	{ "2k", 2000000, 2000 },
	{ "3M", 3000000000, 3000000 },
	{ "4G", 4000000000000, 4000000000 },
	{ "5T", 5000000000000000, 5000000000000 },
	{ "6P", 6000000000000000000, 6000000000000000 },
	{ "7E", MAX, 7000000000000000000 },
	{ "10E", MAX, MAX },
	{ "1Ki", 1024000, 1024 },
	{ "64Mi", 67108864000, 67108864 },
	{ "1Gi", 1073741824000, 1073741824 },
	{ "1Ti", 1099511627776000, 1099511627776 },
	{ "1Pi", 1125899906842624000, 1125899906842624 },
	{ "7Ei", MAX, 8070450532247928832 },
	{ "8Ei", MAX, MAX },
	{ "1.5Ki", 1536000, 1536 },
	{ "0.1Ki", 102400, 103 },
	{ "1.0009765625Ki", 1025000, 1025 },
	{ "0.0009765625Ki", 1000, 1 },
	{ "1e3", 1000000, 1000 },
	{ "1E3", 1000000, 1000 },
	{ "1e+3", 1000000, 1000 },
	{ "1e-3", 1, 1 },
	{ "1500e-3", 1500, 2 },
	{ "1e-9", 1, 1 },
	{ "1e-30", 1, 1 },
	{ "1.2e1", 12000, 12 },
	{ "12.5e-1", 1250, 2 },
	{ "0e99", 0, 0 },
	{ "0.000e2000000000", 0, 0 },
	{ "1e2000000000", MAX, MAX },
	{ "1e-2000000000", 1, 1 },
	{ "1e9223372036854775807", MAX, MAX },
	{ "9223372036854775807", MAX, MAX },
	{ "9223372036854775806.5", MAX, MAX },
	{ "9223372036854775805.5", MAX, 9223372036854775806 },
	{ "9223372036854775.807", MAX, 9223372036854776 },
	{ "9223372036854775.806", MAX - 1, 9223372036854776 },
	{ "9223372036854775808", MAX, MAX },
	{ "99999999999999999999999999", MAX, MAX },
	{ "0.9999999999999999999999999", 1000, 1 },
	{ "1.00000000000000000000000001", 1001, 2 },
	{ "1.5000000000000000000000000", 1500, 2 },
	/* The 61st decimal still counts as more than nothing. */
	{ "2." ZEROS_60 "1", 2001, 3 },
	{ "2." ZEROS_60 "0", 2000, 2 },
	{ "0." ZEROS_60 ZEROS_60 "1Ei", 1, 1 },
	{ "-1", -1000, -1 },
	{ "-0", 0, 0 },
	{ "-1500m", -1500, -2 },
	{ "-0.1m", -1, -1 }, /* away from zero, so that a sign never gets lost */
	{ "-10E", -MAX, -MAX },
	{ " 1", 1000, 1 },
	{ "1Mi \t\r\n", 1048576000, 1048576 },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t milli = 42, units = 42;
		int rc = quantity_milli(cases[i].text, &milli);

		if (rc < 0 || milli != cases[i].milli)
			print_error("milli of '%s'\n", cases[i].text);
		assert_int_equal(rc, 0);
		assert_int_equal(milli, cases[i].milli);
		rc = quantity_units(cases[i].text, &units);
		if (rc < 0 || units != cases[i].units)
			print_error("units of '%s'\n", cases[i].text);
		assert_int_equal(rc, 0);
		assert_int_equal(units, cases[i].units);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = { "", " ", "-", "+", ".", "m", "Ki", "-Ki", "e3", ".e3",
		"--1", "+-1", "-+1", "1..2", "1.2.3", "1 2", "1 Ki", "1K", "1ki", "1KI", "1i",
		"1Kii", "1mm", "1mK", "1Ki5", "1m1", "1e", "1E+", "1e+-3", "1e--3", "1e++3",
		"1e3.5", "1e3m", "1-", "1+3", "0x10", "1_000", "1,5", "NaN", "inf",
		"1e9223372036854775808", "\xd9\xa1", "1\x01", "a1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int64_t out = 42;

		if (quantity_milli(texts[i], &out) != -EINVAL)
			print_error("accepted '%s'\n", texts[i]);
		assert_int_equal(quantity_milli(texts[i], &out), -EINVAL);
		assert_int_equal(quantity_units(texts[i], &out), -EINVAL);
		assert_int_equal(out, 42); /* untouched */
	}
	assert_int_equal(quantity_units(NULL, &(int64_t){ 0 }), -EINVAL);
}

/* Long texts cost their length, and are still exact. */
static void test_long_texts(void **state)
{
	enum { LEN = 100000 };
	CLEANUP(cleanup_free) char *text = mem_zalloc(LEN + 1);
	int64_t out;

	(void)state;
	memset(text, '0', LEN);
	assert_int_equal(quantity_units(text, &out), 0);
	assert_int_equal(out, 0);
	text[LEN - 1] = '7';
	assert_int_equal(quantity_units(text, &out), 0);
	assert_int_equal(out, 7);
	text[1] = '.';
	assert_int_equal(quantity_units(text, &out), 0);
	assert_int_equal(out, 1);
	memset(text, '9', LEN);
	assert_int_equal(quantity_milli(text, &out), 0);
	assert_int_equal(out, INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
