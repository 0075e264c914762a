/* Shared by the cgroup_*.c files: where things are, and what is to be written there.  Not for
 * others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sys/cgroup.h"

enum {
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_CONTROLLERS, /* the ones above are everywhere; those below where limits ask for them
			     */
	CGROUP_CPUSET = CGROUP_CONTROLLERS,
	CGROUP_BLKIO, /* v2: "io", where it is handed down for what it counts */
	CGROUP_HUGETLB,
	CGROUP_ALL
};

struct cgroups {
	bool is_hybrid;
	bool has_units;     /* the root is a scope of systemd's, as is each path that ends in one */
	char *name;         /* of the root, a component */
	char *v2, *v2_root; /* mount point; mount point/name */
	char *v1[CGROUP_ALL]; /* mount points; NULL: not a v1 controller here */
};

extern const char *const cgroup_controllers[CGROUP_ALL];

/* top: a mount point.  The caller frees. */
char *cgroup_dir(const struct cgroups *c, const char *top, const char *path);
int cgroup_make_dir(const char *dir, struct err *e); /* 0 also when it exists */
void cgroup_enable(
	const char *dir, const char *controller); /* for its children; as far as it goes */
int cgroup_join_dir(const char *dir, int32_t pid, struct err *e);
bool cgroup_has_word(const char *text, const char *word);
/* rmdir, deepest first; a missing directory is success. */
int cgroup_remove_tree(const char *dir, struct err *e);
int cgroup_remove_below(const char *dir, struct err *e); /* all but dir itself */

/* Controllers that few ask for (cgroup_rare.c).  The directory whose files hold the limits of
 * controller; -ENOTSUP: there is none.  On v1 it is made now, and the processes of path move into
 * it. The caller frees. */
int cgroup_rare_dir(
	const struct cgroups *c, const char *path, int controller, char **out_dir, struct err *e);
/* v2: hands a controller down to path. -ENOTSUP. */
int cgroup_need(const struct cgroups *c, const char *path, const char *controller, struct err *e);

/* Files and what to write into them, in order (cgroup_write.c). */
enum cgroup_missing { MISSING_IS_ERROR = 1, MISSING_IS_FINE };

struct cgroup_write {
	char *path, *value, *before;
	enum cgroup_missing missing;
};

struct cgroup_writes {
	struct cgroup_write *at;
	size_t len;
};

void cgroup_writes_add(struct cgroup_writes *w, const char *dir, const char *file,
	enum cgroup_missing missing, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int cgroup_writes_apply(const struct cgroup_writes *w, struct err *e);
/* The same, but at a failure what was there before is put back. */
int cgroup_writes_apply_or_restore(const struct cgroup_writes *w, struct err *e);
void cgroup_writes_free(struct cgroup_writes *w);
/* The number in a file, CGROUP_UNLIMITED for "max" and what is more than 2^62; -ENOENT … */
int cgroup_read_number(const char *dir, const char *file, int64_t *out);

/* cgroup_stats.c; -ENOENT.  The memory controller is there. */
struct cgroup_memory;
int cgroup_memory_read(
	const struct cgroups *c, const char *path, struct cgroup_memory *out, struct err *e);
/* What limits mean here; makes what a rare controller needs. */
int cgroup_limits_list(const struct cgroups *c, const char *path, const struct cgroup_limits *l,
	struct cgroup_writes *w, struct err *e);
/* Of one that was just made: nothing is put back. */
int cgroup_set_first_limits(
	const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e);
/* Adds what limits of block IO mean; lifts all there are in path and below (cgroup_io.c). */
int cgroup_io_add(const struct cgroups *c, const char *path, const struct cgroup_io_limits *io,
	struct cgroup_writes *w, struct err *e);
void cgroup_io_lift(const struct cgroups *c, const char *path);
/* Adds what the pairs say (cgroup_unified.c). */
int cgroup_unified_add(const struct cgroups *c, const char *path, const struct cgroup_limits *l,
	struct cgroup_writes *w, struct err *e);
