#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "spec/selector.h"

#define Q                                                                                          \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "   \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "  \
	"validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define V                                                                                          \
	"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "   \
	"or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "      \
	"'my_value',  or '12345', regex used for validation is "                                   \
	"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* The objects that each selector is tried on; the answers are a column each. */
static char key_a[] = "a", key_b[] = "b", key_in[] = "in", key_long[] = "x.io/k", one[] = "1",
	    two[] = "2", empty[] = "", word[] = "w", huge[] = "9223372036854775808";
static struct label just_a1[] = { { key_a, one } }, a_empty[] = { { key_a, empty } },
		    several[] = { { key_b, two }, { key_a, word }, { key_in, key_in },
			    { key_long, huge } };
static const struct labels objects[] = { { NULL, 0 }, { just_a1, 1 }, { a_empty, 1 },
	{ several, 4 } };

struct match_case {
	const char *text, *want; /* of objects: none, a=1, a="", b=2 a=w in=in x.io/k=2^63 */
};

static const struct match_case label_matches[] = {
	{ "", "1111" },
	{ " \t\r\n", "1111" },
	{ "a", "0111" },
	{ "!a", "1000" },
	{ "! a", "1000" },
	{ "a=1", "0100" },
	{ "a==1", "0100" },
	{ " a\t=\r\n1 ", "0100" },
	{ "a=", "0010" },
	{ "a==", "0010" },
	{ "a!=1", "1011" },
	{ "a!=", "1101" },
	{ "a=1,b", "0000" },
	{ "a=w,b=2", "0001" },
	{ "b=2,!c,a", "0001" },
	{ "a,!b", "0110" },
	{ "a in (1,w)", "0101" },
	{ "a in(1)", "0100" },
	{ "a in (w,1,w,0)", "0101" },
	{ "a in (,1)", "0110" },
	{ "a in (1,)", "0110" },
	{ "a in (0,,1)", "0110" },
	{ "a in ()", "0010" },
	{ "a in (,)", "0010" },
	{ "a notin (1,w)", "1010" },
	{ "a notin ()", "1101" },
	{ "c notin (1)", "1111" },
	{ "c in (1)", "0000" },
	{ "a>0", "0100" },
	{ "a>1", "0000" },
	{ "a<2", "0100" },
	{ "a<1", "0000" },
	{ "b > 1", "0001" },
	{ "a<9223372036854775807", "0100" },
	{ "x.io/k>0", "0000" }, /* 2^63 is no number here */
	{ "x.io/k<0", "0000" },
	{ "in", "0001" }, /* a word, except where an operator is due */
	{ "in=in", "0001" },
	{ "in in (in)", "0001" },
	{ "in notin (in,notin)", "1110" },
	{ "notin", "0000" },
	{ "!in", "1110" },
};

static void try_label_match(const struct match_case *c)
{
	CLEANUP(cleanup_selector) struct selector *s = NULL;
	char got[ARRAY_LEN(objects) + 1] = "";
	struct err e = { 0 };

	if (selector_parse_labels(c->text, &s, &e) < 0)
		print_error("'%s': %s\n", c->text, e.text);
	assert_non_null(s);
	for (size_t i = 0; i < ARRAY_LEN(objects); i++)
		got[i] = selector_matches_labels(s, &objects[i]) ? '1' : '0';
	if (!str_eq(got, c->want))
		print_error("'%s'\n", c->text);
	assert_string_equal(got, c->want);
}

static void test_label_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(label_matches); i++)
		try_label_match(&label_matches[i]);
	assert_true(selector_matches_labels(NULL, &objects[0]));
	try_label_match(&(struct match_case){ NULL, "1111" });
}

struct error_case {
	const char *text, *want;
};

