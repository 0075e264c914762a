/* What a file is besides its bytes: mode, owner, time, extended attributes.  Works on descriptors
 * only.  Of the attributes, "user." and file capabilities are kept; what is addressed to overlayfs
 * never comes from outside, since it could open lower layers that a later one hides.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"

struct xattr {
	char *name;
	void *value;
	size_t len;
};

struct meta {
	mode_t mode; /* permission bits only */
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	struct xattr *xattrs;
	size_t xattrs_len;
};

void meta_free(struct meta *m); /* accepts the empty form and leaves it; usable with CLEANUP */
void meta_add_xattr(struct meta *m, const char *name, const void *value, size_t len);
bool meta_keeps(const char *xattr);      /* whether an attribute of that name is taken over */
bool meta_is_overlay(const char *xattr); /* whether it speaks to overlayfs */

/* fd: a file or directory that is open for reading. */
int meta_read(int fd, struct meta *out, struct err *e);
int meta_apply(int fd, const struct meta *m, struct err *e);
