/* A directory for each test that works on files, and what such tests ask of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

static inline int make_root(void **state)
{
	/* In memory: a disk needs seconds for trees that are thousands of directories deep. */
	char path[] = "/dev/shm/carpel-test-fd-XXXXXX";

	if (!mkdtemp(path))
		return -1;
	*state = str_dup(path);
	return 0;
}

/* By rm, which is not under test. */
static inline int remove_root(void **state)
{
	CLEANUP(cleanup_free) char *path = *state, *command = str_fmt("rm -rf '%s'", path);

	return system(command);
}

static inline int open_root(void **state)
{
	int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline void put(int dir, const char *name, const char *text)
{
	CLEANUP(cleanup_fd)
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static inline bool exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void assert_holds(int dir, const char *name, const char *want)
{
	CLEANUP(buf_free) struct buf got = { 0 };
	struct err e = { 0 };

	buf_adds(&got, "");
	assert_int_equal(fd_read_file(dir, name, 1 << 20, &got, &e), 0);
	assert_string_equal(got.data, want);
}

static inline int count_entries(void **state)
{
	CLEANUP(cleanup_free) char *command = str_fmt("ls -A '%s' | wc -l", (const char *)*state);
	FILE *p = popen(command, "r");
	int count = -1;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &count), 1);
	pclose(p);
	return count;
}

#define FD_TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
