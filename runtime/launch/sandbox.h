/* Making a pod's sandbox: carpel-pause as PID 1 of new namespaces. */
#pragma once

#include "launch/job.h"

int sandbox_launch(struct job *j, struct err *e);

/* carpel-pause, or whatever path says, from a read-only copy of the mount that it is on: who looks
 * at /proc/PID/exe of a pod's pause holds nothing that can be opened for writing. */
int sandbox_copy_pause(const char *path, struct err *e);
