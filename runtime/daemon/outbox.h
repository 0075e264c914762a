/* Messages for a helper's SEQPACKET socket, in order: what the socket does not take at once waits
 * here with its descriptors.  The loop's source stays the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct outbox_message;

struct outbox {
	struct outbox_message *first, **end;
};

void outbox_init(struct outbox *o);
bool outbox_is_empty(const struct outbox *o);
/* Copies the bytes, duplicates the descriptors; outbox_flush() sends. */
int outbox_add(
	struct outbox *o, const void *bytes, size_t len, const int *fds, size_t n, struct err *e);
/* Sends what the socket takes now.  A message that it refuses for good is dropped, and the first
 * such error returned: its end is heard elsewhere, anything else is our mistake. */
int outbox_flush(struct outbox *o, int sock, struct err *e);
void outbox_drop(struct outbox *o);
