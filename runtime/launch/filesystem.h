/* A new file system that a bundle's plan asks for. */
#pragma once

#include "spec/plan.h"

/* Detached, in the namespaces of the caller; still writable: see binds_finish().  No heap. */
int filesystem_new(const struct plan_mount *m, struct err *e);
/* The same in the host's view, where the container's ids have other numbers; a tmpfs belongs to the
 * container's root unless its options say otherwise. */
int filesystem_new_outside(const struct plan *p, const struct plan_mount *m, struct err *e);
