/* The cgroup in which carpeld itself lives, apart from who started it and from every pod. */
#pragma once

#include "daemon/daemon.h"

/* carpeld and its starter move to "carpeld" below the instance's root, with memory that is not
 * reclaimed for others' sake (cgroup v2).  Where that cannot be, one warning.  Under systemd the
 * unit is its cgroup, and its protection is the unit's to say (MemoryMin=). */
void own_cgroup_enter(struct daemon *d);
/* Whoever is in it goes back to where carpeld came from, so that the instance's root can go. */
int own_cgroup_leave(struct daemon *d, struct err *e);
