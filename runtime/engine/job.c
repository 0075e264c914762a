#include "engine/job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "sys/starter.h"

enum { READS_MAX = 32 }; /* twice a pipe */

struct job {
	struct engine *g;
	const char *program; /* for messages */
	struct child *child;
	struct loop_timer deadline;
	int64_t deadline_ms;
	bool is_late;
	int pidfd; /* the child's own, to kill it by */
	void (*said)(void *arg, const char *bytes, size_t len);
	void (*late)(void *arg, int rc, const struct buf *out, const struct err *e);
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e);
	void *arg;
	struct loop_io out_io, err_io;
	struct buf out, err;
	size_t answer_max;
	int out_fd, err_fd;
};

static ssize_t read_once(int fd, char *bytes, size_t size)
{
	const ssize_t n = read(fd, bytes, size);

	return n < 0 ? -errno : n;
}

/* What is there, which is more than a pipe holds only while it is filled on.  false: at its end. */
static bool read_ready(int fd, struct buf *out, size_t max)
{
	char bytes[4096];
	ssize_t n = 1;

	for (int reads = 0; n > 0 && reads < READS_MAX; reads++) {
		n = read_once(fd, bytes, sizeof(bytes));
		if (n > 0 && out->len < max)
			buf_add(out, bytes, (size_t)n);
	}
	return n > 0 || n == -EAGAIN;
}

static void set_deadline(struct job *j);

/* Once: what the callback does takes its time. */
static ssize_t read_said(struct job *j)
{
	char bytes[4096];
	const ssize_t n = read_once(j->out_fd, bytes, sizeof(bytes));

	if (n > 0 && !j->is_late) {
		set_deadline(j);
		j->said(j->arg, bytes, (size_t)n);
	}
	return n;
}

static void on_out(struct loop_io *io, unsigned events)
{
	struct job *j = io->arg;
	bool goes_on;

	(void)events;
	if (j->said) {
		const ssize_t n = read_said(j);

		goes_on = n > 0 || n == -EAGAIN;
	} else {
		goes_on = read_ready(j->out_fd, &j->out, j->answer_max);
	}
	if (!goes_on)
		loop_io_stop(io);
}

static void on_err(struct loop_io *io, unsigned events)
{
	struct job *j = io->arg;

	(void)events;
	if (!read_ready(j->err_fd, &j->err, JOB_ANSWER_MAX))
		loop_io_stop(io);
}

static void job_free(struct job *j)
{
	loop_timer_stop(&j->deadline);
	loop_io_stop(&j->out_io);
	loop_io_stop(&j->err_io);
	cleanup_fd(&j->out_fd);
	cleanup_fd(&j->err_fd);
	cleanup_fd(&j->pidfd);
	buf_free(&j->out);
	buf_free(&j->err);
	free(j);
}

/* Its exit code is the errno of the failure, so that a client gets the right status. */
static int read_failure(struct job *j, int status, struct err *e)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;

	while (j->err.len > 0 && j->err.data[j->err.len - 1] == '\n')
		j->err.data[--j->err.len] = '\0';
	if (j->err.len)
		return err_say(e, code, "%s", j->err.data);
	return WIFSIGNALED(status) ? err_say(e, code, "%s was killed by signal %d", j->program,
					     WTERMSIG(status))
				   : err_say(e, code, "%s ended without a word", j->program);
}

static int say_late(const struct job *j, struct err *e)
{
	return err_say(e, ETIMEDOUT, "%s %s %" PRId64 " ms", j->program,
		j->said ? "said nothing for" : "took longer than", j->deadline_ms);
}

static void on_ended(void *arg, int status)
{
	struct job *j = arg;
	struct err e = { 0 };
	int rc = 0;

	j->child = NULL;
	if (!j->said)
		(void)read_ready(j->out_fd, &j->out, j->answer_max);
	for (int reads = 0; j->said && reads < READS_MAX && read_said(j) > 0; reads++)
		continue; /* somebody else may still write: not for ever */
	(void)read_ready(j->err_fd, &j->err, JOB_ANSWER_MAX);
	if (j->is_late)
		rc = say_late(j, &e);
	else if (status != 0)
		rc = read_failure(j, status, &e);
	j->done(j->arg, rc, &j->out, &e);
	job_free(j);
}

