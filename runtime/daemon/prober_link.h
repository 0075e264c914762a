/* The process carpel-probe and the channel to it: messages that its socket does not take at once
 * wait here in order; when it ends, another is started.  What the messages mean is prober.c's.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "engine/outbox.h"

struct daemon;

struct prober_link {
	struct daemon *d;
	struct loop_io io;
	struct loop_timer restart;
	int sock; /* -1: none runs */
	int64_t restart_ms;
	struct outbox out;
	char *message; /* room for the one being heard: 64 KiB, so kept */

	void (*heard)(struct prober_link *l, const struct json *m);
	void (*lost)(struct prober_link *l);    /* what was asked of the old one has no answer */
	void (*started)(struct prober_link *l); /* a new one knows nothing yet */
};

/* d and the callbacks are set.  The first start: started() is called. */
int prober_link_open(struct prober_link *l, struct err *e);
/* Takes m; fd (-1: none) goes with it and stays the caller's.  Dropped when none runs: the next one
 * is told everything anew. */
void prober_link_tell(struct prober_link *l, struct json *m, int fd);
void prober_link_close(struct prober_link *l);
