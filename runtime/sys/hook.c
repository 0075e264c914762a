#include "sys/hook.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "sys/spawn.h"

int hook_state_file(const struct json *state, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = memfd_create("state", MFD_CLOEXEC);

	json_write(state, JSON_COMPACT, &text);
	if (fd < 0 || fd_write_all(fd, text.data, text.len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "write the state for a hook");
	return take_fd(&fd);
}

int hook_await(const struct hook *h, int pidfd, struct err *e)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	const int64_t end = h->timeout_s ? clock_now().boot_ms + h->timeout_s * 1000 : 0;
	siginfo_t info = { 0 };
	int n;

	do {
		const int64_t left = end ? end - clock_now().boot_ms : -1;

		n = poll(&p, 1, end ? (int)(left > 0 ? left : 0) : -1);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return err_set(e, errno, "%s: wait for %s", h->name, h->path);
	if (n == 0)
		return err_say(e, ETIMEDOUT, "%s: %s: not done after %d s", h->name, h->path,
			(int)h->timeout_s);
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	return err_say(e, EIO, "%s: %s: %s %d", h->name, h->path,
		info.si_code == CLD_EXITED ? "exit status" : "ended by signal", info.si_status);
}

int hook_run(const struct hook *h, int state, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_dup(h->path);
	char *plain[] = { path, NULL };
	const int fds[] = { state, -1, STDERR_FILENO };
	const struct spawn s = { .path = h->path,
		.argv = h->argv ? h->argv : plain,
		.envp = h->envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.dies_with_us = true };
	pid_t pid;
	CLEANUP(cleanup_fd) int pidfd = spawn_process(&s, &pid, e);

	return pidfd < 0 ? err_wrap(e, pidfd, "%s", h->name) : hook_await(h, pidfd, e);
}
