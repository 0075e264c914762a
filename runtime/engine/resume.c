#include "engine/resume.h"

#include <dirent.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/discard.h"
#include "engine/find.h"
#include "engine/logs.h"
#include "pod/sandbox.h"
#include "sys/cgroup_stats.h"

enum { SETTLE_MS = 2000, LOOK_MS = 2 };

static void look_again_soon(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };

	(void)nanosleep(&pause, NULL);
}

void resume_sandbox(struct sandbox *s)
{
	CLEANUP(cleanup_free) char *cgroup = sandbox_cgroup(&s->at);
	int pause = find_pause(s->engine, cgroup);
	struct err e = { 0 };

	if (pause >= 0 && sandbox_adopt(s, pause, &e) < 0) {
		log_warn("sandbox=%s %s", s->name, e.text);
		close(pause);
	}
}

void resume_undo(struct engine *g, const char *cgroup)
{
	for (int ms = 0; ms < SETTLE_MS; ms += LOOK_MS) {
		(void)cgroup_kill(g->cgroups, cgroup, NULL);
		if (cgroup_remove(g->cgroups, cgroup, NULL) == 0)
			return;
		look_again_soon();
	}
	log_warn("cgroup %s does not become empty", cgroup);
}

/* carpel-launch dies with its supervisor, but the process that it had started may be an instant
 * away from its program. */
static struct found settle(const struct engine *g, const char *cgroup, bool in_node)
{
	struct found f = find_container(g, cgroup, 0, in_node);

	for (int ms = 0; ms < SETTLE_MS && f.pidfd >= 0 && !f.has_started; ms += LOOK_MS) {
		close(f.pidfd);
		look_again_soon();
		f = find_container(g, cgroup, 0, in_node);
	}
	return f;
}

/* Pause reaps in an instant, but perhaps not in this one. */
static bool await_note(const struct sandbox *s, int32_t pid)
{
	for (int ms = 0; ms < SETTLE_MS; ms += LOOK_MS) {
		if (sandbox_has_note(s, pid))
			return true;
		look_again_soon();
	}
	return false;
}

/* The pid of one that is ending, or has ended and pause may not have come to it yet; 0: it ended
 * for carpel-launch, which was still there to reap it, or there was none.  Pause notes before it
 * reaps.
 */
static int32_t await_exit(struct sandbox *s, const char *cgroup)
{
	for (int ms = 0; ms < SETTLE_MS; ms += LOOK_MS) {
		bool is_over = !cgroup_has_unreaped(s->engine->cgroups, cgroup);
		int32_t pid = sandbox_find_exit(s);

		if (pid || is_over)
			return pid;
		look_again_soon();
	}
	return 0;
}

/* Its note must not be found by the next supervisor, which would take it for an instance that ran.
 */
static void forget_undone(struct sandbox *s, struct found *f)
{
	if (f->pidfd < 0)
		return;
	close(f->pidfd);
	(void)await_note(s, f->pid);
	sandbox_take_exits(s, CTR_MUST_NOT_WAIT);
}

bool resume_starting(struct ctr *c)
{
	struct sandbox *s = c->sandbox;
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&s->at, c->id);
	struct container_request q;
	struct found f;

	if (!c->is_made)
		return false;
	f = settle(s->engine, cgroup, ctr_is_in_node(c));
	(void)c->owner->request(c, &q, NULL); /* for the image's id */
	if (f.pidfd >= 0 && f.has_started) {
		c->pid = f.pid;
		c->pidfd = f.pidfd;
		if (ctr_is_in_node(c))
			ctr_watch(c);
		ctr_is_up(c);
		return true;
	}
	/* It ran and has ended already: it must not run twice. */
	if (f.pidfd < 0 && !ctr_is_in_node(c) && (c->pid = await_exit(s, cgroup)) != 0) {
		ctr_is_up(c);
		return true; /* its note is still in the pipe */
	}
	resume_undo(s->engine, cgroup);
	if (ctr_is_in_node(c))
		cleanup_fd(&f.pidfd); /* pause tells nothing of it */
	forget_undone(s, &f);
	logs_end(c);
	return false;
}

bool resume_running(struct ctr *c)
{
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&c->sandbox->at, c->id);
	struct found f = find_container(c->sandbox->engine, cgroup, c->pid, ctr_is_in_node(c));

	c->pidfd = f.pidfd; /* -1: it has ended, its note is in the pipe */
	if (f.pidfd >= 0 && ctr_is_in_node(c))
		ctr_watch(c);
	if (f.pidfd >= 0 || (!ctr_is_in_node(c) && await_note(c->sandbox, c->pid)))
		return true;
	(void)ctr_ended(c, -1, CTR_MUST_NOT_WAIT); /* it is gone, and nobody can say how */
	return false;
}

void resume_end_execs(const struct ctr *c)
{
	struct engine *g = c->sandbox->engine;
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&c->sandbox->at, c->id);
	CLEANUP(strv_free) struct strv v1 = { 0 };
	CLEANUP(cleanup_free) char *path = NULL;
	DIR *dir;

	cgroup_dirs(g->cgroups, cgroup, &v1, &path);
	dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		CLEANUP(cleanup_free) char *one = NULL;

		if (entry->d_type != DT_DIR || !str_starts(entry->d_name, CONTAINER_EXEC_PREFIX))
			continue;
		one = str_fmt("%s/%s", cgroup, entry->d_name);
		(void)cgroup_kill(g->cgroups, one, NULL);
		discard_cgroup(g, one);
	}
	if (dir)
		(void)closedir(dir);
}
