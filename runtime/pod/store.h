/* The objects that the API shows, with one resourceVersion counter over all kinds, and the changes
 * to them for watchers.  Memory only: what has to survive is the daemon's record on disk; it puts
 * objects back with their old versions after a restart.  Bounded: the last STORE_HISTORY changes
 * are kept, an older version is "too old" (410), one from the future is too large (504).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "pod/object.h"

enum change_type { CHANGE_ADDED = 1, CHANGE_MODIFIED, CHANGE_DELETED };

enum { STORE_HISTORY = 4096 };

struct store;

/* first_rv: the counter starts above it (a persisted high-water mark or the clock in microseconds).
 */
struct store *store_new(uint64_t first_rv);
void store_free(struct store *st);

/* Puts the object (metadata, spec, status…; kind and apiVersion are dropped) as new or changed:
 * sets metadata.resourceVersion in a copy and builds text, labels and fields.  A text that equals
 * the stored one but for the version changes nothing and returns the stored object. Borrowed until
 * the next change. */
struct object *store_put(struct store *st, enum object_kind kind, const struct json *object);
/* At start-up: with the version it had; makes no change record. */
struct object *store_restore(
	struct store *st, enum object_kind kind, const struct json *object, uint64_t rv);
/* Removes; watchers get DELETED with the last state (last: NULL keeps it) under a version of its
 * own. -ENOENT. */
int store_delete(struct store *st, enum object_kind kind, const char *ns, const char *name,
	const struct json *last);

struct object *store_get(
	const struct store *st, enum object_kind kind, const char *ns, const char *name);
uint64_t store_rv(const struct store *st);     /* the newest version */
uint64_t store_oldest(const struct store *st); /* changes after this version are all known */
/* The same for one kind: many events do not make a pod watcher too old. */
uint64_t store_oldest_of(const struct store *st, enum object_kind kind);
size_t store_count(const struct store *st, enum object_kind kind);
/* Sorted by namespace, then name. The array is the caller's (free), each object referenced
 * (object_unref). */
struct object **store_list(
	const struct store *st, enum object_kind kind, const char *ns, size_t *out_len);

struct change {
	uint64_t rv;
	enum change_type type;
	struct object *now, *before; /* before: NULL for ADDED */
};
/* The first change of the kind after rv; NULL: none. Borrowed until the next put or delete. */
const struct change *store_next(const struct store *st, enum object_kind kind, uint64_t rv);

/* Called after each change, in order of registration; must not change the store. */
struct store_watch {
	void (*changed)(struct store_watch *w, enum object_kind kind);
	void *arg;
	struct store_watch *next, **link; /* the store's */
};
void store_watch_start(struct store *st, struct store_watch *w);
void store_watch_stop(struct store_watch *w); /* harmless when not started */
