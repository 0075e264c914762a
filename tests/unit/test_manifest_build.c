/* The model that a manifest becomes. */
#include "tests/unit/manifest_fixture.h"

static void build(const char *patch, struct manifest_result *out)
{
	struct err e = { 0 };

	if (read_patched(patch, out, &e) < 0)
		fail_msg("%s: %s %s", patch, e.text, out->refusal ? out->refusal : "");
}

static void test_smallest(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct container_spec *c;

	(void)state;
	build("{}", &r);
	assert_string_equal(r.spec->name, "p");
	assert_string_equal(r.spec->namespace, "default");
	assert_null(r.spec->uid);
	assert_string_equal(r.spec->hostname, "p");
	assert_null(r.spec->node_name);
	assert_null(r.spec->service_account);
	assert_int_equal(r.spec->restart, RESTART_ALWAYS);
	assert_int_equal(r.spec->qos, QOS_BEST_EFFORT);
	assert_int_equal(r.spec->grace_seconds, 30);
	assert_int_equal(r.spec->deadline_seconds, -1);
	assert_int_equal(r.spec->fs_group, -1);
	assert_int_equal(r.spec->dns.policy, DNS_CLUSTER_FIRST);
	assert_int_equal(r.spec->containers_len, 1);
	c = &r.spec->containers[0];
	assert_string_equal(c->image, "i:1");
	assert_null(c->working_dir);
	assert_int_equal(c->pull, PULL_IF_NOT_PRESENT);
	assert_string_equal(c->message_path, "/dev/termination-log");
	assert_int_equal(c->message_policy, MESSAGE_FILE);
	assert_int_equal(c->limits.cpu_milli, -1);
	assert_int_equal(c->requests.memory_bytes, -1);
	assert_int_equal(c->security.run_as_user, -1);
	assert_int_equal(c->security.run_as_group, -1);
	assert_int_equal(c->security.seccomp, SECCOMP_DEFAULT);
	assert_false(c->security.no_new_privs);
	for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++)
		assert_int_equal(c->probes[t].handler, PROBE_NONE);
}

static void test_pod(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct pod_spec *p;

	(void)state;
	build("{'metadata':{'namespace':'ns','uid':'u-1','labels':{'a':'b'},"
	      "'annotations':{'x/y':'z'}},'spec':{'restartPolicy':'OnFailure','nodeName':'n',"
	      "'hostname':'h','serviceAccountName':'sa','terminationGracePeriodSeconds':0,"
	      "'activeDeadlineSeconds':9,'hostIPC':true,'shareProcessNamespace':true,"
	      "'dnsPolicy':'None','dnsConfig':{'nameservers':['1.1.1.1'],'searches':['s'],"
	      "'options':[{'name':'ndots','value':'5'},{'name':'edns0'}]},"
	      "'hostAliases':[{'ip':'1.2.3.4','hostnames':['a','b']}],"
	      "'readinessGates':[{'conditionType':'x.y/z'}],"
	      "'securityContext':{'fsGroup':7,'supplementalGroups':[0,5],"
	      "'sysctls':[{'name':'net/ipv4/tcp_rmem','value':'1 2 3'}]},"
	      "'volumes':[{'name':'e'},{'name':'m','emptyDir':{'medium':'Memory','sizeLimit':'1."
	      "5Ki'}},{'name':'h','"
	      "hostPath':{'path':'/"
	      "x','type':'File'}}]}}",
		&r);
	p = r.spec;
	assert_string_equal(p->namespace, "ns");
	assert_string_equal(p->uid, "u-1");
	assert_string_equal(labels_get(&p->labels, "a"), "b");
	assert_string_equal(labels_get(&p->annotations, "x/y"), "z");
	assert_int_equal(p->restart, RESTART_ON_FAILURE);
	assert_string_equal(p->node_name, "n");
	assert_string_equal(p->hostname, "h");
	assert_string_equal(p->service_account, "sa");
	assert_int_equal(p->grace_seconds, 0);
	assert_int_equal(p->deadline_seconds, 9);
	assert_true(p->host_ipc && p->share_pid && !p->host_network);
	assert_int_equal(p->dns.policy, DNS_NONE);
	assert_string_equal(p->dns.nameservers.at[0], "1.1.1.1");
	assert_string_equal(p->dns.searches.at[0], "s");
	assert_string_equal(p->dns.options.at[0], "ndots:5");
	assert_string_equal(p->dns.options.at[1], "edns0");
	assert_string_equal(p->aliases[0].ip, "1.2.3.4");
	assert_string_equal(p->aliases[0].names.at[1], "b");
	assert_string_equal(p->readiness_gates.at[0], "x.y/z");
	assert_int_equal(p->fs_group, 7);
	assert_int_equal(p->groups_len, 2);
	assert_int_equal(p->groups[1], 5);
	assert_string_equal(p->sysctls[0].name, "net.ipv4.tcp_rmem");
	assert_string_equal(p->sysctls[0].value, "1 2 3");
	assert_int_equal(p->volumes_len, 3);
	assert_int_equal(p->volumes[0].kind, VOLUME_EMPTY_DIR);
	assert_int_equal(p->volumes[0].size_limit_bytes, -1);
	assert_int_equal(p->volumes[1].size_limit_bytes, 1536);
	assert_true(p->volumes[1].in_memory && !p->volumes[0].in_memory);
	assert_int_equal(p->volumes[2].kind, VOLUME_HOST_PATH);
	assert_string_equal(p->volumes[2].host_path, "/x");
	assert_string_equal(p->volumes[2].host_type, "File");
}

