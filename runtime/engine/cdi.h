/* CDI's files of this machine: ROOT/etc/cdi and, which wins, ROOT/var/run/cdi.  They are read each
 * time that a container which asks for CDI devices is made or started, so what they say then
 * counts. A file that is wrong only takes its own devices away.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "spec/cdi.h"

struct cdi_set {
	struct cdi_spec *specs; /* of the files; empty where none of it is used */
	size_t specs_len;
	const struct cdi_edits **edits; /* what to carry out, in order; of the specs */
	size_t len;
};

/* -EINVAL: a name that no file has, or two of one directory; -EOPNOTSUPP: what carpel cannot do. */
int cdi_resolve(const char *root, const struct strv *names, struct cdi_set *out, struct err *e);
void cdi_set_free(struct cdi_set *s);
