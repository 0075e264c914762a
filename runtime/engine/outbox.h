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
/* Sent at once when nothing waits and the socket takes it; else the bytes are copied and the
 * descriptors duplicated.  A message that the socket refuses for good is dropped, and the error
 * returned: the socket's end is heard elsewhere, anything else is our mistake. */
int outbox_send(struct outbox *o, int sock, const void *bytes, size_t len, const int *fds, size_t n,
	struct err *e);
/* Sends what the socket takes now; the first error, as above. */
int outbox_flush(struct outbox *o, int sock, struct err *e);
void outbox_drop(struct outbox *o);
