#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

static struct json *parse_len(const char *text, size_t len)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(text, len, NULL, &j, &e) < 0)
		print_error("%.100s: %s\n", text, e.text);
	assert_non_null(j);
	return j;
}

static struct json *parse(const char *text)
{
	return parse_len(text, strlen(text));
}

static void assert_writes(const struct json *j, const char *want)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	json_write(j, JSON_COMPACT, &out);
	assert_string_equal(out.data, want);
}

/* What is written is what was read, without the blanks. */
static void test_round_trips(void **state)
{
	static const char *const texts[] = { "null", "true", "false", "0", "-0", "-1", "12.50",
		"1e3", "1E+2", "1.0e-9", "123456789012345678901234567890.10", "\"\"", "\"a\"",
		"\"\\\"\\\\\\n\\t\\r\"", "\"\\u0001\\u0000\\u001f\"", "\"/\"", "\"\xc3\xa4\"",
		"\"\xf0\x9f\x8c\xb1\"", "[]", "{}", "[[],{}]", "[1,\"2\",null,[true]]",
		"{\"b\":1,\"a\":{\"c\":[{}]},\"\":2}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_json) struct json *j = parse(texts[i]);
		CLEANUP(cleanup_json) struct json *copy = json_copy(j);

		assert_writes(j, texts[i]);
		assert_writes(copy, texts[i]);
		assert_true(json_equal(j, copy));
	}
}

struct reading {
	const char *text, *want;
};

static void test_readings(void **state)
{
	static const struct reading cases[] = {
		{ " \t\r\n[ 1 , { \"a\" : 2 } ] \n", "[1,{\"a\":2}]" },
		{ "\"\\u00e4\\/\\b\\f\\ud83c\\udf31\"",
			"\"\xc3\xa4/\\u0008\\u000c\xf0\x9f\x8c\xb1\"" },
		{ "\"\\uD83C\\uDF31\"", "\"\xf0\x9f\x8c\xb1\"" },
		{ "\"\x7f\"", "\"\x7f\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_json) struct json *j = parse(cases[i].text);

		assert_writes(j, cases[i].want);
	}
}

static void test_syntax_is_strict(void **state)
{
	static const char *const texts[] = { "", " ", "nul", "True", "+1", "01", "-", "1.", ".5",
		"1e", "1e+", "0x1", "NaN", "Infinity", "'a'", "\"a", "\"a\nb\"", "\"\t\"",
		"\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
		"]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{1:1}",
		"{\"a\" 1}", "{\"a\":1:2}", "{\"a\":1 \"b\":2}", "[}", "{]", "1 2", "1,2", "{}{}",
		"[] x", "/* */1", "1 // x", "# x", "\xef\xbb\xbf{}", "true false", "[1]\x01" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct json *j = NULL;
		struct err e = { 0 };
		int rc = json_parse(texts[i], strlen(texts[i]), NULL, &j, &e);

		if (rc != -EINVAL)
			print_error("accepted '%s'\n", texts[i]);
		assert_int_equal(rc, -EINVAL);
		assert_null(j);
		assert_int_equal(e.code, EINVAL);
		assert_memory_equal(e.text, "json: ", 6);
	}
}

/* yajl would let most of these through. */
static void test_invalid_utf8_is_refused(void **state)
{
	static const char *const bytes[] = { "\x80", "\xff", "\xc3", "\xc0\x80", "\xc1\xbf",
		"\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82",
		"\\udc00" /* half a pair is no character */ };
	static const char *const forms[] = { "\"a%sb\"", "{\"%s\":1}", "[{\"a\":\"%s\"}]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
		for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
			CLEANUP(buf_free) struct buf text = { 0 };
			const char *hole = strstr(forms[k], "%s");
			struct json *j = NULL;
			struct err e = { 0 };

			buf_add(&text, forms[k], (size_t)(hole - forms[k]));
			buf_adds(&text, bytes[i]);
			buf_adds(&text, hole + 2);
			assert_int_equal(json_parse(text.data, text.len, NULL, &j, &e), -EINVAL);
			assert_null(j);
			assert_non_null(strstr(e.text, "UTF"));
		}
}

static void test_errors_tell_the_position(void **state)
{
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_parse("[1,2,x]", 7, NULL, &j, &e), -EINVAL);
	assert_string_equal(e.text, "json: byte 6: lexical error: invalid char in json text.");
	assert_int_equal(json_parse("", 0, NULL, &j, &e), -EINVAL);
	assert_int_equal(json_parse("[1", 2, NULL, &j, NULL), -EINVAL);
}

