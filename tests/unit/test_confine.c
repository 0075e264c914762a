/* carpeld's own filter: each answer by running the program, and for real in a process that has it.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "daemon/confine.h"
#include "sys/seccomp_bpf.h"

/* ---- the program, run by hand -------------------------------------------------------------- */

/* The instructions that it may have; anything else is a failure. */
static unsigned answer_of(const struct seccomp_data *d)
{
	struct sock_filter code[CONFINE_FILTER_MAX];
	unsigned short len = confine_filter(code);
	uint32_t a = 0;

	assert_true(len <= CONFINE_FILTER_MAX);
	for (size_t i = 0; i < len; i++) {
		const struct sock_filter *s = &code[i];
		bool is_true = false;

		if (s->code == (BPF_RET | BPF_K))
			return s->k;
		if (s->code == (BPF_LD | BPF_W | BPF_ABS)) {
			memcpy(&a, (const char *)d + s->k, sizeof(a));
			continue;
		}
		if (s->code == (BPF_JMP | BPF_JEQ | BPF_K))
			is_true = a == s->k;
		else if (s->code == (BPF_JMP | BPF_JGE | BPF_K))
			is_true = a >= s->k;
		else
			fail_msg("instruction %zu is %x", i, s->code);
		i += is_true ? s->jt : s->jf;
	}
	fail_msg("no answer");
	return 0;
}

static unsigned answer(int number)
{
	return answer_of(&(struct seccomp_data){ .nr = number, .arch = OUR_ARCH });
}

static void test_every_number(void **state)
{
	size_t killed = 0, refused = 0;

	(void)state;
	for (int n = 0; n < 1024; n++) {
		unsigned a = answer(n);

		killed += a == SECCOMP_RET_KILL_PROCESS;
		refused += a == (SECCOMP_RET_ERRNO | EPERM);
		assert_true(a == SECCOMP_RET_KILL_PROCESS || a == (SECCOMP_RET_ERRNO | EPERM) ||
			    a == SECCOMP_RET_ALLOW);
	}
	assert_true(killed >= 38);
	assert_true(refused >= 24);
}

