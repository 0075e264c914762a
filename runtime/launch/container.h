/* Making a container (its first process) and executing a further program in one. */
#pragma once

#include "launch/job.h"

int container_launch(struct job *j, struct err *e);
int exec_launch(struct job *j, struct err *e);
