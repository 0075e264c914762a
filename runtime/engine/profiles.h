/* Compiled system call filters, one for each set of capabilities that a container has.  Compiling
 * takes milliseconds, so carpel-launch does it once, in a process of its own, into RUN/seccomp;
 * every start then hands the same read-only file over.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct engine;
struct profile_wait;

int profiles_open(struct engine *g, struct err *e);
/* The filter's descriptor, borrowed.  -EINPROGRESS: ready is called when it is there, unless *out
 * is cancelled; ready NULL: -EAGAIN. */
int profile_get(struct engine *g, uint64_t caps, void (*ready)(void *arg, const struct err *e),
	void *arg, struct profile_wait **out, struct err *e);
void profile_cancel(struct profile_wait *w); /* NULL is fine */
void profiles_close(struct engine *g);
