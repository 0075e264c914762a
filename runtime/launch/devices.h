/* /dev of a container: the few nodes that everybody gets, the host's for privileged ones, and what
 * the plan asks for; and the cgroup's rules, which say what may be opened.
 */
#pragma once

#include "launch/job.h"

int devices_make(struct job *j, struct err *e);     /* host's view: j->mounts.dev, j->devices */
int devices_restrict(struct job *j, struct err *e); /* the container's cgroup */
int devices_attach(struct job *j, struct err *e);   /* in the container's mount namespace */
/* The program of a plan that says nothing of devices, for SHARED_DEVICE_PROGRAM. */
int devices_load_usual(struct err *e);
