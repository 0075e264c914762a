/* Kubernetes' rules for a pod: paths, words and order. */
#include "tests/unit/manifest_fixture.h"

#define INVALID(field, value, detail)                                                              \
	"FieldValueInvalid " field ": Invalid value: " value ": " detail
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define PORT_RANGE "must be between 1 and 65535, inclusive"
#define ID_RANGE "must be between 0 and 2147483647, inclusive"

static void test_metadata(void **state)
{
	static const struct rule_case cases[] = {
		{ "{'metadata':{'name':null}}",
			REQUIRED("metadata.name") ": name or generateName is required" },
		{ "{'metadata':null}",
			REQUIRED("metadata.name") ": name or generateName is required" },
		{ "{'metadata':{'name':'A'}}", INVALID("metadata.name", "\"A\"", SUBDOMAIN_TEXT) },
		{ "{'metadata':{'name':'../x'}}",
			INVALID("metadata.name", "\"../x\"", SUBDOMAIN_TEXT) },
		{ "{'metadata':{'namespace':'a_b'}}",
			INVALID("metadata.namespace", "\"a_b\"", LABEL_TEXT) },
		{ "{'metadata':{'uid':'../../etc'}}", INVALID("metadata.uid", "\"../../etc\"",
							      "must be safe as a part of a path") },
		{ "{'metadata':{'labels':{'-':'a'}}}",
			INVALID("metadata.labels", "\"-\"", QUALIFIED_TEXT) },
		{ "{'metadata':{'labels':{'a':'" X50 X50 "'}}}",
			INVALID("metadata.labels", "\"" X50 X50 "\"",
				"must be no more than 63 bytes") },
		{ "{'metadata':{'labels':{'':'a'},'annotations':{'':'b'}}}",
			INVALID("metadata.labels", "\"\"",
				"name part must be non-empty") "\n" INVALID("metadata.labels",
				"\"\"", QUALIFIED_TEXT) "\n" INVALID("metadata.annotations", "\"\"",
				"name part must be non-empty") "\n" INVALID("metadata.annotations",
				"\"\"", QUALIFIED_TEXT) },
		{ "{'metadata':{'annotations':{'-':'a'}}}",
			INVALID("metadata.annotations", "\"-\"", QUALIFIED_TEXT) },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_annotations_too_long(void **state)
{
	CLEANUP(cleanup_json) struct json *doc = parse_quoted(A_POD, NULL);
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct json *annotations = json_new_object();
	CLEANUP(cleanup_free) char *value = mem_zalloc(256 * 1024);

	(void)state;
	memset(value, 'x', 256 * 1024 - 1);
	json_set(json_get(doc, "metadata"), "annotations", annotations);
	json_set_str(annotations, "a", value);
	assert_int_equal(manifest_read(doc, FIELDS_STRICT, NULL, &r, NULL), 0);
	manifest_result_free(&r);
	json_set_str(annotations, "ab", "");
	assert_int_equal(manifest_read(doc, FIELDS_STRICT, NULL, &r, NULL), -EBADMSG);
	assert_int_equal(r.causes.len, 1);
	assert_string_equal(r.causes.at[0].reason, "FieldValueTooLong");
	assert_string_equal(r.causes.at[0].message, "Too long: may not be more than 262144 bytes");
	assert_string_equal(r.causes.at[0].field, "metadata.annotations");
}

static void test_policies(void **state)
{
	static const struct rule_case cases[] = {
		{ "{'spec':null}", REQUIRED("spec.containers") },
		{ S("'containers':[]"), REQUIRED("spec.containers") },
		{ S("'restartPolicy':'always'"),
			"FieldValueNotSupported spec.restartPolicy: Unsupported value: "
			"\"always\": supported values: \"Always\", \"OnFailure\", \"Never\"" },
		{ S("'dnsPolicy':'clusterfirst'"),
			"FieldValueNotSupported spec.dnsPolicy: Unsupported value: "
			"\"clusterfirst\": supported values: \"ClusterFirstWithHostNet\", "
			"\"ClusterFirst\", \"Default\", \"None\"" },
		{ S("'activeDeadlineSeconds':0"),
			INVALID("spec.activeDeadlineSeconds", "0",
				"must be between 1 and 2147483647, inclusive") },
		{ S("'activeDeadlineSeconds':2147483648"),
			INVALID("spec.activeDeadlineSeconds", "2147483648",
				"must be between 1 and 2147483647, inclusive") },
		{ S("'hostname':'a.b'"),
			INVALID("spec.hostname", "\"a.b\"", "must not contain dots") },
		{ S("'serviceAccountName':'A'"),
			INVALID("spec.serviceAccountName", "\"A\"", SUBDOMAIN_TEXT) },
		{ S("'nodeName':'A'"), INVALID("spec.nodeName", "\"A\"", SUBDOMAIN_TEXT) },
		{ S("'readinessGates':[{'conditionType':'a/-'}]"),
			INVALID("spec.readinessGates[0].conditionType", "\"a/-\"",
				QUALIFIED_TEXT) },
		{ S("'hostnameOverride':'" X50 X50 "','hostNetwork':true"),
			"FieldValueForbidden spec.hostnameOverride: Forbidden: may not be "
			"specified when hostNetwork is true\n"
			"FieldValueTooLong spec.hostnameOverride: Too long: may not be more than "
			"64 "
			"bytes" },
		{ S("'hostnameOverride':'a','setHostnameAsFQDN':true"),
			"FieldValueForbidden spec.hostnameOverride: Forbidden: may not be "
			"specified when setHostnameAsFQDN is true\n"
			"FieldValueNotSupported spec.setHostnameAsFQDN: Unsupported value: "
			"true: " NOT_THIS },
		{ S("'os':{}"),
			REQUIRED("spec.os.name") ": cannot be empty\n"
						 "FieldValueNotSupported spec.os: Unsupported "
						 "value: {\"name\":\"\"}: " NOT_THIS },
		{ S("'subdomain':'A'"), INVALID("spec.subdomain", "\"A\"", LABEL_TEXT) },
		{ S("'hostnameOverride':'A'"),
			INVALID("spec.hostnameOverride", "\"A\"", SUBDOMAIN_TEXT) },
		{ S("'os':{'name':'plan9'}"),
			"FieldValueNotSupported spec.os: Unsupported value: \"plan9\": supported "
			"values: \"linux\", \"windows\"" },
		{ S("'restartPolicy':'Never','dnsPolicy':'Default','activeDeadlineSeconds':1,"
		    "'hostname':'h','terminationGracePeriodSeconds':0,'os':{'name':'linux'}"),
			"" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

#define ADDRESS "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
#define SEARCH_TEXT                                                                                \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', " \
	"'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "  \
	"regex used for validation is "                                                            \
	"'[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"

static void test_dns(void **state)
{
	static const struct rule_case cases[] = {
		{ S("'dnsPolicy':'None'"),
			REQUIRED("spec.dnsConfig") ": must provide `dnsConfig` when `dnsPolicy` is "
						   "None" },
		{ S("'dnsPolicy':'None','dnsConfig':{'searches':['a']}"),
			REQUIRED("spec.dnsConfig.nameservers") ": must provide at least one DNS "
							       "nameserver when `dnsPolicy` is "
							       "None" },
		{ S("'dnsConfig':{'nameservers':['1.1.1.1','::1','2.2.2.2','3.3.3.3']}"),
			INVALID("spec.dnsConfig.nameservers",
				"[\"1.1.1.1\",\"::1\",\"2.2.2.2\",\"3.3.3.3\"]",
				"must not have more than 3 nameservers") },
		{ S("'dnsConfig':{'nameservers':['x','010.1.1.1','::ffff:1.2.3.4']}"),
			INVALID("spec.dnsConfig.nameservers[0]", "\"x\"", ADDRESS) "\n" INVALID(
				"spec.dnsConfig.nameservers[1]", "\"010.1.1.1\"",
				"must not have leading 0s") "\n" INVALID("spec.dnsConfig."
									 "nameservers[2]",
				"\"::ffff:1.2.3.4\"", "must not be an IPv4-mapped IPv6 address") },
		{ S("'dnsConfig':{'searches':['a_b.c','.','x.','_a','A','']}"),
			INVALID("spec.dnsConfig.searches[3]", "\"_a\"", SEARCH_TEXT) "\n" INVALID(
				"spec.dnsConfig.searches[4]", "\"A\"",
				SEARCH_TEXT) "\n" INVALID("spec.dnsConfig.searches[5]", "\"\"",
				SEARCH_TEXT) },
		{ S("'dnsConfig':{'options':[{'name':'a'},{'value':'b'}]}"),
			REQUIRED("spec.dnsConfig.options[1]") ": must not be empty" },
		{ S("'hostAliases':[{'ip':'1.2.3','hostnames':['a','B']},{'ip':'fe80::1'}]"),
			INVALID("spec.hostAliases[0].ip", "\"1.2.3\"", ADDRESS) "\n" INVALID(
				"spec.hostAliases[0].hostnames[1]", "\"B\"", SUBDOMAIN_TEXT) },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_many_searches(void **state)
{
	static const char *const wants[] = { "must not have more than 32 search paths",
		"must not have more than 2048 characters (including spaces) in the search list" };
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	CLEANUP(buf_free) struct buf patch = { 0 };
	struct err e = { 0 };

	(void)state;
	buf_adds(&patch, "{'spec':{'dnsConfig':{'searches':['" X50 X50 "'");
	for (int i = 0; i < 32; i++)
		buf_adds(&patch, ",'" X50 X50 "'");
	buf_adds(&patch, "]}}}");
	assert_int_equal(read_patched(patch.data, &r, &e), -EBADMSG);
	/* Each label of 100 is too long for a part of a name only, not for a search path. */
	assert_true(r.causes.len >= 2);
	for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
		assert_string_equal(r.causes.at[i].field, "spec.dnsConfig.searches");
		assert_true(str_ends(r.causes.at[i].message, wants[i]));
	}
}

static void test_volumes(void **state)
{
#define V0 "spec.volumes[0]"
	static const struct rule_case cases[] = {
		{ S("'volumes':[{}]"), REQUIRED(V0 ".name") },
		{ S("'volumes':[{'name':'A'}]"), INVALID(V0 ".name", "\"A\"", LABEL_TEXT) },
		{ S("'volumes':[{'name':'v'},{'name':'v'}]"),
			"FieldValueDuplicate spec.volumes[1].name: Duplicate value: \"v\"" },
		{ S("'volumes':[{'name':'v','emptyDir':{},'hostPath':{'path':'/x'}}]"),
			"FieldValueForbidden " V0 ".hostPath: Forbidden: may not specify more than "
			"1 volume type" },
		{ S("'volumes':[{'name':'v','hostPath':{}}]"), REQUIRED(V0 ".hostPath.path") },
		{ S("'volumes':[{'name':'v','hostPath':{'path':'/a/../b','type':'Dir'}}]"),
			INVALID(V0 ".hostPath.path", "\"/a/../b\"",
				"must not contain '..'") "\n"
							 "FieldValueNotSupported " V0
							 ".hostPath.type: Unsupported value: "
							 "\"Dir\": "
							 "supported values: \"\", \"BlockDevice\", "
							 "\"CharDevice\", \"Directory\", "
							 "\"DirectoryOrCreate\", \"File\", "
							 "\"FileOrCreate\", \"Socket\"" },
		{ S("'volumes':[{'name':'v','hostPath':{'path':'a..b/c'}}]"),
			INVALID(V0 ".hostPath.path", "\"a..b/c\"", "must be an absolute path") },
		{ S("'volumes':[{'name':'v','emptyDir':{'sizeLimit':'-1'}}]"),
			"FieldValueForbidden " V0 ".emptyDir.sizeLimit: Forbidden: SizeLimit field "
			"must be a valid resource quantity" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_pod_security(void **state)
{
#define SC "spec.securityContext"
	static const struct rule_case cases[] = {
		{ S("'securityContext':{'runAsUser':-1,'runAsGroup':2147483648,'"
		    "fsGroup':-2,"
		    "'supplementalGroups':[0,-3]}"),
			INVALID(SC ".fsGroup", "-2", ID_RANGE) "\n" INVALID(
				SC ".runAsUser", "-1", ID_RANGE) "\n" INVALID(SC ".runAsGroup",
				"2147483648", ID_RANGE) "\n" INVALID(SC ".supplementalGroups[1]",
				"-3", ID_RANGE) },
		{ S("'securityContext':{'fsGroupChangePolicy':'x',"
		    "'supplementalGroupsPolicy':'y'}"),
			"FieldValueNotSupported " SC ".fsGroupChangePolicy: Unsupported value: "
			"\"x\": supported values: \"Always\", \"OnRootMismatch\"\n"
			"FieldValueNotSupported " SC ".supplementalGroupsPolicy: Unsupported "
			"value: \"y\": supported values: \"Merge\", \"Strict\"" },
		{ S("'securityContext':{'seccompProfile':{'type':'x'},"
		    "'appArmorProfile':{'type':'y'}}"),
			"FieldValueNotSupported " SC ".seccompProfile.type: Unsupported value: "
			"\"x\": supported values: \"Localhost\", \"RuntimeDefault\", "
			"\"Unconfined\"\n"
			"FieldValueNotSupported " SC ".appArmorProfile.type: Unsupported value: "
			"\"y\": supported values: \"Localhost\", \"RuntimeDefault\", "
			"\"Unconfined\"" },
		{ S("'hostUsers':false,'hostNetwork':true,'hostIPC':true"),
			"FieldValueForbidden spec.hostNetwork: Forbidden: when `hostUsers` is "
			"false\n"
			"FieldValueForbidden spec.HostIPC: Forbidden: when `hostUsers` is false" },
		{ S("'hostUsers':true,'hostNetwork':true"), "" },
		{ S("'shareProcessNamespace':true,'hostPID':true"),
			INVALID("spec.shareProcessNamespace", "true",
				"ShareProcessNamespace and HostPID cannot both be "
				"enabled") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_sysctls(void **state)
{
#define SYSCTL(n) "spec.securityContext.sysctls[" n "].name"
#define SYSCTL_TEXT                                                                                \
	"must have at most 253 characters and match regex "                                        \
	"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
#define SYSCTLS(...) S("'securityContext':{'sysctls':[" __VA_ARGS__ "]}")
	static const struct rule_case cases[] = {
		{ SYSCTLS("{'name':'net.ipv4.tcp_syncookies','value':'1'},"
			  "{'name':'net/ipv4/tcp_rmem','value':'1 2 3'},"
			  "{'name':'kernel.shm_rmid_forced','value':'1'}"),
			"" },
		{ SYSCTLS("{'value':'1'}"), REQUIRED(SYSCTL("0")) },
		{ SYSCTLS("{'name':'a..b'},{'name':'-a'},{'name':'a_'},{'name':'A'}"),
			INVALID(SYSCTL("0"), "\"a..b\"", SYSCTL_TEXT) "\n" INVALID(SYSCTL("1"),
				"\"-a\"", SYSCTL_TEXT) "\n" INVALID(SYSCTL("2"), "\"a_\"",
				SYSCTL_TEXT) "\n" INVALID(SYSCTL("3"), "\"A\"", SYSCTL_TEXT) },
		{ SYSCTLS("{'name':'aBa'},{'name':'" X50 X50 X50 X50 X50 "xxxx'}"),
			INVALID(SYSCTL("0"), "\"aBa\"", SYSCTL_TEXT) "\n" INVALID(
				SYSCTL("1"), "\"" X50 X50 X50 X50 X50 "xxxx\"", SYSCTL_TEXT) },
		{ SYSCTLS("{'name':'net.ipv4.tcp_rmem'},{'name':'net.ipv4.tcp_rmem'}"),
			"FieldValueDuplicate " SYSCTL("1") ": Duplicate value: "
							   "\"net.ipv4.tcp_rmem\"" },
		{ SYSCTLS("{'name':'kernel.panic','value':'1'}"),
			"" }, /* that is for the node to say, see test_admit.c */
		{ S("'hostNetwork':true,'securityContext':{'sysctls':"
		    "[{'name':'net.ipv4.tcp_rmem'}]}"),
			INVALID(SYSCTL("0"), "\"net.ipv4.tcp_rmem\"",
				"may not be specified when 'hostNetwork' is true") },
		{ S("'hostIPC':true,'securityContext':{'sysctls':"
		    "[{'name':'kernel.shm_rmid_forced'}]}"),
			INVALID(SYSCTL("0"), "\"kernel.shm_rmid_forced\"",
				"may not be specified when 'hostIPC' is true") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

/* All that is wrong comes in one answer, in Kubernetes' order. */
static void test_order(void **state)
{
	(void)state;
	expect_causes("{'metadata':{'name':'A','labels':{'-':''}},"
		      "'spec':{'restartPolicy':'x','volumes':[{'name':'v','hostPath':{}}],"
		      "'containers':[{'name':'c','image':'i','volumeMounts':"
		      "[{'name':'v','mountPath':'/v'}]},{'name':'c','ports':"
		      "[{'containerPort':70000}]}],'initContainers':[{'name':'z'}],"
		      "'activeDeadlineSeconds':0}}",
		INVALID("metadata.name", "\"A\"", SUBDOMAIN_TEXT) "\n" INVALID("metadata.labels", "\"-\"", QUALIFIED_TEXT) "\n" REQUIRED(
			"spec.volumes[0].hostPath.path") "\n"
							 "FieldValueNotFound " C0
							 ".volumeMounts[0].name: Not found: "
							 "\"v\"\n" REQUIRED(
								 "spec.containers[1]."
								 "image") "\n" INVALID("spec."
										       "containers["
										       "1].ports[0]"
										       "."
										       "containerPo"
										       "rt",
								 "70000",
								 PORT_RANGE) "\n"
									     "FieldValueDuplicate "
									     "spec.containers[1]."
									     "name: Duplicate "
									     "value: \"c\"\n"
									     "FieldValueNotSupporte"
									     "d "
									     "spec.restartPolicy: "
									     "Unsupported value: "
									     "\"x\": supported "
									     "values: \"Always\", "
									     "\"OnFailure\", "
									     "\"Never\"\n" INVALID(
										     "spec."
										     "activeDeadlin"
										     "eSeconds",
										     "0",
										     "must be "
										     "between 1 "
										     "and "
										     "2147483647, "
										     "inclusive") "\n"
												  "FieldValueForbidden spec.initContainers: " NOT_YET);
}

static void test_text(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	CLEANUP(buf_free) struct buf one = { 0 }, several = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(read_patched(S("'containers':[]"), &r, &e), -EBADMSG);
	causes_text(&r.causes, "Pod", "u", &one);
	assert_string_equal(one.data, "Pod \"u\" is invalid: spec.containers: Required value");
	assert_string_equal(e.text, "spec.containers: Required value");
	manifest_result_free(&r);
	/* The same text twice is shown once. */
	assert_int_equal(read_patched("{'metadata':{'labels':{'a':'-','b':'-'}},"
				      "'spec':{'containers':[]}}",
				 &r, &e),
		-EBADMSG);
	assert_int_equal(r.causes.len, 3);
	causes_text(&r.causes, "Pod", "p", &several);
	assert_true(str_starts(
		several.data, "Pod \"p\" is invalid: [metadata.labels: Invalid value: \"-\": a "));
	assert_true(str_ends(several.data, "'), spec.containers: Required value]"));
	assert_ptr_equal(strstr(several.data, "metadata.labels"), several.data + 21);
	assert_null(strstr(several.data + 22, "metadata.labels"));
}

static void test_quoting(void **state)
{
	(void)state;
	expect_causes(S("'hostname':'a\\n\\t\\u0001\\u007f\\\\\\u00e4'"),
		INVALID("spec.hostname", "\"a\\n\\t\\x01\\x7f\\\\\xc3\xa4\"", LABEL_TEXT));
}

static void test_many_causes(void **state)
{
	CLEANUP(cleanup_json) struct json *doc = parse_quoted(A_POD, NULL);
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct json *containers = json_path(doc, "spec.containers");

	(void)state;
	for (int i = 0; i < 1000; i++)
		json_push(containers, json_new_object());
	assert_int_equal(manifest_read(doc, FIELDS_STRICT, NULL, &r, NULL), -EBADMSG);
	assert_int_equal(r.causes.len, 257);
	assert_string_equal(r.causes.at[256].message, "there are more errors than are listed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_annotations_too_long),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_dns),
		cmocka_unit_test(test_many_searches),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_pod_security),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_many_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
