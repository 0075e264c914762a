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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
