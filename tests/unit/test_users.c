/* The choice of a block of ids for a pod's user namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "pod/users.h"

static uint32_t choose(const struct users_map *m, uint32_t start)
{
	struct id_range r = { 0 };
	struct err e = { 0 };

	assert_int_equal(users_choose(m, start, &r, &e), 0);
	assert_int_equal(r.size, 65536);
	assert_int_equal(r.first % 65536, 0);
	return r.first;
}

static void test_the_first_free_one(void **state)
{
	struct users_map m = { 0 };

	(void)state;
	assert_int_equal(choose(&m, 0), 1879048192);
	assert_int_equal(choose(&m, 4095), 2147418112);
	users_take(&m, (struct id_range){ 1879048192, 65536 });
	assert_int_equal(choose(&m, 0), 1879048192 + 65536);
	users_take(&m, (struct id_range){ 2147418112, 65536 });
	assert_int_equal(choose(&m, 4095), 1879048192 + 65536); /* around */
}

static void test_every_id_counts(void **state)
{
	static const struct {
		struct id_range r;
		uint32_t next;
	} cases[] = {
		{ { 0, 0 }, 0x70000000 }, { { 0x70000000, 0 }, 0x70000000 },
		{ { 0, 0x70000000 }, 0x70000000 },       /* ends before */
		{ { 0, 0x70000001 }, 0x70010000 },       /* one id in */
		{ { 0x7000ffff, 1 }, 0x70010000 },       /* the last of the first */
		{ { 0x7000ffff, 2 }, 0x70020000 },       /* and the first of the second */
		{ { 0x7000fff0, 0x20000 }, 0x70030000 }, /* three */
		{ { 0x80000000, 0x7ffffffe }, 0x70000000 },
		{ { 1000, 100000 }, 0x70000000 }, /* as critest has it */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct users_map m = { 0 };

		users_take(&m, cases[i].r);
		assert_int_equal(choose(&m, 0), cases[i].next);
	}
}

static void test_none_is_left(void **state)
{
	struct users_map m = { 0 };
	struct id_range r = { 7, 7 };
	struct err e = { 0 };

	(void)state;
	users_take(&m, (struct id_range){ 0, UINT32_MAX });
	assert_int_equal(users_choose(&m, 5, &r, &e), -ENOSPC);
	assert_string_equal(e.text, "all 4096 blocks of ids for user namespaces are taken");
	assert_int_equal(r.first, 7);
}

/* As many pods as there are blocks, each another one. */
static void test_all_differ(void **state)
{
	struct users_map m = { 0 };
	uint32_t last = 0;

	(void)state;
	for (int i = 0; i < USERS_BLOCKS; i++) {
		uint32_t first = choose(&m, 0);

		assert_true(first > last);
		last = first;
		users_take(&m, (struct id_range){ first, USERS_SIZE });
	}
	assert_int_equal(last, 2147418112);
}

static void test_files(void **state)
{
	static const struct {
		enum users_file kind;
		const char *text;
		uint32_t next;
	} cases[] = {
		{ USERS_PASSWD, "", 0x70000000 },
		{ USERS_PASSWD, "root:x:0:0:root:/root:/bin/sh\n", 0x70000000 },
		{ USERS_PASSWD, "a:x:1:1::/:\nb:x:1879048192:1::/:\n", 0x70010000 },
		{ USERS_PASSWD, "b:x:1:1879048192::/:", 0x70010000 },
		{ USERS_PASSWD, "b:x:1879048192\n", 0x70010000 },
		{ USERS_PASSWD, "\n:::\nb\nb:x\nb:x:nobody:-1\nb:x: 1879048192:+1879048192:\n",
			0x70000000 },
		{ USERS_PASSWD, "b:x:18790481920:1\n", 0x70000000 },
		{ USERS_GROUP, "g:x:1879048193:1879113728\n", 0x70010000 }, /* a member's name */
		{ USERS_SUBIDS, "u:1879048192:65536\nv:1879113728:131072\n", 0x70030000 },
		{ USERS_SUBIDS, "u:100000:65536\n", 0x70000000 },
		{ USERS_SUBIDS, "u:0:1879048192", 0x70000000 },
		{ USERS_SUBIDS, "u:0:1879048193", 0x70010000 },
		{ USERS_SUBIDS, "u:1879048192:0\nu:1879048192\n", 0x70000000 },
		{ USERS_SUBIDS, "u:1879048192:4294967295\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct users_map m = { 0 };
		struct id_range r;
		struct err e;

		users_take_file(&m, cases[i].kind, cases[i].text);
		if (cases[i].next)
			assert_int_equal(choose(&m, 0), cases[i].next);
		else
			assert_int_equal(users_choose(&m, 0, &r, &e), -ENOSPC);
	}
}

static void test_blocks(void **state)
{
	(void)state;
	assert_true(users_is_block(1879048192) && users_is_block(2147418112));
	assert_false(users_is_block(1879048193) || users_is_block(1878982656));
	assert_false(users_is_block(2147483648) || users_is_block(-1) || users_is_block(0));
}

static void test_plan(void **state)
{
	struct pod_spec pod = { .uids = { 5, 6 } };
	CLEANUP(plan_free) struct plan p;

	(void)state;
	plan_init(&p);
	users_plan(&pod, &p);
	assert_int_equal(p.uid_map.len + p.gid_map.len, 0);
	pod = (struct pod_spec){ .own_users = true, .uids = { 5, 6 }, .gids = { 7, 8 } };
	users_plan(&pod, &p);
	assert_int_equal(p.uid_map.len, 1);
	assert_int_equal(p.gid_map.len, 1);
	assert_int_equal(plan_host_id(&p.uid_map, 5), 10);
	assert_int_equal(plan_host_id(&p.uid_map, 6), -1);
	assert_int_equal(plan_host_id(&p.gid_map, 7), 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_free_one),
		cmocka_unit_test(test_every_id_counts),
		cmocka_unit_test(test_none_is_left),
		cmocka_unit_test(test_all_differ),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
