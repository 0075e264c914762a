/* Shared by cgroup.c (where things are) and cgroup_limits.c (what is written into them). Not for
 * others. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum { CGROUP_CPU, CGROUP_CPUACCT, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CONTROLLERS };

struct cgroups {
	bool is_hybrid;
	char *name;                   /* of the root, a component */
	char *v2, *v2_root;           /* mount point; mount point/name */
	char *v1[CGROUP_CONTROLLERS]; /* mount points; NULL: not a v1 controller here */
};

/* rmdir, deepest first; a missing directory is success. */
int cgroup_remove_tree(const char *dir, struct err *e);