static void test_other_abis(void **state)
{
	static const unsigned archs[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_S390X, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(archs); i++)
		assert_int_equal(
			answer_of(&(struct seccomp_data){ .nr = SYS_read, .arch = archs[i] }),
			SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(answer((int)(FOREIGN_BIT | SYS_read)), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(answer(-1), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(
		answer((int)FOREIGN_BIT - 1), SECCOMP_RET_ALLOW); /* ENOSYS, by the kernel */
}

/* What carpeld does all day, and what it does once a year. */
static void test_allowed(void **state)
{
	static const int calls[] = { SYS_read, SYS_write, SYS_openat, SYS_openat2, SYS_close,
		SYS_epoll_pwait, SYS_accept4, SYS_sendmsg, SYS_recvmsg, SYS_socket, SYS_socketpair,
		SYS_connect, SYS_bind, SYS_listen, SYS_mmap, SYS_munmap, SYS_renameat, SYS_unlinkat,
		SYS_mkdirat, SYS_fsync, SYS_flock, SYS_waitid, SYS_wait4, SYS_pidfd_open,
		SYS_pidfd_getfd, SYS_pidfd_send_signal, SYS_kill, SYS_tgkill, SYS_memfd_create,
		SYS_ioctl, SYS_prctl, SYS_fchown, SYS_fchmod, SYS_symlinkat, SYS_statfs,
		SYS_setxattr, SYS_seccomp, SYS_rt_sigreturn, SYS_exit_group };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (answer(calls[i]) != SECCOMP_RET_ALLOW)
			fail_msg("call %d", calls[i]);
}

static void test_setns(void **state)
{
	static const uint64_t kinds[] = { 0, CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID,
		CLONE_NEWNET | CLONE_NEWNS };
	struct seccomp_data d = { .nr = SYS_setns, .arch = OUR_ARCH, .args = { 3, CLONE_NEWNET } };

	(void)state;
	assert_int_equal(answer_of(&d), SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		d.args[1] = kinds[i];
		assert_int_equal(answer_of(&d), SECCOMP_RET_ERRNO | EPERM);
	}
}

/* ---- for real ------------------------------------------------------------------------------ */

enum { CALL_FAILED_OTHERWISE = 1, CALL_REFUSED, NOT_CONFINED };

/* The wait status of a process that is confined and makes the call, without arguments. */
static int attempt(long number)
{
	struct err e = { 0 };
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (confine_daemon(&e) < 0)
			_exit(NOT_CONFINED);
		errno = 0;
		if (syscall(number, -1, -1, 0, 0, 0, 0) == 0)
			_exit(0);
		_exit(errno == EPERM ? CALL_REFUSED : CALL_FAILED_OTHERWISE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_killed(void **state)
{
	static const long calls[] = {
		SYS_process_vm_readv,
		SYS_process_vm_writev,
		SYS_init_module,
		SYS_finit_module,
		SYS_delete_module,
		SYS_kexec_load,
		SYS_bpf,
		SYS_perf_event_open,
		SYS_userfaultfd,
		SYS_io_uring_setup,
		SYS_add_key,
		SYS_request_key,
		SYS_keyctl,
		SYS_reboot,
		SYS_swapon,
		SYS_swapoff,
		SYS_acct,
		SYS_quotactl,
		SYS_settimeofday,
		SYS_clock_settime,
		SYS_sethostname,
		SYS_syslog,
		SYS_fanotify_init,
		SYS_open_by_handle_at,
		SYS_personality,
		SYS_chroot,
		SYS_pivot_root,
#ifdef __x86_64__
		SYS_iopl,
		SYS_ioperm,
		SYS_modify_ldt,
		0x40000000 + SYS_getpid,
#endif
#ifndef __SANITIZE_ADDRESS__
		SYS_ptrace,
#endif
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		int status = attempt(calls[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("call %ld: status %x", calls[i], (unsigned)status);
	}
}

static void test_refused(void **state)
{
	static const long calls[] = {
		SYS_execve,
		SYS_execveat,
		SYS_mount,
		SYS_umount2,
		SYS_open_tree,
		SYS_move_mount,
		SYS_fsopen,
		SYS_fsconfig,
		SYS_fsmount,
		SYS_fspick,
		SYS_mount_setattr,
		SYS_unshare,
		SYS_setns,
		SYS_mknodat,
		SYS_setuid,
		SYS_setresuid,
		SYS_setresgid,
		SYS_setgroups,
		SYS_capset,
#ifndef __SANITIZE_ADDRESS__
		SYS_clone,
		SYS_clone3,
#endif
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		int status = attempt(calls[i]);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != CALL_REFUSED)
			fail_msg("call %ld: status %x", calls[i], (unsigned)status);
	}
}

/* The same through the kernel's other door; what comes back is no answer of i386's. */
static void test_i386(void **state)
{
#ifdef __x86_64__
	struct err e = { 0 };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		long number = 20; /* getpid */

		if (confine_daemon(&e) < 0)
			_exit(NOT_CONFINED);
		__asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* SIGSEGV: this kernel has no such door. */
	assert_true(
		WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
#endif
	(void)state;
}

static int look_around(void)
{
	struct err e = { 0 };
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || confine_daemon(&e) < 0)
		return NOT_CONFINED;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 10;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 11;
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 2)
		return 12;
	/* KERNEL 6.3: PR_GET_MDWE */
	if (prctl(66, 0, 0, 0, 0) >= 0 && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0)
		return 13;
	return 0;
}

static void test_in_force(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(look_around());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_number),
		cmocka_unit_test(test_other_abis),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_setns),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_i386),
		cmocka_unit_test(test_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
