/* Which news becomes an event of its own, as client-go's recorder decides it: the same again only
 * counts; the tenth text that differs from its like within ten minutes stands for all further ones;
 * and an object has 25 events at once, then one in five minutes.  Unlike client-go, what only
 * counts costs nothing of that budget, so a count is always right.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/aged.h"

enum { FOLD_SIMILAR_MAX = 10, FOLD_BURST = 25 };
enum { FOLD_SIMILAR_MS = 600 * 1000, FOLD_REFILL_MS = 300 * 1000, FOLD_KEPT_MS = 3600 * 1000 };

struct fold_event {
	const char *uid, *field_path; /* the object; field_path "" for the pod itself */
	const char *reason, *message;
	bool is_warning;
};

/* One event object, however often it came. */
struct fold_entry {
	struct aged aged; /* its key, and when it came last, in milliseconds since boot */
	char *ns, *name;  /* of the event object; NULL until event_fold_name() */
	int64_t count;
	bool is_combined; /* stands for several texts */
	struct fold_name *named;
};

struct event_fold;

struct event_fold *event_fold_new(void);
void event_fold_free(struct event_fold *f); /* NULL is fine */

/* The entry to write or to write again (count is 1 for a new one); NULL: one too many, drop it. */
struct fold_entry *event_fold(
	struct event_fold *f, const struct fold_event *ev, int64_t now_boot_ms);
/* What its object is called, from now on. Copies. */
void event_fold_name(
	struct event_fold *f, struct fold_entry *entry, const char *ns, const char *name);
void event_fold_touch(struct event_fold *f, struct fold_entry *entry, int64_t now_boot_ms);
/* An entry that was known before a restart, or that a client wrote (key 0: never folded).  Copies.
 */
struct fold_entry *event_fold_restore(struct event_fold *f, uint64_t key, const char *ns,
	const char *name, int64_t count, int64_t last_boot_ms);
struct fold_entry *event_fold_find(
	struct event_fold *f, const char *ns, const char *name); /* NULL */
/* The oldest first. */
void event_fold_each(
	struct event_fold *f, void (*item)(void *arg, struct fold_entry *entry), void *arg);
void event_fold_forget(struct event_fold *f, struct fold_entry *entry); /* frees it */
/* The one that is due to go: older than FOLD_KEPT_MS or, above max entries, the oldest.  NULL:
 * none. */
struct fold_entry *event_fold_expired(struct event_fold *f, size_t max, int64_t now_boot_ms);
