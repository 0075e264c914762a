/* The container's root: an overlay of the image's layers below a writable directory. */
#pragma once

#include "launch/job.h"

int overlay_make(struct job *j, struct err *e); /* j->mounts.root, detached */