/* As the API server of Kubernetes 1.37 says it, up to the end of struct err. */
static const struct error_case label_errors[] = {
	{ "=", "found '=', expected: !, identifier, or 'end of string'" },
	{ ",", "found ',', expected: !, identifier, or 'end of string'" },
	{ "(a)", "found '(', expected: !, identifier, or 'end of string'" },
	{ "a,", "found '', expected: identifier after ','" },
	{ "a,,b", "found ',', expected: identifier after ','" },
	{ "a=1,=", "found '=', expected: identifier after ','" },
	{ "a=1 b", "found 'b', expected: ',' or 'end of string'" },
	{ "a in (1) b", "found 'b', expected: ',' or 'end of string'" },
	{ "!a=1", "found '=', expected: ',' or 'end of string'" },
	{ "!a in (1)", "found 'in', expected: ',' or 'end of string'" },
	{ "!", "unable to parse requirement: found '', expected: identifier" },
	{ "!=a", "found '!=', expected: !, identifier, or 'end of string'" },
	{ "!!a", "unable to parse requirement: found '!', expected: identifier" },
	{ "!,a", "unable to parse requirement: found ',', expected: identifier" },
	{ "a===1", "unable to parse requirement: found '=', expected: identifier" },
	{ "a=!b", "unable to parse requirement: found '!', expected: identifier" },
	{ "a!==b", "unable to parse requirement: found '=', expected: identifier" },
	{ "a=(b)", "unable to parse requirement: found '(', expected: identifier" },
	{ "a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt" },
	{ "a IN (b)",
		"unable to parse requirement: found 'IN', expected: in, notin, =, ==, !=, gt, lt" },
	{ "a!b", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt" },
	{ "a(b)",
		"unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt" },
	{ "a in", "unable to parse requirement: found '' expected: '('" },
	{ "a in x", "unable to parse requirement: found 'x' expected: '('" },
	{ "a notin =", "unable to parse requirement: found '=' expected: '('" },
	{ "a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier" },
	{ "a in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier" },
	{ "a in (b", "unable to parse requirement: found '', expected: ',' or ')'" },
	{ "a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'" },
	{ "a in (b,", "unable to parse requirement: found '', expected: ',', or identifier" },
	{ "a in (b,=)", "unable to parse requirement: found '=', expected: ',', or identifier" },
	{ "a>", "unable to parse requirement: values[0]: Invalid value: \"\": "
		"for 'Gt', 'Lt' operators, the value must be an integer" },
	{ "a<1.5", "unable to parse requirement: values[0]: Invalid value: \"1.5\": "
		   "for 'Gt', 'Lt' operators, the value must be an integer" },
	{ "a>9223372036854775808",
		"unable to parse requirement: values[0]: Invalid value: \"9223372036854775808\": "
		"for 'Gt', 'Lt' operators, the value must be an integer" },
	{ "a>-1", "unable to parse requirement: values[0][a]: Invalid value: \"-1\": " V },
	{ "a>+1", "unable to parse requirement: values[0][a]: Invalid value: \"+1\": " V },
	{ "a>+-1", "unable to parse requirement: [values[0]: Invalid value: \"+-1\": "
		   "for 'Gt', 'Lt' operators, the value must be an integer, "
		   "values[0][a]: Invalid value: \"+-1\": " V "]" },
	{ "a=-x", "unable to parse requirement: values[0][a]: Invalid value: \"-x\": " V },
	{ "x/a=" X64, "unable to parse requirement: values[0][x/a]: Invalid value: \"" X64
		      "\": must be no more than 63 bytes" },
	{ "a in (y," X64 ",b)", "unable to parse requirement: values[1][a]: Invalid value: \"" X64
				"\": must be no more than 63 bytes" },
	{ "a in (" X64 ",y" X64 ")",
		"unable to parse requirement: [values[0][a]: Invalid value: \"" X64
		"\": must be no more than 63 bytes, values[1][a]: Invalid value: \"y" X64
		"\": must be no more than 63 bytes]" },
	{ "-a", "unable to parse requirement: <nil>: Invalid value: \"-a\": name part " Q },
	{ "!a/", "unable to parse requirement: <nil>: Invalid value: \"a/\": name part must be "
		 "non-empty; name part " Q },
	{ "\"=1", "unable to parse requirement: <nil>: Invalid value: \"\\\"\": name part " Q },
	{ "\x01\xff\xc3\xa4",
		"unable to parse requirement: <nil>: Invalid value: \"\\x01\\xff\xc3\xa4\": "
		"name part " Q },
};

static void assert_text_as_cut(const char *text, const char *got, const char *want)
{
	if (strncmp(got, want, ERR_TEXT_MAX - 1) != 0)
		print_error("'%s': %s\n", text, got);
	assert_int_equal(
		strlen(got), strlen(want) < ERR_TEXT_MAX ? strlen(want) : (size_t)ERR_TEXT_MAX - 1);
	assert_memory_equal(got, want, strlen(got));
}

static void test_label_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(label_errors); i++) {
		const struct error_case *c = &label_errors[i];
		struct selector *s = NULL;
		struct err e = { 0 };

		assert_int_equal(selector_parse_labels(c->text, &s, &e), -EINVAL);
		assert_null(s);
		assert_int_equal(e.code, EINVAL);
		assert_text_as_cut(c->text, e.text, c->want);
		assert_int_equal(selector_parse_labels(c->text, &s, NULL), -EINVAL);
	}
}

static const char *const allowed[] = { "metadata.name", "status.phase", NULL };

struct fields {
	const char *name, *phase;
};

static const char *field_of(const void *ctx, const char *field)
{
	const struct fields *f = ctx;

	return str_eq(field, "metadata.name") ? f->name : f->phase;
}

static const struct fields pods[] = { { "a", "Running" }, { "b", "" }, { "x,y=z\\", "Failed" } };

