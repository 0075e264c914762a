/* JSON that is no message, and what is said about it.  In the texts ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "spec/cri.pb-c.h"
#include "spec/message.h"
#include "spec/message_json.h"
#include "tests/unit/message_json_fixture.h"

struct refusal {
	const ProtobufCMessageDescriptor *d;
	const char *in;
	int code;
	const char *text;
};

static void assert_refused(const struct refusal *r)
{
	CLEANUP(cleanup_json) struct json *j = parse(r->in);
	CLEANUP(cleanup_free) char *want = unquoted(r->text);
	ProtobufCMessage *m = NULL;
	struct err e = { 0 };

	if (message_from_json(r->d, j, &m, &e) == 0) {
		message_free(m);
		fail_msg("%s was read", r->in);
	}
	assert_string_equal(e.text, want);
	assert_int_equal(e.code, r->code);
	assert_null(m);
}

static void test_wrong_types(void **state)
{
	const struct refusal refusals[] = {
		{ TYPE(mount), "[]", EINVAL, "a list is not an object" },
		{ TYPE(mount), "null", EINVAL, "null is not an object" },
		{ TYPE(mount), "{'hostPath':7}", EINVAL, "hostPath: 7 is not a string" },
		{ TYPE(mount), "{'host_path':{}}", EINVAL, "host_path: an object is not a string" },
		{ TYPE(mount), "{'readonly':'true'}", EINVAL,
			"readonly: 'true' is not true or false" },
		{ TYPE(mount), "{'readonly':1}", EINVAL, "readonly: 1 is not true or false" },
		{ TYPE(mount), "{'image':'busybox'}", EINVAL, "image: 'busybox' is not an object" },
		{ TYPE(mount), "{'mountOptions':'noexec'}", EINVAL,
			"mountOptions: 'noexec' is not a list" },
		{ TYPE(mount), "{'mountOptions':['a',true]}", EINVAL,
			"mountOptions[1]: true is not a string" },
		{ TYPE(mount), "{'mountOptions':[null]}", EINVAL,
			"mountOptions[0]: null is not a string" },
		{ TYPE(mount), "{'uidMappings':[{},[]]}", EINVAL,
			"uidMappings[1]: a list is not an object" },
		{ TYPE(pod_sandbox_config), "{'labels':[]}", EINVAL,
			"labels: a list is not an object" },
		{ TYPE(pod_sandbox_config), "{'labels':{'a/b':1}}", EINVAL,
			"labels['a/b']: 1 is not a string" },
		{ TYPE(create_container_request),
			"{'config':{'linux':{'security_context':{'run_as_user':{'value':'x'}}}}}",
			EINVAL,
			"config.linux.security_context.run_as_user.value: 'x' is not an integer" },
		{ TYPE(port_forward_request), "{'port':[1.5]}", EINVAL,
			"port[0]: 1.5 is not an integer" },
		{ TYPE(port_forward_request), "{'port':[true]}", EINVAL,
			"port[0]: true is not an integer" },
		{ TYPE(port_forward_request), "{'port':['1\\u0000']}", EINVAL,
			"port[0]: '1\\x00' is not an integer" },
		{ TYPE(uint64_value), "{'value':''}", EINVAL, "value: '' is not an integer" },
		{ TYPE(uint64_value), "{'value':'-'}", EINVAL, "value: '-' is not an integer" },
		{ TYPE(psi_data), "{'Avg10':'1'}", EINVAL, "Avg10: '1' is not a number" },
		{ TYPE(psi_data), "{'Avg10':'NaN\\u0000'}", EINVAL,
			"Avg10: 'NaN\\x00' is not a number" },
		{ TYPE(key_value), "{'value':1}", EINVAL, "value: 1 is not a string (of base64)" },
		{ TYPE(key_value), "{'value':'bar:'}", EINVAL, "value: 'bar:' is not base64" },
		{ TYPE(mount), "{'hostPath':'a\\u0000b'}", EINVAL,
			"hostPath: 'a\\x00b' holds a NUL byte" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		assert_refused(&refusals[i]);
}

static void test_ranges(void **state)
{
	const struct refusal refusals[] = {
		{ TYPE(port_forward_request), "{'port':[2147483648]}", ERANGE,
			"port[0]: 2147483648 is not between -2147483648 and 2147483647" },
		{ TYPE(port_forward_request), "{'port':['-2147483649']}", ERANGE,
			"port[0]: '-2147483649' is not between -2147483648 and 2147483647" },
		{ TYPE(idmapping), "{'length':-1}", ERANGE,
			"length: -1 is not between 0 and 4294967295" },
		{ TYPE(idmapping), "{'length':4294967296}", ERANGE,
			"length: 4294967296 is not between 0 and 4294967295" },
		{ TYPE(int64_value), "{'value':9223372036854775808}", ERANGE,
			"value: 9223372036854775808 is not between -9223372036854775808 and "
			"9223372036854775807" },
		{ TYPE(uint64_value), "{'value':-1}", ERANGE,
			"value: -1 is not between 0 and 18446744073709551615" },
		{ TYPE(uint64_value), "{'value':18446744073709551616}", ERANGE,
			"value: 18446744073709551616 is not between 0 and 18446744073709551615" },
		{ TYPE(psi_data), "{'Avg10':1e999}", ERANGE,
			"Avg10: 1e999 is too large for a number" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		assert_refused(&refusals[i]);
}

static void test_wrong_names(void **state)
{
	const struct refusal refusals[] = {
		{ TYPE(mount), "{'hostpath':'/'}", EINVAL, "unknown field 'hostpath'" },
		{ TYPE(mount), "{'':'/'}", EINVAL, "unknown field ''" },
		{ TYPE(container_config), "{'mounts':[{},{'image':{'a\\n':1}}]}", EINVAL,
			"unknown field 'mounts[1].image.a\\n'" },
		{ TYPE(pod_sandbox_config), "{'windows':{}}", EINVAL, "unknown field 'windows'" },
		{ TYPE(mount), "{'hostPath':'/a','host_path':'/a'}", EEXIST,
			"host_path: the field is there under both of its names" },
		{ TYPE(mount), "{'host_path':null,'hostPath':null}", EEXIST,
			"hostPath: the field is there under both of its names" },
		{ TYPE(namespace_option), "{'pid':'HOST'}", EINVAL,
			"pid: 'HOST' is no NamespaceMode (POD, CONTAINER, NODE, TARGET)" },
		{ TYPE(namespace_option), "{'pid':'NODE\\u0000'}", EINVAL,
			"pid: 'NODE\\x00' is no NamespaceMode (POD, CONTAINER, NODE, TARGET)" },
		{ TYPE(namespace_option), "{'pid':4}", EINVAL,
			"pid: 4 is no NamespaceMode (POD, CONTAINER, NODE, TARGET)" },
		{ TYPE(namespace_option), "{'pid':4294967297}", EINVAL,
			"pid: 4294967297 is no NamespaceMode (POD, CONTAINER, NODE, TARGET)" },
		{ TYPE(namespace_option), "{'pid':false}", EINVAL,
			"pid: false is no NamespaceMode (POD, CONTAINER, NODE, TARGET)" },
		{ TYPE(container_config), "{'stopSignal':'SIGTERM'}", EINVAL,
			"stopSignal: 'SIGTERM' is no Signal" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		assert_refused(&refusals[i]);
}

/* Long values and keys leave room for the reason. */
static void test_long_values_are_cut(void **state)
{
	CLEANUP(cleanup_json) struct json *j = json_new_object();
	struct json *labels = json_new_object(), *list = json_new_array();
	ProtobufCMessage *m = NULL;
	struct err e = { 0 };
	char key[300], value[300];

	(void)state;
	memset(key, 'k', sizeof(key));
	memset(value, '7', sizeof(value));
	key[299] = value[299] = '\0';
	json_set(labels, key, json_new_bool(true));
	json_set(j, "labels", labels);
	assert_int_equal(message_from_json(TYPE(pod_sandbox_config), j, &m, &e), -EINVAL);
	key[80] = '\0';
	assert_memory_equal(e.text + 8, key, 80);
	assert_string_equal(e.text + 88, "\"]: true is not a string");
	(void)json_remove(j, "labels");
	json_set_str(j, "hostname", "x");
	json_push(list, json_new_string(value));
	json_set(j, "portMappings", list);
	assert_int_equal(message_from_json(TYPE(pod_sandbox_config), j, &m, &e), -EINVAL);
	value[60] = '\0';
	assert_memory_equal(e.text, "portMappings[0]: \"", 18);
	assert_memory_equal(e.text + 18, value, 60);
	assert_string_equal(e.text + 78, "\"… is not an object");
}

