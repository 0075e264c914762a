#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "log/format.h"
#include "log/reader.h"

#define AT(s) "2026-11-24T14:20:" s ".000000000Z"

static const struct log_query all = { .tail_lines = -1, .limit_bytes = -1 };

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, len), 0);
	return fd;
}

/* To the present end; the number of calls is bounded, so that an endless one fails. */
static int read_on(struct log_reader *r, size_t max, struct buf *out)
{
	struct err e = { 0 };
	int rc = 1;

	for (int calls = 0; rc > 0; calls++) {
		assert_true(calls < 1000000);
		rc = log_reader_read(r, max, out, &e);
	}
	return rc;
}

static int read_file(int fd, const struct log_query *q, size_t max, struct buf *out)
{
	struct log_reader *r = NULL;
	struct err e = { 0 };
	int rc;

	assert_int_equal(log_reader_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), q, &r, &e), 0);
	rc = read_on(r, max, out);
	log_reader_free(r);
	return rc;
}

static void gives_bytes(
	const char *text, size_t len, const struct log_query *q, const char *want, size_t want_len)
{
	CLEANUP(cleanup_fd) int fd = file_of(text, len);

	for (size_t max = 1; max <= 65536; max *= 256) {
		CLEANUP(buf_free) struct buf out = { 0 };

		assert_int_equal(read_file(fd, q, max, &out), 0);
		assert_int_equal(out.len, want_len);
		if (want_len)
			assert_memory_equal(out.data, want, want_len);
	}
}

static void gives(const char *text, const struct log_query *q, const char *want)
{
	gives_bytes(text, strlen(text), q, want, strlen(want));
}

/* ---- all of it ---- */

static void test_parts_are_joined(void **state)
{
	(void)state;
	gives("", &all, "");
	gives(AT("05") " stdout F a\n", &all, "a\n");
	gives(AT("05") " stdout F \n", &all, "\n");
	gives(AT("05") " stdout P a\n" AT("05") " stdout F b\n", &all, "ab\n");
	gives(AT("05") " stdout P a\n" AT("05") " stdout F \n", &all, "a\n");
	gives(AT("05") " stdout P a\n", &all, "a");
	gives(AT("05") " stderr F a b  c \n", &all, "a b  c \n");
}

static void test_bytes_are_kept(void **state)
{
	static const char text[] = AT("05") " stdout F \0a\r\n" AT("05") " stdout P \xff\0\n";
	static const char want[] = "\0a\r\n\xff";

	(void)state;
	gives_bytes(text, sizeof(text) - 1, &all, want, sizeof(want));
}

static void test_other_runtimes_records(void **state)
{
	(void)state;
	gives("2026-11-24T14:20:05Z stdout F a\n", &all, "a\n");
	gives("2026-11-24T14:20:05.5+01:00 stdout F a\n", &all, "a\n");
	gives(AT("05") " stdout P:x:y a\n" AT("05") " stdout F:x b\n", &all, "ab\n");
	gives(AT("05") " stdout F\n", &all, "\n");
}

static void test_what_is_no_record_is_skipped(void **state)
{
	static const char *const bad[] = { "", " ", "x", "{\"log\":\"a\"}", AT("05"), AT("05") " ",
		AT("05") " stdout", AT("05") " stdout ", AT("05") " stdout X a",
		AT("05") " stdin F a", AT("05") " stdout FF a", AT("05") "  stdout F a",
		" stdout F a", "x stdout F a", "2026-11-24 14:20:05Z stdout F a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(cleanup_free)
		char *text = str_fmt("%s\n" AT("05") " stdout F good\n%s\n", bad[i], bad[i]);

		gives(text, &all, "good\n");
		gives(text, &(struct log_query){ .tail_lines = 1, .limit_bytes = -1 }, "good\n");
	}
}

