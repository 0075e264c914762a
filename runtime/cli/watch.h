/* Kubernetes watches: the stream's lines as events, begun again when carpeld was restarted
 * meanwhile. Knows nothing of what is waited for.
 */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

enum watch_type {
	WATCH_BEGUN = 1, /* (again): what exists is told next */
	WATCH_ADDED,
	WATCH_MODIFIED,
	WATCH_DELETED,
	WATCH_SYNCED, /* all that existed when the watch began has been told */
};

struct watch {
	const char *path;         /* of the list, with its selectors, without watch parameters */
	const char *from_version; /* go on after this list; NULL: what exists is told first */
	int64_t deadline_boot_ms; /* 0: none */
	/* Non-zero ends the watch and is what watch_run() returns; use values above 0, or an errno
	 * with e set. object is NULL for WATCH_BEGUN and
	 * WATCH_SYNCED. */
	int (*on_event)(void *arg, enum watch_type type, const struct json *object, struct err *e);
	int (*on_idle)(void *arg, struct err *e); /* NULL, or called about every 100 ms */
	void *arg;
};

/* Whatever on_event or on_idle returned, -ETIMEDOUT, or another failure. After a restart of carpeld
 * the events of what exists come again. */
int watch_run(struct cli *c, const struct watch *w, struct err *e);

/* The list path of one pod's events and states: ns, and metadata.name as field selector. */
void watch_pod_path(struct buf *out, const char *ns, const char *name);

/* One --timeout for several waits in a row; a timeout of 0 is none. */
struct deadline {
	int64_t at_boot_ms; /* 0: none */
};
struct deadline deadline_in(int64_t timeout_ms);
/* Milliseconds for the next wait: 0 without a deadline, and at least 1 when it is over. */
int64_t deadline_left(const struct deadline *d);
