/* Making a pod's sandbox: carpel-pause as PID 1 of new namespaces. */
#pragma once

#include "launch/job.h"

int sandbox_launch(struct job *j, struct err *e);
