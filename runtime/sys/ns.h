/* Namespaces: entering those of a process and starting a process in new ones.  Knows nothing of
 * pods; used by carpel-launch only, which has one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct ns_child {
	uint64_t flags;         /* CLONE_NEW* and CLONE_FILES; the rest is ours */
	bool is_left_alone;     /* the caller goes on at once, and only to end */
	int cgroup_fd;          /* the v2 directory to be born in; -1: the caller's */
	void (*run)(void *arg); /* ends by execve or _exit; a return counts as _exit(127) */
	void *arg;
};

/* Starts a child on our memory and a stack of its own, and returns when it has executed a program
 * or is gone.  What it writes to *arg is therefore seen by the caller, and an error needs no pipe.
 * Copying nothing also makes this the cheapest start there is.  Both results are written before the
 * child runs: its pid in our own pid namespace, and its pidfd (close-on-exec, the caller's).
 * One that is left alone keeps the memory when the caller ends, which it must do by _exit.
 */
int ns_start(const struct ns_child *c, pid_t *out_pid, int *out_pidfd, struct err *e);

/* Joins the namespaces in flags (CLONE_NEW*) of the process behind pidfd, all or none. */
int ns_enter(int pidfd, int flags, struct err *e);
int ns_leave(int flags, struct err *e); /* into new ones: unshare */
