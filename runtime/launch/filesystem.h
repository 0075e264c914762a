/* A new file system that a bundle's plan asks for. */
#pragma once

#include "spec/plan.h"

/* Detached, in the namespaces of the caller; still writable: see binds_finish().  No heap. */
int filesystem_new(const struct plan_mount *m, struct err *e);
