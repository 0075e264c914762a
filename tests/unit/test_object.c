/* What becomes of JSON in the store: the text that clients get, and what selectors may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/object.h"

static struct object *make(enum object_kind kind, const char *text, uint64_t rv)
{
	CLEANUP(cleanup_json) struct json *j = NULL;

	assert_int_equal(json_parse(text, strlen(text), NULL, &j, NULL), 0);
	return object_new(kind, j, rv);
}

static void unref(struct object **o)
{
	object_unref(*o);
}

static void expect_text(const struct object *o, const char *want)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	object_write(o, &out);
	assert_string_equal(out.data, want);
}

#define HEAD "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":"

/* Metadata in Kubernetes' order and in front, whatever came; the rest as it was. */
static void test_text(void **state)
{
	CLEANUP(unref)
	struct object *o = make(OBJECT_POD,
		"{\"spec\":{\"b\":1,\"a\":2},\"apiVersion\":\"v9\",\"metadata\":{\"labels\":{"
		"\"app\":\"x\"},\"uid\":\"u\",\"annotations\":{},\"ownerReferences\":[],"
		"\"creationTimestamp\":null,\"generation\":1,\"name\":\"n\",\"namespace\":\"s\"},"
		"\"kind\":\"Other\",\"status\":{}}",
		7);

	(void)state;
	expect_text(o,
		HEAD "{\"name\":\"n\",\"namespace\":\"s\",\"uid\":\"u\",\"resourceVersion\":\"7\","
		     "\"generation\":1,\"creationTimestamp\":null,\"labels\":{\"app\":\"x\"},"
		     "\"annotations\":{},\"ownerReferences\":[]},\"spec\":{\"b\":1,\"a\":2},"
		     "\"status\":{}}");
	assert_string_equal(o->namespace, "s");
	assert_string_equal(o->name, "n");
	assert_string_equal(o->uid, "u");
}

static void test_event_text(void **state)
{
	CLEANUP(unref)
	struct object *o =
		make(OBJECT_EVENT, "{\"metadata\":{\"name\":\"e\"},\"reason\":\"Killing\"}", 8);

	(void)state;
	expect_text(o, "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"e\","
		       "\"resourceVersion\":\"8\"},\"reason\":\"Killing\"}");
}

/* A client's own text that looks like the version is not taken for it. */
static void test_version_is_found(void **state)
{
	CLEANUP(unref)
	struct object *o = make(OBJECT_POD,
		"{\"metadata\":{\"annotations\":{\"a\":\"\\\"resourceVersion\\\":\\\"1\\\"\","
		"\"resourceVersion\":\"5\"},\"name\":\"n\","
		"\"generateName\":\"\\\"resourceVersion\\\":\\\"9\",\"resourceVersion\":\"3\"}}",
		12);
	CLEANUP(unref) struct object *later = object_at_version(o, 345);
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	expect_text(later,
		HEAD "{\"name\":\"n\",\"generateName\":\"\\\"resourceVersion\\\":\\\"9\","
		     "\"resourceVersion\":\"345\",\"annotations\":{\"a\":\"\\\"resourceVersion\\\":"
		     "\\\"1\\\"\",\"resourceVersion\":\"5\"}}}");
	assert_int_equal(later->rv, 345);
	assert_true(object_same_content(o, later));
	object_write_at(o, 6, &out);
	assert_non_null(strstr(out.data, "\\\"9\",\"resourceVersion\":\"6\","));
	expect_text(o,
		HEAD "{\"name\":\"n\",\"generateName\":\"\\\"resourceVersion\\\":\\\"9\","
		     "\"resourceVersion\":\"12\",\"annotations\":{\"a\":\"\\\"resourceVersion\\\":"
		     "\\\"1\\\"\",\"resourceVersion\":\"5\"}}}");
}

static void test_same_content(void **state)
{
	CLEANUP(unref)
	struct object *a = make(OBJECT_POD, "{\"metadata\":{\"name\":\"n\"},\"x\":\"1\"}", 9);
	CLEANUP(unref)
	struct object *b = make(OBJECT_POD, "{\"metadata\":{\"name\":\"n\"},\"x\":\"1\"}", 10);
	CLEANUP(unref)
	struct object *c = make(OBJECT_POD, "{\"metadata\":{\"name\":\"n\"},\"x\":\"2\"}", 9);
	CLEANUP(unref)
	struct object *d = make(OBJECT_POD, "{\"metadata\":{\"name\":\"m\"},\"x\":\"1\"}", 9);
	CLEANUP(unref)
	struct object *e = make(OBJECT_POD, "{\"metadata\":{\"name\":\"nn\"},\"x\":\"1\"}", 9);

	(void)state;
	assert_true(object_same_content(a, b)); /* 9 and 10 differ in length, too */
	assert_false(object_same_content(a, c));
	assert_false(object_same_content(a, d));
	assert_false(object_same_content(a, e));
}

