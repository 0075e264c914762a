#include "engine/users.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/job.h"

static void settle(struct engine *g, int rc, const struct err *e)
{
	g->users = rc < 0 ? USERS_NOT_TO_BE_HAD : USERS_TO_BE_HAD;
	if (rc < 0)
		log_info("pods cannot have user namespaces of their own: %s", e->text);
}

static void on_tried(void *arg, int rc, const struct buf *out, const struct err *e)
{
	struct engine *g = arg;

	(void)out;
	g->users_job = NULL;
	settle(g, rc, e);
	g->users_changed(g->users_arg);
}

enum users_answer users_ask(struct engine *g, void (*changed)(void *arg), void *arg)
{
	CLEANUP(strv_free) struct strv words = { 0 };
	struct err e = { 0 };
	int rc;

	if (g->users != USERS_UNKNOWN || g->users_job)
		return g->users;
	g->users_changed = changed;
	g->users_arg = arg;
	strv_add(&words, "carpel-launch");
	strv_add(&words, "--try-users");
	strv_add(&words, g->layout.lib);
	rc = job_start(g,
		&(struct job_options){ .program = "carpel-launch",
			.words = &words,
			.deadline_ms = g->start_deadline_ms,
			.dies_with_us = true },
		on_tried, g, &g->users_job, &e);
	if (rc < 0)
		settle(g, rc, &e);
	return g->users;
}

void users_close(struct engine *g)
{
	job_cancel(g->users_job);
	g->users_job = NULL;
}
