#include "engine/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/discard.h"
#include "engine/engine.h"
#include "engine/systemctl.h"
#include "sys/starter.h"

#define CAT "/bin/cat"

enum { PATIENCE_MS = 30 * 1000, RETRY_MS = 50, SAID_MAX = 4096 };

struct scope {
	struct engine *g;
	char *path, *holder; /* the cgroup of the process that keeps the scope, below path */
	struct strv command;
	enum scope_age age;
	void (*done)(void *arg, int rc, const struct err *e);
	void *arg;
	struct child *child; /* NULL: none runs */
	pid_t pid;
	int in_fd, out_fd, err_fd; /* ends of its standard streams, -1 */
	struct loop_io out_io;
	struct loop_timer timer; /* the next try, or the end of patience */
	int64_t until_ms;
	bool is_up;
};

static void try(struct scope *s);

static void close_streams(struct scope *s)
{
	loop_io_stop(&s->out_io);
	cleanup_fd(&s->in_fd);
	cleanup_fd(&s->out_fd);
	cleanup_fd(&s->err_fd);
}

/* s may be no more afterwards. */
static void finish(struct scope *s, int rc, const struct err *e)
{
	s->is_up = rc == 0;
	loop_timer_stop(&s->timer);
	s->done(s->arg, rc, e);
}

static void on_retry(struct loop_timer *t)
{
	try(t->arg);
}

static void on_impatient(struct loop_timer *t)
{
	struct scope *s = t->arg;
	struct err e = { 0 };
	int rc = err_say(&e, ETIMEDOUT, "systemd did not make %s within %d s",
		systemd_unit_of(s->path), PATIENCE_MS / 1000);

	finish(s, rc, &e);
}

static void try_later(struct scope *s)
{
	close_streams(s);
	loop_timer_start(s->g->loop, &s->timer, RETRY_MS, on_retry, s);
}

/* Out of the scope's own cgroup, which could not hand controllers down while a process is in it.
 * That fails when somebody ended the scope meanwhile. */
static int move_holder(struct scope *s, struct err *e)
{
	int rc = cgroup_make(s->g->cgroups, s->holder, CGROUP_TRACKING, NULL, e);

	return rc == 0 ? cgroup_join(s->g->cgroups, s->holder, s->pid, e) : rc;
}

static bool is_there(const struct scope *s)
{
	CLEANUP(cleanup_free) char *dir = cgroup_v2_dir(s->g->cgroups, s->path);

	return access(dir, F_OK) == 0;
}

/* cat speaks, so it is in the scope; or its stream ends, of which on_ended() tells more. */
static void on_word(struct loop_io *io, unsigned events)
{
	struct scope *s = io->arg;
	struct err e = { 0 };
	char byte;
	int rc;

	(void)events;
	loop_io_stop(io);
	if (read(s->out_fd, &byte, 1) != 1)
		return;
	rc = move_holder(s, &e);
	if (rc < 0 && s->age == SCOPE_NEW_OR_THERE && clock_now().boot_ms < s->until_ms) {
		child_forget(s->child); /* what was there is just being removed */
		s->child = NULL;
		try_later(s);
		return;
	}
	finish(s, rc < 0 ? err_wrap(&e, rc, "scope %s", s->path) : 0, &e);
}

static int read_failure(struct scope *s, int status, struct err *e)
{
	CLEANUP(buf_free) struct buf said = { 0 };
	char *end;

	(void)fd_read_all(s->err_fd, SAID_MAX, &said, NULL);
	end = said.len ? strchr(said.data, '\n') : NULL;
	if (end)
		*end = '\0';
	return err_say(e, EIO, "systemd does not make %s: %s", systemd_unit_of(s->path),
		said.len ? said.data
		: status ? "systemd-run failed without a word"
			 : "cat ended");
}

static void on_ended(void *arg, int status)
{
	struct scope *s = arg;
	struct err e = { 0 };
	int rc;

	s->child = NULL;
	if (s->is_up)
		return; /* somebody ended it, and what else was in it */
	rc = read_failure(s, status, &e);
	/* "Unit x.scope already exists.", "… was already loaded …" */
	if (strstr(e.text, " already ") && clock_now().boot_ms < s->until_ms) {
		try_later(s);
		return;
	}
	finish(s, rc, &e);
}

static int make_streams(struct scope *s, int theirs[3], struct err *e)
{
	int rc;

	if ((rc = fd_pipe(&theirs[0], &s->in_fd, e)) < 0 ||
		(rc = fd_pipe(&s->out_fd, &theirs[1], e)) < 0 ||
		(rc = fd_pipe(&s->err_fd, &theirs[2], e)) < 0)
		return rc;
	(void)fd_set_nonblock(s->out_fd);
	(void)fd_set_nonblock(s->err_fd);
	return write(s->in_fd, "\n", 1) < 0 ? err_set(e, errno, "write to a pipe") : 0;
}