static struct buf nested(size_t depth, const char *open, const char *close)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < depth; i++)
		buf_adds(&b, open);
	buf_adds(&b, "1");
	for (size_t i = 0; i < depth; i++)
		buf_adds(&b, close);
	return b;
}

static void test_depth(void **state)
{
	static const char *const open[] = { "[", "{\"a\":", "[{\"a\":" }, *const close[] = { "]",
		"}", "}]" };
	static const size_t levels[] = { 1, 1, 2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		size_t most = JSON_DEPTH_MAX / levels[i];
		CLEANUP(buf_free) struct buf deep = nested(most, open[i], close[i]);
		CLEANUP(buf_free) struct buf deeper = nested(most + 1, open[i], close[i]);
		CLEANUP(cleanup_json) struct json *j = parse_len(deep.data, deep.len);
		struct json *none = NULL;
		struct err e = { 0 };

		assert_writes(j, deep.data);
		assert_int_equal(json_parse(deeper.data, deeper.len, NULL, &none, &e), -ELOOP);
		assert_string_equal(e.text, "json: nested deeper than 64");
		assert_null(none);
	}
}

static void test_size(void **state)
{
	struct json_options opt = { .max_bytes = 4 };
	CLEANUP(buf_free) struct buf b = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_parse("1234", 4, &opt, &j, &e), 0);
	cleanup_json(&j);
	assert_int_equal(json_parse("12345", 5, &opt, &j, &e), -E2BIG);
	assert_string_equal(e.text, "json: 5 bytes, more than 4");
	for (size_t i = 0; i < 1 << 20; i++)
		buf_addc(&b, '1');
	assert_int_equal(json_parse(b.data, b.len, NULL, &j, &e), 0);
	assert_int_equal(json_str_len(j), 1 << 20);
	cleanup_json(&j);
	buf_addc(&b, '1');
	assert_int_equal(json_parse(b.data, b.len, NULL, &j, &e), -E2BIG);
	assert_null(j);
}

static void test_member_count(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	CLEANUP(cleanup_json) struct json *j = NULL;
	struct json *none = NULL;
	struct err e = { 0 };

	(void)state;
	buf_adds(&b, "{\"0\":0");
	for (int i = 1; i < JSON_MEMBERS_MAX; i++)
		buf_addf(&b, ",\"%d\":%d", i, i);
	buf_adds(&b, "}");
	j = parse_len(b.data, b.len);
	assert_int_equal(json_len(j), JSON_MEMBERS_MAX);
	for (int i = 0; i < JSON_MEMBERS_MAX; i++) {
		CLEANUP(cleanup_free) char *key = str_fmt("%d", i);

		assert_string_equal(json_str(json_get(j, key)), key);
	}
	b.data[b.len - 1] = ',';
	buf_adds(&b, "\"x\":1}");
	assert_int_equal(json_parse(b.data, b.len, NULL, &none, &e), -E2BIG);
	assert_string_equal(e.text, "json: an object of more than 1024 members");
	assert_null(none);
}

static void test_duplicates_are_refused_by_path(void **state)
{
	static const struct reading cases[] = {
		{ "{\"a\":1,\"a\":1}", "a" },
		{ "{\"a\":1,\"a\":{}}", "a" },
		{ "{\"a\":[1],\"a\":[", "a" },
		{ "{\"\":1,\"\":1}", "" },
		{ "{\"\\u0061\":1,\"a\":1}", "a" },
		{ "{\"s\":{\"c\":[{},{\"i\":1,\"i\":2}]}}", "s.c[1].i" },
		{ "[[],[{\"x\":1,\"x\":1}]]", "[1][0].x" },
		{ "[0,[1,2,{\"x\":{\"y\":1,\"y\":1}}]]", "[1][2].x.y" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free)
		char *want = str_fmt("json: duplicate field \"%s\"", cases[i].want);
		struct json *j = NULL;
		struct err e = { 0 };

		assert_int_equal(
			json_parse(cases[i].text, strlen(cases[i].text), NULL, &j, &e), -EEXIST);
		assert_string_equal(e.text, want);
		assert_null(j);
	}
}

