/* Kubernetes' rules for a container: paths, words and order. */
#include "tests/unit/manifest_fixture.h"

#define INVALID(field, value, detail)                                                              \
	"FieldValueInvalid " field ": Invalid value: " value ": " detail
#define UNSUPPORTED(field, value, list)                                                            \
	"FieldValueNotSupported " field ": Unsupported value: " value ": supported values: " list
#define DUPLICATE(field, value) "FieldValueDuplicate " field ": Duplicate value: " value
#define NOT_FOUND(field, value) "FieldValueNotFound " field ": Not found: " value
#define FORBIDDEN(field, detail) "FieldValueForbidden " field ": Forbidden: " detail
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define PORT_RANGE "must be between 1 and 65535, inclusive"
#define ID_RANGE "must be between 0 and 2147483647, inclusive"
#define NOT_NEGATIVE "must be greater than or equal to 0"

static void test_names(void **state)
{
	static const struct rule_case cases[] = {
		{ S("'containers':[{'image':'i'}]"), REQUIRED(C0 ".name") },
		{ S("'containers':[{'name':'A','image':'i'}]"),
			INVALID(C0 ".name", "\"A\"", LABEL_TEXT) },
		{ S("'containers':[{'name':'" X50 X50 "','image':'i'}]"),
			INVALID(C0 ".name", "\"" X50 X50 "\"",
				"must be no more than 63 characters") },
		{ S("'containers':[{'name':'a','image':'i'},{'name':'a','image':'i'}]"),
			DUPLICATE("spec.containers[1].name", "\"a\"") },
		{ S("'containers':[{'name':'a'}]"), REQUIRED(C0 ".image") },
		{ S("'containers':[{'name':'a','image':' x '}]"),
			INVALID(C0 ".image", "\" x \"",
				"must not have leading or trailing whitespace") },
		{ C("'imagePullPolicy':'always'"), UNSUPPORTED(C0 ".imagePullPolicy", "\"always\"",
							   "\"Always\", \"IfNotPresent\", "
							   "\"Never\"") },
		{ C("'terminationMessagePolicy':'x'"),
			UNSUPPORTED(C0 ".terminationMessagePolicy", "\"x\"",
				"\"File\", \"FallbackToLogsOnError\"") },
		{ C("'workingDir':'rel','terminationMessagePath':'t','imagePullPolicy':'Never'"),
			"" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_resize_policy(void **state)
{
#define POLICY C0 ".resizePolicy"
	static const struct rule_case cases[] = {
		{ C("'resizePolicy':[{'resourceName':'cpu','restartPolicy':'NotRequired'},"
		    "{'resourceName':'memory','restartPolicy':'RestartContainer'}]"),
			"" },
		{ C("'resizePolicy':[{'resourceName':'cpu'}]"), REQUIRED(POLICY) },
		{ C("'resizePolicy':[{'resourceName':'x','restartPolicy':'y'}]"),
			UNSUPPORTED(POLICY, "\"x\"", "\"cpu\", \"memory\"") "\n" UNSUPPORTED(
				POLICY, "\"y\"", "\"NotRequired\", \"RestartContainer\"") },
		{ C("'resizePolicy':[{'resourceName':'cpu','restartPolicy':'NotRequired'},"
		    "{'resourceName':'cpu','restartPolicy':'NotRequired'}]"),
			DUPLICATE(POLICY "[1]", "\"cpu\"") },
		{ S("'restartPolicy':'Never','containers':[{'name':'a','image':'i','resizePolicy':"
		    "[{'resourceName':'cpu','restartPolicy':'RestartContainer'}]}]"),
			INVALID(POLICY, "\"RestartContainer\"",
				"must be 'NotRequired' when pod `restartPolicy` is 'Never'") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_ports(void **state)
{
#define P0 C0 ".ports[0]"
	static const struct rule_case cases[] = {
		{ C("'ports':[{}]"), REQUIRED(P0 ".containerPort") },
		{ C("'ports':[{'containerPort':-1}]"),
			INVALID(P0 ".containerPort", "-1", PORT_RANGE) },
		{ C("'ports':[{'containerPort':65536,'protocol':'tcp'}]"),
			INVALID(P0 ".containerPort", "65536", PORT_RANGE) "\n" UNSUPPORTED(
				P0 ".protocol", "\"tcp\"", "\"SCTP\", \"TCP\", \"UDP\"") },
		{ C("'ports':[{'containerPort':1,'hostPort':-1}]"),
			INVALID(P0 ".hostPort", "-1", PORT_RANGE) },
		{ C("'ports':[{'containerPort':1,'name':'x'},{'containerPort':2,'name':'x'}]"),
			DUPLICATE(C0 ".ports[1].name", "\"x\"") },
		{ C("'ports':[{'containerPort':1,'name':'8080'}]"),
			INVALID(P0 ".name", "\"8080\"", "must contain at least one letter (a-z)") },
		{ C("'ports':[{'containerPort':1,'name':'-A--bbbbbbbbbbbbbbbb'}]"),
			INVALID(P0 ".name", "\"-A--bbbbbbbbbbbbbbbb\"",
				"must be no more than 15 characters") "\n" INVALID(P0 ".name",
				"\"-A--bbbbbbbbbbbbbbbb\"",
				"must contain only alpha-numeric characters (a-z, 0-9), and "
				"hyphens "
				"(-)") "\n" INVALID(P0 ".name", "\"-A--bbbbbbbbbbbbbbbb\"",
				"must not contain consecutive hyphens") "\n" INVALID(P0 ".name",
				"\"-A--bbbbbbbbbbbbbbbb\"",
				"must not begin or end with a hyphen") },
		{ S("'hostNetwork':true,'containers':[{'name':'a','image':'i','ports':"
		    "[{'containerPort':80,'hostPort':8080}]}]"),
			INVALID(P0 ".hostPort", "8080",
				"must match `containerPort` when `hostNetwork` is true") },
		{ S("'hostNetwork':true,'containers':[{'name':'a','image':'i','ports':"
		    "[{'containerPort':8080}]},{'name':'b','image':'i','ports':"
		    "[{'containerPort':8080,'protocol':'UDP'},{'containerPort':8080}]}]"),
			DUPLICATE("spec.containers[1].ports[1].hostPort", "\"TCP//8080\"") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_env(void **state)
{
#define E0 C0 ".env[0]"
#define ENV(fields) C("'env':[{'name':'N'," fields "}]")
#define FIELD(path) ENV("'valueFrom':{'fieldRef':{'fieldPath':" path "}}")
#define RESOURCE(fields) ENV("'valueFrom':{'resourceFieldRef':{" fields "}}")
#define CONVERTING "error converting fieldPath: field label "
	static const struct rule_case cases[] = {
		{ C("'env':[{}]"), REQUIRED(E0 ".name") },
		{ C("'env':[{'name':'A=B'}]"),
			INVALID(E0 ".name", "\"A=B\"",
				"a valid environment variable name must consist only of printable "
				"ASCII characters other than '='") },
		{ ENV("'valueFrom':{}"),
			INVALID(E0 ".valueFrom", "\"\"",
				"must specify one of: `fieldRef`, `resourceFieldRef`, "
				"`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`") },
		{ ENV("'value':'x','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}"),
			INVALID(E0 ".valueFrom", "\"\"",
				"may not be specified when `value` is not empty") },
		{ ENV("'valueFrom':{'fieldRef':{'fieldPath':'metadata.name'},"
		      "'resourceFieldRef':{'resource':'limits.cpu'}}"),
			INVALID(E0 ".valueFrom", "\"\"",
				"may not have more than one field specified at a time") },
		{ FIELD("''"), REQUIRED(E0 ".valueFrom.fieldRef.fieldPath") },
		{ FIELD("'spec.foo'"), INVALID(E0 ".valueFrom.fieldRef.fieldPath", "\"spec.foo\"",
					       CONVERTING "not supported: spec.foo") },
		{ ENV("'valueFrom':{'fieldRef':{'apiVersion':'v2','fieldPath':'metadata.name'}}"),
			INVALID(E0 ".valueFrom.fieldRef.fieldPath", "\"metadata.name\"",
				"error converting fieldPath: unsupported pod version: v2") },
		{ FIELD("'status.phase'"),
			UNSUPPORTED(E0 ".valueFrom.fieldRef.fieldPath", "\"status.phase\"",
				"\"metadata.name\", \"metadata.namespace\", \"metadata.uid\", "
				"\"spec.nodeName\", \"spec.serviceAccountName\", "
				"\"status.hostIP\", \"status.hostIPs\", \"status.podIP\", "
				"\"status.podIPs\"") },
		{ RESOURCE(""), REQUIRED(E0 ".valueFrom.resourceFieldRef.resource") },
		{ RESOURCE("'resource':'limits.disk'"),
			UNSUPPORTED(E0 ".valueFrom.resourceFieldRef.resource", "\"limits.disk\"",
				"\"limits.cpu\", \"limits.ephemeral-storage\", \"limits.memory\", "
				"\"requests.cpu\", \"requests.ephemeral-storage\", "
				"\"requests.memory\"") },
		{ RESOURCE("'resource':'limits.cpu','divisor':'1k'"),
			INVALID(E0 ".valueFrom.resourceFieldRef.divisor", "\"limits.cpu\"",
				"only divisor's values 1m and 1 are supported with the cpu "
				"resource") },
		{ RESOURCE("'resource':'requests.memory','divisor':'1m'"),
			INVALID(E0 ".valueFrom.resourceFieldRef.divisor", "\"requests.memory\"",
				"only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, "
				"1Ti, 1Pi, 1Ei are supported with the memory resource") },
		{ RESOURCE("'resource':'limits.cpu','divisor':'1m'"), "" },
		{ RESOURCE("'resource':'limits.memory','divisor':'1024Ki'"), "" },
		{ FIELD("'spec.host'"), "" },
		{ C("'env':[{'name':'a b.c-'},{'name':'a b.c-'}]"), "" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

/* Paths that hold quotes, which the short form of a case has no way to write. */
static void test_subscripts(void **state)
{
#define REF E0 ".valueFrom.fieldRef"
	static const char *const cases[][2] = {
		{ "metadata.labels['a.b/c']", "" },
		{ "metadata.annotations['k']", "" },
		{ "metadata.labels['-']", INVALID(REF, "\"-\"", QUALIFIED_TEXT) },
		{ "spec.nodeName['x']",
			INVALID(REF ".fieldPath", "\"spec.nodeName['x']\"",
				CONVERTING "does not support subscript: spec.nodeName['x']") },
		{ "['x']",
			INVALID(REF ".fieldPath", "\"['x']\"", CONVERTING "not supported: ['x']") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_json) struct json *doc = parse_quoted(A_POD, NULL);
		CLEANUP(cleanup_json)
		struct json *env = parse_quoted("[{'name':'N','valueFrom':{'fieldRef':{}}}]", NULL);
		CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
		CLEANUP(cleanup_free) char *got = NULL;

		json_set_str(
			json_path(json_at(env, 0), "valueFrom.fieldRef"), "fieldPath", cases[i][0]);
		json_set(json_at(json_path(doc, "spec.containers"), 0), "env", TAKE(env));
		(void)manifest_read(doc, FIELDS_STRICT, NULL, &r, NULL);
		got = causes_lines(&r.causes);
		assert_string_equal(got, cases[i][1]);
	}
}

static void test_mounts(void **state)
{
#define M(n) C0 ".volumeMounts[" n "]"
#define MOUNTS(...)                                                                                \
	S("'volumes':[{'name':'v'}],'containers':[{'name':'a','image':'i','volumeMounts':"         \
	  "[" __VA_ARGS__ "]}]")
	static const struct rule_case cases[] = {
		{ MOUNTS("{'mountPath':'/a'}"),
			REQUIRED(M("0") ".name") "\n" NOT_FOUND(M("0") ".name", "\"\"") },
		{ MOUNTS("{'name':'w','mountPath':'/a'}"), NOT_FOUND(M("0") ".name", "\"w\"") },
		{ MOUNTS("{'name':'v'}"), REQUIRED(M("0") ".mountPath") },
		{ MOUNTS("{'name':'v','mountPath':'/a'},{'name':'v','mountPath':'/a'}"),
			INVALID(M("1") ".mountPath", "\"/a\"", "must be unique") },
		{ MOUNTS("{'name':'v','mountPath':'/a','subPath':'/x/../y'}"),
			INVALID(C0 ".volumeMounts.subPath", "\"/x/../y\"",
				"must be a relative path") "\n" INVALID(C0 ".volumeMounts.subPath",
				"\"/x/../y\"", "must not contain '..'") },
		{ MOUNTS("{'name':'v','mountPath':'/a','subPath':'x/..y/.../z'}"), "" },
		{ MOUNTS("{'name':'v','mountPath':'/a','mountPropagation':'Bidirectional'}"),
			FORBIDDEN(C0 ".volumeMounts.mountPropagation",
				"Bidirectional mount propagation is available only to privileged "
				"containers") "\n"
					      "FieldValueNotSupported " M(
						      "0") ".mountPropagation: Unsupported value: "
							   "\"Bidirectional\": " NOT_THIS },
		{ MOUNTS("{'name':'v','mountPath':'/a','recursiveReadOnly':'Enabled',"
			 "'mountPropagation':'HostToContainer'}"),
			FORBIDDEN(C0 ".volumeMounts.recursiveReadOnly",
				"may only be specified when readOnly is true") "\n" FORBIDDEN(C0
				".volumeMounts.recursiveReadOnly",
				"may only be specified when mountPropagation is None or not "
				"specified") "\n"
					     "FieldValueNotSupported " M(
						     "0") ".recursiveReadOnly: Unsupported value: "
							  "\"Enabled\": " NOT_THIS "\n"
							  "FieldValueNotSupported " M(
								  "0") ".mountPropagation: "
								       "Unsupported value: "
								       "\"HostToContainer\":"
								       " " NOT_THIS },
		{ MOUNTS("{'name':'v','mountPath':'/a','mountPropagation':'x',"
			 "'recursiveReadOnly':'y'}"),
			UNSUPPORTED(C0 ".volumeMounts.mountPropagation", "\"x\"",
				"\"Bidirectional\", \"HostToContainer\", \"None\"") "\n" UNSUPPORTED(C0
				".volumeMounts.recursiveReadOnly",
				"\"y\"",
				"\"Disabled\", \"Enabled\", \"IfPossible\"") "\n" FORBIDDEN(C0
				".volumeMounts.recursiveReadOnly",
				"may only be specified when readOnly is true") "\n" FORBIDDEN(C0
				".volumeMounts.recursiveReadOnly",
				"may only be specified when mountPropagation is None or not "
				"specified") "\n"
					     "FieldValueNotSupported " M(
						     "0") ".recursiveReadOnly: Unsupported value: "
							  "\"y\": " NOT_THIS "\n"
							  "FieldValueNotSupported " M(
								  "0") ".mountPropagation: "
								       "Unsupported value: "
								       "\"x\": " NOT_THIS },
		{ MOUNTS("{'name':'v','mountPath':'rel','readOnly':true,'mountPropagation':'None',"
			 "'recursiveReadOnly':'Disabled'}"),
			"" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_resources(void **state)
{
#define R C0 ".resources"
#define LIMITS(...) C("'resources':{'limits':{" __VA_ARGS__ "}}")
	static const struct rule_case cases[] = {
		{ C("'resources':{'limits':{'cpu':1},'requests':{'cpu':2}}"),
			INVALID(R ".requests", "\"2\"",
				"must be less than or equal to cpu limit of 1") },
		{ C("'resources':{'limits':{'memory':'8Ei'},'requests':{'memory':"
		    "'9223372036854775806'}}"),
			"" },
		{ C("'resources':{'requests':{'memory':'9000P'},'limits':{'memory':"
		    "'8000P'}}"),
			INVALID(R ".requests", "\"9E\"",
				"must be less than or equal to memory limit of "
				"8E") },
		{ LIMITS("'cpu':'-1'"),
			INVALID(R ".limits[cpu]", "\"-1\"", NOT_NEGATIVE) "\n" INVALID(
				R ".requests[cpu]", "\"-1\"", NOT_NEGATIVE) },
		{ C("'resources':{'requests':{'foo':1}}"),
			INVALID(R ".requests[foo]", "\"foo\"",
				"must be a standard resource type or fully "
				"qualified") "\n" INVALID(R ".requests[foo]", "\"foo\"",
				"must be a standard resource for containers") },
		{ C("'resources':{'requests':{'pods':1}}"),
			INVALID(R ".requests[pods]", "\"pods\"",
				"must be a standard resource for containers") },
		{ C("'resources':{'requests':{'-/a':1}}"),
			INVALID(R ".requests[-/a]", "\"-/a\"", "prefix part " SUBDOMAIN_TEXT) },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_security(void **state)
{
#define SC C0 ".securityContext"
#define NULLS                                                                                      \
	"\"SELinuxOptions\":null,\"WindowsOptions\":null,\"RunAsUser\":null,"                      \
	"\"RunAsGroup\":null,\"RunAsNonRoot\":null,\"ReadOnlyRootFilesystem\":null,"               \
	"\"AllowPrivilegeEscalation\":false,\"ProcMount\":null,\"SeccompProfile\":null,"           \
	"\"AppArmorProfile\":null}"
	static const struct rule_case cases[] = {
		{ C("'securityContext':{'runAsUser':-1,'runAsGroup':2147483648}"),
			INVALID(SC ".runAsUser", "-1", ID_RANGE) "\n" INVALID(
				SC ".runAsGroup", "2147483648", ID_RANGE) },
		{ C("'securityContext':{'allowPrivilegeEscalation':false,'privileged':true}"),
			INVALID(SC, "{\"Capabilities\":null,\"Privileged\":true," NULLS,
				"cannot set `allowPrivilegeEscalation` to false and `privileged` "
				"to true") },
		{ C("'securityContext':{'allowPrivilegeEscalation':false,"
		    "'capabilities':{'add':['CAP_SYS_ADMIN']}}"),
			INVALID(SC,
				"{\"Capabilities\":{\"Add\":[\"CAP_SYS_ADMIN\"],\"Drop\":null},"
				"\"Privileged\":null," NULLS,
				"cannot set `allowPrivilegeEscalation` to false and "
				"`capabilities.Add` CAP_SYS_ADMIN") },
		{ C("'securityContext':{'allowPrivilegeEscalation':false,"
		    "'capabilities':{'add':['SYS_ADMIN']}}"),
			"" },
		{ C("'securityContext':{'procMount':'Unmasked'}"),
			INVALID(SC ".procMount", "\"Unmasked\"",
				"`hostUsers` must be false to use `Unmasked`") },
		{ C("'securityContext':{'procMount':'x'}"),
			UNSUPPORTED(SC ".procMount", "\"x\"", "\"Default\", \"Unmasked\"") },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_profiles(void **state)
{
	static const struct rule_case cases[] = {
		{ C("'securityContext':{'seccompProfile':{'type':'foo'}}"),
			UNSUPPORTED(SC ".seccompProfile.type", "\"foo\"",
				"\"Localhost\", \"RuntimeDefault\", \"Unconfined\"") },
		{ C("'securityContext':{'seccompProfile':{}}"),
			REQUIRED(SC ".seccompProfile.type") ": type is required when "
							    "seccompProfile is set" },
		{ C("'securityContext':{'seccompProfile':{'type':'Localhost'}}"),
			REQUIRED(SC
				".seccompProfile.localhostProfile") ": must be set when "
								    "seccomp type is Localhost" },
		{ C("'securityContext':{'seccompProfile':{'type':'Unconfined',"
		    "'localhostProfile':'x'}}"),
			INVALID(SC ".seccompProfile.localhostProfile",
				"{\"Type\":\"Unconfined\",\"LocalhostProfile\":\"x\"}",
				"can only be set when seccomp type is Localhost") },
		{ C("'securityContext':{'seccompProfile':{'type':'Localhost',"
		    "'localhostProfile':'/../a'}}"),
			INVALID(SC ".seccompProfile.localhostProfile", "\"/../a\"",
				"must be a relative path") "\n" INVALID(SC
				".seccompProfile.localhostProfile",
				"\"/../a\"", "must not contain '..'") },
		{ C("'securityContext':{'appArmorProfile':{}}"),
			REQUIRED(SC ".appArmorProfile.type") },
		{ C("'securityContext':{'appArmorProfile':{'type':'x'}}"),
			UNSUPPORTED(SC ".appArmorProfile.type", "\"x\"",
				"\"Localhost\", \"RuntimeDefault\", \"Unconfined\"") },
		{ C("'securityContext':{'appArmorProfile':{'type':'Localhost'}}"),
			REQUIRED(SC ".appArmorProfile.localhostProfile") ": must be set when "
									 "AppArmor type is "
									 "Localhost" },
		{ C("'securityContext':{'appArmorProfile':{'type':'Unconfined',"
		    "'localhostProfile':'x'}}"),
			INVALID(SC ".appArmorProfile.localhostProfile", "\"x\"",
				"can only be set when AppArmor type is Localhost") },
		{ C("'securityContext':{'appArmorProfile':{'type':'Localhost',"
		    "'localhostProfile':' x'}}"),
			INVALID(SC ".appArmorProfile.localhostProfile", "\" x\"",
				"must not be padded with whitespace") },
		{ C("'securityContext':{'appArmorProfile':{'type':'Localhost',"
		    "'localhostProfile':'a\\u0001b'}}"),
			INVALID(SC ".appArmorProfile.localhostProfile", "\"a\\x01b\"",
				"must not have control characters") },
		{ "{'metadata':{'annotations':{"
		  "'container.apparmor.security.beta.kubernetes.io/a':'runtime/default'}}}",
			"FieldValueForbidden metadata.annotations[container.apparmor.security.beta."
			"kubernetes.io/a]: Forbidden: use securityContext.appArmorProfile "
			"instead" },
		{ C("'securityContext':{'runAsNonRoot':true,'runAsUser':0,"
		    "'capabilities':{'add':['NO_SUCH']}}"),
			"" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_probe_numbers(void **state)
{
#define L C0 ".livenessProbe"
#define READY C0 ".readinessProbe"
#define TCP "'tcpSocket':{'port':1}"
	static const struct rule_case cases[] = {
		{ C("'livenessProbe':{" TCP ",'initialDelaySeconds':-1,'timeoutSeconds':-2,"
		    "'periodSeconds':-3,'successThreshold':-4,'failureThreshold':-5,"
		    "'terminationGracePeriodSeconds':0}"),
			INVALID(L ".initialDelaySeconds", "-1", NOT_NEGATIVE) "\n" INVALID(
				L ".timeoutSeconds", "-2", NOT_NEGATIVE) "\n" INVALID(L
				".periodSeconds",
				"-3", NOT_NEGATIVE) "\n" INVALID(L ".successThreshold", "-4",
				NOT_NEGATIVE) "\n" INVALID(L ".failureThreshold", "-5",
				NOT_NEGATIVE) "\n" INVALID(L ".terminationGracePeriodSeconds", "0",
				"must be greater than 0") "\n" INVALID(L ".successThreshold", "-4",
				"must be 1") },
		{ C("'startupProbe':{" TCP ",'successThreshold':2}"),
			INVALID(C0 ".startupProbe.successThreshold", "2", "must be 1") },
		{ C("'readinessProbe':{" TCP ",'successThreshold':2,"
		    "'terminationGracePeriodSeconds':5}"),
			INVALID(READY ".terminationGracePeriodSeconds", "5",
				"must not be set for readinessProbes") },
		{ C("'readinessProbe':{" TCP ",'successThreshold':2,'timeoutSeconds':30}"), "" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

static void test_probe_handlers(void **state)
{
	static const struct rule_case cases[] = {
		{ C("'livenessProbe':{}"), REQUIRED(L) ": must specify a handler type" },
		{ C("'livenessProbe':{'exec':{'command':['x']},'httpGet':{},'tcpSocket':{}}"),
			FORBIDDEN(L ".httpGet",
				"may not specify more than 1 handler type") "\n" FORBIDDEN(L
				".tcpSocket",
				"may not specify more than 1 handler type") },
		{ C("'livenessProbe':{'exec':{}}"), REQUIRED(L ".exec.command") },
		{ C("'livenessProbe':{'httpGet':{}}"),
			INVALID(L ".httpGet.port", "0", PORT_RANGE) },
		{ C("'livenessProbe':{'httpGet':{'port':'8080'}}"),
			INVALID(L ".httpGet.port", "\"8080\"",
				"must contain at least one letter (a-z)") },
		{ C("'livenessProbe':{'httpGet':{'port':65536,'scheme':'http','httpHeaders':"
		    "[{'name':'a b'},{'name':''},{'name':'X-A'}]}}"),
			INVALID(L ".httpGet.port", "65536", PORT_RANGE) "\n" UNSUPPORTED(
				L ".httpGet.scheme", "\"http\"",
				"\"HTTP\", \"HTTPS\"") "\n" INVALID(L ".httpGet.httpHeaders",
				"\"a b\"",
				"a valid HTTP header must consist of alphanumeric characters or "
				"'-' (e.g. 'X-Header-Name', regex used for validation is "
				"'[-A-Za-z0-9]+')") "\n" INVALID(L ".httpGet.httpHeaders", "\"\"",
				"a valid HTTP header must consist of alphanumeric characters or "
				"'-' (e.g. 'X-Header-Name', regex used for validation is "
				"'[-A-Za-z0-9]+')") },
		{ C("'livenessProbe':{'tcpSocket':{'port':''}}"),
			INVALID(L ".tcpSocket.port", "\"\"",
				"must contain at least one letter (a-z)") },
		{ C("'livenessProbe':{'grpc':{'port':0}}"),
			INVALID(L ".grpc.port", "0", PORT_RANGE) "\n" FORBIDDEN(
				L ".grpc", "carpel does not support this field yet") },
		/* The order of probes, whatever the order of the text. */
		{ C("'startupProbe':{},'readinessProbe':{},'livenessProbe':{}"),
			REQUIRED(L) ": must specify a handler type\n" REQUIRED(
				READY) ": must specify a handler type\n" REQUIRED(C0
				".startupProbe") ": must specify a handler type" },
	};

	(void)state;
	expect_all(cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_resize_policy),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_subscripts),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_security),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_probe_numbers),
		cmocka_unit_test(test_probe_handlers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
