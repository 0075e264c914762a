#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/aged.h"
#include "base/cleanup.h"

enum { MANY = 1000 };

static void assert_order(const struct aged_table *t, struct aged *const *items, size_t n)
{
	const struct aged *a = t->oldest, *b = t->newest;

	assert_int_equal(t->len, n);
	for (size_t i = 0; i < n; i++, a = a->newer, b = b->older) {
		assert_ptr_equal(a, items[i]);
		assert_ptr_equal(b, items[n - 1 - i]);
	}
	assert_null(a);
	assert_null(b);
}

static void test_order_is_that_of_the_last_use(void **state)
{
	struct aged_table t = { 0 };
	struct aged a, b, c;

	(void)state;
	aged_add(&t, &b, 2, 20);
	aged_add(&t, &c, 3, 30);
	aged_add(&t, &a, 1, 10); /* late news of something old */
	assert_order(&t, (struct aged *[]){ &a, &b, &c }, 3);
	aged_touch(&t, &a, 25);
	assert_order(&t, (struct aged *[]){ &b, &a, &c }, 3);
	aged_touch(&t, &a, 30); /* at the same time: the later word is the newer */
	assert_order(&t, (struct aged *[]){ &b, &c, &a }, 3);
	aged_remove(&t, &c);
	assert_order(&t, (struct aged *[]){ &b, &a }, 2);
	aged_remove(&t, &b);
	aged_remove(&t, &a);
	assert_order(&t, NULL, 0);
	assert_null(aged_find(&t, 1));
	aged_free(&t);
}

static void test_one_of_many_is_found(void **state)
{
	struct aged_table t = { 0 };
	CLEANUP(cleanup_free) struct aged *items = calloc(MANY, sizeof(*items));

	(void)state;
	assert_null(aged_find(&t, 0));
	for (size_t i = 0; i < MANY; i++)
		aged_add(&t, &items[i], i << 32 | i, (int64_t)i);
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(aged_find(&t, i << 32 | i), &items[i]);
	assert_null(aged_find(&t, MANY));
	for (size_t i = 0; i < MANY; i += 2)
		aged_remove(&t, &items[i]);
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(aged_find(&t, i << 32 | i), i % 2 ? &items[i] : NULL);
	assert_int_equal(t.len, MANY / 2);
	aged_free(&t);
}

static void test_equal_keys_are_all_found(void **state)
{
	struct aged_table t = { 0 };
	CLEANUP(cleanup_free) struct aged *items = calloc(MANY, sizeof(*items));
	CLEANUP(cleanup_free) bool *seen = calloc(MANY, sizeof(*seen));
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		aged_add(&t, &items[i], i % 10 == 7 ? 7 : 1000 + i, (int64_t)i);
	for (const struct aged *a = aged_find(&t, 7); a; a = aged_find_next(a), found++) {
		assert_int_equal(a->key, 7);
		assert_false(seen[a - items]);
		seen[a - items] = true;
	}
	assert_int_equal(found, MANY / 10);
	aged_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_that_of_the_last_use),
		cmocka_unit_test(test_one_of_many_is_found),
		cmocka_unit_test(test_equal_keys_are_all_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
