#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube_status.h"
#include "api/list_token.h"
#include "api/pretty.h"
#include "api/rest.h"
#include "api/state.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* Lists.  A list holds references, not text: the text is made as the client takes it.  The pages
 * after a first one show what the first one saw, so while its token may come back the objects of
 * that moment are kept (a snapshot): few and not long, then 410 with a token that goes on with what
 * there is. */

enum { SNAPSHOTS_MAX = 16, SNAPSHOT_MS = 5 * 60 * 1000 };

struct snapshot {
	struct snapshot *next; /* the newest first */
	enum object_kind kind;
	uint64_t rv;
	int64_t expires_ms;
	struct object **at; /* all namespaces, sorted */
	size_t len;
};

/* An answer on its way. */
struct list_answer {
	struct object **at;
	size_t len, next;
	struct buf head; /* until the first item; empty when it was sent */
	bool is_pretty;
	struct pretty pretty;
};

struct list_query {
	struct selectors selectors;
	int64_t limit;                     /* 0: all */
	const char *start_ns, *start_name; /* behind this object; NULL: from the first */
};

static void objects_free(struct object **at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		object_unref(at[i]);
	free(at);
}

/* ---- snapshots ---- */

static void snapshot_drop(struct snapshot **place)
{
	struct snapshot *s = *place;

	*place = s->next;
	objects_free(s->at, s->len);
	free(s);
}

void list_forget(struct api_server *api)
{
	loop_timer_stop(&api->snapshots_timer);
	while (api->snapshots)
		snapshot_drop(&api->snapshots);
}

static void snapshots_due(struct loop_timer *t);

static void snapshots_arm(struct api_server *api)
{
	const struct snapshot *last = api->snapshots;

	while (last && last->next)
		last = last->next;
	if (last)
		loop_timer_start(api->loop, &api->snapshots_timer,
			last->expires_ms - clock_now().boot_ms, snapshots_due, api);
}

static void snapshots_due(struct loop_timer *t)
{
	struct api_server *api = t->arg;
	int64_t now_ms = clock_now().boot_ms;

	for (struct snapshot **place = &api->snapshots; *place;) {
		if ((*place)->expires_ms <= now_ms)
			snapshot_drop(place);
		else
			place = &(*place)->next;
	}
	snapshots_arm(api);
}

static const struct snapshot *snapshot_find(
	const struct api_server *api, enum object_kind kind, uint64_t rv)
{
	for (const struct snapshot *s = api->snapshots; s; s = s->next) {
		if (s->kind == kind && s->rv == rv)
			return s;
	}
	return NULL;
}

static void snapshot_keep(struct api_server *api, enum object_kind kind)
{
	const struct store *st = api->backend->store;
	struct snapshot *s;
	size_t count = 0;

	if (snapshot_find(api, kind, store_rv(st)))
		return;
	s = mem_zalloc(sizeof(*s));
	s->kind = kind;
	s->rv = store_rv(st);
	s->expires_ms = clock_now().boot_ms + SNAPSHOT_MS;
	s->at = store_list(st, kind, NULL, &s->len);
	s->next = api->snapshots;
	api->snapshots = s;
	for (struct snapshot **place = &api->snapshots; *place;) {
		if (++count > SNAPSHOTS_MAX)
			snapshot_drop(place);
		else
			place = &(*place)->next;
	}
	snapshots_arm(api);
}

/* ---- answers ---- */

static void answer_add(struct list_answer *a, const char *text, size_t len, struct buf *out)
{
	if (a->is_pretty)
		pretty_add(&a->pretty, text, len, out);
	else
		buf_add(out, text, len);
}

static enum h2_fill answer_fill(void *arg, struct buf *out)
{
	struct list_answer *a = arg;

	if (a->head.len > 0)
		answer_add(a, a->head.data, a->head.len, out);
	buf_free(&a->head);
	while (a->next < a->len && out->len < H2_CHUNK) {
		const char *text = a->at[a->next]->text;

		if (a->next > 0)
			answer_add(a, ",", 1, out);
		answer_add(a, text, strlen(text), out);
		a->next++;
	}
	if (a->next < a->len)
		return H2_FILL_MORE;
	answer_add(a, "]}", 2, out);
	buf_addc(out, '\n');
	return H2_FILL_END;
}

static void answer_gone(void *arg)
{
	struct list_answer *a = arg;

	objects_free(a->at, a->len);
	buf_free(&a->head);
	free(a);
}

