/* Command lines and durations. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/options.h"

/* One of each kind. */
struct line {
	bool flag, tty;
	const char *text, *word;
	int64_t number, duration_ms;
	struct strv list;
	struct arguments args;
	struct err e;
};

static int parse(struct line *l, bool stop_at_first, char **argv)
{
	const struct option table[] = {
		{ "flag", 'i', OPTION_FLAG, &l->flag },
		{ "tty", 't', OPTION_FLAG, &l->tty },
		{ "text", 'n', OPTION_TEXT, &l->text },
		{ "wait", 0, OPTION_WORD, &l->word },
		{ "number", 0, OPTION_NUMBER, &l->number },
		{ "timeout", 0, OPTION_DURATION, &l->duration_ms },
		{ "file", 'f', OPTION_LIST, &l->list },
	};
	struct options o = {
		.table = table, .len = ARRAY_LEN(table), .stop_at_first = stop_at_first
	};

	*l = (struct line){ .number = -1 };
	return options_parse(&o, argv, &l->args, &l->e);
}

static void release(struct line *l)
{
	strv_free(&l->list);
	arguments_free(&l->args);
}

/* argv as an array of writable words; cmocka's tests are short-lived. */
#define ARGV(...) ((char *[]){ (char[]){ "verb" }, __VA_ARGS__, NULL })
#define W(text) ((char[]){ text })

static void test_forms(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(
		parse(&l, false,
			ARGV(W("a"), W("-it"), W("--text=x"), W("-f"), W("one"), W("-ftwo"),
				W("-f=three"), W("--file"), W("four"), W("b"), W("--number"),
				W("7"), W("--wait"), W("c"), W("--timeout=1m30s"))),
		0);
	assert_true(l.flag && l.tty);
	assert_string_equal(l.text, "x");
	assert_int_equal(l.list.len, 4);
	assert_string_equal(l.list.at[1], "two");
	assert_string_equal(l.list.at[2], "three");
	assert_int_equal(l.args.len, 3);
	assert_string_equal(l.args.at[2], "c"); /* --wait takes its word behind "=" only */
	assert_string_equal(l.word, "");
	assert_int_equal(l.number, 7);
	assert_int_equal(l.duration_ms, 90000);
	assert_null(l.args.command);
	release(&l);
}

static void test_command(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(parse(&l, false, ARGV(W("p"), W("--"), W("sh"), W("-c"), W("--text"))), 0);
	assert_int_equal(l.args.len, 1);
	assert_string_equal(l.args.command[1], "-c");
	assert_null(l.args.command[3]);
	assert_null(l.text);
	release(&l);
}

static void test_flags(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(
		parse(&l, false,
			ARGV(W("--flag=false"), W("--tty=true"), W("--wait=exit"), W("-"))),
		0);
	assert_false(l.flag);
	assert_true(l.tty);
	assert_string_equal(l.word, "exit");
	assert_string_equal(l.args.at[0], "-"); /* standard input is an argument */
	release(&l);
	assert_int_equal(parse(&l, false, ARGV(W("-h"))), 0);
	assert_true(l.args.is_help);
	release(&l);
}

static void test_global(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(
		parse(&l, true, ARGV(W("-n"), W("x"), W("get"), W("--other"), W("-z"))), 0);
	assert_string_equal(l.text, "x");
	assert_int_equal(l.args.len, 3);
	assert_string_equal(l.args.at[1], "--other");
	release(&l);
}

static void refuse(char **argv, const char *message)
{
	struct line l;

	assert_int_equal(parse(&l, false, argv), -EINVAL);
	if (!strstr(l.e.text, message))
		fail_msg("\"%s\" does not say \"%s\"", l.e.text, message);
	assert_int_equal(l.args.len, 0);
	release(&l);
}

static void test_refused(void **state)
{
	(void)state;
	refuse(ARGV(W("--tex=1")), "unknown option --tex"); /* no abbreviations */
	refuse(ARGV(W("-x")), "unknown option -x");
	refuse(ARGV(W("--text")), "--text needs a value");
	refuse(ARGV(W("-n")), "-n needs a value");
	refuse(ARGV(W("--flag=maybe")), "true or false");
	refuse(ARGV(W("--number=-1")), "not a number");
	refuse(ARGV(W("--number=9999999999")), "not a number");
	refuse(ARGV(W("--timeout=5")), "not a duration");
}

static void check_duration(const char *text, int64_t ms)
{
	int64_t got = -1;

	assert_int_equal(duration_parse(text, &got), ms < 0 ? -EINVAL : 0);
	assert_int_equal(got, ms);
}

static void test_durations(void **state)
{
	(void)state;
	check_duration("0", 0);
	check_duration("30s", 30000);
	check_duration("500ms", 500);
	check_duration("1h2m3s4ms", 3723004);
	check_duration("0s", 0);
	check_duration("", -1);
	check_duration("s", -1);
	check_duration("5", -1);
	check_duration("5 s", -1);
	check_duration("-5s", -1);
	check_duration("1.5s", -1);
	check_duration("9999999999s", -1);
	check_duration("5d", -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_global),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
