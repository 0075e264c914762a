/* A container's cgroup as a scope of systemd's, for --systemd-cgroup.  systemd makes it with the
 * limits that it knows of, and removes it once it is empty; all else in it is ours, see
 * contrib/adr/0015.
 */
#pragma once

#include "base/err.h"
#include "sys/cgroup.h"

struct unit {
	int process; /* pidfd of what lives in a new scope until the container does; -1 */
	int in_fd;   /* its end */
};
#define UNIT_NONE ((struct unit){ .process = -1, .in_fd = -1 })

/* config.json's cgroupsPath, "SLICE:PREFIX:NAME", as a path of sys/cgroup:
 * "/a.slice/a-b.slice/PREFIX-NAME.scope".  NULL: what is usual for a container of that id. */
int unit_path(const char *asked, const char *id, char **out, struct err *e);
int unit_check(struct err *e); /* that systemd runs here */
int unit_make(const char *path, const struct cgroup_limits *l, struct unit *out, struct err *e);
void unit_release(struct unit *u); /* somebody else lives there now, or nobody is to */
/* Tells systemd of limits that were changed: dir is the cgroup's own. */
int unit_set_limits(
	const char *path, const char *dir, const struct cgroup_limits *l, struct err *e);
/* Ends a scope that systemd has not ended by itself. */
int unit_stop(const char *path, struct err *e);
