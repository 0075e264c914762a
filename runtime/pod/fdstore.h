/* The descriptor store of a pod: a SEQPACKET socket pair that carpel-pause holds open at both ends
 * and never reads.  Descriptors wait in it as queued messages, each under a tag, so the pipes and
 * files of a container's log outlive carpeld and carpel-log without one line of code in pause.
 * Reading is peeking: the queue itself is the storage.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

enum { FDSTORE_FDS_MAX = 16, FDSTORE_TAG_MAX = 72 };

struct fdstore {
	int read_fd, write_fd; /* the two ends, owned */
};
void fdstore_close(struct fdstore *s);

/* -EAGAIN when the store is full, -EINVAL for more than FDSTORE_FDS_MAX. */
int fdstore_put(const struct fdstore *s, const char *tag, const int *fds, size_t n, struct err *e);

/* Calls item for each entry; fds are new descriptors that item owns. Non-zero ends and is returned.
 * -EMFILE when this process has no room for an entry's descriptors. */
int fdstore_each(const struct fdstore *s,
	int (*item)(void *arg, const char *tag, const int *fds, size_t n), void *arg,
	struct err *e);

/* Those of the newest entry of tag, which become the caller's; returns how many, -ENOENT when there
 * is none.  out_fds has room for FDSTORE_FDS_MAX. */
int fdstore_get(const struct fdstore *s, const char *tag, int *out_fds, struct err *e);

/* What follows changes entries by queueing each of the store again before its old copy is taken
 * out.  So a crash in between leaves an entry twice, as it was and as it is to be, and never loses
 * one; the same call again then changes both.  -EAGAIN when there is no room for one more entry.
 *
 * Removes the entries of that tag. */
int fdstore_drop(const struct fdstore *s, const char *tag, struct err *e);
/* Of the entries of that tag only the first keep (> 0) descriptors stay. */
int fdstore_cut(const struct fdstore *s, const char *tag, size_t keep, struct err *e);
/* In the entries of that tag fd takes the place of descriptor number index.  -ENOENT when none has
 * one. */
int fdstore_swap(const struct fdstore *s, const char *tag, size_t index, int fd, struct err *e);
