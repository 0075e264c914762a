#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/event_fold.h"

static struct fold_event about(const char *uid, const char *message)
{
	return (struct fold_event){ uid, "spec.containers{c}", "Unhealthy", message, true };
}

static struct fold_entry *say(
	struct event_fold *f, const char *uid, const char *message, int64_t now)
{
	const struct fold_event ev = about(uid, message);
	struct fold_entry *entry = event_fold(f, &ev, now);

	if (entry && !entry->name) {
		CLEANUP(cleanup_free) char *name = str_fmt("%s.%s", uid, message);

		event_fold_name(f, entry, "default", name);
	}
	return entry;
}

static void test_the_same_again_counts(void **state)
{
	struct event_fold *f = event_fold_new();
	struct fold_entry *first = say(f, "u", "refused", 1000);

	(void)state;
	assert_int_equal(first->count, 1);
	for (int i = 2; i <= 100; i++)
		assert_ptr_equal(say(f, "u", "refused", i * 1000), first);
	assert_int_equal(first->count, 100);
	assert_int_equal(first->aged.at_ms, 100 * 1000);
	event_fold_free(f);
}

static void test_each_field_tells_apart(void **state)
{
	struct event_fold *f = event_fold_new();
	const struct fold_event other[] = {
		{ "v", "spec.containers{c}", "Unhealthy", "refused", true },
		{ "u", "spec.containers{d}", "Unhealthy", "refused", true },
		{ "u", "spec.containers{c}", "Killing", "refused", true },
		{ "u", "spec.containers{c}", "Unhealthy", "timeout", true },
		{ "u", "spec.containers{c}", "Unhealthy", "refused", false },
		{ "us", "pec.containers{c}", "Unhealthy", "refused", true },
	};
	struct fold_entry *first = say(f, "u", "refused", 0);

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		struct fold_entry *entry = event_fold(f, &other[i], 0);

		assert_non_null(entry);
		assert_ptr_not_equal(entry, first);
		assert_int_equal(entry->count, 1);
	}
	event_fold_free(f);
}

static void test_the_tenth_text_stands_for_more(void **state)
{
	struct event_fold *f = event_fold_new();
	struct fold_entry *combined;
	char text[24];

	(void)state;
	for (int i = 1; i < FOLD_SIMILAR_MAX; i++) {
		(void)snprintf(text, sizeof(text), "text %d", i);
		assert_false(say(f, "u", text, i)->is_combined);
	}
	combined = say(f, "u", "the tenth", 10);
	assert_true(combined->is_combined);
	assert_ptr_equal(say(f, "u", "the eleventh", 11), combined);
	assert_int_equal(combined->count, 2);
	/* A known text stays what it is. */
	assert_false(say(f, "u", "text 1", 12)->is_combined);
	/* Ten quiet minutes later all begins afresh. */
	assert_false(say(f, "u", "new", 12 + FOLD_SIMILAR_MS + 1)->is_combined);
	event_fold_free(f);
}

/* Reasons differ, so that nothing is combined. */
static struct fold_entry *another(struct event_fold *f, const char *uid, int i, int64_t now)
{
	char reason[16];
	struct fold_event ev = about(uid, "text");

	(void)snprintf(reason, sizeof(reason), "R%d", i);
	ev.reason = reason;
	return event_fold(f, &ev, now);
}

static void test_an_object_has_a_budget(void **state)
{
	struct event_fold *f = event_fold_new();

	(void)state;
	for (int i = 0; i < FOLD_BURST; i++)
		assert_non_null(another(f, "u", i, 0));
	assert_null(another(f, "u", 100, 0));
	assert_non_null(another(f, "u", 0, 0));   /* what only counts is free */
	assert_non_null(another(f, "v", 100, 0)); /* another object has its own */
	assert_null(another(f, "u", 100, FOLD_REFILL_MS - 1));
	assert_non_null(another(f, "u", 100, FOLD_REFILL_MS));
	assert_null(another(f, "u", 101, FOLD_REFILL_MS));
	/* However long it was quiet, it is a burst and no more. */
	for (int i = 200; i < 200 + FOLD_BURST; i++)
		assert_non_null(another(f, "u", i, (int64_t)1000 * FOLD_REFILL_MS));
	assert_null(another(f, "u", 300, (int64_t)1000 * FOLD_REFILL_MS));
	event_fold_free(f);
}

static void test_the_oldest_goes(void **state)
{
	struct event_fold *f = event_fold_new();
	struct fold_entry *old = say(f, "u", "old", 0), *new = say(f, "u", "new", 10);

	(void)state;
	assert_null(event_fold_expired(f, 2, 20));
	assert_ptr_equal(event_fold_expired(f, 1, 20), old);
	assert_null(event_fold_expired(f, 2, FOLD_KEPT_MS));
	assert_ptr_equal(event_fold_expired(f, 2, FOLD_KEPT_MS + 1), old);
	event_fold_forget(f, old);
	assert_null(event_fold_expired(f, 2, FOLD_KEPT_MS + 1));
	(void)say(f, "u", "new", 20);
	assert_null(event_fold_expired(f, 2, FOLD_KEPT_MS + 11)); /* said again, kept longer */
	assert_ptr_equal(event_fold_find(f, "default", new->name), new);
	event_fold_free(f);
}

static void test_a_restart_goes_on_counting(void **state)
{
	struct event_fold *before = event_fold_new(), *after = event_fold_new();
	const struct fold_entry *old = say(before, "u", "refused", 5);
	struct fold_entry *again;

	(void)state;
	(void)event_fold_restore(after, old->aged.key, old->ns, old->name, 7, 5);
	again = say(after, "u", "refused", 6);
	assert_int_equal(again->count, 8);
	assert_string_equal(again->name, old->name);
	/* A client's own event has no key: nothing is folded into it. */
	(void)event_fold_restore(after, 0, "default", "theirs", 1, 5);
	assert_int_equal(event_fold_find(after, "default", "theirs")->count, 1);
	assert_null(event_fold_find(after, "other", "theirs"));
	event_fold_free(before);
	event_fold_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_again_counts),
		cmocka_unit_test(test_each_field_tells_apart),
		cmocka_unit_test(test_the_tenth_text_stands_for_more),
		cmocka_unit_test(test_an_object_has_a_budget),
		cmocka_unit_test(test_the_oldest_goes),
		cmocka_unit_test(test_a_restart_goes_on_counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
