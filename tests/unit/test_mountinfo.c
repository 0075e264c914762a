/* Which mounts of a mountinfo text take part in propagation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "sys/mountinfo.h"

static const char text[] = "7 1 0:21 / / rw - ext4 shared:9 rw,shared:9\n"
			   "36 7 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n"
			   "366 7 0:3 / /a\\040shared:4 rw shared:12 - tmpfs none rw\n"
			   "3 7 0:3 / /b rw shared:12 master:3 propagate_from:2 - tmpfs none rw\n"
			   "4 7 0:3 / /shared:5 rw,shared:5 unbindable - tmpfs none rw\n"
			   "5 7 0:3 / /cut rw";

static void test_each_kind(void **state)
{
	(void)state;
	assert_int_equal(mountinfo_find(text, 7), 0);
	assert_int_equal(mountinfo_find(text, 36), MOUNT_IS_SLAVE);
	assert_int_equal(mountinfo_find(text, 366), MOUNT_IS_SHARED);
	assert_int_equal(mountinfo_find(text, 3), MOUNT_IS_SHARED | MOUNT_IS_SLAVE);
	assert_int_equal(mountinfo_find(text, 4), 0);
	assert_int_equal(mountinfo_find(text, 5), 0);
}

static void test_not_there(void **state)
{
	(void)state;
	assert_int_equal(mountinfo_find(text, 6), -ENOENT);
	assert_int_equal(mountinfo_find(text, 98), -ENOENT);
	assert_int_equal(mountinfo_find("", 0), -ENOENT);
	assert_int_equal(mountinfo_find("\n\nx\n", 0), -ENOENT);
	assert_int_equal(mountinfo_find("12", 12), -ENOENT);
}

static void test_our_own_root(void **state)
{
	CLEANUP(cleanup_fd) int proc = open("/proc", O_PATH | O_CLOEXEC);
	CLEANUP(cleanup_fd) int root = open("/", O_PATH | O_CLOEXEC);
	struct err e = { 0 };

	(void)state;
	assert_in_range(mountinfo_peers(proc, root, &e), 0, MOUNT_IS_SHARED | MOUNT_IS_SLAVE);
	assert_int_equal(mountinfo_peers(root, root, &e), -ENOENT); /* /self/mountinfo */
	assert_string_equal(e.text, "open self/mountinfo: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_our_own_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
