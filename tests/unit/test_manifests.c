/* The files of -f: what counts as a pod, whose namespace wins, and what is refused before any
 * request. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/manifests.h"

/* main.c's; the reader asks it for -n or the default. */
const char *cli_namespace(const struct cli *c)
{
	return c->ns ? c->ns : "default";
}

static int parse(const struct cli *c, const char *text, struct manifests *out, struct err *e)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	buf_adds(&b, text);
	return manifests_parse(c, "f.yaml", &b, out, e);
}

static void refuse(const char *text, const char *message)
{
	CLEANUP(manifests_free) struct manifests m = { 0 };
	struct cli c = { 0 };
	struct err e = { 0 };

	assert_true(parse(&c, text, &m, &e) < 0);
	if (!strstr(e.text, message))
		fail_msg("\"%s\" does not say \"%s\"", e.text, message);
}

#define POD(name, more) "apiVersion: v1\nkind: Pod\nmetadata: {name: " name more "}\nspec: {}\n"

static void test_documents(void **state)
{
	CLEANUP(manifests_free) struct manifests m = { 0 };
	struct cli c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
		parse(&c, POD("a", "") "---\n---\n" POD("b", ", namespace: x"), &m, &e), 0);
	assert_int_equal(m.len, 2);
	assert_string_equal(m.at[0].name, "a");
	assert_string_equal(m.at[0].ns, "default");
	assert_string_equal(m.at[1].ns, "x");
	assert_string_equal(m.at[1].where, "f.yaml: document 2 (line 6)");
}

static void test_list(void **state)
{
	static const char text[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}},"
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"generateName\":\"b-\"}}]}";
	CLEANUP(manifests_free) struct manifests m = { 0 };
	struct cli c = { .ns = "mine" };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse(&c, text, &m, &e), 0);
	assert_int_equal(m.len, 2);
	assert_string_equal(m.at[0].ns, "mine");
	assert_null(m.at[1].name);
	assert_string_equal(m.at[1].where, "f.yaml: items[1]");
}

static void test_namespace(void **state)
{
	CLEANUP(manifests_free) struct manifests m = { 0 };
	struct cli c = { .ns = "mine" };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse(&c, POD("a", ", namespace: other"), &m, &e), -EINVAL);
	assert_non_null(strstr(e.text, "\"other\", is not \"mine\""));
	assert_int_equal(parse(&c, POD("a", ", namespace: mine"), &m, &e), 0);
}

static void test_flow_yaml(void **state)
{
	CLEANUP(manifests_free) struct manifests m = { 0 };
	struct cli c = { 0 };
	struct err e = { 0 };

	(void)state;
	/* It begins like JSON and is none. */
	assert_int_equal(parse(&c, "{apiVersion: v1, kind: Pod, metadata: {name: a}}", &m, &e), 0);
	assert_int_equal(m.len, 1);
}

static void test_refused(void **state)
{
	(void)state;
	refuse("", "holds no object");
	refuse("# nothing\n---\n", "holds no object");
	refuse("- a\n", "not an object");
	refuse("kind: Pod\n", "apiVersion is missing");
	refuse("apiVersion: v1\n", "kind is missing");
	refuse("apiVersion: apps/v1\nkind: Deployment\n", "apps/v1 Deployment is not known here");
	refuse("apiVersion: v1\nkind: List\n", "without items");
	refuse("apiVersion: v1\nkind: Pod\nmetadata: {}\n", "metadata.name is missing");
	refuse(POD("../../etc", ""), "cannot be the name of a pod");
	refuse(POD("Upper", ""), "cannot be the name of a pod");
	refuse(POD("a", ", namespace: a/b"), "cannot be a namespace");
	refuse(POD("a", "") "---\n" POD("a", ""), "stands in f.yaml: document 1 (line 1) already");
	refuse("{\"apiVersion\":\"v1\",\"apiVersion\":\"v1\"}", "duplicate field \"apiVersion\"");
	refuse("{\"apiVersion\":", "f.yaml: json:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_flow_yaml),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
