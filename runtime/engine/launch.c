/* The result socket tells everything: STARTED with a pidfd, FAILED with a reason, and its end,
 * which after STARTED means that exec succeeded.  An end without any word means carpel-launch was
 * killed.
 */
#include "engine/launch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "engine/launcher.h"

struct launch {
	struct engine *g;
	struct loop_io io;
	struct loop_timer given_up; /* so that done is not called by who gives up */
	struct loop_timer deadline;
	int sock;
	int process; /* who carries it out; -1 before it has begun */
	struct launch_result result;
	char hook[ERR_TEXT_MAX]; /* that runs; "": none */
	bool has_started, has_failed, is_late;
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
	l->g->launches--;
	child_reap_strangers(l->g);
	loop_io_stop(&l->io);
	loop_timer_stop(&l->given_up);
	loop_timer_stop(&l->deadline);
	close(l->sock);
	cleanup_fd(&l->process);
	if (l->result.pidfd >= 0)
		close(l->result.pidfd);
	free(l);
}

/* An end of file alone may be our crash, and then what was started lives on. */
static void say_unwanted(const struct launch *l)
{
	(void)send(l->sock, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One that has not begun finds that nobody takes its word, and ends. */
static void kill_process(const struct launch *l)
{
	if (l->process >= 0)
		(void)syscall(SYS_pidfd_send_signal, l->process, SIGKILL, NULL, 0);
}

void launch_cancel(struct launch *l)
{
	if (!l)
		return;
	say_unwanted(l);
	kill_process(l);
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
	/* After the kill of the cgroup, of which it is to know that it was meant. */
	if (l->is_late)
		kill_process(l);
	launch_free(l);
}

/* Whoever is stopped, or waits for a file system that does not answer, would be waited for for
 * ever: a container that shares its PID namespace can stop each process that is to become another.
 */
static void on_deadline(struct loop_timer *t)
{
	struct launch *l = t->arg;

	if (loop_timer_is_set(&l->given_up))
		return;
	say_unwanted(l);
	(void)shutdown(l->sock, SHUT_RDWR);
	l->is_late = l->has_failed = true;
	l->result.rc = err_say(&l->result.err, ETIMEDOUT,
		"its program was not running within %" PRId64 " ms%s%s", l->g->start_deadline_ms,
		*l->hook ? ": " : "", l->hook);
	finish(l);
}

static void on_given_up(struct loop_timer *t)
{
	finish(t->arg);
}

void launch_give_up(struct launch *l)
{
	if (!l || loop_timer_is_set(&l->given_up))
		return;
	loop_io_stop(&l->io);
	say_unwanted(l);
	(void)shutdown(l->sock, SHUT_RDWR);
	l->has_failed = true;
	l->result.rc = err_say(&l->result.err, ECANCELED, "killed while it was being started");
	loop_timer_start(l->g->loop, &l->given_up, 0, on_given_up, l);
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
	if (report.kind == REPORT_BEGUN && nfds == 1 && l->process < 0) {
		l->process = fds[0];
		return;
	}
	if (report.kind == REPORT_STARTED && nfds == 1 && !l->has_started) {
		l->has_started = true;
		l->result.pidfd = fds[0];
		l->result.pid = report.pid;
		l->result.user = report.user;
		return;
	}
	if (nfds)
		close(fds[0]);
	report.err.text[ERR_TEXT_MAX - 1] = '\0';
	if (report.kind == REPORT_HOOK) {
		memcpy(l->hook, report.err.text, sizeof(l->hook));
		return;
	}
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

int launch_start(struct engine *g, struct plan *p, const struct launch_fds *fds,
	void (*done)(void *arg, struct launch_result *r), void *arg, struct launch **out,
	struct err *e)
{
	CLEANUP(cleanup_fd) int plan_fd = -1;
	CLEANUP(cleanup_fd) int theirs = -1;
	int pair[2], all[LAUNCH_FIRST_FD + LAUNCH_FDS_MAX] = { -1, -1, STDERR_FILENO };
	struct launch *l;
	int rc;

	p->result_fd = LAUNCH_RESULT_FD;
	if ((plan_fd = plan_memfd(p, e)) < 0)
		return plan_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a result socket");
	theirs = pair[1];
	all[PLAN_FD] = plan_fd;
	all[LAUNCH_RESULT_FD] = theirs;
	memcpy(all + LAUNCH_FIRST_FD, fds->at, fds->len * sizeof(int));
	rc = launcher_order(g->launcher, all, LAUNCH_FIRST_FD + fds->len, LAUNCH_RESULT_FD, e);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	l = mem_zalloc(sizeof(*l));
	*l = (struct launch){ .g = g,
		.sock = pair[0],
		.process = -1,
		.result = { .pidfd = -1 },
		.done = done,
		.arg = arg };
	g->launches++;
	(void)fd_set_nonblock(l->sock);
	loop_io_start(g->loop, &l->io, l->sock, LOOP_READ, on_report, l);
	loop_timer_start(g->loop, &l->deadline, g->start_deadline_ms, on_deadline, l);
	*out = l;
	return 0;
}
