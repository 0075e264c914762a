/* What filters ask of the server, and what they choose of its answer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/cri_select.h"
#include "cli/cri_text.h"

static void assert_json(const struct json *j, const char *want)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	json_write(j, JSON_COMPACT, &out);
	assert_string_equal(out.data, want);
}

static void test_filters(void **state)
{
	CLEANUP(cri_select_free) struct cri_select s = { 0 };
	CLEANUP(cleanup_json) struct json *none = NULL;
	CLEANUP(cleanup_json) struct json *pods = NULL;
	CLEANUP(cleanup_json) struct json *containers = NULL;
	CLEANUP(cleanup_json) struct json *newest = NULL;

	(void)state;
	assert_true(cri_select_is_empty(&s));
	assert_int_equal(cri_select_pods(&s, &none, NULL), 0);
	assert_json(none, "{}");
	strv_add(&s.labels, "a=b=c");
	strv_add(&s.labels, "d=");
	assert_false(cri_select_is_empty(&s));
	s.state = "NotReady";
	s.id = "x";
	assert_int_equal(cri_select_pods(&s, &pods, NULL), 0);
	assert_json(pods, "{\"label_selector\":{\"a\":\"b=c\",\"d\":\"\"},\"id\":\"x\","
			  "\"state\":{\"state\":\"SANDBOX_NOTREADY\"}}");
	s.state = NULL;
	s.pod = "p";
	assert_int_equal(cri_select_containers(&s, &containers, NULL), 0);
	assert_json(containers,
		"{\"label_selector\":{\"a\":\"b=c\",\"d\":\"\"},\"id\":\"x\","
		"\"pod_sandbox_id\":\"p\",\"state\":{\"state\":\"CONTAINER_RUNNING\"}}");
	s = (struct cri_select){ .labels = s.labels, .state = "exited", .last = 3 };
	assert_int_equal(cri_select_containers(&s, &newest, NULL), 0);
	assert_json(newest, "{\"label_selector\":{\"a\":\"b=c\",\"d\":\"\"}}");
}

static void test_wrong_filters(void **state)
{
	CLEANUP(cri_select_free) struct cri_select s = { .state = "running" };
	struct json *out = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(cri_select_pods(&s, &out, &e), -EINVAL);
	assert_string_equal(e.text, "--state takes ready or notready, not \"running\"");
	s.state = "ready";
	assert_int_equal(cri_select_containers(&s, &out, &e), -EINVAL);
	assert_string_equal(
		e.text, "--state takes created, running, exited or unknown, not \"ready\"");
	s.state = NULL;
	strv_add(&s.labels, "=b");
	assert_int_equal(cri_select_pods(&s, &out, &e), -EINVAL);
	assert_string_equal(e.text, "--label takes key=value, not \"=b\"");
	assert_null(out);
}

static const char *namespace_of(const struct json *item)
{
	return cri_str(item, "metadata.namespace");
}

/* The names that are chosen, in order. */
static char *choose(const struct cri_select *s)
{
	static const char text[] =
		"[{\"metadata\":{\"name\":\"old\",\"namespace\":\"n\"},\"createdAt\":\"1\"},"
		"{\"metadata\":{\"name\":\"twin1\",\"namespace\":\"m\"},\"createdAt\":\"5\"},"
		"{\"metadata\":{\"name\":\"twin2\",\"namespace\":\"n\"},\"createdAt\":\"5\"},"
		"{\"createdAt\":\"9\"},{\"metadata\":null,\"createdAt\":\"9\"},"
		"{\"metadata\":{\"name\":\"new\",\"namespace\":\"nn\"},\"createdAt\":"
		"\"10000000000\"}]";
	CLEANUP(cleanup_json) struct json *items = NULL;
	CLEANUP(cleanup_json) struct json *chosen = NULL;
	struct buf out = { 0 };

	assert_int_equal(json_parse(text, strlen(text), NULL, &items, NULL), 0);
	assert_int_equal(cri_select_apply(s, items, namespace_of, &chosen, NULL), 0);
	for (size_t i = 0; i < json_len(chosen); i++)
		buf_addf(&out, "%s%s", i ? " " : "", cri_str(json_at(chosen, i), "metadata.name"));
	return buf_take(&out);
}

static void test_choice(void **state)
{
	static const struct {
		struct cri_select s;
		const char *want;
	} cases[] = {
		{ { .last = 0 }, "new twin1 twin2 old" },        /* the order of equals stays */
		{ { .name = "" }, "new twin1 twin2 old" },       /* */
		{ { .name = "^twin" }, "twin1 twin2" },          /* */
		{ { .name = "w" }, "new twin1 twin2" },          /* a match anywhere */
		{ { .ns = "^n$" }, "twin2 old" },                /* */
		{ { .ns = "n", .name = "old|new" }, "new old" }, /* */
		{ { .is_latest = true }, "new" },                /* */
		{ { .last = 2 }, "new twin1" },                  /* */
		{ { .last = 9 }, "new twin1 twin2 old" },        /* */
		{ { .is_latest = true, .last = 3 }, "new twin1 twin2" }, /* as crictl */
		{ { .name = "none", .is_latest = true }, "" },           /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_free) char *got = choose(&cases[i].s);

		assert_string_equal(got, cases[i].want);
	}
}

static void test_wrong_patterns(void **state)
{
	const struct cri_select name = { .name = "a", .ns = "[" }, ns = { .name = "(" };
	struct json *out = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(cri_select_apply(&name, NULL, namespace_of, &out, &e), -EINVAL);
	assert_non_null(strstr(e.text, "--namespace: \"[\" is no regular expression: "));
	assert_int_equal(cri_select_apply(&ns, NULL, namespace_of, &out, &e), -EINVAL);
	assert_non_null(strstr(e.text, "--name: \"(\" is no regular expression: "));
	assert_null(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_wrong_filters),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_wrong_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
