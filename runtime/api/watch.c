#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "api/kube_status.h"
#include "api/rest.h"
#include "api/state.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* Watches.  A watcher is a version (its cursor) and what it selects; nothing is queued for it. When
 * its client takes bytes, the next change after the cursor is written; when there is none, it
 * waits.  So a slow reader costs nothing, and one that falls behind the history gets ERROR 410 and
 * lists anew.
 *
 * The states that a watch begins with, where it asks for them, are references taken at one version;
 * the cursor starts at that version: no gap, no repeat. */

enum { BOOKMARK_MS = 60 * 1000, LAST_BOOKMARK_MS = 2 * 1000 };

struct watch {
	struct watch *next, **link; /* the server's */
	struct api_server *api;
	struct h2_stream *stream;
	const struct resource *resource;
	char *ns; /* NULL: all */
	struct selectors selectors;
	uint64_t cursor;
	struct object **initial; /* NULL once they are written */
	size_t initial_len, initial_next;
	bool has_bookmarks, ends_initial; /* ends_initial: a bookmark says that all of them came */
	bool is_waiting, is_over, owes_bookmark;
	struct loop_timer timer;
	int64_t end_ms, bookmark_ms;
};

/* ---- events ---- */

static void write_event(const char *type, const struct object *o, uint64_t rv, struct buf *out)
{
	buf_addf(out, "{\"type\":\"%s\",\"object\":", type);
	object_write_at(o, rv, out);
	buf_adds(out, "}\n");
}

static void write_bookmark(const struct watch *w, bool ends_initial, struct buf *out)
{
	buf_addf(out,
		"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"v1\","
		"\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"%s}%s}}\n",
		w->resource->kind_name, w->cursor,
		ends_initial ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "",
		w->resource->empty_members);
}

static void write_too_old(const struct watch *w, struct buf *out)
{
	CLEANUP(cleanup_free)
	char *message = str_fmt("too old resource version: %" PRIu64 " (%" PRIu64 ")", w->cursor,
		store_oldest_of(w->api->backend->store, w->resource->kind));
	CLEANUP(cleanup_json) struct json *status = kube_status(410, "Expired", NULL, message);

	buf_adds(out, "{\"type\":\"ERROR\",\"object\":");
	json_write(status, JSON_COMPACT, out);
	buf_adds(out, "}\n");
}

static bool is_selected(const struct watch *w, const struct object *o)
{
	return o && (!w->ns || str_eq(o->namespace, w->ns)) && selectors_match(&w->selectors, o);
}

/* What a change is to this watcher: an object that begins or ceases to match appears or goes. */
static void write_change(const struct watch *w, const struct change *c, struct buf *out)
{
	bool was = is_selected(w, c->before), is = is_selected(w, c->now);

	if (c->type == CHANGE_DELETED) {
		if (was)
			write_event("DELETED", c->now, c->rv, out);
	} else if (was && is) {
		write_event("MODIFIED", c->now, c->rv, out);
	} else if (is) {
		write_event("ADDED", c->now, c->rv, out);
	} else if (was) {
		write_event("DELETED", c->before, c->rv, out);
	}
}

static void free_initial(struct watch *w)
{
	for (size_t i = 0; i < w->initial_len; i++)
		object_unref(w->initial[i]);
	free(w->initial);
	w->initial = NULL;
	w->initial_len = 0;
}

static void fill_initial(struct watch *w, struct buf *out)
{
	while (w->initial_next < w->initial_len && out->len < H2_CHUNK) {
		const struct object *o = w->initial[w->initial_next++];

		if (is_selected(w, o))
			write_event("ADDED", o, o->rv, out);
	}
	if (w->initial_next < w->initial_len)
		return;
	free_initial(w);
	if (w->ends_initial)
		write_bookmark(w, true, out);
}

static enum h2_fill watch_fill(void *arg, struct buf *out)
{
	struct watch *w = arg;
	const struct store *st = w->api->backend->store;
	const struct change *c;

	w->is_waiting = false;
	if (w->initial)
		fill_initial(w, out);
	if (w->initial)
		return H2_FILL_MORE;
	if (w->cursor < store_oldest_of(st, w->resource->kind)) {
		write_too_old(w, out);
		return H2_FILL_END;
	}
	while (out->len < H2_CHUNK && (c = store_next(st, w->resource->kind, w->cursor))) {
		write_change(w, c, out);
		w->cursor = c->rv;
	}
	if (out->len >= H2_CHUNK)
		return H2_FILL_MORE;
	w->cursor = store_rv(st); /* all of the kind up to here is told */
	if (w->owes_bookmark)
		write_bookmark(w, false, out);
	w->owes_bookmark = false;
	if (w->is_over || h2_is_stopping(w->stream))
		return H2_FILL_END;
	w->is_waiting = true;
	return H2_FILL_WAIT;
}

static void watch_free(void *arg)
{
	struct watch *w = arg;

	if (w->link) {
		*w->link = w->next;
		if (w->next)
			w->next->link = w->link;
	}
	loop_timer_stop(&w->timer);
	free_initial(w);
	selectors_free(&w->selectors);
	free(w->ns);
	free(w);
}

void watch_changed(struct api_server *api, enum object_kind kind)
{
	for (struct watch *w = api->watches; w; w = w->next) {
		if (w->resource->kind == kind && w->is_waiting)
			h2_wake(w->stream);
	}
}

