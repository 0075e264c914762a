/* The YAML reader and writer of the command line: what manifests mean, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "cli/yaml_out.h"

/* The only document of text as compact JSON. */
static char *to_json(const char *text)
{
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	struct buf out = { 0 };
	struct err e = { 0 };

	if (yaml_parse(text, strlen(text), &docs, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	assert_int_equal(docs.len, 1);
	json_write(docs.at[0].value, JSON_COMPACT, &out);
	return buf_take(&out);
}

static void check(const char *text, const char *json)
{
	CLEANUP(cleanup_free) char *got = to_json(text);

	assert_string_equal(got, json);
}

static void refuse(const char *text, int code, const char *message)
{
	struct yaml_documents docs = { 0 };
	struct err e = { 0 };

	assert_int_equal(yaml_parse(text, strlen(text), &docs, &e), -code);
	assert_int_equal(docs.len, 0);
	if (!strstr(e.text, message))
		fail_msg("\"%s\" does not say \"%s\"", e.text, message);
}

static void test_manifest(void **state)
{
	(void)state;
	check("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {app: x}\nspec:\n"
	      "  containers:\n  - name: a\n    args: [\"-c\", 'it''s']\n",
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"labels\":"
		"{\"app\":\"x\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"-c\","
		"\"it's\"]}]}}");
}

static void test_scalars(void **state)
{
	(void)state;
	check("[yes, No, on, OFF, y, n, true, False]",
		"[true,false,true,false,true,false,true,false]");
	check("['yes', \"no\", !!str on, ! off]", "[\"yes\",\"no\",\"on\",\"off\"]");
	check("[~, null, Null]", "[null,null,null]");
	check("[1, -2, +3, 0644, 0o17, 0x1F, 0b101, 1_000, 08]", "[1,-2,3,420,15,31,5,1000,8]");
	check("[1.50, 1e3, .5, 1., -0.25, 1e21, 1e-7, 0.1]",
		"[1.5,1000,0.5,1,-0.25,1e+21,1e-07,0.1]");
	check("[18446744073709551615, 123456789012345678901234567890]",
		"[18446744073709551615,123456789012345678901234567890]");
	check("[2001-12-14, 12:30:45, 1.2.3, 10Gi, 0x, 1e, -, ., 0o9]",
		"[\"2001-12-14\",\"12:30:45\",\"1.2.3\",\"10Gi\",\"0x\",\"1e\",\"-\",\".\","
		"\"0o9\"]");
	check("[!!int 7, !!float 7, !!bool no, !!null '']", "[7,7,false,null]");
	refuse("a: .inf", EINVAL, "line 1");
	refuse("a: !!int x", EINVAL, "cannot read \"x\"");
	refuse("a: !own x", EINVAL, "cannot read");
	refuse("a: !own [x]", EINVAL, "not known");
}

static void test_strings(void **state)
{
	(void)state;
	check("a: |\n  one\n   two\nb: >-\n  x\n  y\n", "{\"a\":\"one\\n two\\n\",\"b\":\"x y\"}");
	check("\"a\\0b\\t\\u263a\"", "\"a\\u0000b\\t\xe2\x98\xba\"");
	refuse("\"a\\0b\": 1", EINVAL, "NUL");
}

static void test_keys(void **state)
{
	(void)state;
	check("{1: a, true: b, 0x10: c, x y: d}",
		"{\"1\":\"a\",\"true\":\"b\",\"16\":\"c\",\"x y\":\"d\"}");
	refuse("{1: a, 1.0: b}", EEXIST, "key \"1\"");
}

static void test_duplicates(void **state)
{
	(void)state;
	refuse("a: 1\nb: 2\na: 3\n", EEXIST, "line 3: key \"a\" already set in map");
	refuse("a:\n- x: 1\n  \"x\": 2\n", EEXIST, "line 3: key \"x\"");
	refuse("{a: 1, a: 1}", EEXIST, "line 1: key \"a\"");
	check("a: {x: 1}\nb: {x: 1}", "{\"a\":{\"x\":1},\"b\":{\"x\":1}}");
}

static void test_documents(void **state)
{
	static const char text[] = "---\n# nothing\n---\na: 1\n---\n\nb: 2\n...\n";
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(yaml_parse(text, strlen(text), &docs, &e), 0);
	assert_int_equal(docs.len, 2);
	assert_int_equal(docs.at[0].line, 3);
	assert_non_null(json_get(docs.at[1].value, "b"));
}

static void test_aliases(void **state)
{
	(void)state;
	check("a: &x {k: 1}\nb: *x\nc: [*x, *x]",
		"{\"a\":{\"k\":1},\"b\":{\"k\":1},\"c\":[{\"k\":1},{\"k\":1}]}");
	check("a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}");
	check("&k key: 1\nother: *k", "{\"key\":1,\"other\":\"key\"}");
	check("a: &x {&x k: 1}\nb: *x", "{\"a\":{\"k\":1},\"b\":{\"k\":1}}");
	refuse("a: *x", EINVAL, "unknown anchor 'x'");
	refuse("a: &x [*x]", EINVAL, "contains itself");
	refuse("--- &x 1\n--- *x", EINVAL, "unknown anchor");
}

static void test_merge_keys(void **state)
{
	(void)state;
	check("b: &b {x: 1, w: 2}\na:\n  <<: *b\n  x: 3",
		"{\"b\":{\"x\":1,\"w\":2},\"a\":{\"x\":3,\"w\":2}}");
	check("a: {x: 0, <<: [{x: 1, w: 1}, {w: 2, z: 2}]}", "{\"a\":{\"x\":0,\"w\":1,\"z\":2}}");
	check("\"<<\": 1", "{\"<<\":1}");
	refuse("<<: 1", EINVAL, "map merge requires");
	refuse("<<: {a: 1}\n<<: {b: 1}", EINVAL, "already set");
}

static void test_alias_bomb(void **state)
{
	struct buf text = { 0 };

	(void)state;
	buf_adds(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++) {
		buf_addf(&text, "a%d: &a%d [", i, i);
		for (int n = 0; n < 10; n++)
			buf_addf(&text, "%s*a%d", n ? ", " : "", i - 1);
		buf_adds(&text, "]\n");
	}
	refuse(text.data, E2BIG, "too large");
	buf_clear(&text);
	/* Few nodes, many bytes. */
	buf_adds(&text, "a: &a \"");
	for (int i = 0; i < 100 * 1000; i++)
		buf_addc(&text, 'x');
	buf_adds(&text, "\"\nb: [");
	for (int i = 0; i < 100; i++)
		buf_adds(&text, "*a, ");
	buf_adds(&text, "]\n");
	refuse(text.data, E2BIG, "too large");
	buf_free(&text);
}

static void nest(struct buf *text, int depth)
{
	buf_clear(text);
	for (int i = 0; i < depth; i++)
		buf_addc(text, '[');
	for (int i = 0; i < depth; i++)
		buf_addc(text, ']');
}

static void test_limits(void **state)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	struct err e = { 0 };

	(void)state;
	nest(&text, YAML_DEPTH_MAX);
	assert_int_equal(yaml_parse(text.data, text.len, &docs, &e), 0);
	nest(&text, YAML_DEPTH_MAX + 1);
	refuse(text.data, ELOOP, "deeper than 64");
	/* An alias may not carry its tree below the limit either. */
	nest(&text, YAML_DEPTH_MAX - 2);
	buf_adds(&text, "");
	{
		char *deep = str_fmt("a: &a %s\nb: [[*a]]\n", text.data);

		refuse(deep, ELOOP, "too deep");
		free(deep);
	}
	buf_clear(&text);
	for (int i = 0; i <= YAML_KEYS_MAX; i++)
		buf_addf(&text, "k%d: 1\n", i);
	refuse(text.data, E2BIG, "too many keys");
	buf_clear(&text);
	while (text.len <= YAML_BYTES_MAX)
		buf_adds(&text, "# nothing but comments\n");
	refuse(text.data, E2BIG, "more than 1048576");
}

static void test_syntax(void **state)
{
	(void)state;
	refuse("a: [1", EINVAL, "line ");
	refuse("a: 1\n\tb: 2", EINVAL, "line 2");
	refuse("a: 1\n b: 2", EINVAL, "line 2");
	refuse("\xff\xfe\xff", EINVAL, "line 1");
	refuse("? [a]\n: 1", EINVAL, "a key must be a string");
	refuse("{{a: 1}: 2}", EINVAL, "a key must be a string");
	refuse("? ~\n: 1", EINVAL, "a key must be a string");
}

/* What is written reads back as the same tree, and looks like kubectl's. */
static void test_writer(void **state)
{
	static const char *const values[] = {
		"{\"a\":[{\"b\":1,\"c\":[1,2]},[],{}],\"d\":{\"e\":null,\"f\":true}}",
		"[\"yes\",\"1\",\"0x1\",\"1e3\",\"\",\"~\",\"a: b\",\"a #b\",\"- a\",\" a\",\"a \","
		"\"<<\",\"key:\",\"#\",\"@x\",\"`\",\"%\",\"2001-01-01\",\"=\",\"null\",\".5\"]",
		"[\"one\\ntwo\\n\",\"one\\ntwo\",\"one\\n\\n\",\"\\n\",\" "
		"lead\\nx\",\"a\\tb\\nc\\n\"]",
		"[\"\\u0001\",\"\\u007f\",\"\\u0085\",\"\\u00a0\",\"\\u2028\",\"\\ufeff\","
		"\"\\u0000x\"]",
		"{\"yes\":1,\"1\":2,\"a b\":3,\"a: b\":4,\"\":5,\"multi\\nline\":6}",
		"[[[1,2],[3]],[[{\"a\":1}]],\"x\"]",
		"\"... null\"",
		"\"two\\nlines\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		CLEANUP(cleanup_json) struct json *j = NULL;
		CLEANUP(buf_free) struct buf text = { 0 };
		CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
		struct err e = { 0 };

		assert_int_equal(json_parse(values[i], strlen(values[i]), NULL, &j, &e), 0);
		yaml_write(j, &text);
		if (yaml_parse(text.data, text.len, &docs, &e) < 0)
			fail_msg("%s: %s", e.text, text.data);
		assert_int_equal(docs.len, 1);
		if (!json_equal(j, docs.at[0].value))
			fail_msg("not the same: %s", text.data);
	}
}

static void test_writer_form(void **state)
{
	static const char json[] =
		"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":"
		"[\"x\",\"1\"],\"script\":\"a\\nb\\n\"}],\"empty\":{}}}";
	CLEANUP(cleanup_json) struct json *j = NULL;
	CLEANUP(buf_free) struct buf text = { 0 };

	(void)state;
	assert_int_equal(json_parse(json, strlen(json), NULL, &j, NULL), 0);
	yaml_write(j, &text);
	assert_string_equal(text.data,
		"kind: Pod\nspec:\n  containers:\n  - name: a\n    args:\n    - x\n    - \"1\"\n"
		"    script: |\n      a\n      b\n  empty: {}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_merge_keys),
		cmocka_unit_test(test_alias_bomb),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
