/* System calls that a container has no business with, beside those of guest_try.c: each with
 * arguments that fail or do nothing where the filter and the capabilities let it through.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

enum { SYS_statmount_nr = 457, SYS_open_tree_attr_nr = 467, SYS_lsm_list_nr = 461 };

long clone_apart(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long call_clone_newnet(void)
{
	return clone_apart(CLONE_NEWNET);
}

static long call_mknod_char(void)
{
	return mknod("/tmp-char", S_IFCHR | 0600, makedev(1, 1));
}

static long call_mknod_fifo(void)
{
	char path[40];
	int rc;

	snprintf(path, sizeof(path), "/dev/shm/fifo-%d-%ld", getpid(), (long)time(NULL));
	rc = mknod(path, S_IFIFO | 0600, 0);
	return rc < 0 ? rc : unlink(path);
}

static long call_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long call_audit(void)
{
	int sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
	struct nlmsghdr h = {
		.nlmsg_len = sizeof(h), .nlmsg_type = 1000, .nlmsg_flags = NLM_F_REQUEST
	};

	return sock < 0 ? -1 : send(sock, &h, sizeof(h), 0);
}

static long call_tioclinux(void)
{
	char code = 2;

	return ioctl(0, TIOCLINUX, &code);
}

static long call_sti_wide(void)
{
	return syscall(SYS_ioctl, 0, 0x100000000L | TIOCSTI, "x");
}

static long call_fifo_scheduler(void)
{
	const struct sched_param p = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &p);
}

/* By the call that has one number for all of sockets on i386.  Its arguments must lie low. */
static long socketcall(int family)
{
#if defined(__x86_64__)
	enum { SYS_socketcall_i386 = 102, SOCKET_OF_SOCKETCALL = 1 };
	uint32_t *args = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long rc;

	if (args == MAP_FAILED)
		return -1;
	args[0] = (uint32_t)family;
	args[1] = SOCK_STREAM;
	args[2] = 0;
	__asm__ volatile("int $0x80"
			 : "=a"(rc)
			 : "a"(SYS_socketcall_i386), "b"(SOCKET_OF_SOCKETCALL), "c"(args)
			 : "memory");
	if ((int)rc < 0) {
		errno = -(int)rc;
		return -1;
	}
	return rc;
#else
	(void)family;
	raise(SIGSYS);
	return 0;
#endif
}

static long call_i386_vsock(void)
{
	return socketcall(AF_VSOCK);
}

static long call_i386_alg(void)
{
	return socketcall(AF_ALG);
}

