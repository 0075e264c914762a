/* What Kubernetes accepts and carpel does not do: each field is refused by its name, or named in
 * the one warning.
 */
#include "tests/unit/manifest_fixture.h"

#define LATER(field) "FieldValueForbidden " field ": " NOT_YET
#define VALUE(field, raw) "FieldValueNotSupported " field ": Unsupported value: " raw ": " NOT_THIS

static void test_metadata_and_spec(void **state)
{
	static const struct rule_case cases[] = {
		{ "{'metadata':{'ownerReferences':[{'kind':'a'}],'finalizers':['x']}}",
			LATER("metadata.ownerReferences") "\n" LATER("metadata.finalizers") },
		{ S("'initContainers':[{'name':'i','image':'x'}]"), LATER("spec.initContainers") },
		{ S("'ephemeralContainers':[{'name':'i'}]"), LATER("spec.ephemeralContainers") },
		{ S("'hostPID':true"), "" },
		{ S("'imagePullSecrets':[{'name':'s'}]"), LATER("spec.imagePullSecrets") },
		{ S("'subdomain':'s'"), LATER("spec.subdomain") },
		{ S("'runtimeClassName':'r'"), LATER("spec.runtimeClassName") },
		{ S("'overhead':{'cpu':1}"), LATER("spec.overhead") },
		{ S("'schedulingGates':[{'name':'g'}]"), LATER("spec.schedulingGates") },
		{ S("'resourceClaims':[{'name':'g'}]"), LATER("spec.resourceClaims") },
		{ S("'resources':{'limits':{'cpu':1}}"), LATER("spec.resources") },
		{ S("'evictionResponders':[{'name':'x'}]"), LATER("spec.evictionResponders") },
		{ S("'automountServiceAccountToken':true"),
			VALUE("spec.automountServiceAccountToken", "true") },
		{ S("'setHostnameAsFQDN':true"), VALUE("spec.setHostnameAsFQDN", "true") },
		{ S("'hostUsers':false"), "" },
		{ S("'os':{'name':'windows'}"), VALUE("spec.os", "{\"name\":\"windows\"}") },
		/* These say what is so anyway. */
		{ S("'hostPID':false,'hostUsers':true,'setHostnameAsFQDN':false,"
		    "'automountServiceAccountToken':false,'initContainers':[],'subdomain':'',"
		    "'overhead':{},'enableServiceLinks':false"),
			"" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_security(void **state)
{
#define SC "spec.securityContext"
	static const struct rule_case cases[] = {
		{ S("'securityContext':{'seLinuxOptions':{'user':'u'},'windowsOptions':{},"
		    "'seLinuxChangePolicy':'Recursive'}"),
			LATER(SC ".windowsOptions") "\n" LATER(SC ".seLinuxChangePolicy") },
		{ S("'securityContext':{'supplementalGroupsPolicy':'Strict',"
		    "'appArmorProfile':{'type':'RuntimeDefault'}}"),
			"" },
		{ S("'securityContext':{'seccompProfile':{'type':'Localhost',"
		    "'localhostProfile':'a'}}"),
			"" },
		{ C("'securityContext':{'seLinuxOptions':{},'windowsOptions':{}}"),
			LATER(C0 ".securityContext.windowsOptions") },
		{ S("'securityContext':{'supplementalGroupsPolicy':'Merge',"
		    "'fsGroupChangePolicy':'OnRootMismatch',"
		    "'appArmorProfile':{'type':'Unconfined'},"
		    "'seccompProfile':{'type':'RuntimeDefault'}}"),
			"" },
		{ C("'securityContext':{'procMount':'Default'}"), "" },
		{ S("'hostUsers':false,'containers':[{'name':'a','image':'i',"
		    "'securityContext':{'procMount':'Unmasked'}}]"),
			"" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_container(void **state)
{
#define FROM C0 ".env[0].valueFrom"
	static const struct rule_case cases[] = {
		{ C("'envFrom':[{'prefix':'x'}]"), LATER(C0 ".envFrom") },
		{ C("'restartPolicy':'Always'"), LATER(C0 ".restartPolicy") },
		{ C("'restartPolicyRules':[{'action':'Restart'}]"),
			LATER(C0 ".restartPolicyRules") },
		{ C("'volumeDevices':[{'name':'x'}]"), LATER(C0 ".volumeDevices") },
		{ C("'lifecycle':{'preStop':{'sleep':{'seconds':1}}}"),
			VALUE(C0 ".lifecycle", "{\"preStop\":{\"sleep\":{\"seconds\":1}}}") },
		{ C("'lifecycle':{}"), "" },
		{ C("'env':[{'name':'a','valueFrom':{'configMapKeyRef':{'key':'k'}}}]"),
			LATER(FROM ".configMapKeyRef") },
		{ C("'env':[{'name':'a','valueFrom':{'secretKeyRef':{'key':'k'}}}]"),
			LATER(FROM ".secretKeyRef") },
		{ C("'env':[{'name':'a','valueFrom':{'fileKeyRef':{'key':'k'}}}]"),
			LATER(FROM ".fileKeyRef") },
		{ C("'resources':{'claims':[{'name':'x'}]}"), LATER(C0 ".resources.claims") },
		{ C("'ports':[{'containerPort':1,'hostPort':1,'hostIP':'1.2.3.4'}]"),
			LATER(C0 ".ports[0].hostPort") "\n" LATER(C0 ".ports[0].hostIP") },
		{ C("'resources':{'limits':{'ephemeral-storage':1,'hugepages-2Mi':2,"
		    "'a.com/gpu':1}}"),
			LATER(C0 ".resources.limits[a.com/gpu]") "\n" LATER(
				C0 ".resources.limits[hugepages-2Mi]") },
		{ C("'resources':{'limits':{'ephemeral-storage':1}}"), "" },
		{ C("'resources':{'requests':{'a.com/gpu':1}}"),
			LATER(C0 ".resources.requests[a.com/gpu]") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_probes(void **state)
{
	static const struct rule_case cases[] = {
		{ C("'livenessProbe':{'grpc':{'port':1}}"), LATER(C0 ".livenessProbe.grpc") },
		{ C("'startupProbe':{'httpGet':{'port':1,'scheme':'HTTPS'}}"),
			VALUE(C0 ".startupProbe.httpGet.scheme", "\"HTTPS\"") },
		{ C("'readinessProbe':{'httpGet':{'port':1,'protocol':'HTTP2'}}"),
			VALUE(C0 ".readinessProbe.httpGet.protocol", "\"HTTP2\"") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_mounts(void **state)
{
#define MOUNT(fields)                                                                              \
	S("'volumes':[{'name':'v'}],'containers':[{'name':'a','image':'i','volumeMounts':"         \
	  "[{'name':'v','mountPath':'/v'," fields "}]}]")
#define M0 C0 ".volumeMounts[0]"
	static const struct rule_case cases[] = {
		{ MOUNT("'subPathExpr':'$(A)'"), LATER(M0 ".subPathExpr") },
		{ MOUNT("'bindMountOptions':['noexec']"), LATER(M0 ".bindMountOptions") },
		{ MOUNT("'mountPropagation':'HostToContainer'"),
			VALUE(M0 ".mountPropagation", "\"HostToContainer\"") },
		{ MOUNT("'readOnly':true,'recursiveReadOnly':'IfPossible'"),
			VALUE(M0 ".recursiveReadOnly", "\"IfPossible\"") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_volumes(void **state)
{
	static const char *const sources[] = { "awsElasticBlockStore", "azureDisk", "azureFile",
		"cephfs", "cinder", "configMap", "csi", "downwardAPI", "ephemeral", "fc",
		"flexVolume", "flocker", "gcePersistentDisk", "gitRepo", "glusterfs", "image",
		"iscsi", "nfs", "persistentVolumeClaim", "photonPersistentDisk", "portworxVolume",
		"projected", "quobyte", "rbd", "scaleIO", "secret", "storageos", "vsphereVolume" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		/* A mount finds the volume: that carpel has none is the only error. */
		CLEANUP(cleanup_free)
		char *patch = str_fmt("{'spec':{'volumes':[{'name':'v','%s':{}}],'containers':"
				      "[{'name':'a','image':'i','volumeMounts':[{'name':'v',"
				      "'mountPath':'/v'}]}]}}",
			sources[i]);
		CLEANUP(cleanup_free)
		char *want = str_fmt(LATER("spec.volumes[0].%s"), sources[i]);

		expect_causes(patch, want);
	}
	expect_causes(S("'volumes':[{'name':'v','emptyDir':{'medium':'Memory','sizeLimit':'1Mi',"
			"'mode':448}},{'name':'w','emptyDir':{'medium':'HugePages-2Mi'}},"
			"{'name':'x','emptyDir':{'medium':''}}]"),
		LATER("spec.volumes[0].emptyDir.mode") "\n" VALUE(
			"spec.volumes[1].emptyDir.medium", "\"HugePages-2Mi\""));
}

/* What is refused is refused whatever becomes of unknown fields. */
static void test_any_validation(void **state)
{
	static const enum field_validation all[] = { FIELDS_STRICT, FIELDS_WARN, FIELDS_IGNORE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CLEANUP(manifest_result_free) struct manifest_result r = { 0 };

		assert_int_equal(read_text("{'kind':'Pod','apiVersion':'v1','metadata':"
					   "{'name':'p'},'spec':{'subdomain':'s','containers':"
					   "[{'name':'a','image':'i'}]}}",
					 all[i], &r, NULL),
			-EBADMSG);
	}
}

/* ---- warnings ---- */

static void expect_warnings(const char *patch, const char *lines)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	CLEANUP(buf_free) struct buf got = { 0 };
	struct err e = { 0 };

	if (read_patched(patch, &r, &e) < 0)
		fail_msg("%s: %s", patch, e.text);
	for (size_t i = 0; i < r.warnings.len; i++)
		buf_addf(&got, "%s%s", i ? "\n" : "", r.warnings.at[i]);
	assert_string_equal(got.data ? got.data : "", lines);
}

#define IGNORED "ignored, since they choose among nodes and there is one: "

static void test_scheduling(void **state)
{
	(void)state;
	expect_warnings(S("'nodeSelector':{'a':'b'},'affinity':{'nodeAffinity':{}},"
			  "'tolerations':[{}],'schedulerName':'mine','priority':5,"
			  "'priorityClassName':'x','preemptionPolicy':'Never',"
			  "'topologySpreadConstraints':[{}],'schedulingGroup':{}"),
		IGNORED "spec.nodeSelector, spec.affinity, spec.schedulerName, spec.tolerations, "
			"spec.priorityClassName, spec.priority, spec.preemptionPolicy, "
			"spec.topologySpreadConstraints, spec.schedulingGroup");
	expect_warnings(C("'resources':{'requests':{'ephemeral-storage':'1Gi'}}"),
		IGNORED C0 ".resources.requests[ephemeral-storage]");
	/* What a cluster's admission adds says nothing. */
	expect_warnings(S("'schedulerName':'default-scheduler','priority':0,"
			  "'preemptionPolicy':'PreemptLowerPriority','tolerations':[],"
			  "'nodeSelector':{}"),
		"");
}

static void test_other_warnings(void **state)
{
	(void)state;
	expect_warnings(S("'serviceAccountName':'sa'"),
		"spec.serviceAccountName: only a name here, no token is mounted");
	expect_warnings(S("'serviceAccountName':'sa','automountServiceAccountToken':false"), "");
	expect_warnings(S("'serviceAccountName':'default'"), "");
	expect_warnings(C("'env':[{'name':'A'},{'name':'B'},{'name':'A','value':'x'}]"),
		C0 ".env[2]: hides previous definition of \"A\", which may be dropped when using "
		   "apply");
}

static void test_many_scheduling(void **state)
{
	CLEANUP(cleanup_json) struct json *doc = parse_quoted(A_POD, NULL);
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct json *containers = json_path(doc, "spec.containers");

	(void)state;
	for (int i = 0; i < 40; i++) {
		CLEANUP(cleanup_free)
		char *text = str_fmt("{'name':'c%d','image':'i','resources':{'requests':"
				     "{'ephemeral-storage':1}}}",
			i);

		json_push(containers, parse_quoted(text, NULL));
	}
	assert_int_equal(manifest_read(doc, FIELDS_STRICT, NULL, &r, NULL), 0);
	assert_int_equal(r.warnings.len, 1);
	assert_true(str_ends(r.warnings.at[0],
		"spec.containers[32].resources.requests[ephemeral-storage] and 8 more"));
}

/* ---- annotations of ours ---- */

#define NOTE(key, value)                                                                           \
	"{'metadata':{'annotations':{'" key "':'" value "'}},'spec':{'containers':[{'name':'web'," \
	"'image':'i','livenessProbe':{'tcpSocket':{'port':1}}}]}}"
#define AT(key) "metadata.annotations[" key "]"
#define BETWEEN(min) "must be between " min " and 2147483647000, inclusive"
#define WRONG(key, value, min)                                                                     \
	{                                                                                          \
		NOTE(key, value), "FieldValueInvalid " AT(key) ": Invalid value: \"" value         \
							       "\": " BETWEEN(min)                 \
	}

#define BYTES "a quantity of bytes a second, at least 1024"
#define WRONG_IO(key, value, must_be)                                                              \
	{                                                                                          \
		NOTE(key, value), "FieldValueInvalid " AT(key) ": Invalid value: \"" value         \
							       "\": must be " must_be              \
	}

static void test_annotations(void **state)
{
	static const struct rule_case cases[] = {
		{ NOTE("carpel/probe.web.liveness.period-ms", "10"), "" },
		{ NOTE("carpel/probe.web.liveness.timeout-ms", "2147483647000"), "" },
		{ NOTE("carpel/probe.web.liveness.delay-ms", "0"), "" },
		WRONG("carpel/probe.web.liveness.period-ms", "9", "10"),
		WRONG("carpel/probe.web.liveness.timeout-ms", "0", "1"),
		WRONG("carpel/probe.web.liveness.delay-ms", "-1", "0"),
		WRONG("carpel/probe.web.liveness.delay-ms", "1s", "0"),
		WRONG("carpel/probe.web.liveness.delay-ms", "2147483647001", "0"),
		{ NOTE("carpel/probe.db.liveness.period-ms", "10"),
			"FieldValueNotFound " AT(
				"carpel/probe.db.liveness.period-ms") ": Not found: \"db\"" },
		{ NOTE("carpel/probe.web.readiness.period-ms", "10"),
			"FieldValueForbidden " AT(
				"carpel/probe.web.readiness.period-ms") ": "
									"Forbidden: container web "
									"has no readinessProbe" },
		{ NOTE("example.com/probe.web.x", "10"), "" },
		{ NOTE("carpel/io.web.max-read-bps", "1Ki"), "" },
		{ NOTE("carpel/io.web.max-write-iops", "4294967295"), "" },
		{ NOTE("carpel/io.web.weight", "10000"), "" },
		{ NOTE("carpel/pids-limit", "16"), "" },
		{ NOTE("carpel/pids-limit", "4194304"), "" },
		WRONG_IO("carpel/io.web.max-read-bps", "1023", BYTES),
		WRONG_IO("carpel/io.web.max-read-bps", "fast", BYTES),
		WRONG_IO("carpel/io.web.max-write-bps", "-1Mi", BYTES),
		WRONG_IO("carpel/io.web.max-write-bps", "", BYTES),
		WRONG_IO("carpel/io.web.max-read-iops", "0", "between 1 and 4294967295, inclusive"),
		WRONG_IO("carpel/io.web.max-write-iops", "4294967296",
			"between 1 and 4294967295, inclusive"),
		WRONG_IO("carpel/io.web.weight", "10001", "between 1 and 10000, inclusive"),
		WRONG_IO("carpel/io.web.weight", "1k", "between 1 and 10000, inclusive"),
		WRONG_IO("carpel/pids-limit", "15", "between 16 and 4194304, inclusive"),
		WRONG_IO("carpel/pids-limit", "4194305", "between 16 and 4194304, inclusive"),
		WRONG_IO("carpel/pids-limit", "many", "between 16 and 4194304, inclusive"),
		{ NOTE("carpel/io.db.weight", "1"),
			"FieldValueNotFound " AT("carpel/io.db.weight") ": Not found: \"db\"" },
	};
	static const char *const unknown[] = { "carpel/x", "carpel/probe.web.liveness.period",
		"carpel/probe.web.live.period-ms", "carpel/probe.web.period-ms", "carpel/probe.web",
		"carpel/io.web", "carpel/io.web.max-bps", "carpel/io.web.weight.x",
		"carpel/io..weight", "carpel/pids-limit.web", "carpel/pids",
		"carpel/probe.web.liveness.period-ms.x", "carpel/probe.liveness.period-ms" };

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		CLEANUP(cleanup_free)
		char *patch = str_fmt("{'metadata':{'annotations':{'%s':'1'}}}", unknown[i]);
		CLEANUP(cleanup_free)
		char *want = str_fmt("FieldValueForbidden metadata.annotations[%s]: Forbidden: "
				     "carpel has no such annotation",
			unknown[i]);

		expect_causes(patch, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata_and_spec),
		cmocka_unit_test(test_security),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_any_validation),
		cmocka_unit_test(test_scheduling),
		cmocka_unit_test(test_other_warnings),
		cmocka_unit_test(test_many_scheduling),
		cmocka_unit_test(test_annotations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