static void test_duplicates_are_noted(void **state)
{
	static const char text[] = "{\"a\":1,\"b\":[0,{\"c\":1,\"c\":2,\"c\":3}],"
				   "\"a\":{\"d\":1,\"d\":2},\"z\":1}";
	CLEANUP(strv_free) struct strv dups = { 0 };
	CLEANUP(cleanup_json) struct json *j = NULL;
	struct json_options opt = { .dups = &dups };

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &opt, &j, NULL), 0);
	assert_writes(j, "{\"a\":{\"d\":2},\"b\":[0,{\"c\":3}],\"z\":1}");
	assert_int_equal(dups.len, 4);
	assert_string_equal(dups.at[0], "b[1].c");
	assert_string_equal(dups.at[1], "b[1].c");
	assert_string_equal(dups.at[2], "a");
	assert_string_equal(dups.at[3], "a.d");
}

/* The same key at another place is another field. */
static void test_equal_keys_elsewhere(void **state)
{
	CLEANUP(cleanup_json)
	struct json *j = parse("{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]},\"A\":1,\"aa\":1}");

	(void)state;
	assert_int_equal(json_len(j), 3);
}

static void test_nul_bytes(void **state)
{
	CLEANUP(cleanup_json) struct json *j = parse("[\"a\\u0000b\",\"a\"]");
	struct json *none = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_str_len(json_at(j, 0)), 3);
	assert_memory_equal(json_str(json_at(j, 0)), "a\0b", 4);
	assert_false(json_equal(json_at(j, 0), json_at(j, 1)));
	assert_writes(j, "[\"a\\u0000b\",\"a\"]");
	assert_int_equal(json_parse("{\"a\\u0000b\":1}", 14, NULL, &none, &e), -EINVAL);
	assert_non_null(strstr(e.text, "a key holds a NUL byte"));
	/* Not written as an escape it is no JSON at all. */
	assert_int_equal(json_parse("\"a\0b\"", 5, NULL, &none, &e), -EINVAL);
	assert_int_equal(json_parse("1\0", 2, NULL, &none, &e), -EINVAL);
	assert_null(none);
}

static void test_numbers(void **state)
{
	CLEANUP(cleanup_json)
	struct json *j = parse("[9223372036854775807,-9223372036854775808,9223372036854775808,1.0,"
			       "1e3,\"5\",-0,7]");
	int64_t n = 42;

	(void)state;
	assert_int_equal(json_i64(json_at(j, 0), INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(json_i64(json_at(j, 1), INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MIN);
	n = 42;
	assert_int_equal(json_i64(json_at(j, 2), INT64_MIN, INT64_MAX, &n), -ERANGE);
	assert_int_equal(json_i64(json_at(j, 3), INT64_MIN, INT64_MAX, &n), -EINVAL);
	assert_int_equal(json_i64(json_at(j, 4), INT64_MIN, INT64_MAX, &n), -EINVAL);
	assert_int_equal(json_i64(json_at(j, 5), INT64_MIN, INT64_MAX, &n), -EINVAL);
	assert_int_equal(json_i64(json_at(j, 7), 8, 9, &n), -ERANGE);
	assert_int_equal(json_i64(json_at(j, 7), 5, 6, &n), -ERANGE);
	assert_int_equal(json_i64(NULL, 0, 9, &n), -EINVAL);
	assert_int_equal(n, 42);
	assert_int_equal(json_i64(json_at(j, 7), 7, 7, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(json_i64(json_at(j, 6), 0, 0, &n), 0);
	assert_int_equal(n, 0);
}

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
		"\"\"", "\"a\"", "\"b\"", "[]", "{}", "[1]", "[2]", "[1,2]", "[2,1]", "{\"a\":1}",
		"{\"b\":1}", "{\"a\":2}", "{\"a\":null}", "{\"a\":1,\"b\":2}" };
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
	assert_non_null(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_readings),
		cmocka_unit_test(test_syntax_is_strict),
		cmocka_unit_test(test_invalid_utf8_is_refused),
		cmocka_unit_test(test_errors_tell_the_position),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_member_count),
		cmocka_unit_test(test_duplicates_are_refused_by_path),
		cmocka_unit_test(test_duplicates_are_noted),
		cmocka_unit_test(test_equal_keys_elsewhere),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_numbers),
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
