/* Continue tokens: there and back, and what a client may send instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/list_token.h"
#include "base/cleanup.h"
#include "base/str.h"

static void test_round_trip(void **state)
{
	static const int64_t versions[] = { -1, 0, 284, INT64_MAX };

	(void)state;
	/* Every length of padding. */
	for (size_t i = 0; i < ARRAY_LEN(versions) * 4; i++) {
		char name[] = "pod-abc";
		char ns[] = "default";
		const struct list_token t = {
			.rv = versions[i % 4], .ns = ns, .name = name + i / 4
		};
		CLEANUP(buf_free) struct buf text = { 0 };
		CLEANUP(list_token_free) struct list_token back = { 0 };
		struct err e = { 0 };

		list_token_write(&t, &text);
		assert_int_equal(strspn(text.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
						   "uvwxyz0123456789-_"),
			text.len);
		assert_int_equal(list_token_read(text.data, &back, &e), 0);
		assert_true(back.rv == t.rv);
		assert_string_equal(back.ns, t.ns);
		assert_string_equal(back.name, t.name);
	}
}

static void test_hostile(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{ "!", "illegal base64 data" },                   /* no base64 */
		{ "e30", "the token is not one of this server" }, /* {} */
		{ "W10", "the token is not one of this server" }, /* [] */
		/* {"v":"x","rv":1,"start":"a/b"} */
		{ "eyJ2IjoieCIsInJ2IjoxLCJzdGFydCI6ImEvYiJ9",
			"the token is not one of this server" },
		/* {"v":"meta.k8s.io/v1","rv":-2,"start":"a/b"} */
		{ "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTIsInN0YXJ0IjoiYS9iIn0",
			"the token is not one of this server" },
		/* {"v":"meta.k8s.io/v1","rv":1,"start":"ab"} */
		{ "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhYiJ9",
			"the token is not one of this server" },
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct list_token t = { 0 };

		assert_int_equal(list_token_read(bad[i].text, &t, &e), -EINVAL);
		assert_string_equal(e.text, bad[i].words);
		assert_null(t.ns);
	}
	for (const char *text = "AAAA"; *text; text++) {
		struct list_token t = { 0 };

		assert_int_equal(list_token_read(text, &t, &e), -EINVAL);
		assert_null(t.ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
