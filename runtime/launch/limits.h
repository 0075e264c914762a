/* Resource limits and the umask of the new process. */
#pragma once

#include "launch/job.h"

int limits_prepare(struct job *j, struct err *e); /* reads the plan's; before clone */
/* Host's view: with a user namespace, from inside of which no limit rises, whatever limits_set()
 * sets is within reach. */
int limits_raise(struct job *j, struct err *e);
int limits_set(struct job *j, struct err *e);
