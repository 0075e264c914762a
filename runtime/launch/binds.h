/* The plan's mounts: sources copied in the host's view, attached in the container's, then made
 * read-only.
 */
#pragma once

#include "launch/job.h"

int binds_copy(struct job *j, struct err *e);   /* host's view: j->mounts.binds */
int binds_attach(struct job *j, struct err *e); /* in the container's mount namespace */
int binds_finish(struct job *j, struct err *e); /* read-only, what only now may be */