static void expect_field(const struct object *o, const char *field, const char *want)
{
	const char *got = labels_get(&o->fields, field);

	if (!got || strcmp(got, want) != 0)
		fail_msg("%s is %s", field, got ? got : "missing");
}

static void test_pod_fields(void **state)
{
	CLEANUP(unref)
	struct object *o = make(OBJECT_POD,
		"{\"metadata\":{\"name\":\"n\",\"namespace\":\"s\"},\"spec\":{\"nodeName\":\"h\","
		"\"restartPolicy\":\"Never\",\"schedulerName\":\"sched\",\"hostNetwork\":true,"
		"\"serviceAccountName\":\"sa\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"1\","
		"\"podIPs\":[{\"ip\":\"1\"},{\"ip\":\"2\"}],\"nominatedNodeName\":\"nn\"}}",
		1);
	CLEANUP(unref) struct object *bare = make(OBJECT_POD, "{\"metadata\":{\"name\":\"n\"}}", 1);

	(void)state;
	expect_field(o, "metadata.name", "n");
	expect_field(o, "metadata.namespace", "s");
	expect_field(o, "spec.nodeName", "h");
	expect_field(o, "spec.host", "h"); /* its old name */
	expect_field(o, "spec.restartPolicy", "Never");
	expect_field(o, "spec.schedulerName", "sched");
	expect_field(o, "spec.serviceAccountName", "sa");
	expect_field(o, "spec.hostNetwork", "true");
	expect_field(o, "status.phase", "Running");
	expect_field(o, "status.podIP", "1");
	expect_field(o, "status.podIPs", "1,2");
	expect_field(o, "status.nominatedNodeName", "nn");
	expect_field(bare, "spec.hostNetwork", "false");
	assert_null(labels_get(&bare->fields, "status.podIPs"));
	assert_null(labels_get(&bare->fields, "status.phase"));
}

static void test_event_fields(void **state)
{
	CLEANUP(unref)
	struct object *o = make(OBJECT_EVENT,
		"{\"metadata\":{\"name\":\"e\",\"namespace\":\"s\"},\"involvedObject\":{\"kind\":"
		"\"Pod\",\"namespace\":\"s\",\"name\":\"n\",\"uid\":\"u\",\"apiVersion\":\"v1\","
		"\"resourceVersion\":\"4\",\"fieldPath\":\"spec.containers{c}\"},\"reason\":\"R\","
		"\"type\":\"Warning\",\"reportingComponent\":\"carpel\",\"source\":{\"component\":"
		"\"old\"}}",
		1);
	CLEANUP(unref)
	struct object *newer = make(OBJECT_EVENT,
		"{\"metadata\":{\"name\":\"e\"},\"reportingComponent\":\"carpel\",\"source\":{}}",
		1);

	(void)state;
	expect_field(o, "involvedObject.kind", "Pod");
	expect_field(o, "involvedObject.namespace", "s");
	expect_field(o, "involvedObject.name", "n");
	expect_field(o, "involvedObject.uid", "u");
	expect_field(o, "involvedObject.apiVersion", "v1");
	expect_field(o, "involvedObject.resourceVersion", "4");
	expect_field(o, "involvedObject.fieldPath", "spec.containers{c}");
	expect_field(o, "reason", "R");
	expect_field(o, "type", "Warning");
	expect_field(o, "reportingComponent", "carpel");
	expect_field(o, "source", "old");
	expect_field(newer, "source", "carpel");
}

static void test_labels(void **state)
{
	CLEANUP(unref)
	struct object *o = make(OBJECT_POD,
		"{\"metadata\":{\"name\":\"n\",\"labels\":{\"app\":\"x\",\"empty\":\"\"}}}", 1);
	CLEANUP(unref) struct object *copy = object_at_version(o, 2);

	(void)state;
	assert_string_equal(labels_get(&o->labels, "app"), "x");
	assert_string_equal(labels_get(&o->labels, "empty"), "");
	assert_null(labels_get(&o->labels, "none"));
	assert_string_equal(labels_get(&copy->labels, "app"), "x");
	expect_field(copy, "metadata.name", "n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_event_text),
		cmocka_unit_test(test_version_is_found),
		cmocka_unit_test(test_same_content),
		cmocka_unit_test(test_pod_fields),
		cmocka_unit_test(test_event_fields),
		cmocka_unit_test(test_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
