/* Who watches a container's output live: sockets that get a copy of what went into its log.  Never
 * waits for one: whoever does not read in time is let go, the log file has it all.  Called by
 * streams.c.
 */
#pragma once

#include <stddef.h>

#include "base/loop.h"
#include "log/format.h"

struct attached;

struct attached_list {
	struct attached *first;
	size_t len;
};

/* Takes sock and says LOG_ATTACHED there; closed at once when there are too many. */
void attached_add(struct attached_list *list, struct loop *l, int sock);
void attached_show(struct attached_list *list, enum log_stream name, const char *bytes, size_t len);
void attached_close(struct attached_list *list);
