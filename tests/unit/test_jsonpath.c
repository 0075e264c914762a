/* kubectl's JSONPath templates. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/jsonpath.h"

static const char document[] =
	"{\"metadata\":{\"name\":\"web\",\"labels\":{\"app\":\"x\",\"a.b/c\":\"dotted\"}},"
	"\"items\":[{\"n\":\"one\",\"v\":1,\"ok\":true},{\"n\":\"two\",\"v\":2},{\"n\":\"three\","
	"\"v\":3,"
	"\"sub\":[{\"k\":\"p\"},{\"k\":\"q\"}]}],"
	"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},"
	"{\"type\":\"Other\",\"status\":\"False\"}],\"nothing\":null,\"count\":3}}";

static int print(const char *text, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *root = NULL;

	assert_int_equal(json_parse(document, strlen(document), NULL, &root, NULL), 0);
	buf_add(out, "", 0);
	return jsonpath_print(text, root, out, e);
}

static void check(const char *text, const char *expected)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (print(text, &out, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	assert_string_equal(out.data, expected);
}

static void refuse(const char *text)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	assert_int_equal(print(text, &out, &e), -EINVAL);
	assert_true(strncmp(e.text, "jsonpath: ", 10) == 0);
}

static void test_paths(void **state)
{
	(void)state;
	check("{.metadata.name}", "web");
	check("{$.metadata.name}", "web");
	check("{@.metadata.name}", "web");
	check("{.metadata['name']}", "web");
	check("{.metadata.labels.a\\.b/c}", "dotted");
	check("{.metadata.labels['a.b/c']}", "dotted");
	check("{.items[0].n}", "one");
	check("{.items[-1].n}", "three");
	check("{.items[*].n}", "one two three");
	check("{.items[0:2].n}", "one two");
	check("{.items[1:].n}", "two three");
	check("{.items[::2].n}", "one three");
	check("{.items[0,2].n}", "one three");
	check("{.items[*].sub[*].k}", "p q");
	check("{.metadata.labels.*}", "x dotted");
	check("{..k}", "p q");
	check("{.status.count}", "3");
	check("{.items[0].ok}", "true");
	check("{.metadata.labels}", "{\"app\":\"x\",\"a.b/c\":\"dotted\"}");
	check("{.items[0]}", "{\"n\":\"one\",\"v\":1,\"ok\":true}");
}

static void test_missing(void **state)
{
	(void)state;
	check("{.metadata.none}", "");
	check("{.metadata.none.deeper[0].x}", "");
	check("{.status.nothing}", "");
	check("{range .none[*]}x{end}", "");
	refuse("{.items[9]}");
}

static void test_filters(void **state)
{
	(void)state;
	check("{.status.conditions[?(@.type==\"Ready\")].status}", "True");
	check("{.status.conditions[?(@.type=='Other')].status}", "False");
	check("{.status.conditions[?(@.type!=\"Ready\")].type}", "Other");
	check("{.items[?(@.v>1)].n}", "two three");
	check("{.items[?(@.v<=2)].n}", "one two");
	check("{.items[?(@.v >= 2)].n}", "two three");
	check("{.items[?(@.sub)].n}", "three");
	check("{.items[?(@.ok==true)].n}", "one");
	check("{.items[?(@.v==3)].sub[0].k}", "p");
	check("{.none[?(@.v==3)].sub}", "");
}

static void test_text(void **state)
{
	(void)state;
	check("plain", "plain");
	check("a={.status.count} b={.items[0].v}\n", "a=3 b=1\n");
	check("{.metadata.name}{\"\\t\"}{.status.count}{\"\\n\"}", "web\t3\n");
	check("{'a\\'b'}", "a'b");
	check("{.metadata.name} {\"}\"}", "web }");
}

static void test_ranges(void **state)
{
	(void)state;
	check("{range .items[*]}{.n}={.v}{\"\\n\"}{end}", "one=1\ntwo=2\nthree=3\n");
	check("<{range .items[*]}{.n}{range .sub[*]}-{.k}{end},{end}>", "<one,two,three-p-q,>");
	check("{range .items[?(@.v>2)]}{@.n}/{$.metadata.name}{end}", "three/web");
	check("{range .items[*]}{.n} {end}{.status.count}", "one two three 3");
}

static void test_errors(void **state)
{
	(void)state;
	refuse("{.metadata");
	refuse("{.metadata.name");
	refuse("{}");
	refuse("{range .items[*]}{.n}");
	refuse("{end}");
	refuse("{.items[}");
	refuse("{.items[x]}");
	refuse("{.items['n}");
	refuse("{.items[?(@.v==)]}");
	refuse("{.items[?(@.v==1]}");
	refuse("{.items[?@.v]}");
	refuse("{.items[::0]}");
	refuse("{metadata.name}");
	refuse("{.}}{");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