static bool is_wanted(
	const struct rest_request *r, const struct list_query *q, const struct object *o)
{
	int order;

	if (r->ns && !str_eq(o->namespace, r->ns))
		return false;
	if (q->start_ns) {
		order = strcmp(o->namespace, q->start_ns);
		if (order < 0 || (order == 0 && strcmp(o->name, q->start_name) <= 0))
			return false;
	}
	return selectors_match(&q->selectors, o);
}

/* Moves the page's objects to the front, lets go of the others; returns how many come after the
 * page. */
static size_t take_page(
	const struct rest_request *r, const struct list_query *q, struct object **at, size_t *len)
{
	size_t kept = 0, after = 0;

	for (size_t i = 0; i < *len; i++) {
		if (!is_wanted(r, q, at[i])) {
			object_unref(at[i]);
		} else if (q->limit > 0 && kept == (size_t)q->limit) {
			after++;
			object_unref(at[i]);
		} else {
			at[kept++] = at[i];
		}
	}
	*len = kept;
	return after;
}

static void write_head(const struct rest_request *r, const struct list_query *q, uint64_t rv,
	const struct object *last, size_t after, struct buf *out)
{
	buf_addf(out,
		"{\"kind\":\"%sList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"
		"\"%" PRIu64 "\"",
		r->resource->kind_name, rv);
	if (after > 0 && last) {
		const struct list_token t = {
			.rv = (int64_t)rv,
			.ns = last->namespace,
			.name = last->name,
		};

		buf_adds(out, ",\"continue\":\"");
		list_token_write(&t, out);
		buf_addc(out, '"');
		if (!q->selectors.is_set)
			buf_addf(out, ",\"remainingItemCount\":%zu", after);
	}
	buf_adds(out, "},\"items\":[");
}

/* Takes the objects. */
static void answer_list(struct rest_request *r, const struct list_query *q, uint64_t rv,
	struct object **at, size_t len)
{
	const struct h2_head head = { .status = 200, .content_type = "application/json" };
	struct list_answer *a = mem_zalloc(sizeof(*a));
	const struct h2_body body = { .fill = answer_fill, .gone = answer_gone, .arg = a };
	size_t after = take_page(r, q, at, &len);

	/* The rest must be there when the token comes back; an older snapshot is kept already. */
	if (after > 0 && rv == store_rv(r->backend->store))
		snapshot_keep(r->api, r->resource->kind);
	a->at = at;
	a->len = len;
	a->is_pretty = r->is_pretty;
	write_head(r, q, rv, len > 0 ? at[len - 1] : NULL, after, &a->head);
	h2_answer_stream(r->stream, &head, &body);
}

static void answer_now(struct rest_request *r, const struct list_query *q, uint64_t rv)
{
	size_t len;
	struct object **at = store_list(r->backend->store, r->resource->kind, r->ns, &len);

	answer_list(r, q, rv, at, len);
}

/* ---- queries ---- */

static void answer_expired_token(const struct rest_request *r, const struct list_token *t)
{
	CLEANUP(cleanup_json)
	struct json *status = kube_status(410, "Expired", NULL,
		"The provided continue parameter is too old to display a consistent list result. "
		"You can start a new list without the continue parameter, or use the continue "
		"token in this response to retrieve the remainder of the results. Continuing with "
		"the provided token results in an inconsistent list - objects that were created, "
		"modified, or deleted between the time the first chunk was returned and now may "
		"show up in the list.");
	const struct list_token now = { .rv = -1, .ns = t->ns, .name = t->name };
	CLEANUP(buf_free) struct buf token = { 0 };

	list_token_write(&now, &token);
	json_set_str(json_get(status, "metadata"), "continue", token.data);
	rest_answer_json(r, 410, status, NULL);
}

static void list_continue(struct rest_request *r, struct list_query *q, const char *text)
{
	CLEANUP(list_token_free) struct list_token t = { 0 };
	const struct snapshot *s;
	struct object **at;
	struct err e = { 0 };

	if (list_token_read(text, &t, &e) < 0) {
		kube_bad_request(r, "invalid continue token: %s", e.text);
		return;
	}
	q->start_ns = t.ns;
	q->start_name = t.name;
	if (t.rv < 0) {
		answer_now(r, q, store_rv(r->backend->store));
		return;
	}
	s = snapshot_find(r->api, r->resource->kind, (uint64_t)t.rv);
	if (!s) {
		answer_expired_token(r, &t);
		return;
	}
	at = mem_resize(NULL, s->len + 1, sizeof(struct object *));
	for (size_t i = 0; i < s->len; i++)
		at[i] = object_ref(s->at[i]);
	answer_list(r, q, s->rv, at, s->len);
}

