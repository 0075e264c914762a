/* Answers: allowed, EPERM for calls that exist but are not for containers, ENOSYS for numbers that
 * we have never heard of and for clone3 (so libc falls back: new calls must look absent, not
 * forbidden), death for calls of another architecture.
 *
 * Our own first instructions do what the library cannot: "greater than", and comparing the 32 bits
 * that the kernel looks at.  A family or ioctl number with rubbish in its upper half means the same
 * to the kernel, but is another number to a 64-bit comparison: that would be a way around it.
 */
#include "sys/seccomp_profile.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/seccomp_bpf.h"

/* Names with a number are younger than the library of the build machine; those numbers are the same
 * on every architecture. */
struct call {
	const char *name;
	int number; /* 0: the library knows it */
};

static const char *const allowed[] = { "_llseek", "_newselect", "accept", "accept4", "access",
	"alarm", "arch_prctl", "bind", "brk", "capget", "capset", "chdir", "chmod", "chown",
	"chown32", "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "close", "close_range", "connect",
	"copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1",
	"epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old",
	"eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat",
	"faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark", "fchdir", "fchmod",
	"fchmodat", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr",
	"flistxattr", "flock", "fork", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
	"fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futex", "futex_time64",
	"futimesat", "get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents",
	"getdents64", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getitimer", "getpeername", "getpgid", "getpgrp", "getpid",
	"getppid", "getpriority", "getrandom", "getresgid", "getresgid32", "getresuid",
	"getresuid32", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid",
	"gettimeofday", "getuid", "getuid32", "getxattr", "inotify_add_watch", "inotify_init",
	"inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents",
	"io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit", "ioctl", "ioprio_get",
	"ioprio_set", "ipc", "kill", "landlock_add_rule", "landlock_create_ruleset",
	"landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link", "linkat", "listen",
	"listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64",
	"madvise", "membarrier", "memfd_create", "memfd_secret", "mincore", "mkdir", "mkdirat",
	"mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "modify_ldt",
	"mprotect", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "mremap",
	"msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap",
	"name_to_handle_at", "nanosleep", "newfstatat", "open", "openat", "openat2", "pause",
	"pidfd_getfd", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc",
	"pkey_free", "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv",
	"preadv2", "prlimit64", "process_mrelease", "process_vm_readv", "process_vm_writev",
	"pselect6", "pselect6_time64", "ptrace", "pwrite64", "pwritev", "pwritev2", "read",
	"readahead", "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg", "remap_file_pages", "removexattr", "rename", "renameat",
	"renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending",
	"rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
	"sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
	"seccomp", "select", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "send",
	"sendfile", "sendfile64", "sendmmsg", "sendmsg", "sendto", "set_robust_list",
	"set_thread_area", "set_tid_address", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32",
	"setgid", "setgid32", "setgroups", "setgroups32", "setitimer", "setpgid", "setpriority",
	"setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32",
	"setreuid", "setreuid32", "setrlimit", "setsid", "setsockopt", "setuid", "setuid32",
	"setxattr", "shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaltstack", "signalfd",
	"signalfd4", "sigprocmask", "sigreturn", "socket", "socketpair", "splice", "stat", "stat64",
	"statfs", "statfs64", "statx", "symlink", "symlinkat", "sync", "sync_file_range",
	"sync_file_range2", "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create",
	"timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
	"timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64",
	"timerfd_settime", "timerfd_settime64", "times", "tkill", "truncate", "truncate64",
	"ugetrlimit", "umask", "uname", "unlink", "unlinkat", "utime", "utimensat",
	"utimensat_time64", "utimes", "vfork", "vmsplice", "wait4", "waitid", "waitpid", "write",
	"writev" };

static const struct call young[] = {
	{ "futex_waitv", 449 },
	{ "cachestat", 451 },
	{ "fchmodat2", 452 },
	{ "map_shadow_stack", 453 },
	{ "futex_wake", 454 },
	{ "futex_wait", 455 },
	{ "futex_requeue", 456 },
	{ "mseal", 462 },
	{ "setxattrat", 463 },
	{ "getxattrat", 464 },
	{ "listxattrat", 465 },
	{ "removexattrat", 466 },
};
enum { LAST_KNOWN_CALL = 466 };

/* What a capability adds.  The kernel checks the capability too: here its code path stays out of
 * reach. */
