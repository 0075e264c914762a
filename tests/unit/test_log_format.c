#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "log/format.h"

#define STAMP "2026-11-24T14:20:05.123456789Z"
#define OUT STAMP " stdout "
#define ERR STAMP " stderr "

static const int64_t stamp_ns = INT64_C(1795530005123456789);

/* Everything in one call. */
static void formats(enum log_stream stream, const char *bytes, size_t len, const char *want)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	assert_int_equal(log_format(stamp_ns, stream, bytes, len, SIZE_MAX, &out), len);
	assert_string_equal(out.data, want);
}

static void test_lines(void **state)
{
	(void)state;
	formats(LOG_STDOUT, "a\n", 2, OUT "F a\n");
	formats(LOG_STDERR, "a\n", 2, ERR "F a\n");
	formats(LOG_STDOUT, "\n", 1, OUT "F \n");
	formats(LOG_STDOUT, "\n\n", 2, OUT "F \n" OUT "F \n");
	formats(LOG_STDOUT, "a\nb", 3, OUT "F a\n" OUT "P b\n");
	formats(LOG_STDOUT, "a\r\n", 3, OUT "F a\r\n");
}

static void test_nul_is_a_byte_like_others(void **state)
{
	static const char want[] = OUT "F \0x\0\n";
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(log_format(stamp_ns, LOG_STDOUT, "\0x\0\n", 4, SIZE_MAX, &out), 4);
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.data, want, out.len);
}

/* A line of the limit's length is whole; one byte more makes two records. */
static void test_long_lines_are_split(void **state)
{
	CLEANUP(cleanup_free) char *line = mem_zalloc(2 * LOG_PIECE_MAX + 2);
	CLEANUP(buf_free) struct buf out = { 0 };
	const size_t head = sizeof(OUT "F ") - 1;

	(void)state;
	memset(line, 'x', 2 * LOG_PIECE_MAX + 1);
	line[LOG_PIECE_MAX] = '\n';
	assert_int_equal(log_format(stamp_ns, LOG_STDOUT, line, LOG_PIECE_MAX + 1, SIZE_MAX, &out),
		LOG_PIECE_MAX + 1);
	assert_int_equal(out.len, head + LOG_PIECE_MAX + 1);
	assert_memory_equal(out.data, OUT "F ", head);
	buf_clear(&out);

	line[LOG_PIECE_MAX] = 'x';
	line[LOG_PIECE_MAX + 1] = '\n';
	assert_int_equal(log_format(stamp_ns, LOG_STDOUT, line, LOG_PIECE_MAX + 2, SIZE_MAX, &out),
		LOG_PIECE_MAX + 2);
	assert_memory_equal(out.data, OUT "P ", head);
	assert_string_equal(out.data + head + LOG_PIECE_MAX, "\n" OUT "F x\n");
}

/* What does not fit is left for the next call, but some of it is always taken. */
static void test_room(void **state)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(log_format(stamp_ns, LOG_STDOUT, "a\nb\nc\n", 6, 0, &out), 2);
	assert_string_equal(out.data, OUT "F a\n");
	buf_clear(&out);
	assert_int_equal(
		log_format(stamp_ns, LOG_STDOUT, "a\nb\nc\n", 6, sizeof(OUT "F a"), &out), 2);
	buf_clear(&out);
	assert_int_equal(
		log_format(stamp_ns, LOG_STDOUT, "a\nb\nc\n", 6, sizeof(OUT "F a") + 1, &out), 4);
	assert_string_equal(out.data, OUT "F a\n" OUT "F b\n");
}

/* Doing a chunk again must give as many bytes, whatever the time. */
static void test_stamps_have_one_length(void **state)
{
	static const int64_t times[] = { 0, 1, 999999999, 1000000000, INT64_C(1795530005000000000),
		INT64_C(4102444800000000001) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		CLEANUP(buf_free) struct buf out = { 0 };

		(void)log_format(times[i], LOG_STDERR, "x", 1, SIZE_MAX, &out);
		assert_int_equal(out.len, LOG_STAMP_LEN + sizeof(" stderr P x\n") - 1);
		assert_int_equal(out.data[LOG_STAMP_LEN - 1], 'Z');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_nul_is_a_byte_like_others),
		cmocka_unit_test(test_long_lines_are_split),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_stamps_have_one_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
