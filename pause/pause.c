/* carpel-pause: PID 1 of a pod's PID namespace.  It holds the pod's namespaces by living, holds by
 * descriptor what must outlive the supervisor (3, 4: the exit pipe's ends; 5, 6: the descriptor
 * store, never touched), reaps, and appends one {pid, wait status} record to the exit pipe for each
 * process.
 *
 * No libc: its start-up would dirty more memory than everything here.  No data segment and no heap,
 * so a pod costs one shared page of text and a stack.  Signals are taken by rt_sigtimedwait, not
 * handlers: PID 1 has no default actions, but a blocked signal is queued even for it.
 */
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/signal.h>
#include <linux/wait.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/unistd.h>

enum { EXIT_PIPE = 4, ERRNO_EINTR = 4, SIGSET_BYTES = 8 };

struct exit_record {
	int32_t pid, wait_status;
};

/* All six argument registers are always set: five callers of this could not justify four variants.
 */
static long call(long nr, long a, long b, long c, long d, long f)
{
#if defined(__x86_64__)
	long rc;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = f;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return rc;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
#else
#error "carpel-pause has no system call sequence for this architecture"
#endif
}

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#else
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

static _Noreturn void leave(long status)
{
	for (;;)
		(void)call(__NR_exit_group, status, 0, 0, 0, 0);
}

static void say(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	(void)call(__NR_write, 2, (long)text, (long)len, 0, 0);
}

static _Noreturn void refuse(const char *text)
{
	say(text);
	leave(1);
}

/* carpel-launch has emptied the bounding set already; by hand it is done here.  The first error is
 * either that of the number after the last capability or that of CAP_SETPCAP missing, and then
 * there is nothing to drop with; what counts is checked last. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { .effective = 0 } };

	for (long cap = 0; call(__NR_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	if (call(__NR_capset, (long)&header, (long)none, 0, 0, 0) < 0)
		refuse("carpel-pause: cannot give up capabilities\n");
	if (call(__NR_capget, (long)&header, (long)none, 0, 0, 0) < 0 || none[0].permitted ||
		none[1].permitted)
		refuse("carpel-pause: still has capabilities\n");
}

/* What is left: wait, reap, append to the exit pipe, end.  Anything else kills. */
static void load_filter(void)
{
	const struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_rt_sigtimedwait, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_waitid, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_write, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, EXIT_PIPE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = (struct sock_filter *)(uintptr_t)
			filter, /* the kernel's struct forgot const */
	};

	if (call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		refuse("carpel-pause: cannot set no_new_privs\n");
	if (call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program, 0, 0) < 0)
		refuse("carpel-pause: cannot load the system call filter\n");
}

/* A record is 8 bytes and so never split.  When the pipe is full (8,000 exits that no supervisor
 * has read) this blocks: the zombies wait, nothing is lost.  By hand there is no pipe: the error is
 * moot. */
static void append_record(const struct exit_record *r)
{
	while (call(__NR_write, EXIT_PIPE, (long)r, sizeof(*r), 0, 0) == -ERRNO_EINTR)
		;
}

/* As wait(2) would have it. */
static int32_t wait_status(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

/* The record comes first: who finds all of a container's processes reaped finds its end told. */
static void reap_all(void)
{
	for (;;) {
		siginfo_t info = { 0 };
		long rc = call(__NR_waitid, P_ALL, 0, (long)&info, WEXITED | WNOHANG | WNOWAIT, 0);

		if (rc < 0 || info.si_pid == 0)
			return;
		append_record(&(struct exit_record){ info.si_pid, wait_status(&info) });
		(void)call(__NR_waitid, P_PID, info.si_pid, 0, WEXITED, 0);
	}
}

static uint64_t bit(int sig)
{
	return 1ULL << (sig - 1);
}

static _Noreturn __attribute__((used)) void pause_main(void)
{
	uint64_t set = bit(SIGCHLD) | bit(SIGTERM) | bit(SIGINT);
	siginfo_t info = { 0 };
	int is_init;

	/* Blocked first: a signal from here on waits for the loop. */
	if (call(__NR_rt_sigprocmask, SIG_SETMASK, (long)&set, 0, SIGSET_BYTES, 0) < 0)
		refuse("carpel-pause: cannot block signals\n");
	/* With shareProcessNamespace containers see this process: no /proc/1/fd, no ptrace for
	 * them. */
	if (call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		refuse("carpel-pause: cannot become non-dumpable\n");
	(void)call(__NR_prctl, PR_SET_NAME, (long)"carpel-pause", 0, 0, 0);
	is_init = call(__NR_getpid, 0, 0, 0, 0, 0) == 1;
	if (!is_init)
		say("carpel-pause: not PID 1: orphans of the pod will not come here\n");
	drop_capabilities();
	load_filter();
	for (;;) {
		long sig;

		/* Before the first wait too: a child may have ended while SIGCHLD was not blocked
		 * yet. */
		reap_all();
		sig = call(__NR_rt_sigtimedwait, (long)&set, (long)&info, 0, SIGSET_BYTES, 0);
		/* Only whoever is outside of our PID namespace has no number in it: containers that
		 * share it cannot end the pod. */
		if ((sig == SIGTERM || sig == SIGINT) && (!is_init || info.si_pid == 0))
			leave(0);
	}
}

/* The kernel enters with an aligned stack and no return address; a C function expects the latter.
 */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tcall pause_main\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tbl pause_main\n");
#endif