static void test_container(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct container_spec *c;

	(void)state;
	build(S("'hostNetwork':true,'volumes':[{'name':'v'}],'containers':[{'name':'a',"
		"'image':'i','command':['c','d'],'args':['e'],'workingDir':'/w','stdin':true,"
		"'stdinOnce':true,'tty':true,'terminationMessagePath':'/t',"
		"'terminationMessagePolicy':'FallbackToLogsOnError','imagePullPolicy':'Never',"
		"'ports':[{'containerPort':80,'name':'web','hostIP':'1.1.1.1'}],"
		"'env':[{'name':'A','value':'1'},{'name':'E'},{'name':'F','valueFrom':"
		"{'fieldRef':{'fieldPath':'spec.host'}}},{'name':'R','valueFrom':"
		"{'resourceFieldRef':{'resource':'limits.cpu','containerName':'a',"
		"'divisor':'1m'}}}],'volumeMounts':[{'name':'v','mountPath':'/m',"
		"'subPath':'s','readOnly':true},{'name':'v','mountPath':'/n'}],"
		"'resources':{'limits':{'cpu':'1.5','memory':'1Ki'},"
		"'requests':{'cpu':'100m','ephemeral-storage':'2Ki'}}}]"),
		&r);
	c = &r.spec->containers[0];
	assert_int_equal(c->command.len, 2);
	assert_string_equal(c->args.at[0], "e");
	assert_string_equal(c->working_dir, "/w");
	assert_true(c->stdin_open && c->stdin_once && c->tty);
	assert_string_equal(c->message_path, "/t");
	assert_int_equal(c->message_policy, MESSAGE_FALLBACK_TO_LOGS);
	assert_int_equal(c->pull, PULL_NEVER);
	assert_string_equal(c->ports[0].name, "web");
	assert_string_equal(c->ports[0].protocol, "TCP");
	assert_string_equal(c->ports[0].host_ip, "1.1.1.1");
	assert_int_equal(c->ports[0].host_port, 80);
	assert_int_equal(c->env_len, 4);
	assert_string_equal(c->env[0].value, "1");
	assert_string_equal(c->env[1].value, "");
	assert_string_equal(c->env[2].field_path, "spec.nodeName");
	assert_null(c->env[2].value);
	assert_string_equal(c->env[3].resource, "limits.cpu");
	assert_string_equal(c->env[3].resource_container, "a");
	assert_int_equal(c->env[3].divisor_milli, 1);
	assert_string_equal(c->mounts[0].sub_path, "s");
	assert_true(c->mounts[0].read_only);
	assert_null(c->mounts[1].sub_path);
	assert_int_equal(c->limits.cpu_milli, 1500);
	assert_int_equal(c->limits.memory_bytes, 1024);
	assert_int_equal(c->requests.cpu_milli, 100);
	assert_int_equal(c->requests.memory_bytes, 1024);
	assert_int_equal(c->limits.ephemeral_bytes, -1);
	assert_int_equal(c->requests.ephemeral_bytes, 2048);
	assert_int_equal(r.spec->qos, QOS_BURSTABLE);
}