static void test_unreasonably_long_lines_are_skipped(void **state)
{
	static const size_t lengths[] = { LOG_PIECE_MAX, LOG_PIECE_MAX + 100, 65536, 200000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };
		CLEANUP(buf_free) struct buf want = { 0 };
		CLEANUP(cleanup_free) char *line = mem_zalloc(lengths[i]);

		memset(line, 'x', lengths[i]);
		buf_adds(&text, AT("05") " stdout F first\n" AT("05") " stdout F ");
		buf_adds(&want, "first\n");
		buf_add(&text, line, lengths[i]);
		if (lengths[i] <= LOG_PIECE_MAX) {
			buf_add(&want, line, lengths[i]);
			buf_adds(&want, "\n");
		}
		buf_adds(&text, "\n" AT("05") " stdout F last\n");
		buf_adds(&want, "last\n");
		gives_bytes(text.data, text.len, &all, want.data, want.len);
	}
}

/* ---- selections ---- */

static void test_timestamps(void **state)
{
	const struct log_query q = { .tail_lines = -1, .limit_bytes = -1, .timestamps = true };

	(void)state;
	gives(AT("05") " stdout F a\n" AT("06") " stdout P b\n" AT("07") " stdout F c\n" AT(
		      "08") " stderr P d\n",
		&q, AT("05") " a\n" AT("06") " bc\n" AT("08") " d");
}

static void test_since(void **state)
{
	struct log_query q = { .tail_lines = -1, .limit_bytes = -1 };

	(void)state;
	assert_int_equal(clock_parse_rfc3339(AT("06"), &q.since_wall_ns), 0);
	gives(AT("05") " stdout F a\n" AT("06") " stdout F b\n" AT("07") " stdout F c\n", &q,
		"b\nc\n");
	/* Not where it begins, but each by itself: clocks are set. */
	gives(AT("07") " stdout F a\n" AT("05") " stdout F b\n" AT("07") " stdout F c\n", &q,
		"a\nc\n");
	gives("2026-11-24T15:20:05.9+01:00 stdout F a\n2026-11-24T15:20:06+01:00 stdout F b\n", &q,
		"b\n");
	gives("2026-13-24T15:20:06.0+01:00 stdout F a\n", &q, "");
}

static void test_limit_cuts_anywhere(void **state)
{
	static const char text[] = AT("05") " stdout F abc\n" AT("05") " stdout F def\n";
	static const char whole[] = "abc\ndef\n";

	(void)state;
	for (size_t limit = 0; limit < sizeof(whole) + 1; limit++) {
		const struct log_query q = { .tail_lines = -1, .limit_bytes = (int64_t)limit };
		CLEANUP(cleanup_fd) int fd = file_of(text, sizeof(text) - 1);
		CLEANUP(buf_free) struct buf out = { 0 };
		size_t want = limit < sizeof(whole) - 1 ? limit : sizeof(whole) - 1;

		assert_int_equal(
			read_file(fd, &q, 4096, &out), limit < sizeof(whole) ? -ENODATA : 0);
		assert_int_equal(out.len, want);
		if (want)
			assert_memory_equal(out.data, whole, want);
	}
}

static void test_limit_counts_timestamps(void **state)
{
	const struct log_query q = { .tail_lines = -1, .limit_bytes = 32, .timestamps = true };
	CLEANUP(cleanup_fd) int fd = file_of(AT("05") " stdout F abc\n", 44);
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(read_file(fd, &q, 4096, &out), -ENODATA);
	assert_string_equal(out.data, AT("05") " a");
}

/* ---- the last lines ---- */

static void test_tail(void **state)
{
	static const char text[] = AT("05") " stdout F a\n" AT("05") " stdout P b\n" AT(
		"05") " stdout F c\n" AT("05") " stdout F d\n";
	static const char *const want[] = { "", "d\n", "bc\nd\n", "a\nbc\nd\n", "a\nbc\nd\n" };

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(want); n++) {
		const struct log_query q = { .tail_lines = (int64_t)n, .limit_bytes = -1 };

		gives(text, &q, want[n]);
	}
	gives("", &(struct log_query){ .tail_lines = 1, .limit_bytes = -1 }, "");
	gives("x", &(struct log_query){ .tail_lines = 1, .limit_bytes = -1 }, "");
}

