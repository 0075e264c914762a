#include "engine/image_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "sys/starter.h"

enum { ANSWER_MAX = 1 << 20 };

struct image_job {
	struct engine *g;
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e);
	void *arg;
	struct loop_io out_io, err_io;
	struct buf out, err;
	int out_fd, err_fd;
};

/* false: at its end. */
static bool read_all(int fd, struct buf *out)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (out->len < ANSWER_MAX)
			buf_add(out, bytes, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

static void on_out(struct loop_io *io, unsigned events)
{
	struct image_job *j = io->arg;

	(void)events;
	if (!read_all(j->out_fd, &j->out))
		loop_io_stop(io);
}

static void on_err(struct loop_io *io, unsigned events)
{
	struct image_job *j = io->arg;

	(void)events;
	if (!read_all(j->err_fd, &j->err))
		loop_io_stop(io);
}

static void job_free(struct image_job *j)
{
	loop_io_stop(&j->out_io);
	loop_io_stop(&j->err_io);
	cleanup_fd(&j->out_fd);
	cleanup_fd(&j->err_fd);
	buf_free(&j->out);
	buf_free(&j->err);
	free(j);
}

/* Its exit code is the errno of the failure, so that a client gets the right status. */
static int read_failure(struct image_job *j, int status, struct err *e)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;

	while (j->err.len > 0 && j->err.data[j->err.len - 1] == '\n')
		j->err.data[--j->err.len] = '\0';
	return err_say(
		e, code, "%s", j->err.len ? j->err.data : "carpel-image ended without a word");
}

static void on_ended(void *arg, int status)
{
	struct image_job *j = arg;
	struct err e = { 0 };
	int rc = 0;

	(void)read_all(j->out_fd, &j->out);
	(void)read_all(j->err_fd, &j->err);
	if (status != 0)
		rc = read_failure(j, status, &e);
	j->done(j->arg, rc, &j->out, &e);
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

static int spawn_job(struct image_job *j, const struct strv *words, struct err *e)
{
	struct engine *g = j->g;
	CLEANUP(cleanup_free) char *program = layout_program(&g->layout, "carpel-image");
	CLEANUP(cleanup_free) char **argv = strv_argv(words);
	CLEANUP(cleanup_fd) int out = -1;
	CLEANUP(cleanup_fd) int err = -1;
	char *envp[] = { NULL };
	pid_t pid;
	int pidfd, rc;

	if ((rc = make_pipe(&j->out_fd, &out, e)) < 0 || (rc = make_pipe(&j->err_fd, &err, e)) < 0)
		return rc;

	const int fds[] = { -1, out, err };
	const struct spawn s = { .path = program,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.is_expendable = true };

	pidfd = starter_spawn(g->starter, &s, &pid, e);
	if (pidfd < 0)
		return pidfd;
	(void)child_watch(g, pidfd, pid, on_ended, j);
	loop_io_start(g->loop, &j->out_io, j->out_fd, LOOP_READ, on_out, j);
	loop_io_start(g->loop, &j->err_io, j->err_fd, LOOP_READ, on_err, j);
	if (cgroup_join(g->cgroups, HELPERS_CGROUP, pid, e) < 0)
		log_warn("%s", e->text); /* it has ended already, or runs beside our cgroup */
	return 0;
}

int image_job_start(struct engine *g, const char *const *words,
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e), void *arg,
	struct err *e)
{
	CLEANUP(strv_free) struct strv all = { 0 };
	struct image_job *j = mem_zalloc(sizeof(*j));
	int rc;

	*j = (struct image_job){ .g = g, .done = done, .arg = arg, .out_fd = -1, .err_fd = -1 };
	strv_add(&all, "carpel-image");
	strv_add(&all, "--store");
	strv_add(&all, g->layout.images);
	strv_add(&all, "--"); /* a name or path is no option, whatever it begins with */
	for (size_t i = 0; words[i]; i++)
		strv_add(&all, words[i]);
	rc = spawn_job(j, &all, e);
	if (rc < 0)
		job_free(j);
	return rc;
}
