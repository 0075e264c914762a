/* Paths and queries as Go reads them; each text here may come from a hostile client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/query.h"
#include "base/buf.h"
#include "base/cleanup.h"

/* "a|b?k=v&k2=" of what a path was split into, "!" when it was refused. */
static char *split(const char *path)
{
	struct strv segments = { 0 };
	struct query q = { 0 };
	struct buf out = { 0 };
	bool is_fine = query_split(path, &segments, &q) == 0;

	for (size_t i = 0; is_fine && i < segments.len; i++)
		buf_addf(&out, "%s%s", i ? "|" : "", segments.at[i]);
	for (size_t i = 0; is_fine && i < q.len; i++)
		buf_addf(&out, "%c%s=%s", i ? '&' : '?', q.at[i].key, q.at[i].value);
	if (!is_fine)
		buf_addc(&out, '!');
	strv_free(&segments);
	query_free(&q);
	return buf_take(&out);
}

static void test_split(void **state)
{
	static const struct {
		const char *path, *parts;
	} cases[] = {
		{ "/", "" },                            /* the root has no segment */
		{ "/healthz", "healthz" },              /* */
		{ "/a/b/", "a|b" },                     /* one slash at the end is fine */
		{ "/a//b", "!" },                       /* two are not */
		{ "//a", "!" },                         /* */
		{ "a", "!" },                           /* no path at all */
		{ "", "!" },                            /* */
		{ "?a=b", "!" },                        /* */
		{ "/%61%2e", "a." },                    /* decoded once */
		{ "/%2561", "%61" },                    /* and not twice */
		{ "/a%2Fb", "!" },                      /* a slash is no part of a name */
		{ "/a%00", "!" },                       /* nor is a NUL */
		{ "/a%", "!" },                         /* cut escapes */
		{ "/a%6", "!" },                        /* */
		{ "/a%zz", "!" },                       /* */
		{ "/a+b", "a+b" },                      /* plus is itself in a path */
		{ "/..", ".." },                        /* no segment has a meaning here */
		{ "/a?x=1&y=b+c&z", "a?x=1&y=b c&z=" }, /* and a space in a query */
		{ "/a?x=1=2&&=v&x=3", "a?x=1=2&x=3" },  /* empty keys are dropped */
		{ "/a?x=%3d%26", "a?x==&" },            /* */
		{ "/a?x=%00", "!" },                    /* */
		{ "/a?%zz=1", "!" },                    /* */
		{ "/a?b/c?d=e", "a?b/c?d=e" },          /* the first question mark counts */
		{ "/a?", "a" },                         /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free) char *parts = split(cases[i].path);

		assert_string_equal(parts, cases[i].parts);
	}
}

static struct query query_of(const char *path)
{
	struct strv segments = { 0 };
	struct query q = { 0 };

	assert_int_equal(query_split(path, &segments, &q), 0);
	strv_free(&segments);
	return q;
}

static void test_values(void **state)
{
	CLEANUP(query_free)
	struct query q = query_of("/?a=0&b=FALSE&c=false&d=&e&f=no&g=1&g=0&n=12&m=-3&bad=1x");
	struct err e = { 0 };
	int64_t n = 7;

	(void)state;
	assert_false(query_is_true(&q, "a"));
	assert_false(query_is_true(&q, "b"));
	assert_false(query_is_true(&q, "c"));
	assert_true(query_is_true(&q, "d"));
	assert_true(query_is_true(&q, "e"));
	assert_true(query_is_true(&q, "f"));
	assert_true(query_is_true(&q, "g")); /* the first counts */
	assert_false(query_is_true(&q, "absent"));
	assert_null(query_get(&q, "absent"));
	assert_int_equal(query_i64(&q, "absent", &n, &e), 0);
	assert_int_equal(query_i64(&q, "d", &n, &e), 0);
	assert_int_equal(n, 7);
	assert_int_equal(query_i64(&q, "n", &n, &e), 0);
	assert_int_equal(n, 12);
	assert_int_equal(query_i64(&q, "m", &n, &e), 0);
	assert_int_equal(n, -3);
	assert_int_equal(query_i64(&q, "bad", &n, &e), -EINVAL);
	assert_string_equal(e.text, "strconv.ParseInt: parsing \"1x\": invalid syntax");
	assert_int_equal(n, -3);
}

static void test_versions(void **state)
{
	struct err e = { 0 };
	uint64_t rv = 1;

	(void)state;
	assert_int_equal(query_parse_u64("18446744073709551615", &rv, &e), 0);
	assert_true(rv == UINT64_MAX);
	assert_int_equal(query_parse_u64("18446744073709551616", &rv, &e), -ERANGE);
	assert_string_equal(e.text, "strconv.ParseUint: parsing \"18446744073709551616\": value "
				    "out of range");
	assert_int_equal(query_parse_u64("-1", &rv, &e), -EINVAL);
	assert_int_equal(query_parse_u64(" 1", &rv, &e), -EINVAL);
	assert_int_equal(query_parse_u64("", &rv, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
