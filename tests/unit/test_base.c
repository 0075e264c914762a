/* Errors, strict numbers, UTF-8 and buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

/* ---- err --------------------------------------------------------------------------------------*/

static void test_errors(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ENOENT, "open %s", "x"), -ENOENT);
	assert_int_equal(e.code, ENOENT);
	assert_string_equal(e.text, "open x: No such file or directory");
	assert_int_equal(err_say(&e, EINVAL, "bad %d", 7), -EINVAL);
	assert_int_equal(e.code, EINVAL);
	assert_string_equal(e.text, "bad 7");
	assert_int_equal(err_wrap(&e, -EINVAL, "container %s", "web"), -EINVAL);
	assert_int_equal(e.code, EINVAL);
	assert_string_equal(e.text, "container web: bad 7");
	assert_int_equal(err_wrap(&e, -5, "pod"), -5);
	assert_string_equal(e.text, "pod: container web: bad 7");
	assert_int_equal(err_set(&e, 99999, "x"), -99999);
	assert_string_equal(e.text, "x: unknown error");
}

static void test_errors_without_a_record(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ENOENT, "x"), -ENOENT);
	assert_int_equal(err_say(NULL, ENOENT, "x"), -ENOENT);
	assert_int_equal(err_wrap(NULL, -ENOENT, "x"), -ENOENT);
}

/* Cut at the end, closed by NUL, whatever was too long. */
static void test_long_errors(void **state)
{
	char text[ERR_TEXT_MAX * 2];
	struct err e = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(err_say(&e, EINVAL, "%s", text), -EINVAL);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err_set(&e, ENOENT, "%s", text), -ENOENT);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	for (size_t room = 0; room < 8; room++) {
		text[ERR_TEXT_MAX - 1 - room] = '\0';
		assert_int_equal(err_set(&e, ENOENT, "%s", text), -ENOENT);
		assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
		assert_memory_equal(e.text + ERR_TEXT_MAX - 1 - room, ": No suc", room);
	}
	(void)err_say(&e, EINVAL, "the cause");
	(void)err_wrap(&e, -EINVAL, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(e.text + ERR_TEXT_MAX - 8, ": the c", 7);
}

/* ---- str --------------------------------------------------------------------------------------*/

