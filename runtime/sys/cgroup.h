/* Control groups of one instance: a root cgroup of ours in each hierarchy, and below it paths such
 * as "burstable/pod<uid>/<id>".  A path that begins with '/' lies below the hierarchies' mount
 * points instead, where somebody else has put things, too: "/kubepods/burstable/pod<uid>/<id>",
 * whose last component alone is ours.  Above it directories are made that are missing, and
 * controllers handed down; nothing there is ever limited, killed or removed.
 * Where the root is a scope of systemd's, which such a path may end in, too, systemd makes and
 * removes those, and the slices above them; below them all is ours, as elsewhere.
 * Pure v2, or hybrid (v1 controllers beside a v2 tree without any): processes are killed and
 * watched through the v2 tree on both.  Knows nothing of pods.  Every operation can be repeated; a
 * missing cgroup is success when removing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum cgroup_layout { CGROUP_V2 = 1, CGROUP_HYBRID };
enum { CGROUP_PATH_MAX = 2048, CGROUP_DEPTH_MAX = 32 };

struct cgroups;

/* name: of the root cgroup, one path component. Makes it and enables the controllers there are. */
int cgroups_open(const char *name, struct cgroups **out, struct err *e);
/* A name of several that ends in a scope's: once systemd has made it, and no process lives in it
 * itself. */
int cgroups_enter(struct cgroups *c, struct err *e);
/* For paths that begin with '/' only: makes no root.  -ENOTSUP: no v2 hierarchy is mounted. */
int cgroups_find(struct cgroups **out, struct err *e);
/* From now on a path that ends in a scope's name is systemd's. -ENOTSUP: not on pure v2. */
int cgroups_have_units(struct cgroups *c, struct err *e);
void cgroups_free(struct cgroups *c); /* leaves the cgroups */
enum cgroup_layout cgroups_layout(const struct cgroups *c);
const char *cgroups_root(const struct cgroups *c); /* the v2 directory of the root */

/* -EINVAL, -ENAMETOOLONG: what all below refuse, but "", which is the root.  Components are not
 * empty, not "." nor "..", at most 255 bytes without control characters; systemd's names are names.
 */
int cgroup_check_path(const char *path, struct err *e);

enum cgroup_scale {
	CGROUP_LINEAR = 1 /* pods, as the kubelet */,
	CGROUP_QUADRATIC /* containers, as runc >= 1.3.2 */
};

#define CGROUP_LEAVE INT64_C(-1) /* alone: what is there stays */
#define CGROUP_UNLIMITED INT64_MAX

struct cgroup_hugepages {
	const char *size; /* "2MB", as the kernel names its files */
	uint64_t bytes;   /* 0, where this size or the controller is missing, is no error */
};

struct cgroup_pair {
	const char *key, *value; /* "memory.high"; lines of the value are written one by one */
};

/* Of one block device; 0: leave alone. */
struct cgroup_io_limits {
	char device[24]; /* "254:0"; this and has_bfq by cgroup_io_find_device() */
	bool has_bfq;    /* the scheduler by which a weight counts */
	int64_t read_bps, write_bps, read_iops, write_iops;
	int64_t weight; /* 1..10000 beside others' 100 */
};

struct cgroup_limits {
	int64_t cpu_shares;                  /* 2..262144 */
	enum cgroup_scale cpu_scale;         /* how shares become a v2 weight */
	int64_t cpu_quota_us, cpu_period_us; /* a new cgroup's period is 100 ms */
	int64_t memory_bytes;                /* alone: and no swap beside it */
	int64_t memory_swap_bytes; /* both together, not below memory_bytes (or its present value)
				    */
	int64_t pids;
	bool never_swapped;                    /* v2: with or without a limit of memory */
	bool oom_kills_all;                    /* v2: memory.oom.group */
	const char *cpuset_cpus, *cpuset_mems; /* NULL and "": leave alone */
	struct cgroup_hugepages *hugepages;
	size_t hugepages_len;
	struct cgroup_io_limits io;
	/* Written last, so they win.  v2 only, see cgroup_unified.c for what v1 ignores. */
	struct cgroup_pair *unified;
	size_t unified_len;
};

