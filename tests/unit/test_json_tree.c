/* Reading from, building, comparing, patching and writing trees; test_json.c is about the parser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(text, strlen(text), NULL, &j, &e) < 0)
		print_error("%.100s: %s\n", text, e.text);
	assert_non_null(j);
	return j;
}

static void assert_writes(const struct json *j, const char *want)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	json_write(j, JSON_COMPACT, &out);
	assert_string_equal(out.data, want);
}

struct reading {
	const char *text, *want;
};

static void test_reading(void **state)
{
	CLEANUP(cleanup_json)
	struct json *j = parse("{\"s\":\"x\",\"n\":1,\"b\":true,\"f\":false,\"z\":null,"
			       "\"o\":{\"p\":{\"q\":\"deep\"}},\"l\":[1,2]}");
	const char *key = NULL;

	(void)state;
	assert_string_equal(json_get_str(j, "s"), "x");
	assert_null(json_get_str(j, "n"));
	assert_null(json_get_str(j, "none"));
	assert_string_equal(json_str(json_get(j, "n")), "1");
	assert_null(json_str(json_get(j, "b")));
	assert_true(json_is_true(json_get(j, "b")));
	assert_false(json_is_true(json_get(j, "f")));
	assert_false(json_is_true(json_get(j, "n")));
	assert_string_equal(json_str(json_path(j, "o.p.q")), "deep");
	assert_string_equal(json_str(json_path(j, "s")), "x");
	assert_null(json_path(j, "o.x.q"));
	assert_null(json_path(j, "s.q"));
	assert_null(json_path(j, "o.p.q.r"));
	assert_null(json_path(j, ""));
	assert_int_equal(json_len(j), 7);
	assert_int_equal(json_len(json_get(j, "l")), 2);
	assert_int_equal(json_len(json_get(j, "s")), 0);
	assert_string_equal(json_str(json_at(json_get(j, "l"), 1)), "2");
	assert_null(json_at(json_get(j, "l"), 2));
	assert_null(json_at(j, 0));
	assert_ptr_equal(json_member(j, 1, &key), json_get(j, "n"));
	assert_string_equal(key, "n");
	assert_non_null(json_member(j, 6, NULL));
	assert_null(json_member(j, 7, &key));
	assert_null(json_member(json_get(j, "l"), 0, &key));
}

static void test_nothing_reads_as_missing(void **state)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(json_type(NULL), 0);
	assert_null(json_get(NULL, "a"));
	assert_null(json_get_str(NULL, "a"));
	assert_null(json_path(NULL, "a.b"));
	assert_null(json_at(NULL, 0));
	assert_null(json_member(NULL, 0, NULL));
	assert_null(json_str(NULL));
	assert_int_equal(json_str_len(NULL), 0);
	assert_int_equal(json_len(NULL), 0);
	assert_false(json_is_true(NULL));
	assert_null(json_copy(NULL));
	assert_true(json_equal(NULL, NULL));
	json_free(NULL);
	json_write(NULL, JSON_COMPACT, &out);
	assert_string_equal(out.data, "null");
}

static void test_type_names(void **state)
{
	static const struct reading cases[] = { { "null", "null" }, { "true", "bool" },
		{ "1", "number" }, { "\"\"", "string" }, { "[]", "array" }, { "{}", "object" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_json) struct json *j = parse(cases[i].text);

		assert_string_equal(json_type_name(j), cases[i].want);
	}
	assert_string_equal(json_type_name(NULL), "nothing");
}

static void test_building(void **state)
{
	CLEANUP(cleanup_json) struct json *j = json_new_object();
	struct json *list = json_new_array();

	(void)state;
	json_set_str(j, "a", "x");
	json_set_str(j, "skipped", NULL);
	json_set_i64(j, "min", INT64_MIN);
	json_set_bool(j, "b", true);
	json_set(j, "list", list);
	json_push(list, json_new_string(NULL));
	json_push(list, json_new_string_len("a\0b", 3));
	json_push(list, json_new_null());
	json_push(list, json_new_bool(false));
	json_push(list, json_new_i64(7));
	json_set_i64(j, "a", 1); /* keeps its place */
	assert_writes(j, "{\"a\":1,\"min\":-9223372036854775808,\"b\":true,"
			 "\"list\":[null,\"a\\u0000b\",null,false,7]}");
	assert_true(json_remove(j, "min"));
	assert_false(json_remove(j, "min"));
	assert_false(json_remove(list, "a"));
	assert_true(json_remove(j, "list"));
	json_set_i64(j, "c", 2);
	assert_writes(j, "{\"a\":1,\"b\":true,\"c\":2}");
	assert_true(json_remove(j, "a"));
	assert_true(json_remove(j, "b"));
	assert_true(json_remove(j, "c"));
	assert_writes(j, "{}");
}

