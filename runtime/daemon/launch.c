/* The result socket tells everything: STARTED with a pidfd, FAILED with a reason, and its end,
 * which after STARTED means that exec succeeded.  An end without any word means carpel-launch was
 * killed.
 */
#include "daemon/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "sys/mount.h"
#include "sys/spawn.h"

struct launch {
	struct daemon *d;
	struct loop_io io;
	int sock;
	struct child *child; /* NULL once it has ended, which may be before its report is read */
	struct launch_result result;
	bool has_started, has_failed;
	void (*done)(void *arg, struct launch_result *r);
	void *arg;
};

int launch_fd(struct launch_fds *f, int fd)
{
	if (fd < 0 || f->len == LAUNCH_FDS_MAX)
		return -1;
	f->at[f->len] = fd;
	return LAUNCH_FIRST_FD + (int)f->len++;
}

static void launch_free(struct launch *l)
{
	l->d->launches--;
	child_reap_strangers(l->d);
	loop_io_stop(&l->io);
	close(l->sock);
	child_forget(l->child);
	if (l->result.pidfd >= 0)
		close(l->result.pidfd);
	free(l);
}

static void on_child_end(void *arg, int wait_status)
{
	struct launch *l = arg;

	(void)wait_status; /* its report says more */
	l->child = NULL;
}

void launch_cancel(struct launch *l)
{
	if (!l)
		return;
	child_kill(l->child, SIGKILL);
	launch_free(l);
}

static void finish(struct launch *l)
{
	struct launch_result r = l->result;

	if (l->has_failed || !l->has_started) {
		if (!l->has_failed)
			r.rc = err_say(&r.err, EIO, "carpel-launch ended without a report");
		if (r.pidfd >= 0)
			close(r.pidfd);
		r.pidfd = -1;
	}
	l->result.pidfd = -1;
	l->done(l->arg, &r);
	launch_free(l);
}

static void on_report(struct loop_io *io, unsigned events)
{
	struct launch *l = io->arg;
	struct launch_report report;
	int fds[1];
	size_t nfds = 1;
	ssize_t n = fd_recv(l->sock, &report, sizeof(report), fds, &nfds);

	(void)events;
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n != (ssize_t)sizeof(report)) {
		finish(l); /* its end, or nonsense, which is treated as one */
		return;
	}
	if (report.kind == REPORT_STARTED && nfds == 1 && !l->has_started) {
		l->has_started = true;
		l->result.pidfd = fds[0];
		l->result.pid = report.pid;
		return;
	}
	if (nfds)
		close(fds[0]);
	report.err.text[ERR_TEXT_MAX - 1] = '\0';
	l->has_failed = true;
	l->result.err = report.err;
	l->result.rc = report.err.code > 0 ? -report.err.code : -EIO;
	l->result.exit_code = report.exit_code;
}

static int plan_memfd(const struct plan *p, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = memfd_create("plan", MFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(e, errno, "make a file for the plan");
	plan_write(p, &text);
	if ((rc = fd_write_all(fd, text.data, text.len)) < 0)
		return err_set(e, -rc, "write the plan");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "rewind the plan");
	return take_fd(&fd);
}

/* carpel-launch runs from a read-only mount of itself that exists nowhere: what a container does to
 * /proc/self/exe of a process that joins it changes nothing.  Made here once, it need not make one
 * itself at every start. */
int launch_open(struct daemon *d, struct err *e)
{
	CLEANUP(cleanup_free) char *path = layout_program(&d->layout, "carpel-launch");
	int fd = mount_copy(AT_FDCWD, path, MOUNT_ONE, e), rc;

	if (fd < 0)
		return err_wrap(e, fd, "%s", path);
	rc = mount_restrict(fd, MOUNT_ATTR_RDONLY, MOUNT_ONE, e);
	if (rc < 0) {
		close(fd);
		return err_wrap(e, rc, "%s", path);
	}
	d->launch_exe = fd;
	return 0;
}

int launch_start(struct daemon *d, struct plan *p, const struct launch_fds *fds,
	void (*done)(void *arg, struct launch_result *r), void *arg, struct launch **out,
	struct err *e)
{
	CLEANUP(cleanup_free) char *path = layout_program(&d->layout, "carpel-launch");
	CLEANUP(cleanup_fd) int plan_fd = -1;
	char name[] = "carpel-launch";
	char *argv[] = { name, NULL }, *envp[] = { NULL };
	int pair[2], all[LAUNCH_FIRST_FD + LAUNCH_FDS_MAX] = { -1, -1, STDERR_FILENO };
	struct launch *l;
	pid_t pid;
	int pidfd;

	p->result_fd = LAUNCH_RESULT_FD;
	if ((plan_fd = plan_memfd(p, e)) < 0)
		return plan_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a result socket");
	all[PLAN_FD] = plan_fd;
	all[LAUNCH_RESULT_FD] = pair[1];
	memcpy(all + LAUNCH_FIRST_FD, fds->at, fds->len * sizeof(int));

	const struct spawn s = { .path = path,
		.exe_fd = d->launch_exe,
		.argv = argv,
		.envp = envp,
		.fds = all,
		.nfds = LAUNCH_FIRST_FD + fds->len,
		/* What it was making is then undone by the next supervisor, alone. */
		.dies_with_us = true };

	pidfd = spawn_process(&s, &pid, e);
	close(pair[1]);
	if (pidfd < 0) {
		close(pair[0]);
		return pidfd;
	}
	l = mem_zalloc(sizeof(*l));
	*l = (struct launch){
		.d = d, .sock = pair[0], .result = { .pidfd = -1 }, .done = done, .arg = arg
	};
	d->launches++;
	(void)fd_set_nonblock(l->sock);
	l->child = child_watch(d, pidfd, pid, on_child_end, l);
	loop_io_start(d->loop, &l->io, l->sock, LOOP_READ, on_report, l);
	*out = l;
	return 0;
}
