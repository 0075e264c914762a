/* Where a report goes when the plan itself cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "launch/report.h"

#define FIND(text) report_find_fd(text, sizeof(text) - 1)

static void found(void **state)
{
	(void)state;
	assert_int_equal(FIND("kind=nonsense\0result-fd=4\0"), 4);
	assert_int_equal(FIND("result-fd=7\0kind=sand"), 7);
	assert_int_equal(FIND("result-fd=4\0result-fd=9\0"), 9);
}

static void not_found(void **state)
{
	(void)state;
	assert_int_equal(report_find_fd("", 0), -1);
	assert_int_equal(FIND("kind=sandbox\0"), -1);
	assert_int_equal(FIND("result-fd=4"), -1); /* cut: it might have gone on */
	assert_int_equal(FIND("result-fd=\0"), -1);
	assert_int_equal(FIND("result-fd=4x\0"), -1);
	assert_int_equal(FIND("result-fd=-1\0"), -1);
	assert_int_equal(FIND("result-fd=99999999999\0"), -1);
	assert_int_equal(FIND("env=result-fd=4\0"), -1);
	assert_int_equal(FIND("\0\0\0"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found),
		cmocka_unit_test(not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
