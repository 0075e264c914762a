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
	int pidfd; /* the child's own, to kill it by */
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e);
	void *arg;
	struct loop_io out_io, err_io;
	struct buf out, err;
	int out_fd, err_fd;
};

/* What is there, which is more than a pipe holds only while it is filled on.  false: at its end. */
static bool read_ready(int fd, struct buf *out)
{
	char bytes[4096];
	ssize_t n = 1;

	for (int reads = 0; n > 0 && reads < READS_MAX; reads++) {
		n = read(fd, bytes, sizeof(bytes));
		if (n > 0 && out->len < JOB_ANSWER_MAX)
			buf_add(out, bytes, (size_t)n);
	}
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static void on_out(struct loop_io *io, unsigned events)
{
	struct job *j = io->arg;

	(void)events;
	if (!read_ready(j->out_fd, &j->out))
		loop_io_stop(io);
}

static void on_err(struct loop_io *io, unsigned events)
{
	struct job *j = io->arg;

	(void)events;
	if (!read_ready(j->err_fd, &j->err))
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

static void on_ended(void *arg, int status)
{
	struct job *j = arg;
	struct err e = { 0 };
	int rc = 0;

	j->child = NULL;
	(void)read_ready(j->out_fd, &j->out);
	(void)read_ready(j->err_fd, &j->err);
	if (status != 0)
		rc = read_failure(j, status, &e);
	j->done(j->arg, rc, &j->out, &e);
	job_free(j);
}

static void end(struct job *j)
{
	child_forget(j->child);
	j->child = NULL;
	(void)syscall(SYS_pidfd_send_signal, j->pidfd, SIGKILL, NULL, 0);
}

/* What hangs in the kernel does not end by a signal: it is not waited for. */
static void on_deadline(struct loop_timer *t)
{
	struct job *j = t->arg;
	struct err e = { 0 };
	int rc = err_say(
		&e, ETIMEDOUT, "%s took longer than %" PRId64 " ms", j->program, j->deadline_ms);

	end(j);
	(void)read_ready(j->out_fd, &j->out);
	j->done(j->arg, rc, &j->out, &e);
	job_free(j);
}

void job_cancel(struct job *j)
{
	if (!j)
		return;
	end(j);
	job_free(j);
}

static int make_pipe(int *ours, int *theirs, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	*ours = fds[0];
	*theirs = fds[1];
	(void)fd_set_nonblock(fds[0]);
	return 0;
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

	const int fds[] = { -1, out, err };
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
	if (o->deadline_ms)
		loop_timer_start(g->loop, &j->deadline, o->deadline_ms, on_deadline, j);
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
