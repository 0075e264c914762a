/* Namespaces beside those of mounts: joining those that are there, and what belongs into new ones.
 */
#pragma once

#include "launch/job.h"

/* In the host's view: opens what the plan names by path, but a user namespace, and notes which are
 * to be new. */
int namespaces_open(struct job *j, struct err *e);
int namespaces_open_path(const char *path, int flag, int *out, struct err *e);
/* Of the process behind pause_fd, where the plan has maps: whoever is in a user namespace may take
 * only a descriptor of one from a process that waits on our memory. */
int namespaces_open_cgroup(struct job *j, struct err *e);
/* Of the calling process; a PID namespace counts for what it starts. */
int namespaces_join(struct job *j, struct err *e);
/* The cgroup namespace, whose root is where we are when it is made: after joining cgroups. */
int namespaces_take_cgroup(struct job *j, struct err *e);

int namespaces_set_names(struct job *j, struct err *e);
int namespaces_raise_loopback(struct job *j, struct err *e);
int namespaces_set_sysctls(struct job *j, struct err *e); /* through the host's procfs */
