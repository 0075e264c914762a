#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "spec/names.h"

/* As Kubernetes 1.37 prints them. */
#define L                                                                                          \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "   \
	"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "   \
	"regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define S                                                                                          \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "  \
	"or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "      \
	"regex used for validation is "                                                            \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define Q                                                                                          \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "   \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "  \
	"validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define V                                                                                          \
	"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "   \
	"or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "      \
	"'my_value',  or '12345', regex used for validation is "                                   \
	"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

#define X10 "xxxxxxxxxx"
#define X63 X10 X10 X10 X10 X10 X10 "xxx"
#define X250                                                                                       \
	X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10    \
		X10 X10 X10

struct name_case {
	const char *text, *want; /* what is wrong, joined by "; "; "" when nothing is */
};

typedef struct name_faults (*faults_fn)(const char *text);
typedef const char *(*check_fn)(const char *text);

static void try_all(const struct name_case *cases, size_t len, faults_fn faults, check_fn check)
{
	for (size_t i = 0; i < len; i++) {
		struct name_faults f = faults(cases[i].text);
		CLEANUP(buf_free) struct buf got = { 0 };
		const char *first = check(cases[i].text);

		buf_adds(&got, "");
		for (size_t k = 0; k < f.len; k++)
			buf_addf(&got, "%s%s", k ? "; " : "", f.at[k]);
		if (!str_eq(got.data, cases[i].want))
			print_error("'%s'\n", cases[i].text);
		assert_string_equal(got.data, cases[i].want);
		assert_ptr_equal(first, f.len ? f.at[0] : NULL);
	}
}

static void test_labels(void **state)
{
	static const struct name_case cases[] = {
		{ "a", "" },
		{ "0", "" },
		{ "z9", "" },
		{ "a-b", "" },
		{ "a--b", "" },
		{ X63, "" },
		{ X63 "x", "must be no more than 63 characters" },
		{ "", L },
		{ "-", L },
		{ "-a", L },
		{ "a-", L },
		{ "A", L },
		{ "a_b", L },
		{ "a b", L },
		{ "a/b", L },
		{ "a\n", L },
		{ "\xc3\xa4", L },
		{ "`", L }, /* the neighbours of the ranges */
		{ "{", L },
		{ ":", L },
		{ "a.b", "must not contain dots" },
		{ "a..b", L },
		{ ".a", L },
		{ "a.", L },
		{ X63 ".x", "must be no more than 63 characters; must not contain dots" },
		{ X63 "_", "must be no more than 63 characters; " L },
	};

	(void)state;
	try_all(cases, ARRAY_LEN(cases), name_faults_label, name_check_label);
}

static void test_subdomains(void **state)
{
	static const struct name_case cases[] = {
		{ "a", "" },
		{ "a.b", "" },
		{ "a-1.2-b.c", "" },
		{ X63 "x.a", "" }, /* a component has no limit of its own */
		{ X250 "xxx", "" },
		{ X250 "xxxx", "must be no more than 253 characters" },
		{ X250 "xxx_", "must be no more than 253 characters; " S },
		{ "", S },
		{ ".", S },
		{ "..", S },
		{ ".a", S },
		{ "a.", S },
		{ "a..b", S },
		{ "a.-b", S },
		{ "a-.b", S },
		{ "a.B", S },
		{ "a/b", S },
		{ "../a", S },
	};

	(void)state;
	try_all(cases, ARRAY_LEN(cases), name_faults_subdomain, name_check_subdomain);
}

static void test_qualified_names(void **state)
{
	static const struct name_case cases[] = {
		{ "a", "" },
		{ "A.b_c-9", "" },
		{ "a..b", "" },
		{ "Z", "" },
		{ X63, "" },
		{ "example.com/App", "" },
		{ X250 "xxx/" X63, "" },
		{ X63 "x", "name part must be no more than 63 bytes" },
		{ X63 "_", "name part must be no more than 63 bytes; name part " Q },
		{ X250 "xxxx/a", "prefix part must be no more than 253 bytes" },
		{ X250 "xxx_/" X63 "_", "prefix part must be no more than 253 bytes; prefix part " S
					"; name part must be no more than 63 bytes; name part " Q },
		{ "", "name part must be non-empty; name part " Q },
		{ "a/", "name part must be non-empty; name part " Q },
		{ "/a", "prefix part must be non-empty" },
		{ "/", "prefix part must be non-empty; name part must be non-empty; name part " Q },
		{ "A/a", "prefix part " S },
		{ "a_b/c", "prefix part " S },
		{ "a/b/c", "a valid label key " Q
			   " with an optional DNS subdomain prefix and '/' (e.g. "
			   "'example.com/MyName')" },
		{ "-a", "name part " Q },
		{ "a_", "name part " Q },
		{ ".a", "name part " Q },
		{ "a b", "name part " Q },
		{ "a=b", "name part " Q },
		{ "a@b", "name part " Q },
		{ "a[b", "name part " Q },
	};

	(void)state;
	try_all(cases, ARRAY_LEN(cases), name_faults_qualified, name_check_qualified);
}

static void test_label_values(void **state)
{
	static const struct name_case cases[] = {
		{ "", "" },
		{ "a", "" },
		{ "A.b_c-9", "" },
		{ X63, "" },
		{ X63 "x", "must be no more than 63 bytes" },
		{ X63 "-", "must be no more than 63 bytes; " V },
		{ "-", V },
		{ "_a", V },
		{ "a.", V },
		{ "a/b", V },
		{ " ", V },
	};

	(void)state;
	try_all(cases, ARRAY_LEN(cases), name_faults_label_value, name_check_label_value);
}

static void test_path_safety(void **state)
{
	static const char *const unsafe[] = { "", ".", "..", "a/b", "/", "../a", "a/..", ".a", "A",
		"a\\b", "a\n", X250 "xxxx" };
	static const char *const safe[] = { "a", "a.b", "0-9", X250 "xxx" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unsafe); i++)
		assert_false(name_is_path_safe(unsafe[i]));
	for (size_t i = 0; i < ARRAY_LEN(safe); i++)
		assert_true(name_is_path_safe(safe[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_subdomains),
		cmocka_unit_test(test_qualified_names),
		cmocka_unit_test(test_label_values),
		cmocka_unit_test(test_path_safety),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