static void test_numbers(void **state)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "--1", "1-", "0x1", "1.0",
		"1e3", "a", "\n1", "\xd9\xa1", "1,000" };
	int64_t n = 42;
	uint64_t u = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(str_to_i64(bad[i], INT64_MIN, INT64_MAX, &n), -EINVAL);
		assert_int_equal(str_to_u64(bad[i], UINT64_MAX, &u), -EINVAL);
	}
	assert_int_equal(str_to_i64(NULL, 0, 9, &n), -EINVAL);
	assert_int_equal(str_to_u64(NULL, 9, &u), -EINVAL);
	assert_int_equal(str_to_u64("-1", UINT64_MAX, &u), -EINVAL);
	assert_int_equal(str_to_u64("18446744073709551616", UINT64_MAX, &u), -ERANGE);
	assert_int_equal(str_to_u64("18446744073709551620", UINT64_MAX, &u), -ERANGE);
	assert_int_equal(str_to_u64("99999999999999999999", UINT64_MAX, &u), -ERANGE);
	assert_int_equal(str_to_u64("10", 9, &u), -ERANGE);
	assert_int_equal(str_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n), -ERANGE);
	assert_int_equal(str_to_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &n), -ERANGE);
	assert_int_equal(str_to_i64("4", 5, 6, &n), -ERANGE);
	assert_int_equal(str_to_i64("7", 5, 6, &n), -ERANGE);
	assert_int_equal(n, 42); /* untouched by all of these */
	assert_int_equal(u, 42);
	assert_int_equal(str_to_u64("18446744073709551615", UINT64_MAX, &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(str_to_i64("9223372036854775807", INT64_MIN, INT64_MAX, &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(str_to_i64("-007", -7, -7, &n), 0);
	assert_int_equal(n, -7);
	assert_int_equal(str_to_i64("-0", 0, 0, &n), 0);
	assert_int_equal(n, 0);
}

static void test_comparing(void **state)
{
	(void)state;
	assert_true(str_eq("a", "a"));
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq("a", NULL));
	assert_false(str_eq(NULL, ""));
	assert_false(str_eq("a", "ab"));
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("ab", ""));
	assert_false(str_starts("a", "ab"));
	assert_false(str_starts(NULL, ""));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", ""));
	assert_false(str_ends("c", "bc"));
	assert_false(str_ends(NULL, ""));
}

struct text_case {
	const char *from, *to;
};

#define BAD "\xef\xbf\xbd"

static const struct text_case utf8[] = {
	{ "", "" },
	{ "abc", "abc" },
	{ "\x7f\x01", "\x7f\x01" },
	{ "\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf" },
	{ "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
							      "\xef\xbf\xbf" },
	{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
	{ "\x80", BAD },
	{ "\xbf"
	  "a",
		BAD "a" },
	{ "\xc0\xaf", BAD BAD },
	{ "\xc1\xbf", BAD BAD },
	{ "\xc3", BAD },
	{ "\xc3(", BAD "(" },
	{ "\xe0\x9f\xbf", BAD BAD BAD },
	{ "\xe2\x82", BAD BAD },
	{ "\xe2(\xa1", BAD "(" BAD },
	{ "\xed\xa0\x80", BAD BAD BAD },
	{ "\xf0\x8f\xbf\xbf", BAD BAD BAD BAD },
	{ "\xf0\x9f\x8c", BAD BAD BAD },
	{ "\xf4\x90\x80\x80", BAD BAD BAD BAD },
	{ "\xf5\x80\x80\x80", BAD BAD BAD BAD },
	{ "\xff\xfe", BAD BAD },
	{ "\xc3\xa4\xff\xc3\xb6", "\xc3\xa4" BAD "\xc3\xb6" },
};

static void test_utf8(void **state)
{
	CLEANUP(cleanup_free) char *nul = str_utf8("a\0b", 3), *cut = str_utf8("\xc3\xa4", 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(utf8); i++) {
		CLEANUP(cleanup_free) char *text = str_utf8(utf8[i].from, strlen(utf8[i].from));

		assert_string_equal(text, utf8[i].to);
	}
	assert_string_equal(nul, "a" BAD "b");
	assert_string_equal(cut, BAD);
	assert_int_equal(str_utf8_char("\xf0\x9f\x8c\xb1", 4), 4);
	assert_int_equal(str_utf8_char("\xe2\x82\xac", 9), 3);
	assert_int_equal(str_utf8_char("a", 1), 1);
	assert_int_equal(str_utf8_char("", 1), 0);
	assert_int_equal(str_utf8_char("a", 0), 0);
}

static void test_copies(void **state)
{
	CLEANUP(cleanup_free)
	char *a = str_dup("abc"), *b = str_ndup("abc", 2), *c = str_fmt("%d-%s", 7, "x"),
	     *d = str_ndup("ab", 9);

	(void)state;
	assert_string_equal(a, "abc");
	assert_string_equal(b, "ab");
	assert_string_equal(c, "7-x");
	assert_string_equal(d, "ab");
	assert_null(str_dup(NULL));
}

static void test_lists(void **state)
{
	static const char *const texts[] = { "b", "a", "", "b", "\xff", "a", "ab" };
	CLEANUP(strv_free) struct strv v = { 0 };
	CLEANUP(cleanup_free) char **argv = NULL;
	static const char *const sorted[] = { "", "a", "ab", "b", "\xff" };

	(void)state;
	strv_sort(&v); /* empty lists are fine */
	strv_sort_unique(&v);
	assert_false(strv_has_sorted(&v, "a"));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		strv_add(&v, texts[i]);
	argv = strv_argv(&v);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_string_equal(argv[i], texts[i]);
	assert_null(argv[ARRAY_LEN(texts)]);
	assert_true(strv_has(&v, "ab"));
	assert_false(strv_has(&v, "c"));
	strv_sort(&v);
	assert_int_equal(v.len, ARRAY_LEN(texts));
	assert_string_equal(v.at[1], "a");
	assert_string_equal(v.at[2], "a");
	strv_sort_unique(&v);
	assert_int_equal(v.len, ARRAY_LEN(sorted));
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
		assert_string_equal(v.at[i], sorted[i]);
		assert_true(strv_has_sorted(&v, sorted[i]));
	}
	assert_false(strv_has_sorted(&v, "aa"));
	strv_free(&v);
	assert_int_equal(v.len, 0);
	assert_null(v.at);
}

/* ---- buf --------------------------------------------------------------------------------------*/

static void test_buffers(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	CLEANUP(cleanup_free) char *empty = buf_take(&b), *text = NULL;

	(void)state;
	assert_string_equal(empty, "");
	buf_clear(&b);
	buf_drop(&b, 5);
	assert_null(b.data);
	buf_add(&b, "a\0b", 3);
	buf_adds(&b, "cd");
	buf_addc(&b, 'e');
	buf_addf(&b, "%03d", 7);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.data, "a\0bcde007", 10);
	buf_drop(&b, 0);
	assert_int_equal(b.len, 9);
	buf_drop(&b, 2);
	assert_string_equal(b.data, "bcde007");
	assert_int_equal(b.len, 7);
	buf_drop(&b, 8);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	buf_add(&b, NULL, 0);
	buf_adds(&b, "x");
	buf_clear(&b);
	assert_string_equal(b.data, "");
	buf_adds(&b, "y");
	text = buf_take(&b);
	assert_string_equal(text, "y");
	assert_null(b.data);
	assert_int_equal(b.len + b.cap, 0);
}

