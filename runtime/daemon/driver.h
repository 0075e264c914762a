/* Who makes the cgroups of this instance's pods: carpeld itself, or systemd.  Chosen when carpeld
 * starts, and kept in RUN/cgroup-driver, since pods are found again by their cgroups' names.
 */
#pragma once

#include "pod/layout.h"

/* DRIVER_ANY: as before; cgroupfs for an instance that has none. */
enum cgroup_driver { DRIVER_ANY, DRIVER_CGROUPFS, DRIVER_SYSTEMD };

int driver_read(const char *name, enum cgroup_driver *out); /* Kubernetes' words; -EINVAL */

/* Sets l->by_systemd.  -EBUSY: there are pods, by the other one; -ENOTSUP: it cannot be had here.
 */
int driver_choose(struct layout *l, enum cgroup_driver wanted, struct err *e);
/* Once it has shown that it works, and before there is a pod. */
int driver_keep(const struct layout *l, struct err *e);
