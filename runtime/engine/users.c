#include "engine/users.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/job.h"

/* From one try-out that said nothing to the next: doubled each time, for one that hangs in the
 * kernel stays there. */
enum { AGAIN_MS = 1000, AGAIN_MAX_MS = 3600 * 1000 };

/* The kernel, or a file system, has said that it cannot.  All else is the try-out's own misfortune:
 * it was killed, took too long, or there was no memory just then. */
static bool is_answer(int rc)
{
	return rc == 0 || rc == -EPERM || rc == -EACCES || rc == -EINVAL || rc == -ENOSYS ||
	       rc == -EOPNOTSUPP;
}

static void settle(struct engine *g, int rc, const struct err *e)
{
	struct users *u = &g->users;

	u->answer = rc < 0 ? USERS_NOT_TO_BE_HAD : USERS_TO_BE_HAD;
	if (is_answer(rc)) {
		u->wait_ms = 0;
		if (rc < 0)
			log_info("pods cannot have user namespaces of their own: %s", e->text);
		return;
	}
	u->wait_ms = u->wait_ms ? 2 * u->wait_ms : AGAIN_MS;
	if (u->wait_ms > AGAIN_MAX_MS)
		u->wait_ms = AGAIN_MAX_MS;
	u->again_ms = clock_now().boot_ms + u->wait_ms;
	log_warn("whether pods can have user namespaces of their own is not known, and tried out "
		 "again in %" PRId64 " ms: %s",
		u->wait_ms, e->text);
}

static void on_tried(void *arg, int rc, const struct buf *out, const struct err *e)
{
	struct engine *g = arg;

	(void)out;
	g->users.job = NULL;
	settle(g, rc, e);
	g->users.changed(g->users.arg);
}

static bool is_due(const struct users *u)
{
	return !u->job &&
	       (u->answer == USERS_UNKNOWN || (u->wait_ms && clock_now().boot_ms >= u->again_ms));
}

enum users_answer users_ask(struct engine *g, void (*changed)(void *arg), void *arg)
{
	CLEANUP(strv_free) struct strv words = { 0 };
	struct users *u = &g->users;
	struct err e = { 0 };
	int rc;

	if (!is_due(u))
		return u->answer;
	u->changed = changed;
	u->arg = arg;
	strv_add(&words, "carpel-launch");
	strv_add(&words, "--try-users");
	strv_add(&words, g->layout.lib);
	rc = job_start(g,
		&(struct job_options){ .program = "carpel-launch",
			.words = &words,
			.deadline_ms = g->start_deadline_ms,
			.dies_with_us = true },
		on_tried, g, &u->job, &e);
	if (rc < 0)
		settle(g, -EAGAIN, &e);
	return u->answer;
}

void users_close(struct engine *g)
{
	job_cancel(g->users.job);
	g->users.job = NULL;
}
