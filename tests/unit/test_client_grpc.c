/* What a gRPC client writes and reads in headers: the deadline, and the words of an error.  Calls
 * themselves are made in tests/bats/cri_cli.bats, with a server that is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/client_grpc.h"
#include "base/cleanup.h"

static void test_timeout(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 1, "1m" },                   /* */
		{ 2000, "2000m" },             /* */
		{ 99999999, "99999999m" },     /* eight digits are allowed */
		{ 100000000, "100000S" },      /* */
		{ 100000001, "100001S" },      /* never shorter than asked */
		{ 100000000000, "1666667M" },  /* */
		{ 6000000000000, "1666667H" }, /* */
		{ INT64_MAX, "99999999H" },    /* the longest that can be said */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[API_CALL_TIMEOUT_TEXT];

		api_call_timeout_text(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_unescape(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "plain words", "plain words" },       /* */
		{ "50%25 of %22x%22", "50% of \"x\"" }, /* */
		{ "%c3%A9", "\xc3\xa9" },               /* either case */
		{ "a%0Ab", "a\nb" },                    /* */
		{ "%", "%" },                           /* cut */
		{ "%4", "%4" },                         /* cut */
		{ "%zz%41", "%zzA" },                   /* no escape: as it stands */
		{ "a%00b", "a%00b" },                   /* a NUL would hide the rest */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf out = { 0 };

		api_call_unescape(cases[i].text, &out);
		assert_string_equal(out.data, cases[i].want);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(api_call_code_name(GRPC_OK), "OK");
	assert_string_equal(api_call_code_name(GRPC_NOT_FOUND), "NOT_FOUND");
	assert_string_equal(api_call_code_name(GRPC_UNAVAILABLE), "UNAVAILABLE");
	assert_string_equal(api_call_code_name(16), "UNAUTHENTICATED");
	assert_null(api_call_code_name(17));
	assert_null(api_call_code_name(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_unescape),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
