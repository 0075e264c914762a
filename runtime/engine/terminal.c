#include "engine/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

enum { PTMX_MAJOR = 5, PTMX_MINOR = 2, FDINFO_MAX = 4096 };

/* Takes master. */
static int other_end(int master, int *out_master, int *out_slave, struct err *e)
{
	CLEANUP(cleanup_fd) int m = master;
	int unlocked = 0, s;

	if (m < 0 || ioctl(m, TIOCSPTLCK, &unlocked) < 0)
		return err_set(e, errno, "open a pseudoterminal");
	s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s < 0)
		return err_set(e, errno, "open a pseudoterminal's other end");
	*out_master = take_fd(&m);
	*out_slave = s;
	return 0;
}

int terminal_open(int *master, int *slave, struct err *e)
{
	return other_end(
		open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), master, slave, e);
}

/* 0 when the process has been reaped. */
static int64_t pid_of(int pidfd)
{
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/self/fdinfo/%d", pidfd);
	CLEANUP(buf_free) struct buf text = { 0 };
	int64_t pid = 0;
	char *line;

	if (fd_read_file(AT_FDCWD, path, FDINFO_MAX, &text, NULL) < 0 || !text.len)
		return 0;
	line = strstr(text.data, "\nPid:");
	return line && sscanf(line, "\nPid: %" SCNd64, &pid) == 1 && pid > 0 ? pid : 0;
}

/* The number may be another process's by the time it is used; that one is not behind pidfd. */
static int root_of(int pidfd)
{
	int64_t pid = pid_of(pidfd);
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/%" PRId64 "/root", pid);
	CLEANUP(cleanup_fd)
	int root = pid ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (root >= 0 && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0)
		return take_fd(&root);
	return -1;
}

static bool is_ptmx(int fd)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC && fstat(fd, &st) == 0 &&
	       S_ISCHR(st.st_mode) && st.st_rdev == makedev(PTMX_MAJOR, PTMX_MINOR);
}

/* Looked at before it is opened: opening a stranger's file can hang, or do things. */
static int open_ptmx(int root)
{
	CLEANUP(cleanup_fd) int seen = fd_walk(root, "dev/pts/ptmx", O_PATH | O_NOFOLLOW, 0, NULL);
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/self/fd/%d", seen);

	if (seen < 0 || !is_ptmx(seen))
		return -1;
	return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

int terminal_open_in(int pidfd, int *master, int *slave, struct err *e)
{
	CLEANUP(cleanup_fd) int root = root_of(pidfd);
	int ptmx = root < 0 ? -1 : open_ptmx(root);

	if (ptmx >= 0 && other_end(ptmx, master, slave, NULL) == 0)
		return 0;
	return terminal_open(master, slave, e);
}
