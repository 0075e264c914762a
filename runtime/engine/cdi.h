/* What CDI's files say for the devices that a container asks for.  `carpel-image cdi` reads them,
 * each time that a container which asks for any is made or started, so what they say then counts; a
 * few run at a time, others wait for their turn.  Here its answer is checked, and kept beside the
 * container for who takes it over.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "spec/cdi.h"

struct engine;
struct cdi_wait;

struct cdi_set {
	struct cdi_edits *edits; /* to carry out, in order */
	size_t len;
	char *text; /* as `carpel-image cdi` wrote it */
};
void cdi_set_free(struct cdi_set *s);

/* done is called once, later: rc -EINVAL: a name that no file has, or two of one directory;
 * -EOPNOTSUPP: what carpel cannot do; -ETIMEDOUT.  set is done's to take. */
int cdi_ask(struct engine *g, const struct strv *names,
	void (*done)(void *arg, int rc, struct cdi_set *set, const struct err *e), void *arg,
	struct cdi_wait **out, struct err *e);
void cdi_cancel(struct cdi_wait *w); /* NULL is fine */
void cdi_close(struct engine *g);    /* nobody is called any more */

int cdi_save(const struct cdi_set *s, const char *dir, struct err *e);
int cdi_load(const char *dir, struct cdi_set *out, struct err *e);
