/* Starts another program: the only place that makes a process (in carpeld by way of sys/starter).
 * The child shares our memory until it executes (vfork), so nothing is copied however large the
 * supervisor is; it only applies what was prepared and reports a failure through that memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { SPAWN_FDS_MAX = 24 };

struct spawn {
	const char *path; /* absolute; with exe_fd for messages only */
	int exe_fd;       /* the program itself when above 0; a descriptor of ours is never 0 */
	char *const *argv, *const *envp;
	const int *fds; /* fds[i] becomes descriptor i of the child; -1: /dev/null for 0-2, closed
			   above */
	size_t nfds;
	const char *cwd;    /* NULL: "/" */
	bool dies_with_us;  /* SIGKILL when its parent ends, however it ends */
	bool is_expendable; /* with an oom_score_adj of 0, not with ours */
	bool for_parent;    /* the child is our parent's, as if that had started it */
};

/* Returns the pidfd (close-on-exec); *out_pid is for printing only. */
int spawn_process(const struct spawn *s, pid_t *out_pid, struct err *e);

/* The pid behind it in our own PID namespace; 0: it is gone, or not to be seen from here. */
int32_t spawn_pid(int pidfd);

/* Reaps the child behind pidfd without blocking. 1: *out_status is its wait status, 0: it still
 * lives, -ECHILD: not a child of ours (a former supervisor's). */
int spawn_reap(int pidfd, int *out_status);
