/* Who a container runs as, against passwd and group files of a stranger. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "launch/user.h"

static const char passwd_text[] = "root:x:0:0:root:/root:/bin/sh\n"
				  "web:x:33:34:www:/var/www:/bin/false\n"
				  "\n"
				  "second:x:33:99::/second:\n"
				  "short:x:50:51\n"
				  "relative:x:52:52::home:\n"
				  "broken:x:5x:1::/:\n"
				  "huge:x:4294967296:1::/:\n"
				  "nogroup:x:60:::/:\n"
				  "last:x:70:71::/last:/bin/sh";
static const char group_text[] = "root:x:0:\n"
				 "adm:x:4:root,web\n"
				 "web:x:34:web\n"
				 "log:x:40:web,\n"
				 "almost:x:41:webb,we\n"
				 "bad:x:-1:web\n"
				 "few:x:42\n";

struct files {
	struct user_file passwd, group;
};

static const struct files files = {
	.passwd = { passwd_text, sizeof(passwd_text) - 1 },
	.group = { group_text, sizeof(group_text) - 1 },
};

/* Both steps. */
static int user_resolve(const struct user_request *q, const struct user_file *passwd,
	const struct user_file *group, struct user *out, struct err *e)
{
	CLEANUP(user_free) struct user u = { 0 };
	int rc = user_find(q, passwd, &u, e);

	if (rc == 0)
		rc = user_find_groups(q, group, &u, e);
	if (rc < 0)
		return rc;
	*out = u;
	u = (struct user){ 0 };
	return 0;
}

static int resolve(const struct user_request *q, struct user *out, struct err *e)
{
	*out = (struct user){ .uid = 77777 };
	return user_resolve(q, &files.passwd, &files.group, out, e);
}

static void assert_groups(const struct user *u, const gid_t *want, size_t n)
{
	assert_int_equal(u->groups_len, n);
	assert_memory_equal(u->groups, want, n * sizeof(*want));
}

static void check(
	const char *text, bool merge, uid_t uid, const char *home, const gid_t *groups, size_t n)
{
	CLEANUP(user_free) struct user u = { 0 };
	struct err e;

	assert_int_equal(
		resolve(&(struct user_request){ .text = text, .merge_groups = merge }, &u, &e), 0);
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, groups[0]);
	assert_groups(&u, groups, n);
	if (home)
		assert_string_equal(u.home, home);
	else
		assert_null(u.home);
}

#define CHECK(text, merge, uid, home, ...)                                                         \
	check(text, merge, uid, home, (const gid_t[]){ __VA_ARGS__ },                              \
		sizeof((const gid_t[]){ __VA_ARGS__ }) / sizeof(gid_t))

static void answers(void **state)
{
	(void)state;
	CHECK(NULL, false, 0, "/root", 0);
	CHECK("0", false, 0, "/root", 0);
	CHECK("1000", false, 1000, NULL, 0);
	CHECK("1000:1001", false, 1000, NULL, 1001);
	CHECK("2147483647:2147483647", false, 2147483647, NULL, 2147483647);
	CHECK("web", false, 33, "/var/www", 34);
	CHECK("33", false, 33, "/var/www", 34); /* the first entry of a number counts */
	CHECK("web:log", false, 33, "/var/www", 40);
	CHECK("web:9", false, 33, "/var/www", 9);
	CHECK("77:log", false, 77, NULL, 40);
	CHECK("web", true, 33, "/var/www", 34, 4, 40);
	CHECK("33:4", true, 33, "/var/www", 4, 34, 40);
	CHECK("77", true, 77, NULL, 0); /* no name, so no groups by name */
	CHECK("short", false, 50, NULL, 51);
	CHECK("relative", false, 52, NULL, 52);
	CHECK("last", false, 70, "/last", 71);
}

static void refuse(const char *text, int code)
{
	struct user u;
	struct err e = { 0 };

	if (resolve(&(struct user_request){ .text = text }, &u, &e) != -code)
		fail_msg("\"%s\" is not refused with %d", text, code);
	assert_int_equal(u.uid, 77777); /* untouched */
	assert_int_equal(e.code, code);
}