static void refuse_option(
	const struct rest_request *r, const char *reason, const char *field, const char *message)
{
	const struct kube_subject subject = { "ListOptions", "meta.k8s.io", "" };

	kube_invalid_field(r, &subject, reason, field, "%s", message);
}

/* What the parameters forbid whatever the state is; answers and returns -1. */
static int check_options(const struct rest_request *r, const char *rv)
{
	const char *match = query_get(&r->query, "resourceVersionMatch");

	if (query_get(&r->query, "sendInitialEvents")) {
		refuse_option(r, "FieldValueForbidden", "sendInitialEvents",
			"Forbidden: sendInitialEvents is forbidden for list");
		return -1;
	}
	if (!match || !*match)
		return 0;
	if (!str_eq(match, "Exact") && !str_eq(match, "NotOlderThan")) {
		refuse_option(r, "FieldValueNotSupported", "resourceVersionMatch",
			"Unsupported value: supported values: \"\", \"Exact\", \"NotOlderThan\"");
		return -1;
	}
	if (!*rv) {
		refuse_option(r, "FieldValueForbidden", "resourceVersionMatch",
			"Forbidden: resourceVersionMatch is forbidden unless resourceVersion is "
			"provided");
		return -1;
	}
	if (str_eq(match, "Exact") && str_eq(rv, "0")) {
		refuse_option(r, "FieldValueForbidden", "resourceVersionMatch",
			"Forbidden: resourceVersionMatch \"Exact\" is forbidden for "
			"resourceVersion \"0\"");
		return -1;
	}
	return 0;
}

/* The state of exactly that version: now, when nothing of the kind has changed since, or a
 * snapshot. */
static void list_exact(struct rest_request *r, const struct list_query *q, uint64_t rv)
{
	const struct store *st = r->backend->store;
	enum object_kind kind = r->resource->kind;

	if (rv >= store_oldest_of(st, kind) && !store_next(st, kind, rv))
		answer_now(r, q, rv);
	else
		kube_fail(r, 410, "Expired", NULL,
			"The resourceVersion for the provided list is too old.");
}

static void list_run(struct rest_request *r, struct list_query *q)
{
	const char *token = query_get(&r->query, "continue");
	const char *rv_text = query_get(&r->query, "resourceVersion");
	struct err e = { 0 };
	uint64_t rv = 0;

	rv_text = rv_text ? rv_text : "";
	if (check_options(r, rv_text) < 0)
		return;
	if (query_i64(&r->query, "limit", &q->limit, &e) < 0) {
		kube_bad_request(r, "%s", e.text);
		return;
	}
	/* "Any state at hand": the reference then answers in one piece. */
	if (str_eq(rv_text, "0"))
		q->limit = 0;
	if (token && *token && *rv_text)
		kube_bad_request(
			r, "specifying resource version is not allowed when using continue");
	else if (token && *token)
		list_continue(r, q, token);
	else if (*rv_text && query_parse_u64(rv_text, &rv, &e) < 0)
		kube_bad_request(r, "invalid resource version: %s", e.text);
	else if (rv > store_rv(r->backend->store))
		kube_too_large_version(r, rv);
	else if (str_eq(query_get(&r->query, "resourceVersionMatch"), "Exact"))
		list_exact(r, q, rv);
	else
		answer_now(r, q, store_rv(r->backend->store));
}

void list_get(struct rest_request *r)
{
	CLEANUP(selectors_free) struct selectors owned = { 0 };
	struct list_query q = { 0 };

	if (query_is_true(&r->query, "watch")) {
		watch_get(r);
		return;
	}
	if (rest_selectors(r, &owned) < 0)
		return;
	q.selectors = owned; /* borrowed by the query */
	list_run(r, &q);
}

void object_get(struct rest_request *r)
{
	const char *rv_text = query_get(&r->query, "resourceVersion");
	const struct object *o;
	struct err e = { 0 };
	uint64_t rv = 0;

	if (rv_text && *rv_text && query_parse_u64(rv_text, &rv, &e) < 0) {
		kube_bad_request(r, "invalid resource version: %s", e.text);
		return;
	}
	if (rv > store_rv(r->backend->store)) {
		kube_too_large_version(r, rv);
		return;
	}
	o = rest_find(r);
	if (o)
		rest_answer_object(r, 200, o, NULL);
}
