/* What /proc/self/mountinfo says of one mount.  KERNEL 6.8: statmount(2) tells it without a text.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* A shared mount tells its peers what happens below it, a slave is told by its master; one can be
 * both, and a private one is neither (man 7 mount_namespaces). */
enum { MOUNT_IS_SHARED = 1, MOUNT_IS_SLAVE = 2 };

/* These bits for the mount that fd is on; proc: a procfs, whose "self" is in its namespace. */
int mountinfo_peers(int proc, int fd, struct err *e);
/* The same by the mount's id in a mountinfo text.  -ENOENT: it is not there.  Pure. */
int mountinfo_find(const char *text, uint64_t id);
