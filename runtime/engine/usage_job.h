/* `carpel-image usage` at work: it alone walks through trees that belong to containers, so that
 * they hold up nobody but it.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "sys/usage.h"

struct engine;
struct usage_job;

struct usage_job_owner {
	/* Once for each path, in no order, as soon as it is known. */
	void (*counted)(void *arg, size_t index, const struct usage *u);
	/* It has got stuck at that path and is being killed: of the others, those that are not
	 * counted yet will not be.  done follows when its process has ended, which for one that
	 * hangs in the kernel may be never. */
	void (*stuck)(void *arg, size_t index);
	/* Once, last, with rc < 0 when some were not counted.  The job is freed then. */
	void (*done)(void *arg, int rc, const struct err *e);
};

int usage_job_start(struct engine *g, const struct strv *paths, const struct usage_job_owner *owner,
	void *arg, struct usage_job **out, struct err *e);
void usage_job_cancel(struct usage_job *j); /* no callback any more; its process ends */