static const struct {
	const char *name;
	long (*call)(void);
	long nr, a, b, c, d;
} rows[] = {
	{ "pivot_root", NULL, SYS_pivot_root, (long)"/", (long)"/", 0, 0 },
	{ "fsopen", NULL, SYS_fsopen, (long)"tmpfs", 0, 0, 0 },
	{ "fsconfig", NULL, SYS_fsconfig, -1, 0, 0, 0 },
	{ "fsmount", NULL, SYS_fsmount, -1, 0, 0, 0 },
	{ "fspick", NULL, SYS_fspick, AT_FDCWD, (long)"/", 0, 0 },
	{ "move_mount", NULL, SYS_move_mount, -1, (long)"", -1, (long)"" },
	{ "mount_setattr", NULL, SYS_mount_setattr, AT_FDCWD, (long)"/", 0, 0 },
	{ "statmount", NULL, SYS_statmount_nr, 0, 0, 0, 0 },
	{ "lsm_list_modules", NULL, SYS_lsm_list_nr, 0, 0, 0, 0 },
	{ "open_tree_attr", NULL, SYS_open_tree_attr_nr, 0, 0, 0, 0 },
	{ "swapoff", NULL, SYS_swapoff, (long)"/", 0, 0, 0 },
	{ "delete_module", NULL, SYS_delete_module, (long)"none", 0, 0, 0 },
	{ "finit_module", NULL, SYS_finit_module, -1, (long)"", 0, 0 },
	{ "kexec_file_load", NULL, SYS_kexec_file_load, -1, -1, 0, 0 },
#ifdef __x86_64__
	{ "iopl", NULL, SYS_iopl, 3, 0, 0, 0 },
	{ "ioperm", NULL, SYS_ioperm, 0x70, 1, 1, 0 },
#endif
	{ "acct", NULL, SYS_acct, 0, 0, 0, 0 },
	{ "settimeofday", NULL, SYS_settimeofday, 1, 0, 0, 0 },
	{ "clock_settime", NULL, SYS_clock_settime, 0, 1, 0, 0 },
	{ "quotactl", NULL, SYS_quotactl, 0, 0, 0, 0 },
	{ "syslog", NULL, SYS_syslog, 10, 0, 0, 0 },
	{ "lookup_dcookie", NULL, SYS_lookup_dcookie, 0, 0, 0, 0 },
	{ "vhangup", NULL, SYS_vhangup, 0, 0, 0, 0 },
	{ "kcmp", NULL, SYS_kcmp, 1, 1, 0, 0 },
	{ "process_madvise", NULL, SYS_process_madvise, -1, 0, 0, 0 },
	{ "pidfd_getfd", NULL, SYS_pidfd_getfd, -1, 0, 0, 0 },
	{ "fanotify_init", NULL, SYS_fanotify_init, 0, 0, 0, 0 },
	{ "io_uring_enter", NULL, SYS_io_uring_enter, -1, 0, 0, 0 },
	{ "io_uring_register", NULL, SYS_io_uring_register, -1, 0, 0, 0 },
	{ "set_mempolicy", NULL, SYS_set_mempolicy, 0, 0, 0, 0 },
	{ "mbind", NULL, SYS_mbind, 0, 0, 0, 0 },
	{ "move_pages", NULL, SYS_move_pages, 0, 0, 0, 0 },
	{ "migrate_pages", NULL, SYS_migrate_pages, 0, 0, 0, 0 },
	{ "setdomainname", NULL, SYS_setdomainname, (long)"evil", 4, 0, 0 },
	{ "unshare-mnt", NULL, SYS_unshare, CLONE_NEWNS, 0, 0, 0 },
	{ "unshare-pid", NULL, SYS_unshare, CLONE_NEWPID, 0, 0, 0 },
	{ "unshare-ipc", NULL, SYS_unshare, CLONE_NEWIPC, 0, 0, 0 },
	{ "unshare-uts", NULL, SYS_unshare, CLONE_NEWUTS, 0, 0, 0 },
	{ "unshare-cgroup", NULL, SYS_unshare, CLONE_NEWCGROUP, 0, 0, 0 },
	{ "clone-newnet", call_clone_newnet, 0, 0, 0, 0, 0 },
	{ "trace-me", NULL, SYS_ptrace, 0, 0, 0, 0 },
	{ "mknod-char", call_mknod_char, 0, 0, 0, 0, 0 },
	{ "mknod-fifo", call_mknod_fifo, 0, 0, 0, 0, 0 },
	{ "packet", call_packet, 0, 0, 0, 0, 0 },
	{ "audit", call_audit, 0, 0, 0, 0, 0 },
	{ "tioclinux", call_tioclinux, 0, 0, 0, 0, 0 },
	{ "tiocsti-wide", call_sti_wide, 0, 0, 0, 0, 0 },
	{ "fifo-scheduler", call_fifo_scheduler, 0, 0, 0, 0, 0 },
	{ "i386-vsock", call_i386_vsock, 0, 0, 0, 0, 0 },
	{ "i386-alg", call_i386_alg, 0, 0, 0, 0, 0 },
};

const char *call_name(size_t i)
{
	return i < COUNT(rows) ? rows[i].name : NULL;
}

long call_try(size_t i)
{
	return rows[i].call ? rows[i].call()
			    : syscall(rows[i].nr, rows[i].a, rows[i].b, rows[i].c, rows[i].d);
}
