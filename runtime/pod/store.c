#include "pod/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "pod/object.h"

/* Objects are kept sorted, because that is the order of every answer; changes are kept in order of
 * their version, so a watcher is no more than a number: it asks for the first change after it. Each
 * kind has a history of its own, so that many events do not make a pod watcher too old. */

/* Besides STORE_HISTORY: what the objects of one kind's history may take. */
enum { HISTORY_BYTES_MAX = 8 * 1024 * 1024 };

struct history {
	struct change *at; /* [first, end) are valid */
	size_t first, end, cap;
	size_t bytes;    /* of the objects that only the changes keep alive, at most */
	uint64_t oldest; /* every change after this version is here */
};

struct table {
	struct object **at; /* sorted by namespace, then name */
	size_t len, cap;
	struct history past;
};

struct store {
	uint64_t rv;
	struct table tables[OBJECT_KINDS];
	struct store_watch *watches;
};

struct store *store_new(uint64_t first_rv)
{
	struct store *st = mem_zalloc(sizeof(*st));

	st->rv = first_rv;
	for (size_t k = 1; k < OBJECT_KINDS; k++)
		st->tables[k].past.oldest = first_rv;
	return st;
}

static void change_drop(struct history *h)
{
	struct change *c = &h->at[h->first++];

	h->bytes -= c->now->bytes;
	h->oldest = c->rv;
	object_unref(c->now);
	object_unref(c->before);
}

void store_free(struct store *st)
{
	if (!st)
		return;
	while (st->watches)
		store_watch_stop(st->watches);
	for (size_t k = 1; k < OBJECT_KINDS; k++) {
		struct table *t = &st->tables[k];

		while (t->past.first < t->past.end)
			change_drop(&t->past);
		for (size_t i = 0; i < t->len; i++)
			object_unref(t->at[i]);
		free(t->past.at);
		free(t->at);
	}
	free(st);
}

static int compare_key(const struct object *o, const char *ns, const char *name)
{
	int order = strcmp(o->namespace, ns);

	return order ? order : strcmp(o->name, name);
}