static void test_long_lists_are_refused(void **state)
{
	CLEANUP(cleanup_json) struct json *j = json_new_object();
	struct json *list = json_new_array();
	ProtobufCMessage *m = NULL;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 16384; i++)
		json_push(list, json_new_string("x"));
	json_set(j, "args", list);
	assert_int_equal(message_from_json(TYPE(container_config), j, &m, &e), 0);
	message_free(m);
	m = NULL;
	json_push(list, json_new_string("x"));
	assert_int_equal(message_from_json(TYPE(container_config), j, &m, &e), -E2BIG);
	assert_string_equal(e.text, "args: more than 16384 elements");
	assert_null(m);
}

/* Text that did not come through the parser, such as an argument of a command. */
static void test_text_is_utf8(void **state)
{
	CLEANUP(cleanup_json) struct json *j = json_new_object();
	ProtobufCMessage *m = NULL;
	struct err e = { 0 };

	(void)state;
	json_set_str(j, "hostname", "a\xff");
	assert_int_equal(message_from_json(TYPE(pod_sandbox_config), j, &m, &e), -EINVAL);
	assert_string_equal(e.text, "hostname: \"a\\xff\" is not valid UTF-8");
}

/* No message of CRI holds one of its own kind, so here is one. */
struct node {
	ProtobufCMessage base;
	struct node *child;
};

