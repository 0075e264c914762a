/* Paths of archives: what they become, and which are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "image/path.h"

static void paths_become_clean(void **state)
{
	static const struct {
		const char *given, *want; /* want NULL: refused */
	} rows[] = {
		{ "a", "a" },
		{ "a/b/c", "a/b/c" },
		{ "/a/b", "a/b" },
		{ "//a///b//", "a/b" },
		{ "./a/./b/.", "a/b" },
		{ "./", "" },
		{ ".", "" },
		{ "/", "" },
		{ "", "" },
		{ "...", "..." },
		{ "..a/b..", "..a/b.." },
		{ ".wh..wh..opq", ".wh..wh..opq" },
		{ "a b\n\xff", "a b\n\xff" },
		{ "..", NULL },
		{ "../a", NULL },
		{ "/..", NULL },
		{ "a/..", NULL },
		{ "a/../b", NULL },
		{ "a//..//b", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *path = NULL;
		struct err e = { 0 };
		int rc = path_clean(rows[i].given, &path, &e);

		assert_int_equal(rc, rows[i].want ? 0 : -EINVAL);
		if (rows[i].want)
			assert_string_equal(path, rows[i].want);
		else
			assert_non_null(strstr(e.text, "has a part \"..\""));
	}
}

static char *repeat(const char *part, size_t times)
{
	struct buf b = { 0 };

	while (times-- > 0)
		buf_adds(&b, part);
	return buf_take(&b);
}

static void limits_are_kept(void **state)
{
	static const struct {
		const char *part;
		size_t times;
		int want;
	} rows[] = {
		{ "x", NAME_MAX, 0 },
		{ "x", NAME_MAX + 1, -EINVAL },
		{ "x/", 512, 0 },
		{ "x/", 513, -EINVAL },
		{ "0123456789abcdef/", 240, 0 },
		{ "0123456789abcdef/", 241, -EINVAL },
		{ "/", 100000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *given = repeat(rows[i].part, rows[i].times);
		CLEANUP(cleanup_free) char *path = NULL;
		struct err e = { 0 };

		assert_int_equal(path_clean(given, &path, &e), rows[i].want);
		assert_true((rows[i].want == 0) == (path != NULL));
	}
}

static void parts_are_told_apart(void **state)
{
	CLEANUP(cleanup_free) char *parent = path_parent("a/b/c");
	CLEANUP(cleanup_free) char *top = path_parent("a");

	(void)state;
	assert_string_equal(parent, "a/b");
	assert_string_equal(top, "");
	assert_string_equal(path_last("a/b/c"), "c");
	assert_string_equal(path_last("a"), "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_become_clean),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(parts_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