static void test_equality(void **state)
{
	static const char *const different[] = { "null", "true", "false", "0", "1", "1.0", "\"1\"",
		"\"\"", "\"a\"", "\"b\"", "[]", "{}", "[1]", "[2]", "[1,2]", "[2,1]", "[1,3]",
		"{\"a\":1,\"b\":3}", "{\"a\":1}", "{\"b\":1}", "{\"a\":2}", "{\"a\":null}",
		"{\"a\":1,\"b\":2}" };
	CLEANUP(cleanup_json) struct json *ab = parse("{\"a\":[1,{\"x\":2,\"y\":3}],\"b\":2}");
	CLEANUP(cleanup_json) struct json *ba = parse("{\"b\":2,\"a\":[1,{\"y\":3,\"x\":2}]}");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(different); i++)
		for (size_t k = 0; k < ARRAY_LEN(different); k++) {
			CLEANUP(cleanup_json) struct json *a = parse(different[i]);
			CLEANUP(cleanup_json) struct json *b = parse(different[k]);

			assert_int_equal(json_equal(a, b), i == k);
			assert_false(json_equal(a, NULL));
			assert_false(json_equal(NULL, a));
		}
	assert_true(json_equal(ab, ba));
}

static void test_copies_are_independent(void **state)
{
	CLEANUP(cleanup_json) struct json *j = parse("{\"a\":{\"b\":[1]}}");
	CLEANUP(cleanup_json) struct json *copy = json_copy(j);

	(void)state;
	json_push(json_path(copy, "a.b"), json_new_i64(2));
	json_set_i64(copy, "c", 3);
	assert_writes(j, "{\"a\":{\"b\":[1]}}");
	assert_writes(copy, "{\"a\":{\"b\":[1,2]},\"c\":3}");
}

struct patch_case {
	const char *target, *patch, *want;
};

/* The table of RFC 7386, appendix A, and what it leaves open. */
static const struct patch_case patches[] = {
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
	{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
	{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
	{ "{\"a\":\"foo\"}", "null", "null" },
	{ "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
	{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
	{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
	{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	{ "{\"a\":1}", "{}", "{\"a\":1}" },
	{ "{\"a\":1}", "{\"a\":{\"b\":null,\"c\":[null]}}", "{\"a\":{\"c\":[null]}}" },
	{ "{}", "{\"a\":null}", "{}" },
};

static void test_merge_patch(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
		CLEANUP(cleanup_json) struct json *target = parse(patches[i].target);
		CLEANUP(cleanup_json) struct json *patch = parse(patches[i].patch);

		json_merge_patch(&target, patch);
		assert_writes(target, patches[i].want);
		assert_writes(patch, patches[i].patch);
	}
}

static void test_merge_patch_of_nothing(void **state)
{
	CLEANUP(cleanup_json) struct json *target = NULL;
	CLEANUP(cleanup_json) struct json *patch = parse("{\"a\":{\"b\":null},\"c\":1}");

	(void)state;
	json_merge_patch(&target, patch);
	assert_writes(target, "{\"a\":{},\"c\":1}");
}

static void test_pretty(void **state)
{
	CLEANUP(cleanup_json) struct json *j = parse("{\"a\":[1,{\"b\":[]}],\"c\":{}}");
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	json_write(j, JSON_PRETTY, &out);
	assert_string_equal(out.data,
		"{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
}

/* A document of ours is readable whatever bytes got into a text. */
static void test_writing_repairs_utf8(void **state)
{
	CLEANUP(cleanup_json) struct json *j = json_new_string("a\xff\xc3\xa4\xe2\x82");
	CLEANUP(buf_free) struct buf out = { 0 };
	CLEANUP(cleanup_json) struct json *again = NULL;

	(void)state;
	json_write(j, JSON_COMPACT, &out);
	assert_string_equal(out.data, "\"a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\"");
	again = parse(out.data);
	buf_clear(&out);
	json_write_string(&out, "\xc3\xa4", 1); /* the half that is given */
	assert_string_equal(out.data, "\"\xef\xbf\xbd\"");
	assert_non_null(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_nothing_reads_as_missing),
		cmocka_unit_test(test_type_names),
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_copies_are_independent),
		cmocka_unit_test(test_merge_patch),
		cmocka_unit_test(test_merge_patch_of_nothing),
		cmocka_unit_test(test_pretty),
		cmocka_unit_test(test_writing_repairs_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
