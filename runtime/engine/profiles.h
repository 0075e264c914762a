/* Compiled system call filters: the usual one for each set of capabilities that a container has,
 * and those that somebody wrote (Localhost).  Compiling takes milliseconds, so carpel-launch does
 * it once, in a process of its own, into RUN/seccomp; every start then hands the same read-only
 * file over.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct engine;
struct profile_wait;

int profiles_open(struct engine *g, struct err *e);
/* source: a profile in OCI's JSON on this machine; NULL: the usual one.  *sum is what was read
 * there before, and then that is wanted again and source not read while its filter is there; 0:
 * read it, and set.  The filter's descriptor, borrowed.  -EINPROGRESS: ready is called when it is
 * there, unless *out is cancelled; ready NULL: -EAGAIN. */
int profile_get(struct engine *g, uint64_t caps, const char *source, uint64_t *sum,
	void (*ready)(void *arg, const struct err *e), void *arg, struct profile_wait **out,
	struct err *e);
void profile_cancel(struct profile_wait *w); /* NULL is fine */
void profiles_close(struct engine *g);
