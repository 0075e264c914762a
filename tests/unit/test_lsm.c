/* Labels for exec, on files that stand for the kernel's: what is written, and what is believed. */
#include "fd_fixture.h"

#include <errno.h>
#include <sys/socket.h>
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

/* A socket stands for SELinux's file, which takes a context and gives it back as the kernel has it.
 */
static void test_contexts_have_several_spellings(void **state)
{
	static const char asked[] = "u:r:svirt_lxc_net_t:s0:c26,c5",
			  canonical[] = "u:r:container_t:s0:c5,c26";
	char got[64] = "";
	int pair[2];

	(void)state;
	for (int same = 0; same < 2; same++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		assert_int_equal(send(pair[1], canonical, sizeof(canonical), 0), sizeof(canonical));
		assert_int_equal(lsm_is_context(pair[0], asked,
					 same ? canonical : "u:r:container_t:s0:c5,c27"),
			same);
		assert_int_equal(recv(pair[1], got, sizeof(got), 0), sizeof(asked) - 1);
		assert_string_equal(got, asked);
		close(pair[0]);
		close(pair[1]);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	assert_false(lsm_is_context(pair[0], "a:b:c", "")); /* no answer */
	close(pair[0]);
	close(pair[1]);
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
		cmocka_unit_test(test_contexts_have_several_spellings),
		cmocka_unit_test_setup_teardown(
			test_nothing_leads_elsewhere, make_root, remove_root),
	};

	return cmocka_run_group_tests_name("lsm", tests, NULL, NULL);
}
