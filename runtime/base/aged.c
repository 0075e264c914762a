#include "base/aged.h"

#include <stdlib.h>

#include "base/str.h"

enum { BUCKETS_FIRST = 64 };

void aged_free(struct aged_table *t)
{
	free(t->buckets);
	*t = (struct aged_table){ 0 };
}

/* ---- by key ---- */

static void hash_in(struct aged_table *t, struct aged *a)
{
	struct aged **bucket = &t->buckets[a->key & (t->buckets_len - 1)];

	a->next = *bucket;
	a->link = bucket;
	if (a->next)
		a->next->link = &a->next;
	*bucket = a;
}

/* About as many buckets as items. */
static void grow(struct aged_table *t)
{
	free(t->buckets);
	t->buckets_len = t->buckets_len ? 2 * t->buckets_len : BUCKETS_FIRST;
	t->buckets = mem_zalloc(t->buckets_len * sizeof(struct aged *));
	for (struct aged *a = t->oldest; a; a = a->newer)
		hash_in(t, a);
}

static struct aged *first_of(struct aged *a, uint64_t key)
{
	while (a && a->key != key)
		a = a->next;
	return a;
}

struct aged *aged_find(const struct aged_table *t, uint64_t key)
{
	return t->len ? first_of(t->buckets[key & (t->buckets_len - 1)], key) : NULL;
}

struct aged *aged_find_next(const struct aged *a)
{
	return first_of(a->next, a->key);
}

/* ---- by age ---- */

/* Time mostly goes on, so the right place is mostly the end. */
static void queue_in(struct aged_table *t, struct aged *a)
{
	struct aged *before = t->newest;

	while (before && before->at_ms > a->at_ms)
		before = before->older;
	a->older = before;
	a->newer = before ? before->newer : t->oldest;
	*(a->older ? &a->older->newer : &t->oldest) = a;
	*(a->newer ? &a->newer->older : &t->newest) = a;
}

static void queue_out(struct aged_table *t, struct aged *a)
{
	*(a->older ? &a->older->newer : &t->oldest) = a->newer;
	*(a->newer ? &a->newer->older : &t->newest) = a->older;
}

void aged_touch(struct aged_table *t, struct aged *a, int64_t at_ms)
{
	queue_out(t, a);
	a->at_ms = at_ms;
	queue_in(t, a);
}

/* ---- both ---- */

void aged_add(struct aged_table *t, struct aged *a, uint64_t key, int64_t at_ms)
{
	if (t->len == t->buckets_len)
		grow(t);
	a->key = key;
	a->at_ms = at_ms;
	queue_in(t, a);
	hash_in(t, a);
	t->len++;
}

void aged_remove(struct aged_table *t, struct aged *a)
{
	queue_out(t, a);
	*a->link = a->next;
	if (a->next)
		a->next->link = a->link;
	t->len--;
}
