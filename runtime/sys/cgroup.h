/* Control groups of one instance: a root cgroup of ours in each hierarchy, and below it paths such
 * as "burstable/pod<uid>/<id>".  Pure v2, or hybrid (v1 controllers beside a v2 tree without any):
 * processes are killed and watched through the v2 tree on both.  Knows nothing of pods.  Every
 * operation can be repeated; a missing cgroup is success when removing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum cgroup_layout { CGROUP_V2 = 1, CGROUP_HYBRID };

struct cgroups;

/* name: of the root cgroup, one path component. Makes it and enables the controllers there are. */
int cgroups_open(const char *name, struct cgroups **out, struct err *e);
void cgroups_free(struct cgroups *c); /* leaves the cgroups */
enum cgroup_layout cgroups_layout(const struct cgroups *c);
const char *cgroups_root(const struct cgroups *c); /* the v2 directory of the root */
/* Removes the root too; -EBUSY while something lives there. */
int cgroups_remove(struct cgroups *c, struct err *e);

enum cgroup_scale {
	CGROUP_LINEAR = 1 /* pods, as the kubelet */,
	CGROUP_QUADRATIC /* containers, as runc >= 1.3.2 */
};

struct cgroup_limits {               /* -1: leave alone */
	int64_t cpu_shares;          /* 2..262144 */
	enum cgroup_scale cpu_scale; /* how shares become a v2 weight */
	int64_t cpu_quota_us;        /* per 100 ms */
	int64_t memory_bytes;        /* and no swap beside it */
	int64_t pids;
	bool never_swapped; /* v2: with or without a limit of memory */
	bool oom_kills_all; /* v2: memory.oom.group */
};

enum cgroup_use {
	CGROUP_INNER = 1, /* holds cgroups: controllers are enabled for its children */
	CGROUP_LEAF,      /* holds processes */
	CGROUP_TRACKING,  /* processes, in the v2 tree only: no limits of its own */
};

int cgroup_make(struct cgroups *c, const char *path, enum cgroup_use use,
	const struct cgroup_limits *l, struct err *e);
int cgroup_set_limits(const struct cgroups *c, const char *path, const struct cgroup_limits *l,
	struct err *e); /* of one that exists */
/* Absolute directories to join: v1 ones into *v1 (empty on pure v2), the v2 one into *v2. */
void cgroup_dirs(const struct cgroups *c, const char *path, struct strv *v1, char **v2);
int cgroup_join(const struct cgroups *c, const char *path, int32_t pid,
	struct err *e); /* moves it, in every hierarchy */
int cgroup_kill(
	const struct cgroups *c, const char *path, struct err *e); /* everything in it and below */
int cgroup_remove(
	const struct cgroups *c, const char *path, struct err *e); /* with its children; -EBUSY */
/* Up to max host pids of the processes in it (not below); returns how many. */
int cgroup_pids(const struct cgroups *c, const char *path, int32_t *pids, int max);
/* Processes killed by the out-of-memory killer so far; 0 where the kernel does not say. */
uint64_t cgroup_oom_kills(const struct cgroups *c, const char *path);

uint64_t cgroup_weight(int64_t shares, enum cgroup_scale scale); /* pure */