static void end(struct job *j)
{
	(void)syscall(SYS_pidfd_send_signal, j->pidfd, SIGKILL, NULL, 0);
}

void job_kill(struct job *j)
{
	j->is_late = true;
	loop_timer_stop(&j->deadline);
	end(j);
}

/* What hangs in the kernel does not end by a signal: it is not waited for. */
static void on_deadline(struct loop_timer *t)
{
	struct job *j = t->arg;
	struct err e = { 0 };
	int rc;

	if (j->said && read_said(j) > 0)
		return; /* it was us who were late */
	rc = say_late(j, &e);
	if (!j->said)
		(void)read_ready(j->out_fd, &j->out, j->answer_max);
	if (j->late) {
		job_kill(j);
		j->late(j->arg, rc, &j->out, &e);
		return;
	}
	child_forget(j->child);
	end(j);
	j->done(j->arg, rc, &j->out, &e);
	job_free(j);
}

static void set_deadline(struct job *j)
{
	if (j->deadline_ms)
		loop_timer_start(j->g->loop, &j->deadline, j->deadline_ms, on_deadline, j);
}

void job_cancel(struct job *j)
{
	if (!j)
		return;
	child_forget(j->child);
	end(j);
	job_free(j);
}

static int make_pipe(int *ours, int *theirs, struct err *e)
{
	int rc = fd_pipe(ours, theirs, e);

	if (rc == 0)
		(void)fd_set_nonblock(*ours);
	return rc;
}

static int spawn_job(struct job *j, const struct job_options *o, struct err *e)
{
	struct engine *g = j->g;
	CLEANUP(cleanup_free) char *program = layout_program(&g->layout, o->program);
	CLEANUP(cleanup_free) char **argv = strv_argv(o->words);
	CLEANUP(cleanup_fd) int out = -1;
	CLEANUP(cleanup_fd) int err = -1;
	CLEANUP(cleanup_fd) int pidfd = -1;
	char *envp[] = { NULL };
	pid_t pid;
	int rc;

	if ((rc = make_pipe(&j->out_fd, &out, e)) < 0 || (rc = make_pipe(&j->err_fd, &err, e)) < 0)
		return rc;

	const int fds[] = { o->input ? o->input : -1, out, err };
	const struct spawn s = { .path = program,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.dies_with_us = o->dies_with_us,
		.is_expendable = true };

	pidfd = starter_spawn(g->starter, &s, &pid, e);
	if (pidfd < 0)
		return pidfd;
	j->pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (j->pidfd < 0)
		log_warn("%s: it could not be killed: %s", o->program, strerror(errno));
	j->child = child_watch(g, take_fd(&pidfd), pid, on_ended, j);
	loop_io_start(g->loop, &j->out_io, j->out_fd, LOOP_READ, on_out, j);
	loop_io_start(g->loop, &j->err_io, j->err_fd, LOOP_READ, on_err, j);
	set_deadline(j);
	if (cgroup_join(g->cgroups, HELPERS_CGROUP, pid, e) < 0)
		log_warn("%s", e->text); /* it has ended already, or runs beside our cgroup */
	return 0;
}

int job_start(struct engine *g, const struct job_options *o,
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e), void *arg,
	struct job **out, struct err *e)
{
	struct job *j = mem_zalloc(sizeof(*j));
	int rc;

	*j = (struct job){ .g = g,
		.program = o->program,
		.deadline_ms = o->deadline_ms,
		.said = o->said,
		.late = o->late,
		.answer_max = o->answer_max ? o->answer_max : JOB_ANSWER_MAX,
		.done = done,
		.arg = arg,
		.pidfd = -1,
		.out_fd = -1,
		.err_fd = -1 };
	rc = spawn_job(j, o, e);
	if (rc < 0)
		job_free(j);
	else
		*out = j;
	return rc;
}
