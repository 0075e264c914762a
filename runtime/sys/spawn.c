/* The child runs on our memory while we are suspended: no heap, no streams, no locks between clone
 * and exec.  Its signal mask and dispositions must be reset there, since it inherits a loop's.
 */
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "sys/sig.h"

enum { CHILD_STACK_BYTES = 64 * 1024 };

/* The child leaves its stack by exec, so AddressSanitizer would never see its variables go, and
 * take the next child's, on the same addresses, for theirs. */
#define ON_CHILD_STACK __attribute__((no_sanitize_address))

struct child {
	const struct spawn *s;
	int null_fd;
	const char *failed; /* what the child could not do, */
	int error;          /* and its errno; read by the parent after the vfork */
};

/* Two passes, since a source may have the number that another one's copy needs. */
ON_CHILD_STACK static int place_fds(const struct child *c)
{
	int high[SPAWN_FDS_MAX];
	int n = (int)c->s->nfds;

	for (int i = 0; i < n; i++) {
		int from = c->s->fds[i] >= 0 ? c->s->fds[i] : i < 3 ? c->null_fd : -1;

		high[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
		if (from >= 0 && high[i] < 0)
			return -1;
	}
	for (int i = 0; i < n; i++)
		if (high[i] < 0)
			(void)close(i);
		else if (dup2(high[i], i) < 0)
			return -1;
	return 0;
}

ON_CHILD_STACK static void execute(const struct spawn *s, int exe)
{
	if (exe > 0)
		(void)syscall(SYS_execveat, exe, "", s->argv, s->envp, AT_EMPTY_PATH);
	else
		(void)execve(s->path, s->argv, s->envp);
}

/* A program that works on what others gave it is killed for its own use of memory. */
ON_CHILD_STACK static void expose(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, "0", 1); /* raising is always allowed */
	(void)close(fd);
}

/* Returns only when it fails; c says how. */
ON_CHILD_STACK static void become(struct child *c)
{
	int exe;

	c->failed = "place descriptors for";
	exe = c->s->exe_fd > 0 ? fcntl(c->s->exe_fd, F_DUPFD_CLOEXEC, SPAWN_FDS_MAX) : 0;
	if (exe < 0 || place_fds(c) < 0)
		return;
	c->failed = "close_range for";
	/* Not closed at once: the program may be one of them. */
	if (syscall(SYS_close_range, (unsigned)c->s->nfds, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return;
	c->failed = "enter directory for";
	if (chdir(c->s->cwd ? c->s->cwd : "/") < 0)
		return;
	c->failed = "execute";
	execute(c->s, exe);
}

ON_CHILD_STACK static int child_main(void *arg)
{
	struct child *c = arg;

	sig_reset();
	if (c->s->dies_with_us)
		(void)prctl(
			PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* vfork: the parent waits, it lives */
	if (c->s->is_expendable)
		expose();
	become(c);
	c->error = errno;
	_exit(127);
}

int spawn_process(const struct spawn *s, pid_t *out_pid, struct err *e)
{
	CLEANUP(cleanup_fd) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CLEANUP(cleanup_fd) int pidfd = -1;
	struct child c = { .s = s, .null_fd = null_fd };
	sigset_t all, old;
	int pid, error;

	if (null_fd < 0)
		return err_set(e, errno, "open /dev/null");
	if (s->nfds > SPAWN_FDS_MAX)
		return err_say(e, EINVAL, "%zu descriptors for %s", s->nfds, s->path);

	char *stack = mmap(NULL, CHILD_STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return err_set(e, errno, "allocate a stack for %s", s->path);
	/* A handler of ours must not run in the child, on our memory. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = clone(child_main, stack + CHILD_STACK_BYTES,
		CLONE_VM | CLONE_VFORK | CLONE_PIDFD | (s->for_parent ? CLONE_PARENT : 0) | SIGCHLD,
		&c, &pidfd);
	error = errno;
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	(void)munmap(stack, CHILD_STACK_BYTES);
	if (pid < 0)
		return err_set(e, error, "clone for %s", s->path);
	if (c.error) {
		if (!s->for_parent)
			(void)waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED);
		return err_set(e, c.error, "%s %s", c.failed, s->path);
	}
	*out_pid = pid;
	return take_fd(&pidfd);
}

int32_t spawn_pid(int pidfd)
{
	enum { INFO_MAX = 4096 };
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/self/fdinfo/%d", pidfd);
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *line;
	int pid = 0;

	if (pidfd < 0 || fd_read_file(AT_FDCWD, path, INFO_MAX, &text, NULL) < 0 || !text.len)
		return 0;
	line = strstr(text.data, "\nPid:");
	return line && sscanf(line, "\nPid: %d", &pid) == 1 && pid > 0 ? pid : 0;
}

int spawn_reap(int pidfd, int *out_status)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0)
		return -errno;
	if (info.si_pid == 0)
		return 0;
	*out_status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
	return 1;
}
