/* The texts of gRPC: timeouts, messages in headers, content types, codes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/grpc_text.h"
#include "base/cleanup.h"
#include "base/str.h"

static void test_timeouts(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "1H", 3600000 },                /* */
		{ "2M", 120000 },                 /* */
		{ "3S", 3000 },                   /* */
		{ "250m", 250 },                  /* */
		{ "1u", 1 },                      /* a part counts as one */
		{ "1000u", 1 },                   /* */
		{ "1001u", 2 },                   /* */
		{ "999999n", 1 },                 /* */
		{ "1000001n", 2 },                /* */
		{ "0n", 0 },                      /* over already */
		{ "00000001S", 1000 },            /* */
		{ "99999999H", 359999996400000 }, /* */
	};
	static const char *const bad[] = { "", "1", "S", "H1", "-1S", "+1S", " 1S", "1 S", "1s",
		"1h", "1SS", "1.5S", "100000000S", "1S ", "0x1S", "1\xc2\xb5" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		int64_t ms = -1;

		assert_int_equal(grpc_timeout_parse(good[i].text, &ms, NULL), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t ms = -7;
		struct err e = { 0 };

		assert_int_equal(grpc_timeout_parse(bad[i], &ms, &e), -EINVAL);
		assert_int_equal(ms, -7);
		assert_non_null(strstr(e.text, "malformed grpc-timeout"));
	}
}

static void check_escaped(const char *text, const char *wanted)
{
	char *got = grpc_escape(text);

	assert_string_equal(got, wanted);
	free(got);
}

static void test_escape(void **state)
{
	(void)state;
	check_escaped("", "");
	check_escaped("plain text ~!\"", "plain text ~!\"");
	check_escaped("100% \n\x7f\x01", "100%25 %0A%7F%01");
	check_escaped("h\xc3\xa9 \xe2\x9c\x93", "h%C3%A9 %E2%9C%93");
	check_escaped("\xff"
		      "a\xc3",
		"%EF%BF%BDa%EF%BF%BD");
	/* A surrogate half and an overlong form are no UTF-8 either: byte by byte. */
	check_escaped("\xc0\xaf", "%EF%BF%BD%EF%BF%BD");
}

/* The cut is never inside of a character. */
static void test_escape_is_cut(void **state)
{
	enum { LEN = 20000 };
	CLEANUP(cleanup_free) char *text = mem_zalloc(LEN + 1);
	char *got;
	size_t len;

	(void)state;
	memset(text, 'x', LEN);
	got = grpc_escape(text);
	len = strlen(got);
	assert_in_range(len, GRPC_TEXT_MAX - 16, GRPC_TEXT_MAX);
	free(got);
	for (size_t shift = 0; shift < 4; shift++) {
		for (size_t i = shift; i < LEN; i++)
			text[i] = "\xf0\x9f\x8c\xb1"[(i - shift) % 4];
		got = grpc_escape(text);
		len = strlen(got);
		assert_in_range(len, GRPC_TEXT_MAX - 24, GRPC_TEXT_MAX);
		assert_string_equal(got + len - 12, "%F0%9F%8C%B1");
		free(got);
	}
}

static void test_types(void **state)
{
	(void)state;
	assert_string_equal(grpc_type_suffix("application/grpc"), "");
	assert_string_equal(grpc_type_suffix("application/grpc+proto"), "+proto");
	assert_string_equal(grpc_type_suffix("application/grpc;x=y"), ";x=y");
	assert_null(grpc_type_suffix("application/grpc-web"));
	assert_null(grpc_type_suffix("application/json"));
	assert_null(grpc_type_suffix("application/grp"));
	assert_null(grpc_type_suffix(NULL));
}

static void test_codes(void **state)
{
	static const struct {
		int rc;
		enum grpc_code code;
	} codes[] = {
		{ -ENOENT, GRPC_NOT_FOUND },             /* */
		{ -EEXIST, GRPC_ALREADY_EXISTS },        /* */
		{ -EINVAL, GRPC_INVALID_ARGUMENT },      /* */
		{ -ERANGE, GRPC_INVALID_ARGUMENT },      /* */
		{ -EDOM, GRPC_INVALID_ARGUMENT },        /* */
		{ -EOPNOTSUPP, GRPC_UNIMPLEMENTED },     /* */
		{ -ENOSPC, GRPC_RESOURCE_EXHAUSTED },    /* */
		{ -EDQUOT, GRPC_RESOURCE_EXHAUSTED },    /* */
		{ -E2BIG, GRPC_RESOURCE_EXHAUSTED },     /* */
		{ -EBUSY, GRPC_FAILED_PRECONDITION },    /* */
		{ -ENOTCONN, GRPC_FAILED_PRECONDITION }, /* */
		{ -ESRCH, GRPC_FAILED_PRECONDITION },    /* */
		{ -ETIMEDOUT, GRPC_DEADLINE_EXCEEDED },  /* */
		{ -ECANCELED, GRPC_CANCELLED },          /* */
		{ -EAGAIN, GRPC_UNAVAILABLE },           /* */
		{ -EIO, GRPC_UNKNOWN },                  /* */
		{ ENOENT, GRPC_NOT_FOUND },              /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		assert_int_equal(grpc_code_of_errno(codes[i].rc), codes[i].code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_is_cut),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
