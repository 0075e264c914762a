/* Volumes of a sandbox in its plan. */
#include <errno.h>

#include "base/buf.h"
#include "plan_fixture.h"

/* A sandbox with these records, a line each. */
static int parse(const char *lines, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_free)
	char *text = str_fmt("kind=sandbox\nid=s\npause=/p\n%s\n", lines);

	return parse_text(text, p, e);
}

static void test_accepted(void **state)
{
	CLEANUP(plan_free) struct plan p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse("volume=4096::v\nvolume=1:7:W.x-1", &p, &e), 0);
	assert_int_equal(p.volumes_len, 2);
	assert_string_equal(p.volumes[0].name, "v");
	assert_int_equal(p.volumes[0].size_bytes, 4096);
	assert_int_equal(p.volumes[0].gid, -1);
	assert_string_equal(p.volumes[1].name, "W.x-1");
	assert_int_equal(p.volumes[1].gid, 7);
}

#define WANT "want SIZE:[GID]:NAME, the name of 1 to 63 letters, digits, '-' and '.'"
#define X16 "xxxxxxxxxxxxxxxx"

static void test_refused(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "volume=", "volume=: " WANT },
		{ "volume=1:v", "volume=1:v: " WANT },
		{ "volume=1::", "volume=1::: " WANT },
		{ "volume=1::..", "volume=1::..: " WANT },
		{ "volume=1::a/b", "volume=1::a/b: " WANT },
		{ "volume=1::" X16 X16 X16 X16, "volume=1::" X16 X16 X16 "xxxxxxxxxxxxx: " WANT },
		{ "volume=0::v", "volume=0::v: want a size from 1 byte" },
		{ "volume=1k::v", "volume=1k::v: want a size from 1 byte" },
		{ "volume=::v", "volume=::v: want a size from 1 byte" },
		{ "volume=1:-1:v", "volume=1:-1:v: want a gid from 0 to 2147483647" },
		{ "volume=1::v\nvolume=2::v", "volume=2::v: there is one of that name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free) char *want = str_fmt("plan: %s", cases[i].want);
		struct plan p;
		struct err e = { 0 };

		assert_int_equal(parse(cases[i].line, &p, &e), -EINVAL);
		assert_string_equal(e.text, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
