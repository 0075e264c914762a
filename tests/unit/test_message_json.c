/* Each kind of field as JSON, in both directions.  In the texts ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "spec/cri.pb-c.h"
#include "spec/message.h"
#include "spec/message_json.h"
#include "tests/unit/message_json_fixture.h"

static void *read_message(const ProtobufCMessageDescriptor *d, const char *text)
{
	CLEANUP(cleanup_json) struct json *j = parse(text);
	ProtobufCMessage *m = NULL;
	struct err e = { 0 };

	if (message_from_json(d, j, &m, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return m;
}

static void assert_writes(const void *m, enum message_defaults defaults, const char *want)
{
	CLEANUP(cleanup_json) struct json *j = message_to_json(m, defaults);
	CLEANUP(cleanup_free) char *plain = unquoted(want);
	CLEANUP(buf_free) struct buf out = { 0 };

	json_write(j, JSON_COMPACT, &out);
	assert_string_equal(out.data, plain);
}

struct reading {
	const ProtobufCMessageDescriptor *d;
	const char *in, *out; /* NULL: as it came */
};

static void test_every_kind(void **state)
{
	const struct reading readings[] = {
		/* int32 */
		{ TYPE(port_mapping), "{'containerPort':80,'hostPort':-2147483648}", NULL },
		{ TYPE(port_mapping), "{'containerPort':'2147483647'}",
			"{'containerPort':2147483647}" },
		/* uint32 */
		{ TYPE(idmapping), "{'hostId':4294967295,'length':1}", NULL },
		{ TYPE(idmapping), "{'hostId':'7'}", "{'hostId':7}" },
		/* int64 */
		{ TYPE(int64_value), "{'value':'-9223372036854775808'}", NULL },
		{ TYPE(int64_value), "{'value':9223372036854775807}",
			"{'value':'9223372036854775807'}" },
		/* uint64 */
		{ TYPE(uint64_value), "{'value':'18446744073709551615'}", NULL },
		{ TYPE(uint64_value), "{'value':18446744073709551615}",
			"{'value':'18446744073709551615'}" },
		/* double */
		{ TYPE(psi_data), "{'Avg10':0.1,'Avg60':1e+300,'Avg300':-2.5}", NULL },
		{ TYPE(psi_data), "{'Avg10':'NaN','Avg60':'Infinity','Avg300':'-Infinity'}", NULL },
		{ TYPE(psi_data), "{'Avg10':12.340000000000002,'Avg60':3.0,'Avg300':-0.0}",
			"{'Avg10':12.340000000000002,'Avg60':3,'Avg300':-0}" },
		/* bool */
		{ TYPE(mount), "{'readonly':true}", NULL },
		{ TYPE(mount), "{'readonly':false}", "{}" },
		/* enum */
		{ TYPE(mount), "{'propagation':'PROPAGATION_BIDIRECTIONAL'}", NULL },
		{ TYPE(mount), "{'propagation':1}",
			"{'propagation':'PROPAGATION_HOST_TO_CONTAINER'}" },
		{ TYPE(container_config), "{'stopSignal':'SIGNAL_SIGRTMINPLUS15'}", NULL },
		/* string */
		{ TYPE(mount), "{'containerPath':'/d\xc3\xa9','hostPath':'\\u0001\\\\'}", NULL },
		/* bytes */
		{ TYPE(key_value), "{'key':'K','value':'AP/+'}", NULL },
		{ TYPE(key_value), "{'value':'AP_-'}", "{'value':'AP/+'}" },
		{ TYPE(key_value), "{'value':'Zm8'}", "{'value':'Zm8='}" },
		/* message */
		{ TYPE(linux_container_security_context),
			"{'runAsUser':{},'runAsGroup':{'value':'5'}}", NULL },
		{ TYPE(linux_container_security_context), "{'runAsUser':{'value':0}}",
			"{'runAsUser':{}}" },
		/* lists */
		{ TYPE(port_forward_request), "{'podSandboxId':'a','port':[80,-1,0]}", NULL },
		{ TYPE(linux_container_user), "{'supplementalGroups':['1',2]}",
			"{'supplementalGroups':['1','2']}" },
		{ TYPE(container_config), "{'command':['a','','b'],'envs':[{'key':'A'},{}]}",
			NULL },
		{ TYPE(container_config), "{'command':[]}", "{}" },
		/* map */
		{ TYPE(pod_sandbox_config), "{'labels':{'b':'2','a':'','c':'3'}}",
			"{'labels':{'a':'','b':'2','c':'3'}}" },
		{ TYPE(pod_sandbox_config), "{'labels':{}}", "{}" },
		/* null is not there */
		{ TYPE(container_config),
			"{'metadata':null,'args':null,'labels':null,'tty':null,'logPath':null}",
			"{}" },
		{ TYPE(stop_pod_sandbox_response), "{}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
		const struct reading *r = &readings[i];
		CLEANUP(cleanup_message) void *m = read_message(r->d, r->in);

		assert_writes(m, MESSAGE_DEFAULTS_LEFT_OUT, r->out ? r->out : r->in);
	}
}

/* crictl's files have the proto's names, its output the others. */
static void test_both_names(void **state)
{
	const struct reading readings[] = {
		{ TYPE(mount), "{'container_path':'/a','uidMappings':[{'host_id':1}]}",
			"{'containerPath':'/a','uidMappings':[{'hostId':1}]}" },
		{ TYPE(container_config), "{'CDI_devices':[{'name':'v/c=d'}]}",
			"{'CDIDevices':[{'name':'v/c=d'}]}" },
		{ TYPE(container_config), "{'CDIDevices':[{'name':'v/c=d'}]}", NULL },
		{ TYPE(capability), "{'add_ambient_capabilities':['X']}",
			"{'addAmbientCapabilities':['X']}" },
		{ TYPE(psi_stats), "{'Full':{'Total':'1'},'Some':{}}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
		const struct reading *r = &readings[i];
		CLEANUP(cleanup_message) void *m = read_message(r->d, r->in);

		assert_writes(m, MESSAGE_DEFAULTS_LEFT_OUT, r->out ? r->out : r->in);
	}
}

static void test_values_arrive_in_the_message(void **state)
{
	CLEANUP(cleanup_message)
	Runtime__V1__ContainerConfig *c = read_message(TYPE(container_config),
		"{'metadata':{'name':'web','attempt':3},'args':['x','y'],'stdin_once':true,"
		"'envs':[{'key':'A','value':'AGI='}],'stop_signal':'SIGNAL_SIGQUIT',"
		"'annotations':{'k':'v'},'linux':{'resources':{'cpu_quota':-1}}}");

	(void)state;
	assert_string_equal(c->metadata->name, "web");
	assert_int_equal(c->metadata->attempt, 3);
	assert_int_equal(c->n_args, 2);
	assert_string_equal(c->args[1], "y");
	assert_true(c->stdin_once);
	assert_int_equal(c->envs[0]->value.len, 2);
	assert_memory_equal(c->envs[0]->value.data, "\0b", 2);
	assert_int_equal(c->stop_signal, RUNTIME__V1__SIGNAL__SIGNAL_SIGQUIT);
	assert_string_equal(message_map_get(c->annotations, c->n_annotations, "k"), "v");
	assert_true(c->linux->resources->cpu_quota == -1);
}

static void test_defaults_shown(void **state)
{
	const struct reading readings[] = {
		{ TYPE(mount), "{}",
			"{'containerPath':'','hostPath':'','readonly':false,'selinuxRelabel':false,"
			"'propagation':'PROPAGATION_PRIVATE','uidMappings':[],'gidMappings':[],"
			"'recursiveReadOnly':false,'image':null,'imageSubPath':'','mountOptions':[]"
			"}" },
		{ TYPE(image_filter), "{'image':{}}",
			"{'image':{'image':'','annotations':{},'userSpecifiedImage':'',"
			"'runtimeHandler':'','imageRef':''}}" },
		{ TYPE(image), "{'uid':{}}",
			"{'id':'','repoTags':[],'repoDigests':[],'size':'0','uid':{'value':'0'},"
			"'username':'','spec':null,'pinned':false}" },
		{ TYPE(psi_data), "{}", "{'Total':'0','Avg10':0,'Avg60':0,'Avg300':0}" },
		{ TYPE(exec_sync_response), "{}", "{'stdout':'','stderr':'','exitCode':0}" },
	};
	Runtime__V1__PodIP unset = RUNTIME__V1__POD_IP__INIT;

	(void)state;
	unset.ip = NULL; /* as a C program may leave it */
	assert_writes(&unset, MESSAGE_DEFAULTS_SHOWN, "{'ip':''}");
	for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
		const struct reading *r = &readings[i];
		CLEANUP(cleanup_message) void *m = read_message(r->d, r->in);

		assert_writes(m, MESSAGE_DEFAULTS_SHOWN, r->out);
	}
}

/* What a client or a workload put there, and JSON cannot hold. */
static void test_foreign_values_are_written(void **state)
{
	CLEANUP(cleanup_message) Runtime__V1__PodSandbox *p = message_new(TYPE(pod_sandbox));
	CLEANUP(cleanup_json) struct json *j = NULL;

	(void)state;
	message_set_string(&p->id, "a-b");
	p->id[1] = '\xff';
	p->state = (Runtime__V1__PodSandboxState)77;
	message_map_add(&p->labels, &p->n_labels, TYPE(pod_sandbox__labels_entry), "k", "old");
	message_map_add(&p->labels, &p->n_labels, TYPE(pod_sandbox__labels_entry), "b", "1");
	message_map_add(&p->labels, &p->n_labels, TYPE(pod_sandbox__labels_entry), "k", "new");
	message_map_add(&p->labels, &p->n_labels, TYPE(pod_sandbox__labels_entry), "c", "2");
	p->labels[3]->key[0] = '\x80';
	assert_writes(p, MESSAGE_DEFAULTS_LEFT_OUT,
		"{'id':'a\xef\xbf\xbd"
		"b','state':77,'labels':{'b':'1','k':'new','\xef\xbf\xbd':'2'}}");
	assert_writes(NULL, MESSAGE_DEFAULTS_LEFT_OUT, "null");
	j = message_to_json(&p->base, MESSAGE_DEFAULTS_LEFT_OUT); /* in the tree already */
	assert_string_equal(json_get_str(j, "id"), "a\xef\xbf\xbd"
						   "b");
	assert_string_equal(json_get_str(json_get(j, "labels"), "\xef\xbf\xbd"), "2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind),
		cmocka_unit_test(test_both_names),
		cmocka_unit_test(test_values_arrive_in_the_message),
		cmocka_unit_test(test_defaults_shown),
		cmocka_unit_test(test_foreign_values_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