static const struct match_case field_matches[] = {
	{ "", "111" }, { ",", "111" }, { "metadata.name=a", "100" }, { "metadata.name==a", "100" },
	{ "metadata.name!=a", "011" }, { "metadata.name=", "000" }, { "status.phase=", "010" },
	{ "status.phase!=", "101" }, { "status.phase!=Running,metadata.name!=b", "001" },
	{ ",status.phase=Running,,metadata.name=b,", "000" },
	{ "metadata.name=x\\,y\\=z\\\\", "001" }, { "metadata.name!=x\\,y\\=z\\\\", "110" },
	{ "metadata.name=!a", "000" }, { "metadata.name= a", "000" }, /* no blank is skipped */
};

static void test_field_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(field_matches); i++) {
		CLEANUP(cleanup_selector) struct selector *s = NULL;
		char got[ARRAY_LEN(pods) + 1] = "";

		assert_int_equal(
			selector_parse_fields(field_matches[i].text, allowed, &s, NULL), 0);
		for (size_t k = 0; k < ARRAY_LEN(pods); k++)
			got[k] = selector_matches_fields(s, field_of, &pods[k]) ? '1' : '0';
		if (!str_eq(got, field_matches[i].want))
			print_error("'%s'\n", field_matches[i].text);
		assert_string_equal(got, field_matches[i].want);
	}
	assert_true(selector_matches_fields(NULL, field_of, &pods[0]));
}

static const struct error_case field_errors[] = {
	{ "foo", "invalid selector: 'foo'; can't understand 'foo'" },
	{ "metadata.name=a,!", "invalid selector: 'metadata.name=a,!'; can't understand '!'" },
	{ "a\\=b", "field label not supported: a\\" }, /* a name knows no escapes */
	{ "spec.foo=1", "field label not supported: spec.foo" },
	{ "metadata.name=a,spec.foo!=1", "field label not supported: spec.foo" },
	{ "metadata.nam=a", "field label not supported: metadata.nam" },
	{ "a!b=c", "field label not supported: a!b" },
	{ " metadata.name=a", "field label not supported:  metadata.name" },
	{ "=", "field label not supported: " },
	{ "=a", "field label not supported: " },
	/* The parts are sorted first, and names are looked at last. */
	{ "z,spec.foo=1,a", "invalid selector: 'z,spec.foo=1,a'; can't understand 'a'" },
	{ "metadata.name=a=b", "invalid field selector: unescaped character in value: 61" },
	{ "metadata.name===a", "invalid field selector: unescaped character in value: 61" },
	{ "metadata.name=\\a", "invalid field selector: invalid escape sequence: \\a" },
	{ "metadata.name=\\\xc3\xa4",
		"invalid field selector: invalid escape sequence: \\\xc3\xa4" },
	{ "metadata.name=a\\", "invalid field selector: invalid escape sequence: \\" },
	{ "metadata.name=\\\\\\", "invalid field selector: invalid escape sequence: \\" },
};

static void test_field_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(field_errors); i++) {
		const struct error_case *c = &field_errors[i];
		struct selector *s = NULL;
		struct err e = { 0 };

		assert_int_equal(selector_parse_fields(c->text, allowed, &s, &e), -EINVAL);
		assert_null(s);
		assert_text_as_cut(c->text, e.text, c->want);
	}
}

static void test_size_limit(void **state)
{
	CLEANUP(cleanup_free) char *text = mem_zalloc(SELECTOR_BYTES_MAX + 2);
	struct selector *s = NULL;
	struct err e = { 0 };

	(void)state;
	memset(text, ' ', SELECTOR_BYTES_MAX + 1);
	assert_int_equal(selector_parse_labels(text, &s, &e), -E2BIG);
	assert_string_equal(e.text, "label selector: more than 65536 bytes");
	memset(text, ',', SELECTOR_BYTES_MAX + 1);
	assert_int_equal(selector_parse_fields(text, allowed, &s, &e), -E2BIG);
	assert_string_equal(e.text, "field selector: more than 65536 bytes");
	assert_null(s);
	text[SELECTOR_BYTES_MAX] = '\0';
	assert_int_equal(selector_parse_fields(text, allowed, &s, &e), 0);
	cleanup_selector(&s);
	memset(text, ' ', SELECTOR_BYTES_MAX);
	assert_int_equal(selector_parse_labels(text, &s, &e), 0);
	cleanup_selector(&s);
}

/* Under the sanitizers a lost value is a leak. */
static void test_release(void **state)
{
	struct selector *s = NULL;

	(void)state;
	selector_free(NULL);
	cleanup_selector(&s);
	assert_int_equal(selector_parse_labels("a in (b,b,b),c", &s, NULL), 0);
	cleanup_selector(&s);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_label_matches),
		cmocka_unit_test(test_label_errors),
		cmocka_unit_test(test_field_matches),
		cmocka_unit_test(test_field_errors),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
