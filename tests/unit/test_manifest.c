/* Decoding, defaulting and writing back: what an API server would answer to the same document. */
#include "tests/unit/manifest_fixture.h"

static void expect_object(const char *text, const char *want)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	CLEANUP(buf_free) struct buf got = { 0 };
	struct err e = { 0 };

	if (read_text(text, FIELDS_STRICT, &r, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	json_write(r.object, JSON_COMPACT, &got);
	for (size_t i = 0; i < got.len; i++)
		if (got.data[i] == '"')
			got.data[i] = '\'';
	assert_string_equal(got.data, want);
}

#define POD "{'kind':'Pod','apiVersion':'v1',"
#define META(name) "'metadata':{'name':'" name "','namespace':'default'}"
#define CTR_TAIL                                                                                   \
	"'terminationMessagePath':'/dev/termination-log','terminationMessagePolicy':'File',"
#define SPEC_TAIL                                                                                  \
	"'restartPolicy':'Always','terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst',"
#define SPEC_END                                                                                   \
	"'securityContext':{},'schedulerName':'default-scheduler','enableServiceLinks':true"
#define PROBE_TAIL                                                                                 \
	"'timeoutSeconds':1,'periodSeconds':10,'successThreshold':1,'failureThreshold':3}"

/* kube-api facts §2 show this answer. */
static void test_smallest(void **state)
{
	(void)state;
	expect_object("{'apiVersion':'v1','metadata':{'name':'min'},'kind':'Pod',"
		      "'spec':{'containers':[{'image':'busybox','name':'c'}]},'status':{'phase':'"
		      "Failed'}}",
		POD META("min") ",'spec':{'containers':[{'name':'c','image':'busybox',"
				"'resources':{}," CTR_TAIL
				"'imagePullPolicy':'Always'}]," SPEC_TAIL SPEC_END "}}");
}

static void test_values_that_are_left_out(void **state)
{
	(void)state;
	expect_object(POD
		"'metadata':{'name':'p','labels':{},'creationTimestamp':null,'annotations':"
		"{'z':'','b':null}},'spec':{'hostNetwork':false,'hostPID':false,"
		"'volumes':[],'initContainers':null,'shareProcessNamespace':false,"
		"'containers':[{'name':'c','image':'a:1','workingDir':'','tty':false,"
		"'args':[''],'env':[{'name':'A','value':''},{'name':'B','value':null}],"
		"'ports':[],'securityContext':{'privileged':false,'runAsUser':0}}]}}",
		POD "'metadata':{'name':'p','namespace':'default','annotations':{'b':'','z':''}},"
		    "'spec':{'containers':[{'name':'c','image':'a:1','args':[''],"
		    "'env':[{'name':'A'},{'name':'B'}],'resources':{}," CTR_TAIL
		    "'imagePullPolicy':'IfNotPresent',"
		    "'securityContext':{'privileged':false,'runAsUser':0}}]," SPEC_TAIL
		    "'shareProcessNamespace':false," SPEC_END "}}");
}

static void test_defaults_where_used(void **state)
{
	(void)state;
	expect_object(POD "'metadata':{'name':'p'},'spec':{'hostNetwork':true,"
			  "'terminationGracePeriodSeconds':-5,'serviceAccount':'sa',"
			  "'volumes':[{'name':'v'},{'name':'h','hostPath':{'path':'/x'}}],"
			  "'containers':[{'name':'c','image':'a@sha256:00',"
			  "'ports':[{'containerPort':80},{'containerPort':81,'hostPort':81,"
			  "'protocol':'UDP'}],'env':[{'name':'N','valueFrom':{'fieldRef':"
			  "{'fieldPath':'metadata.name'}}},{'name':'L','valueFrom':"
			  "{'resourceFieldRef':{'resource':'limits.cpu'}}}],"
			  "'resources':{'requests':{'cpu':'0.1'},"
			  "'limits':{'memory':'1024Mi','cpu':0.5}},"
			  "'livenessProbe':{'httpGet':{'port':80}},"
			  "'readinessProbe':{'tcpSocket':{'port':'web'},'periodSeconds':0,"
			  "'failureThreshold':7},"
			  "'startupProbe':{'exec':{'command':['x']},'initialDelaySeconds':2}}]}}",
		POD META("p") ",'spec':{'volumes':[{'name':'v','emptyDir':{}},"
			      "{'name':'h','hostPath':{'path':'/x','type':''}}],"
			      "'containers':[{'name':'c','image':'a@sha256:00',"
			      "'ports':[{'hostPort':80,'containerPort':80,'protocol':'TCP'},"
			      "{'hostPort':81,'containerPort':81,'protocol':'UDP'}],"
			      "'env':[{'name':'N','valueFrom':{'fieldRef':{'apiVersion':'v1',"
			      "'fieldPath':'metadata.name'}}},{'name':'L','valueFrom':"
			      "{'resourceFieldRef':{'resource':'limits.cpu','divisor':'0'}}}],"
			      "'resources':{'limits':{'cpu':'500m','memory':'1Gi'},"
			      "'requests':{'cpu':'100m','memory':'1Gi'}},"
			      "'livenessProbe':{'httpGet':{'path':'/"
			      "','port':80,'scheme':'HTTP'}," PROBE_TAIL
			      ",'readinessProbe':{'tcpSocket':{'port':'web'},"
			      "'timeoutSeconds':1,'periodSeconds':10,'successThreshold':1,"
			      "'failureThreshold':7},'startupProbe':{'exec':{'command':['x']},"
			      "'initialDelaySeconds':2," PROBE_TAIL "," CTR_TAIL
			      "'imagePullPolicy':'IfNotPresent'}],"
			      "'restartPolicy':'Always','terminationGracePeriodSeconds':1,"
			      "'dnsPolicy':'ClusterFirst','serviceAccountName':'sa',"
			      "'serviceAccount':'sa','hostNetwork':true," SPEC_END "}}");
}

/* Two names of one field are kept equal, and the new one wins. */
static void test_account(void **state)
{
	static const char *const patches[] = { S("'serviceAccountName':'sa'"),
		S("'serviceAccount':'sa'"), S("'serviceAccountName':'sa','serviceAccount':'old'") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
		CLEANUP(manifest_result_free) struct manifest_result r = { 0 };

		assert_int_equal(read_patched(patches[i], &r, NULL), 0);
		assert_string_equal(json_str(json_path(r.object, "spec.serviceAccountName")), "sa");
		assert_string_equal(json_str(json_path(r.object, "spec.serviceAccount")), "sa");
	}
}

static void test_false_is_kept(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct json *links;

	(void)state;
	assert_int_equal(read_patched(S("'enableServiceLinks':false"), &r, NULL), 0);
	links = json_path(r.object, "spec.enableServiceLinks");
	assert_true(links && !json_is_true(links));
}

/* Where Kubernetes' tag has no omitempty, a value that is not there is written all the same. */
static void test_values_that_are_always_written(void **state)
{
#define TERM "{'preference':{'matchFields':[{'values':['v']}]}}"
#define TERM_WRITTEN                                                                               \
	"{'weight':0,'preference':{'matchFields':[{'key':'','operator':'','values':['v']}]}}"
#define POD_TERM "'podAffinityTerm':{'labelSelector':{'matchExpressions':[{}]}}"
#define POD_TERM_WRITTEN                                                                           \
	"'podAffinityTerm':{'labelSelector':{'matchExpressions':[{'key':'','operator':''}]},"      \
	"'topologyKey':''}"
#define REQUIRED_TERMS "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED_TERMS "preferredDuringSchedulingIgnoredDuringExecution"
	(void)state;
	expect_object(POD META("p") ",'spec':{'affinity':{'podAffinity':{'" PREFERRED_TERMS
				    "':[{" POD_TERM "}]},'nodeAffinity':{'" REQUIRED_TERMS
				    "':{},'" PREFERRED_TERMS "':[" TERM "]}},"
				    "'topologySpreadConstraints':[{}],"
				    "'securityContext':{'sysctls':[{'name':'net.ipv4.tcp_rmem'}]},"
				    "'containers':[{'name':'c','image':'a:1','livenessProbe':"
				    "{'httpGet':{'port':1,'httpHeaders':[{'name':'A'}]}}}]}}",
		POD META("p") ",'spec':{'containers':[{'name':'c','image':'a:1','resources':{},"
			      "'livenessProbe':{'httpGet':{'path':'/','port':1,'scheme':'HTTP',"
			      "'httpHeaders':[{'name':'A','value':''}]}," PROBE_TAIL "," CTR_TAIL
			      "'imagePullPolicy':'IfNotPresent'}]," SPEC_TAIL
			      "'securityContext':{'sysctls':[{'name':'net.ipv4.tcp_rmem',"
			      "'value':''}]},'affinity':{'nodeAffinity':{'" REQUIRED_TERMS
			      "':{'nodeSelectorTerms':null},'" PREFERRED_TERMS "':[" TERM_WRITTEN
			      "]},'podAffinity':{'" PREFERRED_TERMS
			      "':[{'weight':0," POD_TERM_WRITTEN
			      "}]}},'schedulerName':'default-scheduler',"
			      "'enableServiceLinks':true,'topologySpreadConstraints':[{'maxSkew':0,"
			      "'topologyKey':'','whenUnsatisfiable':''}]}}");
}

static const char *pull_policy(const char *image)
{
	static char policy[16];
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	CLEANUP(cleanup_free)
	char *patch = str_fmt("{'spec':{'containers':[{'name':'a','image':'%s'}]}}", image);
	struct err e = { 0 };
	const char *got;

	assert_int_equal(read_patched(patch, &r, &e), 0);
	got = json_get_str(json_at(json_path(r.object, "spec.containers"), 0), "imagePullPolicy");
	assert_true(got && strlen(got) < sizeof(policy));
	return strcpy(policy, got);
}

static void test_pull_policy(void **state)
{
	static const char *const always[] = { "busybox", "busybox:latest", "host:5000/a/b",
		"HOST/a", "localhost/a:latest", "a:latest@sha256:00" };
	static const char *const if_absent[] = { "busybox:1.36", "a@sha256:00", "a:1@sha256:00",
		"Foo", ":latest", "host:5000/a:1", "host:5000/Foo", "a b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		if (!str_eq(pull_policy(always[i]), "Always"))
			fail_msg("%s: not Always", always[i]);
	for (size_t i = 0; i < ARRAY_LEN(if_absent); i++)
		if (!str_eq(pull_policy(if_absent[i]), "IfNotPresent"))
			fail_msg("%s: not IfNotPresent", if_absent[i]);
}

static void test_quantities(void **state)
{
	static const char *const pairs[][2] = { { "'100m'", "100m" }, { "1", "1" },
		{ "'1.5'", "1500m" }, { "'1500m'", "1500m" }, { "'2000m'", "2" },
		{ "'0.0001'", "1m" }, { "1e3", "1e3" }, { "'1024Ki'", "1Mi" },
		{ "'1.5Gi'", "1536Mi" }, { "'1500'", "1500" }, { "'2000'", "2k" },
		{ "'0.5Ki'", "512" }, { "' 5 '", "5" }, { "'5e-1'", "500e-3" },
		{ "'99999999999999999999'", "9223372036854775807" }, { "0", "0" },
		{ "'0Mi'", "0" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
		CLEANUP(cleanup_free)
		char *patch = str_fmt("{'spec':{'containers':[{'name':'a','image':'i:1',"
				      "'resources':{'limits':{'memory':%s}}}]}}",
			pairs[i][0]);
		struct err e = { 0 };

		if (read_patched(patch, &r, &e) < 0)
			fail_msg("%s: %s", pairs[i][0], e.text);
		assert_string_equal(
			json_str(json_path(json_at(json_path(r.object, "spec.containers"), 0),
				"resources.requests.memory")),
			pairs[i][1]);
	}
}

/* What was written back says what was read: reading it again changes nothing. */
static void test_idempotent(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result first = { 0 }, second = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(read_patched(C("'resources':{'limits':{'cpu':'0.1'}},'livenessProbe':"
					"{'tcpSocket':{'port':1}}"),
				 &first, &e),
		0);
	assert_int_equal(manifest_read(first.object, FIELDS_STRICT, NULL, &second, &e), 0);
	assert_true(json_equal(first.object, second.object));
}

/* ---- refusals of the decoder ---- */

#define HANDLED "Pod in version \"v1\" cannot be handled as a Pod: "
#define JSON_WRONG HANDLED "json: cannot unmarshal "

static void expect_refusal(const char *patch, const char *want)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct err e = { 0 };
	int rc = read_patched(patch, &r, &e);

	if (rc != -EINVAL || !str_eq(r.refusal, want))
		fail_msg("%s: rc %d\n  got: %s\n  not: %s", patch, rc,
			r.refusal ? r.refusal : "(none)", want);
	assert_memory_equal(e.text, want, strnlen(want, ERR_TEXT_MAX / 2));
	assert_null(r.spec);
	assert_null(r.object);
}

static void test_wrong_types(void **state)
{
	static const struct rule_case cases[] = {
		{ S("'hostNetwork':'yes'"),
			JSON_WRONG "string into Go struct field PodSpec.spec.hostNetwork of type "
				   "bool" },
		{ C("'workingDir':5"),
			JSON_WRONG "number into Go struct field "
				   "Container.spec.containers.workingDir of type string" },
		{ C("'command':'sh'"),
			JSON_WRONG "string into Go struct field "
				   "Container.spec.containers.command of type []string" },
		{ C("'args':[1]"), JSON_WRONG "number into Go struct field "
					      "Container.spec.containers.args of type string" },
		{ S("'containers':{}"),
			JSON_WRONG "object into Go struct field PodSpec.spec.containers of type "
				   "[]v1.Container" },
		{ S("'containers':['x']"),
			JSON_WRONG "string into Go struct field PodSpec.spec.containers of type "
				   "v1.Container" },
		{ "{'spec':'x'}",
			JSON_WRONG "string into Go struct field Pod.spec of type v1.PodSpec" },
		{ "{'metadata':{'labels':{'a':1}}}",
			JSON_WRONG "number into Go struct field ObjectMeta.metadata.labels of type "
				   "string" },
		{ "{'metadata':{'labels':[]}}",
			JSON_WRONG "array into Go struct field ObjectMeta.metadata.labels of type "
				   "map[string]string" },
		{ S("'restartPolicy':true"),
			JSON_WRONG "bool into Go struct field PodSpec.spec.restartPolicy of type "
				   "v1.RestartPolicy" },
		{ S("'activeDeadlineSeconds':1.5"),
			JSON_WRONG "number 1.5 into Go struct field "
				   "PodSpec.spec.activeDeadlineSeconds of type int64" },
		{ C("'ports':[{'containerPort':99999999999}]"), JSON_WRONG
			"number 99999999999 into Go struct field "
			"ContainerPort.spec.containers.ports.containerPort of type int32" },
		{ C("'livenessProbe':{'exec':{'command':{}}}"),
			JSON_WRONG "object into Go struct field "
				   "ExecAction.spec.containers.livenessProbe.exec.command of type "
				   "[]string" },
		{ C("'livenessProbe':{'tcpSocket':{'port':true}}"),
			JSON_WRONG "bool into Go value of type int32" },
		{ C("'livenessProbe':{'grpc':{'port':'x'}}"),
			JSON_WRONG "string into Go struct field "
				   "GRPCAction.spec.containers.livenessProbe.grpc.port of type "
				   "int32" },
		{ C("'securityContext':{'privileged':'x'}"),
			JSON_WRONG "string into Go struct field "
				   "SecurityContext.spec.containers.securityContext.privileged of "
				   "type bool" },
		{ C("'resources':{'limits':'x'}"),
			JSON_WRONG "string into Go struct field "
				   "ResourceRequirements.spec.containers.resources.limits of type "
				   "v1.ResourceList" },
		/* Also where the field would be refused anyway. */
		{ S("'initContainers':[{'name':1}]"),
			JSON_WRONG "number into Go struct field Container.spec.initContainers.name "
				   "of type string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_refusal(cases[i].patch, cases[i].causes);
}

static void test_wrong_quantities(void **state)
{
#define MUST_MATCH                                                                                 \
	HANDLED "quantities must match the regular expression "                                    \
		"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
	static const char *const malformed[] = { "''", "'abc'", "'1 Mi'", "true", "{}", "'1Mi!'" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		CLEANUP(cleanup_free)
		char *patch =
			str_fmt("{'spec':{'containers':[{'resources':{'limits':{'cpu':%s}}}]}}",
				malformed[i]);

		expect_refusal(patch, MUST_MATCH);
	}
	expect_refusal(C("'resources':{'limits':{'cpu':'1mi'}}"),
		HANDLED "unable to parse quantity's suffix");
}

static void test_nul(void **state)
{
	(void)state;
	expect_refusal(C("'args':['x','a\\u0000b']"),
		HANDLED "spec.containers[0].args[1]: a text must not hold a NUL character");
	expect_refusal(C("'livenessProbe':{'tcpSocket':{'port':'a\\u0000'}}"),
		HANDLED "spec.containers[0].livenessProbe.tcpSocket.port: a text must not hold a "
			"NUL character");
}

static void test_kind(void **state)
{
	static const struct rule_case cases[] = {
		{ "{'kind':'Deployment','apiVersion':'apps/v1'}",
			"Deployment in version \"v1\" cannot be handled as a Pod: no kind "
			"\"Deployment\" is registered for version \"apps/v1\" in scheme "
			"\"carpel\"" },
		{ "{'apiVersion':'v2','kind':'Pod'}",
			"Pod in version \"v2\" cannot be handled as a Pod: no kind \"Pod\" is "
			"registered for version \"v2\" in scheme \"carpel\"" },
		{ "{'apiVersion':'v1','kind':null}",
			"Object 'Kind' is missing in '{\"apiVersion\":\"v1\",\"kind\":null}'" },
		{ "{'kind':'Pod'}", "Object 'apiVersion' is missing in '{\"kind\":\"Pod\"}'" },
		{ "[]", "Object 'Kind' is missing in '[]'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
		struct err e = { 0 };

		assert_int_equal(read_text(cases[i].patch, FIELDS_STRICT, &r, &e), -EINVAL);
		assert_string_equal(r.refusal, cases[i].causes);
	}
}

/* ---- unknown and repeated fields ---- */

#define ODD_POD                                                                                    \
	"{'kind':'Pod','apiVersion':'v1','metadata':{'name':'p','labels':{'a':'1','a':'2'},'foo':" \
	"{'x':1,'x':2}},"                                                                          \
	"'spec':{'containers':[{'name':'c','image':'a','image':'b:1','Image':'c'}],'bar':1,"       \
	"'bar':2}}"
#define ODD_TEXT                                                                                   \
	"duplicate field \"metadata.labels.a\", unknown field \"metadata.foo\", duplicate field "  \
	"\"spec.containers[0].image\", unknown "                                                   \
	"field \"spec.containers[0].Image\", unknown field \"spec.bar\""

static void test_strict(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(read_text(ODD_POD, FIELDS_STRICT, &r, &e), -EINVAL);
	assert_string_equal(r.refusal,
		HANDLED "strict decoding error: " ODD_TEXT
			", duplicate field \"metadata.foo.x\", duplicate field \"spec.bar\"");
	assert_int_equal(r.warnings.len, 0);
}

static void test_warn(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(read_text(ODD_POD, FIELDS_WARN, &r, &e), 0);
	assert_int_equal(r.warnings.len, 7);
	assert_string_equal(r.warnings.at[1], "unknown field \"metadata.foo\"");
	assert_string_equal(r.warnings.at[2], "duplicate field \"spec.containers[0].image\"");
	assert_string_equal(r.spec->containers[0].image, "b:1");
	assert_null(json_path(r.object, "metadata.foo"));
}

static void test_ignore(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(read_text(ODD_POD, FIELDS_IGNORE, &r, &e), 0);
	assert_int_equal(r.warnings.len, 0);
}

/* A wrong type is told alone, as Kubernetes does. */
static void test_type_before_strict(void **state)
{
	(void)state;
	expect_refusal("{'metadata':{'foo':1},'spec':{'hostIPC':1}}",
		JSON_WRONG "number into Go struct field PodSpec.spec.hostIPC of type bool");
}

static void test_many_unknown(void **state)
{
	CLEANUP(cleanup_json) struct json *doc = parse_quoted(A_POD, NULL);
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		CLEANUP(cleanup_free) char *key = str_fmt("x%d", i);

		json_set_i64(json_get(doc, "spec"), key, i);
	}
	assert_int_equal(manifest_read(doc, FIELDS_WARN, NULL, &r, &e), 0);
	assert_int_equal(r.warnings.len, 100);
}

static void test_entries(void **state)
{
	enum { MAX = 4096 };
	CLEANUP(cleanup_json) struct json *doc = parse_quoted(A_POD, NULL);
	struct json *args = json_new_array();

	(void)state;
	json_set(json_at(json_path(doc, "spec.containers"), 0), "args", args);
	for (int i = 0; i <= MAX; i++) {
		CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
		struct err e = { 0 };

		json_push(args, json_new_string("x"));
		if (i == MAX - 1)
			assert_int_equal(manifest_read(doc, FIELDS_STRICT, NULL, &r, &e), 0);
		if (i < MAX)
			continue;
		assert_int_equal(manifest_read(doc, FIELDS_STRICT, NULL, &r, &e), -EINVAL);
		assert_string_equal(
			r.refusal, HANDLED "spec.containers[0].args: more than 4096 entries");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_values_that_are_left_out),
		cmocka_unit_test(test_defaults_where_used),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_false_is_kept),
		cmocka_unit_test(test_values_that_are_always_written),
		cmocka_unit_test(test_pull_policy),
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_idempotent),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_wrong_quantities),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_kind),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_warn),
		cmocka_unit_test(test_ignore),
		cmocka_unit_test(test_type_before_strict),
		cmocka_unit_test(test_many_unknown),
		cmocka_unit_test(test_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
