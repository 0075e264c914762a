/* Labels for exec, on files that stand for the kernel's: what is written, and what is believed. */
#include "fd_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "sys/lsm.h"

#define APPARMOR "thread-self/attr/apparmor/exec"
#define SELINUX "thread-self/attr/exec"

static int open_fake(void **state)
{
	int dir = open_root(state);

	assert_int_equal(fd_mkdir_all(dir, "thread-self/attr/apparmor", 0755, NULL), 0);
	put(dir, APPARMOR, "");
	put(dir, SELINUX, "");
	return dir;
}

/* A plain file gives back what was written. */
static void test_selinux(void **state)
{
	static const char label[] = "system_u:system_r:container_t:s0:c1,c2";
	CLEANUP(cleanup_fd) int dir = open_fake(state);
	struct err e = { 0 };

	assert_int_equal(lsm_set_exec(dir, LSM_SELINUX, label, &e), 0);
	assert_holds(dir, SELINUX, label);
	assert_holds(dir, APPARMOR, "");
}

/* AppArmor takes a command and gives a name: what gives back the command is not AppArmor. */
static void test_apparmor(void **state)
{
	CLEANUP(cleanup_fd) int dir = open_fake(state);
	struct err e = { 0 };

	assert_int_equal(lsm_set_exec(dir, LSM_APPARMOR, "p q", &e), -EPROTO);
	assert_string_equal(e.text, "AppArmor profile p q: the kernel has set another one");
	assert_holds(dir, APPARMOR, "exec p q");
	assert_holds(dir, SELINUX, "");
}

/* A file that keeps what it held before is longer. */
static void test_another_label_is_seen(void **state)
{
	CLEANUP(cleanup_fd) int dir = open_fake(state);
	struct err e = { 0 };

	put(dir, SELINUX, "a:b:c:d0:c1");
	assert_int_equal(lsm_set_exec(dir, LSM_SELINUX, "a:b:c:d0", &e), -EPROTO);
	assert_string_equal(e.text, "SELinux label a:b:c:d0: the kernel has set another one");
}

static void test_nothing_leads_elsewhere(void **state)
{
	CLEANUP(cleanup_fd) int dir = open_fake(state);
	struct err e = { 0 };

	put(dir, "other", "");
	assert_int_equal(unlinkat(dir, SELINUX, 0), 0);
	assert_int_equal(symlinkat("/dev/null", dir, SELINUX), 0);
	assert_int_equal(lsm_set_exec(dir, LSM_SELINUX, "a:b:c:d", &e), -EXDEV);
	assert_int_equal(unlinkat(dir, SELINUX, 0), 0);
	assert_int_equal(lsm_set_exec(dir, LSM_SELINUX, "a:b:c:d", &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_selinux, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_apparmor, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_another_label_is_seen, make_root, remove_root),
		cmocka_unit_test_setup_teardown(
			test_nothing_leads_elsewhere, make_root, remove_root),
	};

	return cmocka_run_group_tests_name("lsm", tests, NULL, NULL);
}
