/* What two samples say, and how figures are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/usage.h"

static struct json *parse(const char *text)
{
	struct json *j = NULL;

	assert_int_equal(json_parse(text, strlen(text), NULL, &j, NULL), 0);
	return j;
}

static void assert_text(const struct json *j, const char *path, const char *expected)
{
	const char *text = json_str(json_path(j, path));

	if (!expected)
		assert_null(text);
	else if (!text)
		fail_msg("%s is missing", path);
	else
		assert_string_equal(text, expected);
}

#define AT(second, ns)                                                                             \
	"\"timestamp\":\"2026-11-26T07:00:0" second                                                \
	"000000Z\",\"cpu\":{\"usageCoreNanoSeconds\":" ns "}"

/* The pods in another order; a container that was started anew; one that is new. */
static void test_between(void **state)
{
	CLEANUP(cleanup_json)
	struct json *before = parse(
		"{\"items\":["
		"{\"metadata\":{\"uid\":\"a\"}," AT("0.000",
			"1000") ",\"containers\":["
				"{\"name\":\"x\",\"id\":\"x1\"," AT("0.000",
					"500") "},"
					       "{\"name\":\"y\",\"id\":\"y1\"," AT("0.000",
						       "500") "}]},"
							      "{\"metadata\":{\"uid\":\"b\"}," AT(
								      "0.000",
								      "7") ",\"containers\":[]}]}");
	CLEANUP(cleanup_json)
	struct json *after = parse(
		"{\"items\":["
		"{\"metadata\":{\"uid\":\"c\"}," AT("1.500",
			"9") ",\"containers\":[]},"
			     "{\"metadata\":{\"uid\":\"b\"},\"containers\":[]},"
			     "{\"metadata\":{\"uid\":\"a\"}," AT("1.500",
				     "3000001000") ",\"memory\":{\"workingSetBytes\":3000},"
						   "\"containers\":["
						   "{\"name\":\"y\",\"id\":\"y2\"," AT("1.500",
							   "900") "},"
								  "{\"name\":\"x\",\"id\":"
								  "\"x1\"," AT("1.500",
									  "375000500") "}]}]}");
	const struct json *items = json_get(after, "items"), *a = json_at(items, 2),
			  *containers = json_get(a, "containers");

	(void)state;
	usage_between(before, after);
	assert_text(a, "usage.cpu", "2000000000n"); /* two cores */
	assert_text(a, "cpu.usageNanoCores", "2000000000");
	assert_text(a, "usage.memory", "2Ki");
	assert_text(a, "window", "1.5s");
	assert_text(json_at(containers, 0), "usage.cpu", NULL);
	assert_text(json_at(containers, 1), "usage.cpu", "250000000n");
	assert_text(json_at(items, 0), "usage.cpu", NULL);
	assert_text(json_at(items, 1), "usage.cpu", NULL);
	assert_text(json_at(items, 1), "usage.memory", NULL);
}

/* A clock that was set back, a counter that went down: no figure rather than a wrong one. */
static void test_no_time(void **state)
{
	static const char *const earlier[] = { "{\"items\":[{\"metadata\":{\"uid\":\"a\"}," AT(
						       "2.000", "1") "}]}",
		"{\"items\":[{\"metadata\":{\"uid\":\"a\"}," AT("1.000", "1") "}]}",
		"{\"items\":[{\"metadata\":{\"uid\":\"a\"}," AT("0.000", "99") "}]}", "{}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(earlier); i++) {
		CLEANUP(cleanup_json) struct json *before = parse(earlier[i]);
		CLEANUP(cleanup_json)
		struct json *after =
			parse("{\"items\":[{\"metadata\":{\"uid\":\"a\"}," AT("1.000", "50") "}]}");

		usage_between(before, after);
		assert_text(json_at(json_get(after, "items"), 0), "usage.cpu", NULL);
	}
}

static void test_texts(void **state)
{
	static const struct {
		void (*write)(int64_t n, struct buf *out);
		int64_t n;
		const char *text;
	} rows[] = {
		{ usage_cores, 0, "0m" },
		{ usage_cores, 1, "1m" }, /* some is not none */
		{ usage_cores, 250000000, "250m" },
		{ usage_cores, 2000000001, "2001m" },
		{ usage_size, 0, "0" },
		{ usage_size, 9999, "9999" },
		{ usage_size, 10240, "10Ki" },
		{ usage_size, INT64_C(1536) << 20, "1536Mi" },
		{ usage_size, INT64_C(20) << 40, "20Ti" },
		{ usage_size, INT64_C(1) << 60, "1048576Ti" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };

		rows[i].write(rows[i].n, &text);
		assert_string_equal(text.data, rows[i].text);
	}
}

static void test_number(void **state)
{
	CLEANUP(cleanup_json) struct json *j = parse("{\"a\":{\"b\":7,\"c\":\"7\"}}");

	(void)state;
	assert_int_equal(usage_number(j, "a.b"), 7);
	assert_int_equal(usage_number(j, "a.c"), -1);
	assert_int_equal(usage_number(j, "a.d.e"), -1);
	assert_int_equal(usage_number(NULL, "a"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