/* The first position whose key is not below ns/name. */
static size_t table_seek(const struct table *t, const char *ns, const char *name)
{
	size_t low = 0, high = t->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_key(t->at[middle], ns, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct object **table_find(const struct table *t, const char *ns, const char *name)
{
	size_t i = table_seek(t, ns, name);

	return i < t->len && compare_key(t->at[i], ns, name) == 0 ? &t->at[i] : NULL;
}

/* Takes o. */
static void table_insert(struct table *t, struct object *o)
{
	size_t i = table_seek(t, o->namespace, o->name);

	if (t->len == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 16;
		t->at = mem_resize(t->at, t->cap, sizeof(struct object *));
	}
	memmove(&t->at[i + 1], &t->at[i], (t->len - i) * sizeof(struct object *));
	t->at[i] = o;
	t->len++;
}

static void history_make_room(struct history *h)
{
	if (h->end < h->cap)
		return;
	if (h->first > 0 && h->first >= h->cap / 2) {
		memmove(h->at, &h->at[h->first], (h->end - h->first) * sizeof(*h->at));
		h->end -= h->first;
		h->first = 0;
		return;
	}
	h->cap = h->cap ? h->cap * 2 : 64;
	h->at = mem_resize(h->at, h->cap, sizeof(*h->at));
}

static void announce(struct store *st, enum object_kind kind)
{
	struct store_watch *next;

	for (struct store_watch *w = st->watches; w; w = next) {
		next = w->next; /* a callback may stop its own watch */
		w->changed(w, kind);
	}
}

/* Takes before (NULL for ADDED); now is referenced. */
static void history_add(
	struct store *st, enum change_type type, struct object *now, struct object *before)
{
	struct history *h = &st->tables[now->kind].past;

	history_make_room(h);
	h->at[h->end++] = (struct change){
		.rv = now->rv,
		.type = type,
		.now = object_ref(now),
		.before = before,
	};
	h->bytes += now->bytes;
	while (h->end - h->first > STORE_HISTORY ||
		(h->bytes > HISTORY_BYTES_MAX && h->end - h->first > 1))
		change_drop(h);
	announce(st, now->kind);
}

struct object *store_put(struct store *st, enum object_kind kind, const struct json *object)
{
	struct table *t = &st->tables[kind];
	struct object *now = object_new(kind, object, st->rv + 1);
	struct object **place = table_find(t, now->namespace, now->name);
	struct object *before = place ? *place : NULL;

	if (before && object_same_content(before, now)) {
		object_unref(now);
		return before;
	}
	st->rv++;
	if (place)
		*place = now;
	else
		table_insert(t, now);
	history_add(st, before ? CHANGE_MODIFIED : CHANGE_ADDED, now, before);
	return now;
}

struct object *store_restore(
	struct store *st, enum object_kind kind, const struct json *object, uint64_t rv)
{
	struct table *t = &st->tables[kind];
	struct object *now = object_new(kind, object, rv);
	struct object **place = table_find(t, now->namespace, now->name);

	if (rv > st->rv) {
		/* What happened in between was never seen here, so those who ask for it must list
		 * anew. */
		st->rv = rv;
		for (size_t k = 1; k < OBJECT_KINDS; k++)
			st->tables[k].past.oldest = rv;
	}
	if (place) {
		object_unref(*place);
		*place = now;
	} else {
		table_insert(t, now);
	}
	return now;
}

int store_delete(struct store *st, enum object_kind kind, const char *ns, const char *name,
	const struct json *last)
{
	struct table *t = &st->tables[kind];
	struct object **place = table_find(t, ns, name);
	struct object *before, *now;
	size_t i;

	if (!place)
		return -ENOENT;
	before = *place;
	st->rv++;
	now = last ? object_new(kind, last, st->rv) : object_at_version(before, st->rv);
	i = (size_t)(place - t->at);
	memmove(&t->at[i], &t->at[i + 1], (t->len - i - 1) * sizeof(struct object *));
	t->len--;
	history_add(st, CHANGE_DELETED, now, before);
	object_unref(now); /* the history holds it */
	return 0;
}

struct object *store_get(
	const struct store *st, enum object_kind kind, const char *ns, const char *name)
{
	struct object **place = table_find(&st->tables[kind], ns, name);

	return place ? *place : NULL;
}

uint64_t store_rv(const struct store *st)
{
	return st->rv;
}

uint64_t store_oldest(const struct store *st)
{
	uint64_t oldest = 0;

	for (size_t k = 1; k < OBJECT_KINDS; k++) {
		if (st->tables[k].past.oldest > oldest)
			oldest = st->tables[k].past.oldest;
	}
	return oldest;
}

uint64_t store_oldest_of(const struct store *st, enum object_kind kind)
{
	return st->tables[kind].past.oldest;
}

size_t store_count(const struct store *st, enum object_kind kind)
{
	return st->tables[kind].len;
}

struct object **store_list(
	const struct store *st, enum object_kind kind, const char *ns, size_t *out_len)
{
	const struct table *t = &st->tables[kind];
	size_t from = ns ? table_seek(t, ns, "") : 0, to = from;
	struct object **list;

	while (to < t->len && (!ns || str_eq(t->at[to]->namespace, ns)))
		to++;
	list = mem_resize(NULL, to - from + 1, sizeof(struct object *));
	for (size_t i = from; i < to; i++)
		list[i - from] = object_ref(t->at[i]);
	*out_len = to - from;
	return list;
}

const struct change *store_next(const struct store *st, enum object_kind kind, uint64_t rv)
{
	const struct history *h = &st->tables[kind].past;
	size_t low = h->first, high = h->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (h->at[middle].rv <= rv)
			low = middle + 1;
		else
			high = middle;
	}
	return low < h->end ? &h->at[low] : NULL;
}

void store_watch_start(struct store *st, struct store_watch *w)
{
	struct store_watch **end = &st->watches;

	while (*end)
		end = &(*end)->next;
	w->next = NULL;
	w->link = end;
	*end = w;
}

void store_watch_stop(struct store_watch *w)
{
	if (!w->link)
		return;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->link = NULL;
	w->next = NULL;
}
