/* Readable JSON is the same whatever the cuts, and the same as the tree's own writer makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/pretty.h"
#include "base/cleanup.h"
#include "base/json.h"

static const char *const texts[] = { "{}", "[]", "{\"a\":[]}",
	"{\"a\":{\"b\":[1,2,{\"c\":\"d\"}]}}", "{\"q\":\"{\\\"[,:\\\\\",\"e\":\"\\\\\\\"\"}",
	"[[],{},[{}],\"\"]", "\"plain\"", "-1.5e3",
	"{\"metadata\":{\"labels\":{\"app\":\"x\"}},\"items\":[{\"a\":null},{\"b\":true}]}" };

static void test_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_json) struct json *tree = NULL;
		CLEANUP(buf_free) struct buf whole = { 0 };
		size_t len = strlen(texts[i]);

		assert_int_equal(json_parse(texts[i], len, NULL, &tree, NULL), 0);
		json_write(tree, JSON_PRETTY, &whole);
		for (size_t step = 1; step <= len; step++) {
			CLEANUP(buf_free) struct buf out = { 0 };
			struct pretty p = { 0 };

			for (size_t at = 0; at < len; at += step)
				pretty_add(
					&p, texts[i] + at, step < len - at ? step : len - at, &out);
			assert_string_equal(out.data, whole.data);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
