/* Times, sizes, ids and fields as `carpel cri` shows them, which is as crictl does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/cri_text.h"

#define S INT64_C(1000000000)

static void test_ago(void **state)
{
	enum { HOUR = 3600, DAY = 24 * HOUR };
	static const struct {
		int64_t span_ns;
		const char *want;
	} cases[] = {
		{ -5 * S, "Less than a second ago" }, /* a clock that was set back */
		{ S - 1, "Less than a second ago" },  /* */
		{ S, "1 second ago" },                /* */
		{ 59 * S, "59 seconds ago" },         /* */
		{ 60 * S, "About a minute ago" },     /* */
		{ 119 * S, "About a minute ago" },    /* */
		{ 120 * S, "2 minutes ago" },         /* */
		{ 3599 * S, "59 minutes ago" },       /* */
		{ HOUR * S, "About an hour ago" },    /* */
		{ 5399 * S, "About an hour ago" },    /* hours are rounded */
		{ 5400 * S, "2 hours ago" },          /* */
		{ 47 * HOUR * S, "47 hours ago" },    /* */
		{ 48 * HOUR * S, "2 days ago" },      /* */
		{ 13 * DAY * S, "13 days ago" },      /* */
		{ 14 * DAY * S, "2 weeks ago" },      /* */
		{ 59 * DAY * S, "8 weeks ago" },      /* */
		{ 60 * DAY * S, "2 months ago" },     /* */
		{ 729 * DAY * S, "24 months ago" },   /* */
		{ 730 * DAY * S, "2 years ago" },     /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf out = { 0 };

		cri_ago(5000 * DAY * S, 5000 * DAY * S + cases[i].span_ns, &out);
		assert_string_equal(out.data, cases[i].want);
	}
}

static void test_size(void **state)
{
	static const struct {
		double bytes;
		int digits;
		const char *want;
	} cases[] = {
		{ 0, 4, "0B" },                /* */
		{ 999, 3, "999B" },            /* */
		{ 1000, 3, "1kB" },            /* */
		{ 1234567, 3, "1.23MB" },      /* */
		{ 999499, 3, "999kB" },        /* */
		{ 999999, 3, "1MB" },          /* and not 1e+03kB */
		{ 12345678, 4, "12.35MB" },    /* */
		{ 999960, 4, "1000kB" },       /* */
		{ 5e9, 4, "5GB" },             /* */
		{ 9.2e18, 4, "9.2EB" },        /* */
		{ 1.8446744e21, 4, "1845EB" }, /* there is no larger unit */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf out = { 0 };

		cri_size(cases[i].bytes, cases[i].digits, &out);
		assert_string_equal(out.data, cases[i].want);
	}
}

static void test_ids_and_times(void **state)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	cri_short_id("0123456789abcdef", &out);
	cri_short_id("sha256:fedcba9876543210", &out);
	cri_short_id("short", &out);
	assert_string_equal(out.data, "0123456789abcfedcba9876543short");
	buf_clear(&out);
	cri_time(0, &out);
	cri_time(1, &out);
	assert_string_equal(out.data, "0001-01-01T00:00:00Z1970-01-01T00:00:00.000000001Z");
}

static void test_fields(void **state)
{
	static const char text[] = "{\"a\":{\"b\":\"9223372036854775807\",\"n\":7,\"x\":\"y\"},"
				   "\"labels\":{\"k\":\"v\"}}";
	CLEANUP(cleanup_json) struct json *j = NULL;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), NULL, &j, NULL), 0);
	assert_string_equal(cri_str(j, "a.x"), "y");
	assert_string_equal(cri_str(j, "a.z"), "");
	assert_string_equal(cri_str(j, "a"), "");
	assert_string_equal(cri_str(NULL, "a"), "");
	assert_true(cri_i64(j, "a.b") == INT64_MAX);
	assert_true(cri_i64(j, "a.n") == 7);
	assert_true(cri_i64(j, "a.x") == 0);
	assert_string_equal(cri_label(j, "k"), "v");
	assert_string_equal(cri_label(j, "z"), "unknown");
	assert_string_equal(cri_label(NULL, "z"), "unknown");
	assert_string_equal(cri_state_text("SANDBOX_NOTREADY"), "NotReady");
	assert_string_equal(cri_state_text("CONTAINER_EXITED"), "Exited");
	assert_string_equal(cri_state_text("17"), "17"); /* of a later CRI */
}

/* Labels come from whoever made the pod. */
static void test_lines(void **state)
{
	static const char text[] = "{\"b\":\"\\u001b[31m\",\"a\":\"1\\n2\"}";
	CLEANUP(cleanup_json) struct json *map = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), NULL, &map, NULL), 0);
	cri_write_map("Labels", map, &out);
	cri_write_map("None", json_get(map, "a"), &out);
	cri_write_line("Name", "x\ty", &out);
	cri_write_line("Empty", "", &out);
	assert_string_equal(out.data, "Labels:\n\ta -> 1\\n2\n\tb -> \\x1b[31m\nName: x\\ty\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ago),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_ids_and_times),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
