/* Mounts by descriptor: made detached, completed while nobody can see them, attached last.  No path
 * of a stranger is resolved here: targets are descriptors that the caller got from fd_walk().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct mount_option {
	const char *key, *value; /* value NULL: a flag */
};

/* A new instance of a file system with MOUNT_ATTR_* attributes, detached.  Returns its descriptor,
 * which works as a directory descriptor of its root at once. */
int mount_new(const char *type, const struct mount_option *options, size_t len, uint64_t attributes,
	struct err *e);

enum mount_depth { MOUNT_ONE = 1, MOUNT_WITH_BELOW };
/* A detached copy of the mount at path (below dir; "": dir itself).  Only of the caller's mount
 * namespace. */
int mount_copy(int dir, const char *path, enum mount_depth depth, struct err *e);

/* Sets attributes on a mount that mount points at the root of. */
int mount_restrict(int mount, uint64_t attributes, enum mount_depth depth, struct err *e);
int mount_make_private(int mount, enum mount_depth depth, struct err *e);
int mount_attach(int mount, int target, struct err *e);

/* Makes the attached mount the root and detaches the old one with all below. */
int mount_pivot(int mount, struct err *e);