static void refusals(void **state)
{
	static const char *const bad[] = { "", ":", ":0", "1:", "+0", "-1", "-0", "00", "01", "0x0",
		" 0", "0 ", "1 2", "4294967296", "2147483648", "99999999999999999999", "1:+0",
		"1:00", "1:2:3", "web:log:x", "we b", "web\n", "web/x", "-web", "1web", "web:1x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuse(bad[i], EINVAL);
	refuse("nobody", ENOENT);
	refuse("we", ENOENT);
	refuse("webb", ENOENT);
	refuse("web:nogroup", ENOENT);
	/* an entry that is there but says nonsense is not somebody else */
	refuse("broken", EINVAL);
	refuse("huge", EINVAL);
	refuse("nogroup", EINVAL);
	refuse("60", EINVAL);
	refuse("web:bad", EINVAL);
}

static void root_is_refused_however_it_is_spelled(void **state)
{
	static const char *const roots[] = { "0", "root", "0:5", NULL };
	struct user u;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		assert_int_equal(
			resolve(&(struct user_request){ .text = roots[i], .refuse_root = true }, &u,
				&e),
			-EPERM);
	CLEANUP(user_free) struct user ok = { 0 };
	assert_int_equal(
		resolve(&(struct user_request){ .text = "33:0", .refuse_root = true }, &ok, &e), 0);
}

static void groups_of_the_plan(void **state)
{
	char seven[] = "7", four[] = "4", again[] = "34", bad[] = "07";
	char *texts[] = { seven, four, again, seven };
	const struct strv groups = { texts, ARRAY_LEN(texts) };
	const struct user_request q = { .text = "web", .groups = &groups, .merge_groups = true };
	CLEANUP(user_free) struct user u = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(resolve(&q, &u, &e), 0);
	assert_groups(&u, (const gid_t[]){ 34, 7, 4, 40 }, 4);
	user_free(&u);
	texts[1] = bad;
	assert_int_equal(resolve(&q, &u, &e), -EINVAL);
}

static void missing_files_are_empty(void **state)
{
	const struct user_file none = { 0 };
	CLEANUP(user_free) struct user u = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(user_resolve(&(struct user_request){ .text = "5", .merge_groups = true },
				 &none, &none, &u, &e),
		0);
	assert_int_equal(u.uid, 5);
	assert_int_equal(
		user_resolve(&(struct user_request){ .text = "web" }, &none, &none, &u, &e),
		-ENOENT);
}

static void bytes_that_are_no_text(void **state)
{
	static const char bytes[] =
		"web\0:x:0:0::/:\nweb:x:0\0:0::/:\n:::::::::::::::\n:x:0:0::/:\n"
		"web:x:33:34::/w:/bin/sh:more:and:more\n";
	const struct user_file passwd = { bytes, sizeof(bytes) - 1 };
	CLEANUP(user_free) struct user u = { 0 };
	struct err e;

	(void)state;
	/* a line with a NUL means nothing, so it makes nobody root */
	assert_int_equal(
		user_resolve(&(struct user_request){ .text = "web" }, &passwd, &passwd, &u, &e), 0);
	assert_int_equal(u.uid, 33);
	assert_string_equal(u.home, "/w");
}

static void many_groups_are_bounded(void **state)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	CLEANUP(user_free) struct user u = { 0 };
	const struct user_request q = { .text = "web", .merge_groups = true };
	struct err e;

	(void)state;
	for (int i = 0; i <= USER_GROUPS_MAX + 1; i++)
		buf_addf(&b, "g%d:x:%d:web\n", i, i);

	const struct user_file group = { b.data, b.len };

	assert_int_equal(user_resolve(&q, &files.passwd, &group, &u, &e), -E2BIG);
}

static void only_what_counts_is_read(void **state)
{
	(void)state;
	assert_false(user_needs_passwd(&(struct user_request){ .text = "1:2" }));
	assert_false(user_needs_group(&(struct user_request){ .text = "1:2" }));
	assert_true(user_needs_passwd(&(struct user_request){ .text = "1" }));
	assert_true(user_needs_passwd(&(struct user_request){ .text = "web:2" }));
	assert_true(user_needs_passwd(&(struct user_request){ .text = "1:2", .wants_home = true }));
	assert_true(
		user_needs_passwd(&(struct user_request){ .text = "1:2", .merge_groups = true }));
	assert_true(user_needs_group(&(struct user_request){ .text = "1:log" }));
	assert_false(user_needs_group(&(struct user_request){ .text = "web" }));
	assert_true(
		user_needs_group(&(struct user_request){ .text = "1:2", .merge_groups = true }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(refusals),
		cmocka_unit_test(root_is_refused_however_it_is_spelled),
		cmocka_unit_test(groups_of_the_plan),
		cmocka_unit_test(missing_files_are_empty),
		cmocka_unit_test(bytes_that_are_no_text),
		cmocka_unit_test(many_groups_are_bounded),
		cmocka_unit_test(only_what_counts_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
