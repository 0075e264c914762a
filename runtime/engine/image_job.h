/* carpel-image at work: it alone touches an image's bytes.  Run as a child whose answer is one JSON
 * object and whose failure is one line and an errno as exit code.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct engine;

/* words: what follows `carpel-image --store DIR --`; NULL-closed.  done is called once, later: out
 * is what it said. */
int image_job_start(struct engine *g, const char *const *words,
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e), void *arg,
	struct err *e);
