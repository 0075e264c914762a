/* A list of what is forbidden, not of what is allowed: carpeld does much, and a call that it makes
 * once a year must not kill it.  Two answers:
 *
 *     KILL   no program of ours makes it: whoever does is not carpeld any more.  Pods go on, and
 *            the next carpeld takes them over.
 *     EPERM  another program of ours makes it in carpeld's place.  A mistake of ours is then an
 *            error in the log and no crash that comes again and again.
 *
 * Calls of another ABI (i386, x32) are KILL: they would have other numbers.
 */
#include "daemon/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "sys/seccomp.h"
#include "sys/seccomp_bpf.h"

#define KILL SECCOMP_RET_KILL_PROCESS
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define OOM_SCORE "-999"

/* KERNEL 6.3: newer than the headers that we are built with. */
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1

/* LeakSanitizer looks at us from a clone that traces us. */
#ifdef __SANITIZE_ADDRESS__
#define IS_LOOKED_AT true
#else
#define IS_LOOKED_AT false
#endif

static const struct {
	int number;
	unsigned answer;
	bool is_sanitizers;
} denied[] = {
	/* other processes' memory and threads */
	{ SYS_ptrace, KILL, true },
	{ SYS_process_vm_readv, KILL, false },
	{ SYS_process_vm_writev, KILL, false },
	{ SYS_process_madvise, KILL, false },
	{ SYS_kcmp, KILL, false },
	{ SYS_migrate_pages, KILL, false },
	{ SYS_move_pages, KILL, false },
	/* the kernel's code */
	{ SYS_init_module, KILL, false },
	{ SYS_finit_module, KILL, false },
	{ SYS_delete_module, KILL, false },
	{ SYS_kexec_load, KILL, false },
#ifdef SYS_kexec_file_load
	{ SYS_kexec_file_load, KILL, false },
#endif
	{ SYS_bpf, KILL, false },
	{ SYS_perf_event_open, KILL, false },
	/* where holes were found, again and again */
	{ SYS_userfaultfd, KILL, false },
	{ SYS_io_uring_setup, KILL, false },
	{ SYS_io_uring_enter, KILL, false },
	{ SYS_io_uring_register, KILL, false },
	{ SYS_add_key, KILL, false },
	{ SYS_request_key, KILL, false },
	{ SYS_keyctl, KILL, false },
	{ SYS_vmsplice, KILL, false },
	/* the machine */
	{ SYS_reboot, KILL, false },
	{ SYS_swapon, KILL, false },
	{ SYS_swapoff, KILL, false },
	{ SYS_acct, KILL, false },
	{ SYS_quotactl, KILL, false },
	{ SYS_settimeofday, KILL, false },
	{ SYS_clock_settime, KILL, false },
	{ SYS_clock_adjtime, KILL, false },
	{ SYS_adjtimex, KILL, false },
	{ SYS_sethostname, KILL, false },
	{ SYS_setdomainname, KILL, false },
	{ SYS_syslog, KILL, false },
	{ SYS_vhangup, KILL, false },
	{ SYS_fanotify_init, KILL, false },
	{ SYS_open_by_handle_at, KILL, false },
	/* ourselves as something else */
	{ SYS_personality, KILL, false },
	{ SYS_chroot, KILL, false },
	{ SYS_pivot_root, KILL, false },
#ifdef __x86_64__
	{ SYS_iopl, KILL, false },
	{ SYS_ioperm, KILL, false },
	{ SYS_modify_ldt, KILL, false },
	{ SYS_uselib, KILL, false },
#endif
	/* sys/starter's: processes and programs */
	{ SYS_execve, REFUSE, false },
	{ SYS_execveat, REFUSE, false },
	{ SYS_clone, REFUSE, true },
	{ SYS_clone3, REFUSE, true },
#ifdef __x86_64__
	{ SYS_fork, REFUSE, true },
	{ SYS_vfork, REFUSE, true },
	{ SYS_mknod, REFUSE, false },
#endif
	/* carpel-launch's and carpel-image's: mounts, namespaces, devices, identities */
	{ SYS_mount, REFUSE, false },
	{ SYS_umount2, REFUSE, false },
	{ SYS_open_tree, REFUSE, false },
	{ SYS_move_mount, REFUSE, false },
	{ SYS_fsopen, REFUSE, false },
	{ SYS_fsconfig, REFUSE, false },
	{ SYS_fsmount, REFUSE, false },
	{ SYS_fspick, REFUSE, false },
	{ SYS_mount_setattr, REFUSE, false },
	{ SYS_unshare, REFUSE, false },
	{ SYS_mknodat, REFUSE, false },
	{ SYS_setuid, REFUSE, false },
	{ SYS_setgid, REFUSE, false },
	{ SYS_setreuid, REFUSE, false },
	{ SYS_setregid, REFUSE, false },
	{ SYS_setresuid, REFUSE, false },
	{ SYS_setresgid, REFUSE, false },
	{ SYS_setgroups, REFUSE, false },
	{ SYS_setfsuid, REFUSE, false },
	{ SYS_setfsgid, REFUSE, false },
	{ SYS_capset, REFUSE, false },
};

unsigned short confine_filter(struct sock_filter out[CONFINE_FILTER_MAX])
{
	/* The number alone decides nearly everything, so the kernel remembers the answer for each
	 * allowed call and runs nothing. */
	const struct sock_filter head[] = {
		BPF_LOAD(arch),
		BPF_IF_EQUAL(OUR_ARCH, 1, 0),
		BPF_ANSWER(KILL),
		BPF_LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_BIT, 0, 1),
		BPF_ANSWER(KILL),
	};
	/* Into a network, where a probe's socket is opened, and into nothing else. */
	const struct sock_filter tail[] = {
		BPF_IF_EQUAL(SYS_setns, 0, 3),
		BPF_LOAD(args[1]),
		BPF_IF_EQUAL(CLONE_NEWNET, 1, 0),
		BPF_ANSWER(REFUSE),
		BPF_ANSWER(SECCOMP_RET_ALLOW),
	};
	unsigned short n = ARRAY_LEN(head);

	static_assert(
		ARRAY_LEN(head) + 2 * ARRAY_LEN(denied) + ARRAY_LEN(tail) <= CONFINE_FILTER_MAX,
		"there is room");
	memcpy(out, head, sizeof(head));
	for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
		if (denied[i].is_sanitizers && IS_LOOKED_AT)
			continue;
		out[n++] = (struct sock_filter)BPF_IF_EQUAL(denied[i].number, 0, 1);
		out[n++] = (struct sock_filter)BPF_ANSWER(denied[i].answer);
	}
	memcpy(out + n, tail, sizeof(tail));
	return (unsigned short)(n + ARRAY_LEN(tail));
}

void confine_keep_alive(void)
{
	CLEANUP(cleanup_fd) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : fd_write_all(fd, OOM_SCORE, strlen(OOM_SCORE));

	if (rc < 0)
		log_warn("when memory runs out carpeld is killed like any other: "
			 "oom_score_adj " OOM_SCORE ": %s",
			strerror(-rc));
}

int confine_daemon(struct err *e)
{
	struct sock_filter code[CONFINE_FILTER_MAX];
	const struct seccomp_filter filter = { .code = code, .len = confine_filter(code) };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(e, errno, "become undumpable");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, errno, "no new privileges");
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 && errno != EINVAL)
		return err_set(e, errno, "keep memory from becoming code");
	return seccomp_install(&filter, e);
}