/* What is there gets a cat that is moved into it; else systemd-run becomes one in a new scope. */
static int start(struct scope *s, struct err *e)
{
	bool is_old = s->age == SCOPE_NEW_OR_THERE && is_there(s);
	CLEANUP(cleanup_free) char **command = strv_argv(&s->command);
	char cat[] = CAT, *const cat_argv[] = { cat, NULL }, *envp[] = { NULL };
	int theirs[3] = { -1, -1, -1 }, rc = make_streams(s, theirs, e), pidfd = -1;
	const struct spawn p = { .path = is_old ? CAT : SYSTEMD_RUN,
		.argv = is_old ? cat_argv : command,
		.envp = envp,
		.fds = theirs,
		.nfds = ARRAY_LEN(theirs),
		.dies_with_us = true,
		.is_expendable = true };

	if (rc == 0)
		pidfd = rc = starter_spawn(s->g->starter, &p, &s->pid, e);
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
		cleanup_fd(&theirs[i]);
	if (rc < 0)
		return rc;
	s->child = child_watch(s->g, pidfd, s->pid, on_ended, s);
	loop_io_start(s->g->loop, &s->out_io, s->out_fd, LOOP_READ, on_word, s);
	loop_timer_start(s->g->loop, &s->timer, s->until_ms - clock_now().boot_ms, on_impatient, s);
	return 0;
}

static void try(struct scope *s)
{
	struct err e = { 0 };
	int rc = start(s, &e);

	if (rc < 0)
		finish(s, rc, &e);
}

int scope_start(struct engine *g, const struct systemd_scope *what, enum scope_age age,
	void (*done)(void *arg, int rc, const struct err *e), void *arg, struct scope **out,
	struct err *e)
{
	struct scope *s = mem_zalloc(sizeof(*s));
	int rc;

	*s = (struct scope){ .g = g,
		.path = str_dup(what->path),
		.holder = str_fmt("%s/holder", what->path),
		.age = age,
		.done = done,
		.arg = arg,
		.in_fd = -1,
		.out_fd = -1,
		.err_fd = -1,
		.until_ms = clock_now().boot_ms + PATIENCE_MS };
	systemd_scope_command(what, CAT, &s->command);
	rc = start(s, e);
	if (rc < 0)
		scope_release(s);
	else
		*out = s;
	return rc;
}

/* cat ends with its standard input; a systemd-run that has not become one yet does so soon. */
void scope_release(struct scope *s)
{
	if (!s)
		return;
	child_forget(s->child);
	close_streams(s);
	loop_timer_stop(&s->timer);
	if (s->is_up)
		discard_cgroup(s->g, s->holder);
	strv_free(&s->command);
	free(s->path);
	free(s->holder);
	free(s);
}

struct waiting {
	struct engine *g;
	int rc;
	struct err *e;
};

static void on_awaited(void *arg, int rc, const struct err *e)
{
	struct waiting *w = arg;

	w->rc = rc;
	if (rc < 0 && w->e)
		*w->e = *e;
	loop_stop(w->g->loop);
}

int scope_await(struct engine *g, const struct systemd_scope *what, enum scope_age age,
	struct scope **out, struct err *e)
{
	struct waiting w = { .g = g, .e = e };
	struct scope *s = NULL;
	int rc = scope_start(g, what, age, on_awaited, &w, &s, e);

	if (rc < 0)
		return rc;
	loop_run(g->loop);
	if (w.rc < 0)
		scope_release(s);
	else
		*out = s;
	return w.rc;
}

static void run_systemctl(struct engine *g, const struct strv *words)
{
	struct err e = { 0 };

	if (systemctl_run(g, words, NULL, NULL, &e) < 0)
		log_warn("systemctl %s: %s", words->at[0], e.text);
}

void scope_set_limits(struct engine *g, const char *path, const struct cgroup_limits *l)
{
	CLEANUP(strv_free) struct strv words = { 0 };

	strv_add(&words, "set-property");
	strv_add(&words, "--runtime");
	strv_add(&words, systemd_unit_of(path));
	systemd_limit_words(l, "", &words);
	run_systemctl(g, &words);
}

void scope_stop(struct engine *g, const char *unit)
{
	CLEANUP(strv_free) struct strv words = { 0 };

	strv_add(&words, "stop");
	strv_add(&words, "--no-block");
	strv_add(&words, "--quiet");
	strv_add(&words, unit);
	run_systemctl(g, &words);
}