static void test_an_open_last_line_is_a_line(void **state)
{
	static const char text[] =
		AT("05") " stdout F a\n" AT("05") " stdout P b\n" AT("05") " stdout P c\n";
	static const char *const want[] = { "", "bc", "a\nbc" };

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(want); n++) {
		const struct log_query q = { .tail_lines = (int64_t)n, .limit_bytes = -1 };

		gives(text, &q, want[n]);
	}
}

/* As many lines as a file of several blocks has, of lengths that put records across the blocks'
 * borders in every way. */
static void test_tail_of_a_large_file(void **state)
{
	enum { LINES = 20000 };
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf plain = { 0 };
	CLEANUP(cleanup_free) size_t *at = mem_resize(NULL, LINES, sizeof(*at));
	CLEANUP(cleanup_fd) int fd = -1;

	(void)state;
	for (int i = 0; i < LINES; i++) {
		CLEANUP(cleanup_free)
		char *line = str_fmt("%d %.*s\n", i, i * 7 % 61,
			"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");

		at[i] = plain.len;
		buf_adds(&plain, line);
		if (i % 5 == 0) /* in two parts */
			buf_addf(&text, AT("05") " stdout P %.2s\n" AT("05") " stdout F %s", line,
				line + 2);
		else
			buf_addf(&text, AT("05") " stderr F %s", line);
	}
	fd = file_of(text.data, text.len);
	for (int n = 1; n <= LINES; n += n / 3 + 1) {
		const struct log_query q = { .tail_lines = n, .limit_bytes = -1 };
		CLEANUP(buf_free) struct buf out = { 0 };

		assert_int_equal(read_file(fd, &q, 16384, &out), 0);
		assert_int_equal(out.len, plain.len - at[LINES - n]);
		assert_memory_equal(out.data, plain.data + at[LINES - n], out.len);
	}
}

/* A line that is as long as the file: found all the same, and no call takes long. */
static void test_tail_in_bounded_steps(void **state)
{
	enum { PIECES = 1000 };
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_free) char *piece = mem_zalloc(LOG_PIECE_MAX + 1);
	const struct log_query q = { .tail_lines = 1, .limit_bytes = 5 };
	struct log_reader *r = NULL;
	struct buf out = { 0 };
	struct err e = { 0 };
	int calls = 0;

	(void)state;
	memset(piece, 'y', LOG_PIECE_MAX);
	buf_adds(&text, AT("05") " stdout F first\n");
	for (int i = 0; i < PIECES; i++)
		buf_addf(&text, AT("05") " stdout P %s\n", piece);
	assert_int_equal(log_reader_open(file_of(text.data, text.len), &q, &r, &e), 0);
	while (out.len == 0 && log_reader_read(r, 4096, &out, &e) > 0)
		calls++;
	assert_true(calls >= 10); /* 16 MiB at 1 MiB a call */
	assert_string_equal(out.data, "yyyyy");
	log_reader_free(r);
	buf_free(&out);
}

/* ---- following ---- */

static void test_follow(void **state)
{
	const struct log_query q = { .tail_lines = 1, .limit_bytes = -1 };
	CLEANUP(cleanup_fd)
	int fd = file_of(
		AT("05") " stdout F a\n" AT("05") " stdout F b\n" AT("05") " std", 2 * 42 + 34);
	CLEANUP(buf_free) struct buf out = { 0 };
	struct log_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(log_reader_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &q, &r, &e), 0);
	assert_int_equal(read_on(r, 100, &out), 0);
	assert_string_equal(out.data, "b\n");
	assert_int_equal(fd_write_all(fd, "out P c", 7), 0);
	assert_int_equal(read_on(r, 100, &out), 0);
	assert_string_equal(out.data, "b\n"); /* not whole yet */
	assert_int_equal(fd_write_all(fd, "\n", 1), 0);
	assert_int_equal(read_on(r, 100, &out), 0);
	assert_string_equal(out.data, "b\nc");
	log_reader_free(r);
}

