/* Hooks of a container in its plan. */
#include <errno.h>

#include "plan_fixture.h"

/* A container with these records, a line each. */
static int parse(const char *lines, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_free)
	char *text = str_fmt("kind=container\nid=c\npause-fd=4\nlower=/l\nupper=/u\nwork=/w\n"
			     "arg=x\n%s\n",
		lines);

	return parse_text(text, p, e);
}

static void test_accepted(void **state)
{
	CLEANUP(plan_free) struct plan p;
	struct err e = { 0 };

	(void)state;
	if (parse("hook=prestart,/a,b\nhook=createContainer,timeout=86400,/c\nhook=arg=\n"
		  "hook=env=A==\nhook=arg=env=x\nhook=createRuntime,/d\nbundle=/b",
		    &p, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(p.hooks_len, 3);
	assert_string_equal(p.bundle, "/b");
	assert_true(p.hooks[0].kind == PLAN_HOOK_PRESTART && !p.hooks[0].timeout_s);
	assert_string_equal(p.hooks[0].path, "/a,b");
	assert_int_equal(p.hooks[0].args.len + p.hooks[0].env.len, 0);
	assert_true(p.hooks[1].kind == PLAN_HOOK_CREATE_CONTAINER);
	assert_int_equal(p.hooks[1].timeout_s, 86400);
	assert_int_equal(p.hooks[1].args.len, 2);
	assert_string_equal(p.hooks[1].args.at[0], "");
	assert_string_equal(p.hooks[1].args.at[1], "env=x");
	assert_string_equal(p.hooks[1].env.at[0], "A==");
	assert_true(p.hooks[2].kind == PLAN_HOOK_CREATE_RUNTIME);
}

#define WANT "want prestart, createRuntime or createContainer, [timeout=SECONDS,] and /PATH"

static void test_refused(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ "hook=/a", "hook=/a: " WANT },
		{ "hook=poststop,/a", "hook=poststop,/a: " WANT },
		{ "hook=prestart,a", "hook=prestart,a: " WANT },
		{ "hook=prestart,", "hook=prestart,: " WANT },
		{ "hook=prestart,timeout=0,/a",
			"hook=prestart,timeout=0,/a: want a timeout from 1 to 86400" },
		{ "hook=prestart,timeout=86401,/a",
			"hook=prestart,timeout=86401,/a: want a timeout from 1 to 86400" },
		{ "hook=prestart,timeout=1",
			"hook=prestart,timeout=1: want a timeout from 1 to 86400" },
		{ "hook=arg=a", "hook=arg=a: there is no hook before it" },
		{ "hook=env=A=b", "hook=env=A=b: there is no hook before it" },
		{ "hook=prestart,/a\nhook=env==b", "hook=env==b: want env=NAME=VALUE" },
		{ "hook=prestart,/a\nhook=env=b", "hook=env=b: want env=NAME=VALUE" },
		{ "hook=prestart,/a", "hook needs bundle" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free) char *want = str_fmt("plan: %s", cases[i].want);
		CLEANUP(plan_free) struct plan p;
		struct err e = { 0 };

		plan_init(&p);
		assert_int_equal(parse(cases[i].line, &p, &e), -EINVAL);
		assert_string_equal(e.text, want);
	}
}

static void test_bounded(void **state)
{
	CLEANUP(buf_free) struct buf lines = { 0 };
	CLEANUP(plan_free) struct plan p;
	struct err e = { 0 };

	(void)state;
	plan_init(&p);
	buf_adds(&lines, "bundle=/b");
	for (int i = 0; i <= PLAN_HOOKS_MAX; i++)
		buf_adds(&lines, "\nhook=prestart,/a");
	assert_int_equal(parse(lines.data, &p, &e), -EINVAL);
	assert_string_equal(e.text, "plan: hook=prestart,/a: want no more than 64 hooks");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
