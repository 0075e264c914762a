/* Events as lines: age, type, reason, object, message.  Shared by `events` and `get events`;
 * describe has its own columns.
 */
#pragma once

#include "cli/output.h"
#include "cli/select.h"

struct events_view {
	struct output output;
	struct choice by;        /* labels: those of the pods that the events are about; fields: the
				    events' own */
	const struct strv *pods; /* only about these; NULL or empty: all */
	bool is_watch, has_no_header;
	const char *type; /* Normal, Warning; NULL: both */
};

int events_show(struct cli *c, struct events_view *v); /* an exit code */

/* The time at which an event was seen last, for sorting; 0 when it says none. */
int64_t events_time_ns(const struct json *event);
/* Borrowed events of a list, the oldest first; the caller frees the array. */
const struct json **events_sorted(const struct json *items);
