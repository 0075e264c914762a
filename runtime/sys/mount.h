/* Mounts by descriptor: made detached, completed while nobody can see them, attached last.  No path
 * of a stranger is resolved here: targets are descriptors that the caller got from fd_walk().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct mount_option {
	const char *key, *value; /* value NULL: a flag; key NULL: no option */
};

/* A new instance of a file system with MOUNT_ATTR_* attributes, detached.  Returns its descriptor,
 * which works as a directory descriptor of its root at once. */
int mount_new(const char *type, const struct mount_option *options, size_t len, uint64_t attributes,
	struct err *e);

enum mount_depth { MOUNT_ONE = 1, MOUNT_WITH_BELOW };
/* A detached copy of the mount at path (below dir; "": dir itself).  Only of the caller's mount
 * namespace. */
int mount_copy(int dir, const char *path, enum mount_depth depth, struct err *e);

/* Sets attributes on the mount whose root the descriptor is, and cuts it off from its peers: what
 * is mounted below the original later does not appear in the copy, nor the other way round. */
int mount_restrict(int mount, uint64_t attributes, enum mount_depth depth, struct err *e);
/* The same with MS_PRIVATE, MS_SLAVE, MS_SHARED or 0, as it is.  A copy of a shared mount is its
 * peer: it stays one, or becomes its slave. */
int mount_restrict_peers(int mount, uint64_t attributes, uint64_t propagation,
	enum mount_depth depth, struct err *e);
int mount_permit(int mount, uint64_t attributes, struct err *e); /* clears them */
/* Of a detached mount and all below it: who has an id on the file system has the one that userns
 * maps it to on the mount. */
int mount_map(int mount, int userns, struct err *e);
/* Before anything is attached in a new mount namespace: its mounts are peers of the old one's. */
int mount_leave_peers(struct err *e);
int mount_attach(int mount, int target, struct err *e);
/* The same to a path below dir; only for trees that we have made and nobody else has seen. */
int mount_attach_at(int mount, int dir, const char *path, struct err *e);

/* Whether place is the very directory that root is, and not only of the same file: what is mounted
 * on it would not be seen by whoever has root as its root.  -errno: it cannot be told. */
int mount_is_root(int place, int root, struct err *e);

/* Makes the attached mount the root and detaches the old one with all below. */
int mount_pivot(int mount, struct err *e);
