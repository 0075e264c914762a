/* The container's root, j->mounts.root, as the last rows of its table treat it. */
#pragma once

#include "launch/job.h"

int root_make_cwd(struct job *j, struct err *e); /* while the root is writable */
int root_restrict(struct job *j, struct err *e); /* read-only, if the plan says so */
int root_enter(struct job *j, struct err *e);    /* what was there before is gone */
