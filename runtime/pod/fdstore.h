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

/* Removes the entries of that tag.  The others are queued again before their old copy is taken out,
 * so a crash in between leaves an entry twice and never loses one. */
int fdstore_drop(const struct fdstore *s, const char *tag, struct err *e);
/* The same, but of the entries of that tag the first keep (> 0) descriptors stay. */
int fdstore_cut(const struct fdstore *s, const char *tag, size_t keep, struct err *e);
