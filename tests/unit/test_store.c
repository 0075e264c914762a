/* One counter over all kinds, sorted lists, and a history that says honestly what it has lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/store.h"

static void store_close(struct store **st)
{
	store_free(*st);
}

static struct json *object(const char *ns, const char *name, const char *note)
{
	struct json *o = json_new_object(), *metadata = json_new_object();

	json_set_str(o, "kind", "Pod");
	json_set_str(metadata, "name", name);
	json_set_str(metadata, "namespace", ns);
	json_set(o, "metadata", metadata);
	json_set_str(o, "note", note);
	return o;
}

static struct object *put(
	struct store *st, enum object_kind kind, const char *ns, const char *name, const char *note)
{
	CLEANUP(cleanup_json) struct json *o = object(ns, name, note);

	return store_put(st, kind, o);
}

/* All changes of a kind after rv: "A a 11, M a 12, D a 14". */
static const char *changes(const struct store *st, enum object_kind kind, uint64_t rv)
{
	static const char letter[] = {
		[CHANGE_ADDED] = 'A', [CHANGE_MODIFIED] = 'M', [CHANGE_DELETED] = 'D'
	};
	static char said[512];
	const struct change *c;

	said[0] = '\0';
	while ((c = store_next(st, kind, rv))) {
		size_t len = strlen(said);

		assert_true(c->rv > rv && c->now->rv == c->rv);
		assert_int_equal(c->before == NULL, c->type == CHANGE_ADDED);
		rv = c->rv;
		(void)snprintf(said + len, sizeof(said) - len, "%s%c %s %d", len ? ", " : "",
			letter[c->type], c->now->name, (int)rv);
	}
	return said;
}

static void test_versions(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(10);
	CLEANUP(buf_free) struct buf text = { 0 };

	(void)state;
	assert_int_equal(store_rv(st), 10);
	assert_int_equal(put(st, OBJECT_POD, "n", "a", "1")->rv, 11);
	assert_int_equal(put(st, OBJECT_EVENT, "n", "e", "1")->rv, 12);
	assert_int_equal(put(st, OBJECT_POD, "n", "a", "2")->rv, 13);
	assert_int_equal(put(st, OBJECT_POD, "n", "b", "1")->rv, 14);
	assert_int_equal(store_delete(st, OBJECT_POD, "n", "a", NULL), 0);
	assert_int_equal(store_delete(st, OBJECT_POD, "n", "a", NULL), -ENOENT);
	assert_int_equal(store_delete(st, OBJECT_POD, "n", "e", NULL), -ENOENT); /* a kind's own */
	assert_int_equal(store_rv(st), 15);
	assert_string_equal(changes(st, OBJECT_POD, 10), "A a 11, M a 13, A b 14, D a 15");
	assert_string_equal(changes(st, OBJECT_POD, 13), "A b 14, D a 15");
	assert_string_equal(changes(st, OBJECT_POD, 15), "");
	assert_string_equal(changes(st, OBJECT_EVENT, 0), "A e 12");
	assert_null(store_get(st, OBJECT_POD, "n", "a"));
	object_write(store_get(st, OBJECT_POD, "n", "b"), &text);
	assert_string_equal(text.data,
		"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"b\","
		"\"namespace\":\"n\",\"resourceVersion\":\"14\"},\"note\":\"1\"}");
}

/* The same again is no change, whatever version its text names. */
static void test_same_again(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(0);
	CLEANUP(cleanup_json) struct json *o = object("n", "a", "1");
	struct object *first = store_put(st, OBJECT_POD, o);

	(void)state;
	json_set_str(json_get(o, "metadata"), "resourceVersion", "777");
	assert_ptr_equal(store_put(st, OBJECT_POD, o), first);
	assert_int_equal(store_rv(st), 1);
	assert_string_equal(changes(st, OBJECT_POD, 0), "A a 1");
	json_set_str(o, "note", "12");
	assert_int_equal(store_put(st, OBJECT_POD, o)->rv, 2);
	json_set_str(o, "note", "1");
	assert_int_equal(store_put(st, OBJECT_POD, o)->rv, 3); /* back to what it was is a change */
}

