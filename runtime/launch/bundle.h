/* A container without a pod, see bundle.c. */
#pragma once

#include "launch/job.h"

/* Returns only with an error: otherwise the new process reports, and this one ends. */
int bundle_launch(struct job *j, struct err *e);
