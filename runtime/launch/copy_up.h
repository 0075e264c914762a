/* A new tmpfs begins with what is below the place that it covers: OCI's tmpcopyup.  Done by the
 * container's first process before anything of the container runs, on the container's account.
 */
#pragma once

#include "launch/job.h"

/* path: in the container's root; nothing there is nothing to copy.  fs: the tmpfs, detached; its
 * root gets the owner of what was there, and the mode unless the plan gives one. */
int copy_up(struct job *j, const struct plan_mount *m, int fs, struct err *e);
