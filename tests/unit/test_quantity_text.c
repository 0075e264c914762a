#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "spec/quantity_text.h"

static void test_canonical(void **state)
{
	static const char *const pairs[][2] = {
		{ "0", "0" },
		{ "-0", "0" },
		{ "1", "1" },
		{ "+1", "1" },
		{ "1.", "1" },
		{ ".5", "500m" },
		{ "1000m", "1" },
		{ "1500m", "1500m" },
		{ "-1500m", "-1500m" },
		{ "1u", "1m" },
		{ "1000000n", "1m" },
		{ "1000", "1k" },
		{ "1001", "1001" },
		{ "1000000", "1M" },
		{ "1500k", "1500k" },
		{ "1000E", "9223372036854775807" },
		{ "9E", "9E" },
		{ "1e3", "1e3" },
		{ "12E2", "1200" },
		{ "1e-3", "1e-3" },
		{ "0e5", "0" },
		{ "1Ki", "1Ki" },
		{ "1024", "1024" },
		{ "1024Ki", "1Mi" },
		{ "1025Ki", "1025Ki" },
		{ "0.5Ki", "512" },
		{ "1.5Ki", "1536" },
		{ "1.5Gi", "1536Mi" },
		{ "-2Ki", "-2Ki" },
		{ "8Ei", "9223372036854775807" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(buf_free) struct buf once = { 0 }, twice = { 0 };

		assert_null(quantity_canonical(pairs[i][0], &once));
		assert_string_equal(once.data, pairs[i][1]);
		assert_null(quantity_canonical(once.data, &twice));
		assert_string_equal(twice.data, once.data);
	}
}

static void test_refused(void **state)
{
	static const char format[] = "quantities must match the regular expression "
				     "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
	static const char suffix[] = "unable to parse quantity's suffix";
	static const char *const pairs[][2] = {
		{ "", format },
		{ "x", format },
		{ "Ki", format },
		{ "1 Ki", format },
		{ "1Ki ", NULL },
		{ "1x", format },
		{ "--1", format },
		{ "1KiB", format },
		{ "1iK", suffix },
		{ "1K", suffix },
		{ "1mm", suffix },
		{ "1e", suffix },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(buf_free) struct buf out = { 0 };
		const char *wrong = quantity_canonical(pairs[i][0], &out);

		if (pairs[i][1])
			assert_string_equal(wrong ? wrong : "(fine)", pairs[i][1]);
		else
			assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
