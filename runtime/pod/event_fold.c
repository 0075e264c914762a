#include "pod/event_fold.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/str.h"

/* Texts of events that are alike in all but the text. */
struct similar {
	struct aged aged; /* its key is similar_key() */
	uint64_t texts[FOLD_SIMILAR_MAX];
	size_t len;
};

/* What an object may still say; its age is when it was filled up last. */
struct budget {
	struct aged aged; /* its key is the hash of the object's uid */
	int64_t tokens;
};

/* Clients choose names too, so an equal hash is not yet an equal name. */
struct fold_name {
	struct aged aged;
	struct fold_entry *entry;
};

struct event_fold {
	struct aged_table entries, names, similar, budgets;
};

static uint64_t similar_key(const struct fold_event *ev)
{
	uint64_t h = hash_text(HASH_START, ev->uid);

	h = hash_text(hash_text(h, ev->field_path), ev->reason);
	return hash_text(h, ev->is_warning ? "Warning" : "Normal");
}

struct event_fold *event_fold_new(void)
{
	return mem_zalloc(sizeof(struct event_fold));
}

/* ---- the oldest of each ---- */

static struct fold_entry *oldest_entry(struct event_fold *f)
{
	return (struct fold_entry *)f->entries.oldest;
}

static void drop_oldest(struct aged_table *t)
{
	struct aged *oldest = t->oldest;

	aged_remove(t, oldest);
	free(oldest);
}

void event_fold_free(struct event_fold *f)
{
	if (!f)
		return;
	while (f->entries.oldest)
		event_fold_forget(f, oldest_entry(f));
	while (f->similar.oldest)
		drop_oldest(&f->similar);
	while (f->budgets.oldest)
		drop_oldest(&f->budgets);
	aged_free(&f->entries);
	aged_free(&f->names);
	aged_free(&f->similar);
	aged_free(&f->budgets);
	free(f);
}

/* ---- what is let through ---- */

static struct similar *similar_of(struct event_fold *f, uint64_t key, int64_t now)
{
	struct similar *s = (struct similar *)aged_find(&f->similar, key);

	if (!s) {
		s = mem_zalloc(sizeof(*s));
		aged_add(&f->similar, &s->aged, key, now);
	}
	return s;
}

/* True when there are so many texts by now that this one is told among the others. */
static bool note_text(struct event_fold *f, uint64_t like, uint64_t text, int64_t now)
{
	struct similar *s = similar_of(f, like, now);

	if (now - s->aged.at_ms > FOLD_SIMILAR_MS)
		s->len = 0;
	aged_touch(&f->similar, &s->aged, now);
	for (size_t i = 0; i < s->len; i++)
		if (s->texts[i] == text)
			return false;
	if (s->len == FOLD_SIMILAR_MAX - 1)
		return true;
	s->texts[s->len++] = text;
	return false;
}

static bool take_token(struct event_fold *f, uint64_t key, int64_t now)
{
	struct budget *b = (struct budget *)aged_find(&f->budgets, key);
	int64_t more;

	if (!b) {
		b = mem_zalloc(sizeof(*b));
		b->tokens = FOLD_BURST;
		aged_add(&f->budgets, &b->aged, key, now);
	}
	more = (now - b->aged.at_ms) / FOLD_REFILL_MS;
	if (more > 0) {
		aged_touch(&f->budgets, &b->aged, b->aged.at_ms + more * FOLD_REFILL_MS);
		b->tokens = b->tokens + more > FOLD_BURST ? FOLD_BURST : b->tokens + more;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}

static struct fold_entry *entry_add(struct event_fold *f, uint64_t key, int64_t now)
{
	struct fold_entry *entry = mem_zalloc(sizeof(*entry));

	aged_add(&f->entries, &entry->aged, key, now);
	return entry;
}

struct fold_entry *event_fold(struct event_fold *f, const struct fold_event *ev, int64_t now)
{
	uint64_t like = similar_key(ev), key = hash_text(like, ev->message);
	struct fold_entry *entry;
	bool is_combined = note_text(f, like, key, now);

	if (is_combined)
		key = like;
	entry = (struct fold_entry *)aged_find(&f->entries, key);
	if (!entry && !take_token(f, hash_text(HASH_START, ev->uid), now))
		return NULL;
	if (!entry)
		entry = entry_add(f, key, now);
	entry->is_combined = is_combined;
	entry->count++;
	event_fold_touch(f, entry, now);
	return entry;
}

void event_fold_touch(struct event_fold *f, struct fold_entry *entry, int64_t now)
{
	aged_touch(&f->entries, &entry->aged, now);
}

/* ---- names ---- */

static uint64_t name_key(const char *ns, const char *name)
{
	return hash_text(hash_text(HASH_START, ns), name);
}

static void unname(struct event_fold *f, struct fold_entry *entry)
{
	if (entry->named)
		aged_remove(&f->names, &entry->named->aged);
	free(entry->named);
	free(entry->ns);
	free(entry->name);
}

void event_fold_name(
	struct event_fold *f, struct fold_entry *entry, const char *ns, const char *name)
{
	unname(f, entry);
	entry->ns = str_dup(ns);
	entry->name = str_dup(name);
	entry->named = mem_zalloc(sizeof(*entry->named));
	entry->named->entry = entry;
	aged_add(&f->names, &entry->named->aged, name_key(ns, name), 0);
}

struct fold_entry *event_fold_restore(struct event_fold *f, uint64_t key, const char *ns,
	const char *name, int64_t count, int64_t last_boot_ms)
{
	struct fold_entry *entry = entry_add(f, key, last_boot_ms);

	event_fold_name(f, entry, ns, name);
	entry->count = count;
	return entry;
}

struct fold_entry *event_fold_find(struct event_fold *f, const char *ns, const char *name)
{
	struct aged *a = ns && name ? aged_find(&f->names, name_key(ns, name)) : NULL;

	for (; a; a = aged_find_next(a)) {
		struct fold_entry *entry = ((struct fold_name *)a)->entry;

		if (str_eq(entry->name, name) && str_eq(entry->ns, ns))
			return entry;
	}
	return NULL;
}

/* ---- all of them, and their end ---- */

void event_fold_each(
	struct event_fold *f, void (*item)(void *arg, struct fold_entry *entry), void *arg)
{
	for (struct aged *a = f->entries.oldest; a; a = a->newer)
		item(arg, (struct fold_entry *)a);
}

void event_fold_forget(struct event_fold *f, struct fold_entry *entry)
{
	unname(f, entry);
	aged_remove(&f->entries, &entry->aged);
	free(entry);
}

/* Their news is too old to matter for what comes next; a budget would be full again. */
static void drop_idle(struct event_fold *f, int64_t now)
{
	const struct aged_table *similar = &f->similar, *budgets = &f->budgets;

	while (similar->oldest && now - similar->oldest->at_ms > FOLD_SIMILAR_MS)
		drop_oldest(&f->similar);
	while (budgets->oldest &&
		now - budgets->oldest->at_ms >= (int64_t)FOLD_REFILL_MS * FOLD_BURST)
		drop_oldest(&f->budgets);
}

struct fold_entry *event_fold_expired(struct event_fold *f, size_t max, int64_t now)
{
	struct fold_entry *oldest = oldest_entry(f);

	drop_idle(f, now);
	if (oldest && (f->entries.len > max || now - oldest->aged.at_ms > FOLD_KEPT_MS))
		return oldest;
	return NULL;
}