/* DELETED carries the last state under a version of its own. */
static void test_delete_with_last_state(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(0);
	CLEANUP(cleanup_json) struct json *last = object("n", "a", "bye");
	CLEANUP(buf_free) struct buf text = { 0 };
	const struct change *c;

	(void)state;
	put(st, OBJECT_POD, "n", "a", "1");
	assert_int_equal(store_delete(st, OBJECT_POD, "n", "a", last), 0);
	c = store_next(st, OBJECT_POD, 1);
	assert_int_equal(c->type, CHANGE_DELETED);
	assert_int_equal(c->before->rv, 1);
	object_write(c->now, &text);
	assert_non_null(strstr(text.data, "\"resourceVersion\":\"2\""));
	assert_non_null(strstr(text.data, "\"note\":\"bye\""));
	assert_int_equal(store_count(st, OBJECT_POD), 0);
	assert_int_equal(put(st, OBJECT_POD, "n", "a", "1")->rv, 3); /* a new one */
	assert_string_equal(changes(st, OBJECT_POD, 2), "A a 3");
}

static const char *listed(const struct store *st, const char *ns)
{
	static char said[256];
	size_t len;
	struct object **list = store_list(st, OBJECT_POD, ns, &len);

	said[0] = '\0';
	for (size_t i = 0; i < len; i++) {
		strcat(strcat(strcat(said, i ? " " : ""), list[i]->namespace), "/");
		strcat(said, list[i]->name);
		object_unref(list[i]);
	}
	free(list);
	return said;
}

/* By namespace, then name, in whatever order they came; bytes are compared, not letters. */
static void test_list_order(void **state)
{
	static const char *const keys[][2] = { { "b", "b" }, { "a", "z" }, { "b", "a" },
		{ "a-b", "m" }, { "a", "b-1" }, { "a", "b" }, { "b", "a.b" }, { "a", "b0" } };
	CLEANUP(store_close) struct store *st = store_new(0);

	(void)state;
	assert_string_equal(listed(st, NULL), "");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		put(st, OBJECT_POD, keys[i][0], keys[i][1], "");
	put(st, OBJECT_EVENT, "a", "event", "");
	assert_string_equal(listed(st, NULL), "a/b a/b-1 a/b0 a/z a-b/m b/a b/a.b b/b");
	assert_string_equal(listed(st, "a"), "a/b a/b-1 a/b0 a/z");
	assert_string_equal(listed(st, "a-b"), "a-b/m");
	assert_string_equal(listed(st, "c"), "");
	assert_int_equal(store_count(st, OBJECT_POD), ARRAY_LEN(keys));
	assert_int_equal(store_delete(st, OBJECT_POD, "a", "b-1", NULL), 0);
	assert_string_equal(listed(st, "a"), "a/b a/b0 a/z");
}

static struct object *no_namespace(struct store *st)
{
	CLEANUP(cleanup_json) struct json *o = object(NULL, "a", "");

	return store_put(st, OBJECT_POD, o);
}

static void test_default_namespace(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(0);

	(void)state;
	assert_string_equal(no_namespace(st)->namespace, "default");
	assert_non_null(store_get(st, OBJECT_POD, "default", "a"));
}

/* What a list holds stays as it was, whatever happens to the store. */
static void test_references(void **state)
{
	struct store *st = store_new(0);
	struct object *kept = object_ref(put(st, OBJECT_POD, "n", "a", "1"));

	(void)state;
	put(st, OBJECT_POD, "n", "a", "2");
	assert_int_equal(store_delete(st, OBJECT_POD, "n", "a", NULL), 0);
	store_free(st);
	assert_int_equal(kept->rv, 1);
	assert_non_null(strstr(kept->text, "\"note\":\"1\""));
	object_unref(kept);
}

/* ---- history -----------------------------------------------------------------------------------
 */