/* The sanitizers see a byte too many where the memory is full to the last one. */
static void test_dropping_from_a_full_buffer(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	(void)state;
	do
		buf_addc(&b, 'x');
	while (b.len + 1 < b.cap);
	buf_drop(&b, b.len - 1);
	assert_string_equal(b.data, "x");
}

/* Closed by NUL at every length, the sizes of the memory among them. */
static void test_growth(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		if (i % 2)
			buf_addc(&b, (char)('a' + i % 26));
		else
			buf_addf(&b, "%c", (char)('a' + i % 26));
		assert_int_equal(b.len, i + 1);
		assert_int_equal(b.data[b.len], '\0');
		assert_true(b.cap > b.len);
	}
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
}

static void test_quoting(void **state)
{
	static const struct text_case cases[] = {
		{ "", "\"\"" },
		{ "ab c", "\"ab c\"" },
		{ "\"\\'", "\"\\\"\\\\'\"" },
		{ "\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\"" },
		{ "\x01\x1f\x7f", "\"\\x01\\x1f\\x7f\"" },
		{ "\xc3\xa4\xf0\x9f\x8c\xb1", "\"\xc3\xa4\xf0\x9f\x8c\xb1\"" },
		{ "\xff\xc3", "\"\\xff\\xc3\"" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "\"\\u0080\\u009f\xc2\xa0\"" },
	};
	CLEANUP(buf_free) struct buf nul = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf b = { 0 };

		buf_add_quoted(&b, cases[i].from, strlen(cases[i].from));
		assert_string_equal(b.data, cases[i].to);
	}
	buf_add_quoted(&nul, "a\0b", 3);
	assert_string_equal(nul.data, "\"a\\x00b\"");
}

/* ---- log --------------------------------------------------------------------------------------*/

static void read_log(const char *text, char *out, size_t size)
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_true(saved >= 0);
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	log_info("pod=%s", text);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(fds[1]);
	n = read(fds[0], out, size - 1);
	close(fds[0]);
	assert_true(n > 0);
	out[n] = '\0';
}

static void test_a_log_line_is_one_line(void **state)
{
	char out[2048], filler[2000];

	(void)state;
	read_log("a\ncarpeld: error: b\r\t\x1b]0;c\x07\x7f\xc2\x9b"
		 "1m \xc3\xa4 \xff",
		out, sizeof(out));
	assert_string_equal(out, "carpel: info: pod=a\\x0acarpeld: error: b\\x0d\\x09\\x1b]0;c\\x07"
				 "\\x7f\\xc2\\x9b"
				 "1m \xc3\xa4 \xff\n");
	memset(filler, '\n', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	read_log(filler, out, sizeof(out));
	assert_in_range(strlen(out), 1000, 1024);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_errors_without_a_record),
		cmocka_unit_test(test_long_errors),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_comparing),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_dropping_from_a_full_buffer),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_a_log_line_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
