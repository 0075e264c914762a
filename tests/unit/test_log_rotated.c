/* Names and order of rotated log files: which there are, which comes next, which go. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "log/rotated.h"

enum { NOON = 1795694400 }; /* 2026-11-26T12:00:00Z */

static char dir[] = "/tmp/carpel-rotated.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	(void)strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return fd_remove_tree(AT_FDCWD, dir, NULL);
}

static char *path(const char *name)
{
	return str_fmt("%s/%s", dir, name);
}

/* Its text is its name. */
static void put(const char *name, time_t written)
{
	CLEANUP(cleanup_free) char *file = path(name);
	CLEANUP(cleanup_fd) int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const struct timespec times[] = { { written, 0 }, { written, 0 } };

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, name, strlen(name)), 0);
	assert_int_equal(futimens(fd, times), 0);
}

static void expect_text(int fd, const char *want)
{
	CLEANUP(cleanup_fd) int owned = fd;
	CLEANUP(buf_free) struct buf text = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, 100, &text, NULL), 0);
	buf_addc(&text, '\0');
	assert_string_equal(text.data, want);
}

static void expect_name(const char *last, time_t now, const char *want)
{
	struct strv names = { 0 };
	char *got;

	if (last) {
		strv_add(&names, "0.log.20200101-000000");
		strv_add(&names, last);
	}
	got = rotated_name("0.log", &names, now);
	strv_free(&names);
	if (want)
		assert_string_equal(got, want);
	else
		assert_null(got);
	free(got);
}

static void test_next_name(void **state)
{
	(void)state;
	expect_name(NULL, NOON, "0.log.20261126-120000");
	expect_name("0.log.20261126-115959-000007", NOON, "0.log.20261126-120000");
	expect_name("0.log.20261126-120000", NOON, "0.log.20261126-120000-000001");
	expect_name("0.log.20261126-120000-000009", NOON, "0.log.20261126-120000-000010");
	/* The clock was set back. */
	expect_name("0.log.20301126-120000", NOON, "0.log.20301126-120000-000001");
	expect_name("0.log.20261126-120000-999999", NOON, NULL);
	expect_name("0.log.20261126-120000-999999", NOON + 1, "0.log.20261126-120001");
}

static void test_excess(void **state)
{
	(void)state;
	assert_int_equal(rotated_excess(0, 2), 0);
	assert_int_equal(rotated_excess(1, 2), 1); /* the next one takes its place */
	assert_int_equal(rotated_excess(3, 5), 0);
	assert_int_equal(rotated_excess(4, 5), 1);
	assert_int_equal(rotated_excess(9, 5), 6);
}

static void put_all(void)
{
	put("0.log", NOON + 9);
	put("0.log.20261126-120000-000001", NOON + 2);
	put("0.log.20261126-120003", NOON + 4);
	put("0.log.20261126-120000", NOON + 1);
	put("0.log.20261126-120000-000010", NOON + 3);
	put("0.log.20261126-120000.gz", NOON); /* none of ours */
	put("0.log.2026112x-120000", NOON);
	put("0.log.20261126-120000-1", NOON);
	put("10.log.20261126-120000", NOON);
	put("0.log2.20261126-120000", NOON);
}

static void test_list_and_remove(void **state)
{
	CLEANUP(cleanup_free) char *file = path("0.log");
	CLEANUP(cleanup_free) char *other = path("10.log");
	CLEANUP(cleanup_free) char *nowhere = path("none/0.log");
	struct strv names = { 0 };

	(void)state;
	put_all();
	assert_int_equal(rotated_list(file, &names, NULL), 0);
	assert_int_equal(names.len, 4);
	assert_string_equal(names.at[0], "0.log.20261126-120000");
	assert_string_equal(names.at[1], "0.log.20261126-120000-000001");
	assert_string_equal(names.at[2], "0.log.20261126-120000-000010");
	assert_string_equal(names.at[3], "0.log.20261126-120003");
	rotated_remove(file, &names, 2);
	strv_free(&names);
	assert_int_equal(rotated_list(file, &names, NULL), 0);
	assert_int_equal(names.len, 2);
	assert_string_equal(names.at[0], "0.log.20261126-120000-000010");
	strv_free(&names);
	rotated_remove_all(file);
	assert_int_equal(rotated_list(file, &names, NULL), 0);
	assert_int_equal(names.len, 0);
	assert_int_equal(access(file, F_OK), 0);
	assert_int_equal(rotated_list(other, &names, NULL), 0);
	assert_int_equal(names.len, 1);
	strv_free(&names);
	assert_int_equal(rotated_list(nowhere, &names, NULL), 0);
	assert_int_equal(names.len, 0);
}

/* Follows from fd on to the end. */
static void expect_next(const char *file, int fd, const char *want)
{
	CLEANUP(cleanup_fd) int owned = fd;

	if (want)
		expect_text(rotated_open_next(file, fd), want);
	else
		assert_int_equal(rotated_open_next(file, fd), -1);
}

static int open_at(const char *name)
{
	CLEANUP(cleanup_free) char *file = path(name);
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_next_file(void **state)
{
	CLEANUP(cleanup_free) char *file = path("0.log");
	CLEANUP(cleanup_free) char *second = path("0.log.20261126-120000-000001");
	CLEANUP(cleanup_free) char *away = path("elsewhere");
	int fd;

	(void)state;
	put_all();
	expect_next(file, open_at("0.log.20261126-120000"), "0.log.20261126-120000-000001");
	expect_next(file, open_at("0.log.20261126-120000-000010"), "0.log.20261126-120003");
	expect_next(file, open_at("0.log.20261126-120003"), "0.log");
	expect_next(file, open_at("0.log"), NULL);
	fd = open_at("0.log.20261126-120000-000001");
	assert_int_equal(unlink(second), 0);
	expect_next(file, fd, "0.log.20261126-120000-000010"); /* what is older was read */
	fd = open_at("0.log");
	assert_int_equal(rename(file, away), 0);
	expect_next(file, dup(fd), NULL); /* by somebody else, and it may still grow */
	assert_int_equal(unlink(away), 0);
	expect_next(file, fd, NULL); /* all that is there is older */
}

static void test_open(void **state)
{
	CLEANUP(cleanup_free) char *file = path("0.log");
	CLEANUP(cleanup_free) char *none = path("3.log");
	struct err e = { 0 };

	(void)state;
	put_all();
	expect_text(rotated_open(file, &e), "0.log");
	assert_int_equal(unlink(file), 0);
	expect_text(rotated_open(file, &e), "0.log.20261126-120003");
	assert_int_equal(rotated_open(none, &e), -ENOENT);
	assert_int_equal(symlink("/etc/passwd", none), 0);
	assert_int_equal(rotated_open(none, &e), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_name),
		cmocka_unit_test(test_excess),
		cmocka_unit_test_setup_teardown(test_list_and_remove, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_next_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_open, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