static void test_bounded_history(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(100);
	uint64_t rv = 0;
	size_t n = 0;

	(void)state;
	put(st, OBJECT_EVENT, "n", "e", "");
	assert_int_equal(store_oldest(st), 100);
	for (int i = 0; i < STORE_HISTORY + 10; i++) {
		CLEANUP(cleanup_free) char *note = str_fmt("%d", i);

		put(st, OBJECT_POD, "n", "a", note);
	}
	/* The first ten changes are gone: who has seen version 111 has missed nothing. */
	assert_int_equal(store_oldest_of(st, OBJECT_POD), 111);
	assert_int_equal(store_next(st, OBJECT_POD, 111)->rv, 112);
	assert_int_equal(store_oldest_of(st, OBJECT_EVENT), 100); /* not its fault */
	assert_int_equal(store_oldest(st), 111);
	for (const struct change *c; (c = store_next(st, OBJECT_POD, rv)); rv = c->rv)
		n++;
	assert_int_equal(n, STORE_HISTORY);
	assert_int_equal(rv, store_rv(st));
}

/* Large objects count by their size, but the newest change is always there. */
static void test_history_by_size(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(0);
	enum { LARGE = 1 << 20 };
	CLEANUP(cleanup_free) char *large = mem_zalloc(LARGE + 1);

	(void)state;
	memset(large, 'x', LARGE);
	for (int i = 0; i < 20; i++) {
		large[0] = (char)('a' + i);
		put(st, OBJECT_POD, "n", "a", large);
	}
	assert_in_range(store_oldest_of(st, OBJECT_POD), 12, 14);
	assert_int_equal(store_next(st, OBJECT_POD, store_oldest(st))->rv, store_oldest(st) + 1);
}

static void test_restore(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(50);
	CLEANUP(cleanup_json)
	struct json *old = object("n", "old", ""), *ahead = object("n", "ahead", "");

	(void)state;
	assert_int_equal(store_restore(st, OBJECT_POD, old, 20)->rv, 20);
	assert_int_equal(store_rv(st), 50); /* never back */
	assert_int_equal(store_oldest(st), 50);
	assert_string_equal(changes(st, OBJECT_POD, 0), "");
	assert_int_equal(store_restore(st, OBJECT_POD, ahead, 70)->rv, 70);
	assert_int_equal(store_rv(st), 70);
	/* Who asks for what happened between has to list anew. */
	assert_int_equal(store_oldest_of(st, OBJECT_POD), 70);
	assert_int_equal(store_oldest_of(st, OBJECT_EVENT), 70);
	assert_int_equal(store_restore(st, OBJECT_POD, old, 60)->rv, 60); /* replaces */
	assert_int_equal(store_count(st, OBJECT_POD), 2);
	assert_ptr_equal(store_put(st, OBJECT_POD, ahead), store_get(st, OBJECT_POD, "n", "ahead"));
	assert_int_equal(put(st, OBJECT_POD, "n", "new", "")->rv, 71);
}

/* ---- watches -----------------------------------------------------------------------------------
 */

static char calls[64];

static void note_call(struct store_watch *w, enum object_kind kind)
{
	size_t len = strlen(calls);

	calls[len] = *(const char *)w->arg;
	calls[len + 1] = kind == OBJECT_POD ? 'p' : 'e';
}

static void stop_itself(struct store_watch *w, enum object_kind kind)
{
	note_call(w, kind);
	store_watch_stop(w);
}

static void test_watches(void **state)
{
	CLEANUP(store_close) struct store *st = store_new(0);
	char a = 'a', b = 'b', c = 'c';
	struct store_watch first = { .changed = note_call, .arg = &a },
			   once = { .changed = stop_itself, .arg = &b },
			   last = { .changed = note_call, .arg = &c };

	(void)state;
	memset(calls, 0, sizeof(calls));
	store_watch_stop(&first); /* harmless */
	store_watch_start(st, &first);
	store_watch_start(st, &once);
	store_watch_start(st, &last);
	put(st, OBJECT_POD, "n", "a", "1");
	put(st, OBJECT_POD, "n", "a", "1"); /* no change, no call */
	put(st, OBJECT_EVENT, "n", "e", "1");
	store_watch_stop(&first);
	assert_int_equal(store_delete(st, OBJECT_POD, "n", "a", NULL), 0);
	store_watch_stop(&last);
	store_watch_stop(&last);
	put(st, OBJECT_POD, "n", "a", "2");
	assert_string_equal(calls, "apbpcpaececp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_delete_with_last_state),
		cmocka_unit_test(test_list_order),
		cmocka_unit_test(test_default_namespace),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_bounded_history),
		cmocka_unit_test(test_history_by_size),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_watches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