static void test_follow_from_the_end(void **state)
{
	const struct log_query q = { .tail_lines = 0, .limit_bytes = 2 };
	CLEANUP(cleanup_fd) int fd = file_of(AT("05") " stdout F a\n", 42);
	CLEANUP(buf_free) struct buf out = { 0 };
	struct log_reader *r = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(log_reader_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &q, &r, &e), 0);
	assert_int_equal(read_on(r, 100, &out), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(fd_write_all(fd, AT("05") " stdout F b\n", 42), 0);
	assert_int_equal(read_on(r, 100, &out), -ENODATA);
	assert_string_equal(out.data, "b\n");
	assert_int_equal(log_reader_read(r, 100, &out, &e), -ENODATA);
	log_reader_free(r);
}

static void test_only_regular_files(void **state)
{
	struct log_reader *r = NULL;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(log_reader_open(fds[0], &all, &r, &e), -EINVAL);
	assert_null(r);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* taken even then */
	close(fds[1]);
}

/* ---- FallbackToLogsOnError ---- */

static void message_is(const char *text, size_t len, const char *want)
{
	CLEANUP(cleanup_fd) int fd = file_of(text, len);
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	assert_int_equal(log_tail_message(fd, &out, &e), 0);
	assert_int_equal(out.len, strlen(want));
	if (out.len)
		assert_string_equal(out.data, want);
	assert_true(fcntl(fd, F_GETFD) >= 0); /* still the caller's */
}

static void test_message_is_short(void **state)
{
	static const char text[] = AT("05") " stdout F a\n" AT("05") " stderr P b\n";

	(void)state;
	message_is("", 0, "");
	message_is(text, sizeof(text) - 1, "a\nb");
}

static void test_message_has_80_lines(void **state)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf want = { 0 };

	(void)state;
	for (int i = 0; i < 5000; i++) {
		buf_addf(&text, AT("05") " stdout F %d\n", i);
		if (i >= 5000 - 80)
			buf_addf(&want, "%d\n", i);
	}
	message_is(text.data, text.len, want.data);
	buf_adds(&text, AT("05") " stdout P open\n"); /* one more line */
	buf_drop(&want, sizeof("4920\n") - 1);
	buf_adds(&want, "open");
	message_is(text.data, text.len, want.data);
}

/* Also when each record holds a single byte, so that they lie far back. */
static void test_message_has_2048_bytes(void **state)
{
	static const int sizes[] = { 1, 7, 1000, LOG_PIECE_MAX };
	char want[2048 + 1];

	(void)state;
	memset(want, 'x', sizeof(want) - 1);
	want[2048] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };
		CLEANUP(cleanup_free) char *piece = mem_zalloc((size_t)sizes[i] + 1);

		memset(piece, 'x', (size_t)sizes[i]);
		buf_adds(&text, AT("05") " stdout F line\n");
		for (int n = 0; n < 8000; n += sizes[i])
			buf_addf(&text, AT("05") " stdout P %s\n", piece);
		message_is(text.data, text.len, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_are_joined),
		cmocka_unit_test(test_bytes_are_kept),
		cmocka_unit_test(test_other_runtimes_records),
		cmocka_unit_test(test_what_is_no_record_is_skipped),
		cmocka_unit_test(test_unreasonably_long_lines_are_skipped),
		cmocka_unit_test(test_timestamps),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_limit_cuts_anywhere),
		cmocka_unit_test(test_limit_counts_timestamps),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_an_open_last_line_is_a_line),
		cmocka_unit_test(test_tail_of_a_large_file),
		cmocka_unit_test(test_tail_in_bounded_steps),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_follow_from_the_end),
		cmocka_unit_test(test_only_regular_files),
		cmocka_unit_test(test_message_is_short),
		cmocka_unit_test(test_message_has_80_lines),
		cmocka_unit_test(test_message_has_2048_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