static const ProtobufCMessageDescriptor node_descriptor;
static const ProtobufCFieldDescriptor node_fields[] = {
	{ .name = "child",
		.id = 1,
		.label = PROTOBUF_C_LABEL_NONE,
		.type = PROTOBUF_C_TYPE_MESSAGE,
		.offset = offsetof(struct node, child),
		.descriptor = &node_descriptor },
};

static void init_node(ProtobufCMessage *m)
{
	m->descriptor = &node_descriptor;
}

static const ProtobufCMessageDescriptor node_descriptor = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "node",
	.short_name = "node",
	.sizeof_message = sizeof(struct node),
	.n_fields = 1,
	.fields = node_fields,
	.message_init = init_node,
};

static struct json *nested(int depth)
{
	struct json *j = json_new_object();

	for (int i = 1; i < depth; i++) {
		struct json *outer = json_new_object();

		json_set(outer, "child", j);
		j = outer;
	}
	return j;
}

static void test_depth_is_bounded(void **state)
{
	CLEANUP(cleanup_json) struct json *deepest = nested(JSON_DEPTH_MAX);
	CLEANUP(cleanup_json) struct json *deeper = nested(JSON_DEPTH_MAX + 1);
	ProtobufCMessage *m = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(message_from_json(&node_descriptor, deepest, &m, &e), 0);
	message_free(m);
	m = NULL;
	assert_int_equal(message_from_json(&node_descriptor, deeper, &m, &e), -ELOOP);
	assert_null(m);
	assert_string_equal(e.text, "nested deeper than 64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_wrong_names),
		cmocka_unit_test(test_long_values_are_cut),
		cmocka_unit_test(test_long_lists_are_refused),
		cmocka_unit_test(test_text_is_utf8),
		cmocka_unit_test(test_depth_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