/* The container's word stands before the pod's, field by field. */
static void test_effective_security(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct security_spec *own, *inherited;

	(void)state;
	build(S("'securityContext':{'runAsUser':1,'runAsGroup':2,'runAsNonRoot':true,"
		"'seccompProfile':{'type':'Unconfined'}},'containers':[{'name':'a','image':'i',"
		"'securityContext':{'runAsUser':0,'runAsNonRoot':false,"
		"'seccompProfile':{'type':'RuntimeDefault'},'readOnlyRootFilesystem':true,"
		"'allowPrivilegeEscalation':false,'capabilities':{'add':['CAP_NET_RAW','kill'],"
		"'drop':['all','ALL']}}},{'name':'b','image':'i','securityContext':"
		"{'privileged':true,'allowPrivilegeEscalation':true}}]"),
		&r);
	own = &r.spec->containers[0].security;
	inherited = &r.spec->containers[1].security;
	assert_int_equal(own->run_as_user, 0);
	assert_int_equal(own->run_as_group, 2);
	assert_false(own->run_as_non_root);
	assert_int_equal(own->seccomp, SECCOMP_DEFAULT);
	assert_true(own->read_only_root && own->no_new_privs && !own->privileged);
	assert_string_equal(own->cap_add.at[0], "NET_RAW");
	assert_string_equal(own->cap_add.at[1], "KILL");
	assert_string_equal(own->cap_drop.at[0], "ALL");
	assert_int_equal(inherited->run_as_user, 1);
	assert_int_equal(inherited->run_as_group, 2);
	assert_true(inherited->run_as_non_root);
	assert_int_equal(inherited->seccomp, SECCOMP_UNCONFINED);
	assert_true(inherited->privileged && !inherited->no_new_privs);
	assert_false(inherited->read_only_root);
}

static void test_probes(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct probe_spec *p;

	(void)state;
	build(C("'livenessProbe':{'httpGet':{'port':'web','host':'h','path':'/x','httpHeaders':"
		"[{'name':'A','value':'b'}]},'initialDelaySeconds':2,'timeoutSeconds':3,"
		"'periodSeconds':4,'failureThreshold':6,'terminationGracePeriodSeconds':7},"
		"'readinessProbe':{'tcpSocket':{'port':80},'successThreshold':5},"
		"'startupProbe':{'exec':{'command':['x','y']}}"),
		&r);
	p = r.spec->containers[0].probes;
	assert_int_equal(p[PROBE_LIVENESS].handler, PROBE_HTTP);
	assert_string_equal(p[PROBE_LIVENESS].port_name, "web");
	assert_int_equal(p[PROBE_LIVENESS].port, 0);
	assert_string_equal(p[PROBE_LIVENESS].host, "h");
	assert_string_equal(p[PROBE_LIVENESS].path, "/x");
	assert_string_equal(p[PROBE_LIVENESS].headers[0].value, "b");
	assert_int_equal(p[PROBE_LIVENESS].timing.delay_ms, 2000);
	assert_int_equal(p[PROBE_LIVENESS].timing.timeout_ms, 3000);
	assert_int_equal(p[PROBE_LIVENESS].timing.period_ms, 4000);
	assert_int_equal(p[PROBE_LIVENESS].timing.success_threshold, 1);
	assert_int_equal(p[PROBE_LIVENESS].timing.failure_threshold, 6);
	assert_int_equal(p[PROBE_LIVENESS].grace_seconds, 7);
	assert_int_equal(p[PROBE_READINESS].handler, PROBE_TCP);
	assert_int_equal(p[PROBE_READINESS].port, 80);
	assert_null(p[PROBE_READINESS].port_name);
	assert_null(p[PROBE_READINESS].host);
	assert_null(p[PROBE_READINESS].path);
	assert_int_equal(p[PROBE_READINESS].timing.success_threshold, 5);
	assert_int_equal(p[PROBE_READINESS].timing.period_ms, 10000);
	assert_int_equal(p[PROBE_READINESS].grace_seconds, -1);
	assert_int_equal(p[PROBE_STARTUP].handler, PROBE_EXEC);
	assert_int_equal(p[PROBE_STARTUP].command.len, 2);
}