/* ---- time ---- */

static void watch_due(struct loop_timer *t);

static void watch_arm(struct watch *w)
{
	int64_t due_ms = w->end_ms;

	if (w->has_bookmarks && w->bookmark_ms < due_ms)
		due_ms = w->bookmark_ms;
	loop_timer_start(w->api->loop, &w->timer, due_ms - clock_now().boot_ms, watch_due, w);
}

/* A minute apart, and one shortly before the end, so that the next watch starts as late as it can.
 */
static void next_bookmark(struct watch *w, int64_t now_ms)
{
	int64_t last_ms = w->end_ms - LAST_BOOKMARK_MS;

	w->bookmark_ms = now_ms + BOOKMARK_MS;
	if (w->bookmark_ms > last_ms)
		w->bookmark_ms = last_ms > now_ms ? last_ms : INT64_MAX;
}

static void watch_due(struct loop_timer *t)
{
	struct watch *w = t->arg;
	int64_t now_ms = clock_now().boot_ms;

	if (now_ms >= w->end_ms) {
		w->is_over = true;
	} else {
		w->owes_bookmark = now_ms >= w->bookmark_ms;
		next_bookmark(w, now_ms);
		watch_arm(w);
	}
	h2_wake(w->stream);
}

/* Absent or zero: half an hour to an hour, at random, so that clients do not come back all at once.
 */
static int64_t default_seconds(void)
{
	enum { LEAST = 1800 };
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return LEAST + random % LEAST;
}

/* ---- requests ---- */

static void refuse_option(const struct rest_request *r, const char *field, const char *message)
{
	const struct kube_subject subject = { "ListOptions", "meta.k8s.io", "" };

	kube_invalid_field(r, &subject, "FieldValueForbidden", field, "Forbidden: %s", message);
}

struct watch_query {
	uint64_t rv;
	int64_t seconds;
	bool has_initial, sends_initial; /* sends: asked for by sendInitialEvents */
	bool has_bookmarks;
};

static int read_options(const struct rest_request *r, const char *rv, struct watch_query *q)
{
	const char *match = query_get(&r->query, "resourceVersionMatch");
	bool is_given = query_get(&r->query, "sendInitialEvents") != NULL;

	q->has_bookmarks = query_is_true(&r->query, "allowWatchBookmarks");
	q->sends_initial = query_is_true(&r->query, "sendInitialEvents");
	if (match && *match && !is_given) {
		refuse_option(r, "resourceVersionMatch",
			"resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
			"provided");
		return -1;
	}
	if (is_given && !str_eq(match, "NotOlderThan")) {
		refuse_option(r, "resourceVersionMatch",
			"sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
		return -1;
	}
	/* Without a version the reference begins with what there is, whatever else is said. */
	q->has_initial = q->sends_initial || (!is_given && (!*rv || str_eq(rv, "0")));
	return 0;
}

/* Answers and returns -1. */
static int read_query(const struct rest_request *r, struct watch_query *q)
{
	const char *rv = query_get(&r->query, "resourceVersion");
	struct err e = { 0 };

	rv = rv ? rv : "";
	if (*rv && query_parse_u64(rv, &q->rv, &e) < 0) {
		kube_bad_request(r, "invalid resource version: %s", e.text);
		return -1;
	}
	if (query_i64(&r->query, "timeoutSeconds", &q->seconds, &e) < 0) {
		kube_bad_request(r, "%s", e.text);
		return -1;
	}
	if (read_options(r, rv, q) < 0)
		return -1;
	/* A version that is not ours: silence would blind the client for as long as it watches. */
	if (q->rv > store_rv(r->backend->store)) {
		kube_too_large_version(r, q->rv);
		return -1;
	}
	return 0;
}

static void begin(struct watch *w, const struct watch_query *q)
{
	enum { SECONDS_MAX = 366 * 24 * 3600 };
	const struct store *st = w->api->backend->store;
	int64_t seconds = q->seconds > 0 ? q->seconds : default_seconds();
	int64_t now_ms = clock_now().boot_ms;

	w->has_bookmarks = q->has_bookmarks;
	w->ends_initial = q->has_initial && q->has_bookmarks;
	w->cursor = q->has_initial || q->rv == 0 ? store_rv(st) : q->rv;
	if (q->has_initial)
		w->initial = store_list(st, w->resource->kind, w->ns, &w->initial_len);
	w->end_ms = now_ms + (seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1000;
	next_bookmark(w, now_ms);
	watch_arm(w);
	w->next = w->api->watches;
	if (w->next)
		w->next->link = &w->next;
	w->link = &w->api->watches;
	w->api->watches = w;
}

void watch_get(struct rest_request *r)
{
	const struct h2_head head = { .status = 200, .content_type = "application/json" };
	struct watch_query q = { 0 };
	struct watch *w;

	if (read_query(r, &q) < 0)
		return;
	w = mem_zalloc(sizeof(*w));
	w->api = r->api;
	w->stream = r->stream;
	w->resource = r->resource;
	w->ns = str_dup(r->ns);
	if (rest_selectors(r, &w->selectors) < 0) {
		watch_free(w);
		return;
	}
	begin(w, &q);
	h2_answer_stream(r->stream, &head,
		&(struct h2_body){ .fill = watch_fill, .gone = watch_free, .arg = w });
}
