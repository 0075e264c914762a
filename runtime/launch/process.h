/* The last stage of a container's first process and of an exec: from a process in the right
 * namespaces and root to the program.  The same steps for both, so an exec is confined exactly as
 * its container is.
 */
#pragma once

#include "launch/job.h"

/* Starts the new process in its v2 cgroup, in new namespaces (CLONE_NEW*), and returns when it has
 * executed its program, j->pid and j->pidfd, or is gone and reaped.  run's first step is
 * process_join_cgroups(), unless the caller has taken it.
 */
int process_start(struct job *j, uint64_t namespaces, void (*run)(void *), struct err *e);

/* The same for a process that executes nothing itself; the caller reaps it. */
int process_start_helper(struct job *j, uint64_t flags, void (*run)(void *), pid_t *out_pid,
	int *out_pidfd, struct err *e);

/* Writes "0" to the v1 cgroups: before anything that allocates on the container's account. */
int process_join_cgroups(struct job *j, struct err *e);

/* Host's view: who the program will be may open its streams again. */
int process_give_streams(struct job *j, struct err *e);

/* Does not return on success.  On failure j->step and j->exit_code are set. */
int process_execute(struct job *j, struct err *e);

/* Puts from[0…n) at descriptors first… of this process, inheritable, and closes all above. */
int process_place(int *from, int n, int first, struct err *e);
