/* The control groups of this machine as carpel-oci uses them: absolute paths only, below the mounts
 * of each hierarchy.
 */
#pragma once

#include "oci/record.h"
#include "spec/plan.h"
#include "sys/cgroup.h"

/* Where no v2 hierarchy is mounted, as on a machine of v1 alone, one is mounted below --root in a
 * mount namespace of our own, which is the host's in all else: processes are killed and frozen
 * through it. */
int groups_open(const struct oci *o, struct cgroups **out, struct err *e);
void groups_close(struct cgroups **c);

/* config.json's cgroupsPath, or what is usual for a container of that id, as an absolute path of
 * sys/cgroup; the caller frees. */
int groups_path(const char *asked, const char *id, char **out, struct err *e);
void groups_to_plan(const struct cgroups *c, const char *path, struct plan *p);
/* -EBUSY: somebody lives there, who would get our limits and end with our container. */
int groups_check_unused(const struct cgroups *c, const char *path, struct err *e);
/* Kills what is there, waits, and removes it, or has systemd remove it. */
int groups_remove(struct cgroups *c, const struct record *r, struct err *e);
