/* Starting one of our own resident programs, with a socket to it. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct engine;

enum { HELPER_SOCKET_FD = 3 }; /* its number there */

struct helper {
	const char *program, *option, *operand; /* the last two may be NULL */
	int exe_fd;                             /* see sys/spawn.h */
	bool dies_with_us;
};

/* Returns our end of a SEQPACKET pair, non-blocking; its end of file is how we hear that the helper
 * has ended, and how it hears that of us.  It is in the helpers' cgroup and reaped by itself. */
int helper_start(struct engine *g, const struct helper *h, struct err *e);