/* Leaves all alone. */
#define CGROUP_LIMITS_NONE                                                                         \
	((struct cgroup_limits){ .cpu_shares = CGROUP_LEAVE,                                       \
		.cpu_scale = CGROUP_LINEAR,                                                        \
		.cpu_quota_us = CGROUP_LEAVE,                                                      \
		.cpu_period_us = CGROUP_LEAVE,                                                     \
		.memory_bytes = CGROUP_LEAVE,                                                      \
		.memory_swap_bytes = CGROUP_LEAVE,                                                 \
		.pids = CGROUP_LEAVE })
bool cgroup_io_is_limited(const struct cgroup_io_limits *io);
/* The block device that the file system of path is on. -ENOTSUP: it is on none. */
int cgroup_io_find_device(const char *path, struct cgroup_io_limits *io, struct err *e);
/* Frees the two arrays, not the texts. */
void cgroup_limits_release(struct cgroup_limits *l);

enum cgroup_use {
	CGROUP_INNER = 1, /* holds cgroups: controllers are enabled for its children */
	CGROUP_LEAF,      /* holds processes */
	CGROUP_TRACKING,  /* processes, in the v2 tree only: no limits of its own */
};

/* After a failure: remove it, or repeat. */
int cgroup_make(struct cgroups *c, const char *path, enum cgroup_use use,
	const struct cgroup_limits *l, struct err *e);
/* Of one that exists, with processes in it: all of them, or what was there before is put back. Only
 * of unified values with a line for each device new lines stay.  On v2 a limit of memory that would
 * kill at once is refused (-EBUSY), as v1 does by itself. */
int cgroup_set_limits(
	const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e);
/* Absolute directories to join: v1 ones into *v1 (empty on pure v2), the v2 one into *v2. */
char *cgroup_v2_dir(const struct cgroups *c, const char *path); /* that alone; the caller frees */
void cgroup_dirs(const struct cgroups *c, const char *path, struct strv *v1, char **v2);
int cgroup_join(const struct cgroups *c, const char *path, int32_t pid,
	struct err *e); /* moves it, in every hierarchy */
/* Where this process is in every hierarchy that cgroup_join() moves in, and how a process gets
 * (back) there: the top, where the place is gone. */
int cgroup_origin(const struct cgroups *c, struct strv *out, struct err *e);
int cgroup_return(const struct strv *origin, int32_t pid, struct err *e);
/* Everything in it and below.  Limits of block IO end with it: who waits for slow IO cannot die. */
int cgroup_kill(const struct cgroups *c, const char *path, struct err *e);
/* Stops all of it, or lets it go on; waits until the kernel has done so. */
int cgroup_freeze(const struct cgroups *c, const char *path, bool is_frozen, struct err *e);
bool cgroup_is_frozen(const struct cgroups *c, const char *path); /* that it was asked for */
int cgroup_remove(
	const struct cgroups *c, const char *path, struct err *e); /* with its children; -EBUSY */
/* Hybrid: the v2 directory of path, and of no other hierarchy, if it is empty; else nothing.  For
 * the parents of absolute paths: the kubelet removes its own, but does not look at this tree. */
void cgroup_remove_tracking(const struct cgroups *c, const char *path);
/* Up to max host pids of the processes in it (not below); returns how many. */
int cgroup_pids(const struct cgroups *c, const char *path, int32_t *pids, int max);
/* Processes killed by the out-of-memory killer so far; 0 where the kernel does not say. */
uint64_t cgroup_oom_kills(const struct cgroups *c, const char *path);

uint64_t cgroup_weight(int64_t shares, enum cgroup_scale scale); /* pure */
