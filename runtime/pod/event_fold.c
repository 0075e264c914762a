#include "pod/event_fold.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Texts of events that are alike in all but the text. */
struct similar {
	struct similar *next;
	uint64_t key;
	uint64_t texts[FOLD_SIMILAR_MAX];
	size_t len;
	int64_t last_boot_ms;
};

/* What an object may still say. */
struct budget {
	struct budget *next;
	uint64_t key;
	int64_t tokens;
	int64_t filled_boot_ms;
};

struct event_fold {
	struct fold_entry *entries;
	size_t len;
	struct similar *similar;
	struct budget *budgets;
};

/* FNV-1a over each text with its end, so that "ab","c" is not "a","bc". */
static uint64_t hash(uint64_t h, const char *text)
{
	for (const char *p = text; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3;
	return (h ^ 0xff) * 0x100000001b3;
}

static uint64_t similar_key(const struct fold_event *ev)
{
	uint64_t h = hash(0xcbf29ce484222325, ev->uid);

	h = hash(hash(h, ev->field_path), ev->reason);
	return hash(h, ev->is_warning ? "Warning" : "Normal");
}

struct event_fold *event_fold_new(void)
{
	return mem_zalloc(sizeof(struct event_fold));
}

static void entry_free(struct fold_entry *entry)
{
	free(entry->ns);
	free(entry->name);
	free(entry);
}

void event_fold_free(struct event_fold *f)
{
	if (!f)
		return;
	while (f->entries) {
		struct fold_entry *entry = f->entries;

		f->entries = entry->next;
		entry_free(entry);
	}
	while (f->similar) {
		struct similar *s = f->similar;

		f->similar = s->next;
		free(s);
	}
	while (f->budgets) {
		struct budget *b = f->budgets;

		f->budgets = b->next;
		free(b);
	}
	free(f);
}

static struct similar *similar_of(struct event_fold *f, uint64_t key)
{
	struct similar *s = f->similar;

	while (s && s->key != key)
		s = s->next;
	if (s)
		return s;
	s = mem_zalloc(sizeof(*s));
	*s = (struct similar){ .next = f->similar, .key = key };
	f->similar = s;
	return s;
}

/* True when there are so many texts by now that this one is told among the others. */
static bool note_text(struct similar *s, uint64_t text, int64_t now)
{
	if (now - s->last_boot_ms > FOLD_SIMILAR_MS)
		s->len = 0;
	s->last_boot_ms = now;
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
	struct budget *b = f->budgets;

	while (b && b->key != key)
		b = b->next;
	if (!b) {
		b = mem_zalloc(sizeof(*b));
		*b = (struct budget){ f->budgets, key, FOLD_BURST, now };
		f->budgets = b;
	}
	if (now - b->filled_boot_ms >= FOLD_REFILL_MS) {
		int64_t more = (now - b->filled_boot_ms) / FOLD_REFILL_MS;

		b->filled_boot_ms += more * FOLD_REFILL_MS;
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

	*entry = (struct fold_entry){ .next = f->entries, .key = key, .last_boot_ms = now };
	f->entries = entry;
	f->len++;
	return entry;
}

struct fold_entry *event_fold(struct event_fold *f, const struct fold_event *ev, int64_t now)
{
	uint64_t like = similar_key(ev), key = hash(like, ev->message);
	bool is_combined = note_text(similar_of(f, like), key, now);
	struct fold_entry *entry = f->entries;

	if (is_combined)
		key = like;
	while (entry && entry->key != key)
		entry = entry->next;
	if (!entry && !take_token(f, hash(0xcbf29ce484222325, ev->uid), now))
		return NULL;
	if (!entry)
		entry = entry_add(f, key, now);
	entry->is_combined = is_combined;
	entry->count++;
	entry->last_boot_ms = now;
	return entry;
}

struct fold_entry *event_fold_restore(struct event_fold *f, uint64_t key, const char *ns,
	const char *name, int64_t count, int64_t last_boot_ms)
{
	struct fold_entry *entry = entry_add(f, key, last_boot_ms);

	entry->ns = str_dup(ns);
	entry->name = str_dup(name);
	entry->count = count;
	return entry;
}

struct fold_entry *event_fold_find(struct event_fold *f, const char *ns, const char *name)
{
	struct fold_entry *entry = f->entries;

	while (entry && !(str_eq(entry->name, name) && str_eq(entry->ns, ns)))
		entry = entry->next;
	return entry;
}

void event_fold_each(
	struct event_fold *f, void (*item)(void *arg, struct fold_entry *entry), void *arg)
{
	for (struct fold_entry *entry = f->entries; entry; entry = entry->next)
		item(arg, entry);
}

void event_fold_forget(struct event_fold *f, struct fold_entry *entry)
{
	struct fold_entry **at = &f->entries;

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	f->len--;
	entry_free(entry);
}

/* Their news is too old to matter for what comes next. */
static void drop_idle(struct event_fold *f, int64_t now)
{
	for (struct similar **at = &f->similar; *at;) {
		struct similar *s = *at;

		if (now - s->last_boot_ms <= FOLD_SIMILAR_MS) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free(s);
	}
	for (struct budget **at = &f->budgets; *at;) {
		struct budget *b = *at;

		if (now - b->filled_boot_ms < (int64_t)FOLD_REFILL_MS * FOLD_BURST) {
			at = &b->next;
			continue;
		}
		*at = b->next; /* it would be full again */
		free(b);
	}
}

struct fold_entry *event_fold_expired(struct event_fold *f, size_t max, int64_t now)
{
	struct fold_entry *oldest = f->entries;

	drop_idle(f, now);
	for (struct fold_entry *entry = oldest; entry; entry = entry->next)
		if (entry->last_boot_ms < oldest->last_boot_ms)
			oldest = entry;
	if (oldest && (f->len > max || now - oldest->last_boot_ms > FOLD_KEPT_MS))
		return oldest;
	return NULL;
}