static void test_milliseconds(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct container_spec *c;

	(void)state;
	build("{'metadata':{'annotations':{'carpel/probe.b.liveness.period-ms':'50',"
	      "'carpel/probe.b.liveness.timeout-ms':'20','carpel/probe.b.readiness.delay-ms':'5',"
	      "'carpel/probe.a.startup.period-ms':'70'}},"
	      "'spec':{'containers':[{'name':'a','image':'i','livenessProbe':"
	      "{'tcpSocket':{'port':1}},'startupProbe':{'tcpSocket':{'port':1}}},"
	      "{'name':'b','image':'i','livenessProbe':{'tcpSocket':{'port':1}},"
	      "'readinessProbe':{'tcpSocket':{'port':1},'initialDelaySeconds':3}}]}}",
		&r);
	c = r.spec->containers;
	assert_int_equal(c[0].probes[PROBE_LIVENESS].timing.period_ms, 10000);
	assert_int_equal(c[0].probes[PROBE_STARTUP].timing.period_ms, 70);
	assert_int_equal(c[1].probes[PROBE_LIVENESS].timing.period_ms, 50);
	assert_int_equal(c[1].probes[PROBE_LIVENESS].timing.timeout_ms, 20);
	assert_int_equal(c[1].probes[PROBE_LIVENESS].timing.delay_ms, 0);
	assert_int_equal(c[1].probes[PROBE_READINESS].timing.delay_ms, 5);
	assert_int_equal(c[1].probes[PROBE_READINESS].timing.period_ms, 10000);
}

static void test_io_and_pids(void **state)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	const struct io_spec *io;

	(void)state;
	build("{'metadata':{'annotations':{'carpel/io.b.max-read-bps':'10Mi',"
	      "'carpel/io.b.max-write-bps':'1e6','carpel/io.b.max-read-iops':'11',"
	      "'carpel/io.b.max-write-iops':'12','carpel/io.b.weight':'13',"
	      "'carpel/io.a.weight':'14','carpel/pids-limit':'99'}},"
	      "'spec':{'containers':[{'name':'a','image':'i'},{'name':'b','image':'i'}]}}",
		&r);
	io = &r.spec->containers[1].io;
	assert_int_equal(io->read_bps, 10 << 20);
	assert_int_equal(io->write_bps, 1000000);
	assert_int_equal(io->read_iops, 11);
	assert_int_equal(io->write_iops, 12);
	assert_int_equal(io->weight, 13);
	io = &r.spec->containers[0].io;
	assert_int_equal(io->weight, 14);
	assert_int_equal(io->read_bps, 0);
	assert_int_equal(r.spec->pids_limit, 99);
}

static void expect_hostname(const char *patch, const char *want)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };

	build(patch, &r);
	assert_string_equal(r.spec->hostname, want);
}

static void test_hostname(void **state)
{
#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	(void)state;
	expect_hostname("{'metadata':{'name':'" X60 "xxxx'}}", X60 "xxx");
	expect_hostname("{'metadata':{'name':'" X60 "x--y'}}", X60 "x");
	expect_hostname(S("'hostname':'h','hostnameOverride':'o.b'"), "o.b");
	expect_hostname(S("'hostname':'h','hostnameOverride':''"), "h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_effective_security),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_milliseconds),
		cmocka_unit_test(test_io_and_pids),
		cmocka_unit_test(test_hostname),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
