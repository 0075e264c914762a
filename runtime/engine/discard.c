#include "engine/discard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "sys/starter.h"

/* A dead process keeps its cgroup busy until it is reaped: an instant, or as long as it hangs in
 * the kernel; what an exec left running keeps it for good.  So we look often at first, then seldom.
 */
enum { RETRY_MS = 5, RETRIES_SOON = 100, RETRY_LATE_MS = 200, TRIES_MAX = 400 };

/* One rm for all that comes within that time: starting it costs more than most of its work. */
enum { TRASH_MS = 1000 };

struct discard {
	struct discard *next;
	char *cgroup;
	int tries;
};

static struct child *run_rm(struct engine *g, char *path, void (*ended)(void *arg, int wait_status))
{
	char rm[] = "rm", flags[] = "-rf", same[] = "--one-file-system", end[] = "--";
	char *argv[] = { rm, flags, same, end, path, NULL }, *envp[] = { NULL };
	const int fds[] = { -1, -1, STDERR_FILENO };
	const struct spawn s = { .path = "/bin/rm",
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = 3,
		.is_expendable = true };
	struct err e = { 0 };
	pid_t pid;
	int pidfd = starter_spawn(g->starter, &s, &pid, &e);

	if (pidfd < 0) {
		log_warn("cannot remove %s: %s", path, e.text);
		return NULL;
	}
	return child_watch(g, pidfd, pid, ended, g);
}

static void empty_trash(struct engine *g);

static void on_trash_timer(struct loop_timer *t)
{
	empty_trash(t->arg);
}

static void on_emptied(void *arg, int wait_status)
{
	struct engine *g = arg;

	if (WIFSIGNALED(wait_status))
		log_warn("not all of the trash could be removed: rm was killed by signal %d",
			WTERMSIG(wait_status));
	else if (wait_status != 0) /* -1: nobody told us how it ended */
		log_warn("not all of the trash could be removed: rm ended with status %#x",
			(unsigned)wait_status);
	g->is_emptying = false;
	if (g->has_trash)
		loop_timer_start(g->loop, &g->trash_timer, TRASH_MS, on_trash_timer, g);
}

/* Moved aside as a whole, so that what comes meanwhile waits for the next time. */
static void empty_trash(struct engine *g)
{
	CLEANUP(cleanup_free) char *trash = str_fmt("%s/trash", g->layout.lib);
	CLEANUP(cleanup_free) char *old = str_fmt("%s/trash.old", g->layout.lib);

	if (g->is_emptying)
		return;
	/* Where an earlier rm did not finish, what it left goes first. */
	g->has_trash = rename(trash, old) < 0 && errno != ENOENT;
	if (g->has_trash && errno != ENOTEMPTY && errno != EEXIST)
		log_warn("cannot move %s away: %s", trash, strerror(errno));
	if (mkdir(trash, 0700) < 0 && errno != EEXIST)
		log_warn("cannot make %s: %s", trash, strerror(errno));
	g->is_emptying = run_rm(g, old, on_emptied) != NULL;
}

void discard_dir(struct engine *g, const char *path)
{
	CLEANUP(cleanup_free)
	char *trash = str_fmt("%s/trash/%" PRIx64 "-%s", g->layout.lib, (uint64_t)clock_boot_ns(),
		strrchr(path, '/') + 1);

	if (rename(path, trash) == 0) {
		g->has_trash = true;
		if (!g->is_emptying && !loop_timer_is_set(&g->trash_timer))
			loop_timer_start(g->loop, &g->trash_timer, TRASH_MS, on_trash_timer, g);
	} else if (errno == EXDEV) {
		CLEANUP(cleanup_free)
		char *there = str_dup(path); /* logs on a file system of their own */

		(void)run_rm(g, there, NULL);
	} else if (errno != ENOENT) {
		log_warn("cannot move %s away: %s", path, strerror(errno));
	}
}

void discard_all(struct engine *g)
{
	loop_timer_stop(&g->trash_timer);
	empty_trash(g);
}

static void on_timer(struct loop_timer *t);

/* As soon as the newest of them wants it. */
static void look_again(struct engine *g)
{
	int tries = TRIES_MAX;

	for (const struct discard *c = g->discards; c; c = c->next)
		if (c->tries < tries)
			tries = c->tries;
	if (g->discards && !loop_timer_is_set(&g->discard_timer))
		loop_timer_start(g->loop, &g->discard_timer,
			tries < RETRIES_SOON ? RETRY_MS : RETRY_LATE_MS, on_timer, g);
}

static void on_timer(struct loop_timer *t)
{
	struct engine *g = t->arg;

	for (struct discard **at = &g->discards; *at;) {
		struct discard *c = *at;
		struct err e = { 0 };
		int rc = cgroup_remove(g->cgroups, c->cgroup, &e);

		if (rc < 0 && ++c->tries < TRIES_MAX) {
			at = &c->next;
			continue;
		}
		if (rc < 0)
			log_warn("%s", e.text); /* it still goes with its pod */
		*at = c->next;
		free(c->cgroup);
		free(c);
	}
	look_again(g);
}

void discard_cgroup(struct engine *g, const char *path)
{
	struct discard *c;

	if (cgroup_remove(g->cgroups, path, NULL) == 0)
		return;
	c = mem_zalloc(sizeof(*c));
	*c = (struct discard){ .next = g->discards, .cgroup = str_dup(path) };
	g->discards = c;
	look_again(g);
}

void discards_free(struct engine *g)
{
	loop_timer_stop(&g->discard_timer);
	loop_timer_stop(&g->trash_timer);
	while (g->discards) {
		struct discard *c = g->discards;

		g->discards = c->next;
		free(c->cgroup);
		free(c);
	}
}
