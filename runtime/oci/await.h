/* A process in the foreground: signals that come are its own, and its end is ours. */
#pragma once

#include "base/err.h"

int await_prepare(struct err *e); /* before it is started: orphans become ours, signals wait */
/* Its exit status as a shell has it. */
int await_end(int pidfd, struct err *e);