static const struct {
	cap_value_t cap;
	const char *calls[28];
} by_capability[] = {
	{ CAP_DAC_READ_SEARCH, { "open_by_handle_at" } },
	{ CAP_SYS_ADMIN, { "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount",
				 "fsopen", "fspick", "lookup_dcookie", "mount", "mount_setattr",
				 "move_mount", "open_tree", "perf_event_open", "pivot_root",
				 "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns",
				 "syslog", "umount", "umount2", "unshare" } },
	{ CAP_SYS_BOOT, { "reboot" } },
	{ CAP_SYS_CHROOT, { "chroot" } },
	{ CAP_SYS_MODULE, { "delete_module", "init_module", "finit_module" } },
	{ CAP_SYS_PACCT, { "acct" } },
	{ CAP_SYS_PTRACE, { "kcmp", "pidfd_getfd", "process_madvise" } },
	{ CAP_SYS_RAWIO, { "iopl", "ioperm" } },
	{ CAP_SYS_TIME, { "settimeofday", "stime", "clock_settime", "clock_settime64",
				"clock_adjtime", "adjtimex" } },
	{ CAP_SYS_TTY_CONFIG, { "vhangup" } },
	{ CAP_SYS_NICE, { "get_mempolicy", "mbind", "set_mempolicy" } },
	{ CAP_SYSLOG, { "syslog" } },
	{ CAP_BPF, { "bpf" } },
	{ CAP_PERFMON, { "perf_event_open" } },
};

static int allow(scmp_filter_ctx ctx, const char *name, struct err *e)
{
	int nr = seccomp_syscall_resolve_name(name);
	int rc;

	if (nr == __NR_SCMP_ERROR)
		return err_say(e, ENOSYS, "the seccomp library does not know %s", name);
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	return rc < 0 ? err_set(e, -rc, "allow %s", name) : 0;
}

/* Not a function of the architecture's own numbers: both calls have the same arguments everywhere
 * but on s390. */
static int allow_partly(scmp_filter_ctx ctx, uint64_t caps, struct err *e)
{
	static const scmp_datum_t personas[] = { 0x0, 0x0008, 0x20000, 0x20008, 0xffffffff };
	const scmp_datum_t new_namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
					    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
					    CLONE_NEWCGROUP;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(personas) && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
			SCMP_A0(SCMP_CMP_EQ, personas[i], 0));
	if (rc == 0 && !(caps & 1ULL << CAP_SYS_ADMIN))
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, new_namespaces, 0));
	if (rc == 0 && !(caps & 1ULL << CAP_SYS_ADMIN))
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return rc < 0 ? err_set(e, -rc, "allow clone and personality") : 0;
}

static int add_rules(scmp_filter_ctx ctx, uint64_t caps, struct err *e)
{
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if ((rc = allow(ctx, allowed[i], e)) < 0)
			return rc;
	for (size_t i = 0; i < ARRAY_LEN(young); i++)
		if ((rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, young[i].number, 0)) < 0)
			return err_set(e, -rc, "allow %s", young[i].name);
	for (size_t i = 0; i < ARRAY_LEN(by_capability); i++)
		for (size_t j = 0; caps & 1ULL << by_capability[i].cap && by_capability[i].calls[j];
			j++)
			if ((rc = allow(ctx, by_capability[i].calls[j], e)) < 0)
				return rc;
	return allow_partly(ctx, caps, e);
}

static void append_head(struct buf *out)
{
	static const struct sock_filter head[] = {
		/* 0 */ BPF_LOAD(arch),
		/* 1 */ BPF_IF_EQUAL(OUR_ARCH, 1, 0),
		/* 2 */ BPF_ANSWER(SECCOMP_RET_KILL_PROCESS),
		/* 3 */ BPF_LOAD(nr),
		/* 4 */ BPF_IF_EQUAL(-1, 3, 0), /* what a tracer writes to skip a call */
		/* 5 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_BIT, 0, 1),
		/* 6 */ BPF_ANSWER(SECCOMP_RET_KILL_PROCESS),
		/* 7 */ BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_KNOWN_CALL, 0, 1),
		/* 8 */ BPF_ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
		/* 9 */ BPF_IF_EQUAL(SYS_socket, 0, 3),
		/* 10 */ BPF_LOAD(args[0]),
		/* 11 */ BPF_IF_EQUAL(AF_ALG, 5, 0),
		/* 12 */ BPF_IF_EQUAL(AF_VSOCK, 4, 5),
		/* 13 */ BPF_IF_EQUAL(SYS_ioctl, 0, 4),
		/* 14 */ BPF_LOAD(args[1]),
		/* 15 */ BPF_IF_EQUAL(TIOCSTI, 1, 0), /* types into the terminal that started us */
		/* 16 */ BPF_IF_EQUAL(TIOCLINUX, 0, 1), /* pastes there */
		/* 17 */ BPF_ANSWER(SECCOMP_RET_ERRNO | EPERM),
		/* 18: the library's program */
	};

	buf_add(out, head, sizeof(head));
}

int seccomp_profile(uint64_t caps, struct buf *out, struct err *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!ctx)
		return err_say(e, ENOMEM, "new filter");
	append_head(out);
	if ((rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) < 0 ||
		(rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2)) < 0)
		(void)err_set(e, -rc, "set up the filter");
	else if ((rc = add_rules(ctx, caps, e)) == 0)
		rc = seccomp_append(ctx, out, e);
	seccomp_release(ctx);
	return rc;
}
