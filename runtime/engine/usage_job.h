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

/* counted is called once for each path, in no order, as soon as it is known; done once, last, with
 * rc < 0 when some were not counted.  The job is freed then. */
int usage_job_start(struct engine *g, const struct strv *paths,
	void (*counted)(void *arg, size_t index, const struct usage *u),
	void (*done)(void *arg, int rc, const struct err *e), void *arg, struct usage_job **out,
	struct err *e);
void usage_job_cancel(struct usage_job *j); /* no callback any more; its process ends */
