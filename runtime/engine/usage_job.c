#include "engine/usage_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "sys/starter.h"

enum { LINE_MAX_BYTES = 96, WORDS = 4, WHAT_ALL = 0, WHAT_CUT = 2 };

struct usage_job {
	struct engine *g;
	struct child *child;
	struct loop_io io;
	int fd; /* its standard output */
	char line[LINE_MAX_BYTES];
	size_t line_len;
	size_t paths, left; /* left: not counted yet */
	bool is_broken;     /* it said what it must not */
	void (*counted)(void *arg, size_t index, const struct usage *u);
	void (*done)(void *arg, int rc, const struct err *e);
	void *arg;
};

static void take_line(struct usage_job *j)
{
	uint64_t n[WORDS] = { 0 };
	char *save = NULL, *text = j->line;

	j->line[j->line_len] = '\0';
	j->line_len = 0;
	for (size_t i = 0; i < WORDS; i++, text = NULL) {
		const char *word = strtok_r(text, " ", &save);

		j->is_broken |= !word || str_to_u64(word, UINT64_MAX, &n[i]) < 0;
		if (j->is_broken)
			return;
	}
	if (n[0] >= j->paths || n[3] > WHAT_CUT || !j->left) {
		j->is_broken = true;
		return;
	}
	j->left--;
	j->counted(j->arg, (size_t)n[0],
		&(struct usage){ .bytes = n[1],
			.inodes = n[2],
			.is_partial = n[3] != WHAT_ALL,
			.is_cut = n[3] == WHAT_CUT });
}

static void take_bytes(struct usage_job *j, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && !j->is_broken; i++) {
		if (bytes[i] == '\n')
			take_line(j);
		else if (j->line_len < sizeof(j->line) - 1)
			j->line[j->line_len++] = bytes[i];
		else
			j->is_broken = true;
	}
}

/* A pipe's worth at a time: what a callback does to a pod takes its time. */
static ssize_t read_some(struct usage_job *j)
{
	char bytes[4096];
	ssize_t n = read(j->fd, bytes, sizeof(bytes));

	if (n > 0)
		take_bytes(j, bytes, (size_t)n);
	return n < 0 ? -errno : n;
}

static void on_out(struct loop_io *io, unsigned events)
{
	ssize_t n = read_some(io->arg);

	(void)events;
	if (n <= 0 && n != -EAGAIN)
		loop_io_stop(io); /* its end: the rest is said by on_ended() */
}

static void job_free(struct usage_job *j)
{
	loop_io_stop(&j->io);
	cleanup_fd(&j->fd);
	free(j);
}

static void on_ended(void *arg, int wait_status)
{
	struct usage_job *j = arg;
	struct err e = { 0 };
	int rc = 0;

	j->child = NULL;
	while (read_some(j) > 0)
		continue;
	if (wait_status != 0 || j->is_broken || j->left)
		rc = err_say(&e, EIO, "carpel-image usage ended before %zu of %zu were counted",
			j->left, j->paths);
	j->done(j->arg, rc, &e);
	job_free(j);
}

static int list_file(const struct strv *paths, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = memfd_create("list", MFD_CLOEXEC);
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	if (fd < 0)
		return err_set(e, errno, "make a list of directories");
	for (size_t i = 0; i < paths->len; i++)
		buf_add(&text, paths->at[i], strlen(paths->at[i]) + 1);
	if ((rc = fd_write_all(fd, text.data, text.len)) < 0)
		return err_set(e, -rc, "write a list of directories");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "rewind a list of directories");
	return take_fd(&fd);
}

static int start(struct usage_job *j, const struct strv *paths, struct err *e)
{
	CLEANUP(cleanup_free) char *program = layout_program(&j->g->layout, "carpel-image");
	CLEANUP(cleanup_fd) int list = list_file(paths, e);
	CLEANUP(cleanup_fd) int theirs = -1;
	char name[] = "carpel-image", verb[] = "usage";
	char *argv[] = { name, verb, NULL }, *envp[] = { NULL };
	int ends[2], pidfd;
	pid_t pid;

	if (list < 0)
		return list;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	j->fd = ends[0];
	theirs = ends[1];
	(void)fd_set_nonblock(j->fd);

	const int fds[] = { list, theirs, STDERR_FILENO };
	const struct spawn s = { .path = program,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.dies_with_us = true,
		.is_expendable = true };

	pidfd = starter_spawn(j->g->starter, &s, &pid, e);
	if (pidfd < 0)
		return pidfd;
	j->child = child_watch(j->g, pidfd, pid, on_ended, j);
	loop_io_start(j->g->loop, &j->io, j->fd, LOOP_READ, on_out, j);
	if (cgroup_join(j->g->cgroups, HELPERS_CGROUP, pid, e) < 0)
		log_warn("%s", e->text); /* it has ended already, or runs beside our cgroup */
	return 0;
}

int usage_job_start(struct engine *g, const struct strv *paths,
	void (*counted)(void *arg, size_t index, const struct usage *u),
	void (*done)(void *arg, int rc, const struct err *e), void *arg, struct usage_job **out,
	struct err *e)
{
	struct usage_job *j = mem_zalloc(sizeof(*j));
	int rc;

	*j = (struct usage_job){ .g = g,
		.fd = -1,
		.paths = paths->len,
		.left = paths->len,
		.counted = counted,
		.done = done,
		.arg = arg };
	rc = start(j, paths, e);
	if (rc < 0)
		job_free(j);
	else
		*out = j;
	return rc;
}

void usage_job_cancel(struct usage_job *j)
{
	if (!j)
		return;
	if (j->child)
		child_forget(j->child);
	job_free(j);
}
