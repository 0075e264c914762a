/* PodSandboxConfig: what becomes of each field, and what is refused with which words. */
#include "tests/unit/cri_fixture.h"

#define METADATA "config.metadata."
#define CONTEXT "config.linux.security_context."
#define OPTIONS CONTEXT "namespace_options."

/* ---- what a config says ---- */

static void test_the_least(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct pod_spec *p;

	(void)state;
	assert_string_equal(sandbox(&f, ""), "");
	p = f.pod;
	assert_string_equal(p->name, "web");
	assert_string_equal(p->namespace, "prod");
	assert_string_equal(p->uid, "u1");
	assert_string_equal(p->hostname, "web");
	assert_int_equal(p->containers_len, 0);
	assert_int_equal(p->restart, RESTART_NEVER);
	assert_int_equal(p->qos, QOS_BEST_EFFORT);
	assert_true(p->deadline_seconds == -1 && p->fs_group == -1);
	/* Nothing said is POD, for the PID namespace too. */
	assert_true(p->share_pid);
	assert_false(p->host_network || p->host_ipc || p->host_pid || p->may_privileged);
	assert_int_equal(p->dns.policy, DNS_DEFAULT);
	assert_null(p->cgroup_parent);
	assert_null(p->log_directory);
	assert_int_equal(p->sysctls_len, 0);
}

/* As the kubelet sends it, with all that it always sends. */
static void test_the_kubelets(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct pod_spec *p;

	(void)state;
	assert_string_equal(
		sandbox(&f,
			", \"hostname\": \"web-0.svc.cluster.local\","
			"\"log_directory\": \"/var/log/pods//prod_web_u1/\","
			"\"dns_config\": {\"servers\": [\"10.96.0.10\"], \"searches\": [\"a.b\", "
			"\"b\"], \"options\": [\"ndots:5\"]},"
			"\"port_mappings\": [{\"container_port\": 80}, {\"container_port\": 80}],"
			"\"labels\": {\"app\": \"web\", \"io.kubernetes.pod.uid\": \"u1\"},"
			"\"annotations\": {\"note\": \"one\\ntwo\"},"
			"\"linux\": {\"cgroup_parent\": \"/kubepods/burstable/podu1\","
			"\"sysctls\": {\"net.core.somaxconn\": \"1024\"},"
			"\"overhead\": {\"cpu_shares\": 2}, \"resources\": {\"cpu_quota\": -1},"
			"\"security_context\": {\"namespace_options\": {\"pid\": \"CONTAINER\","
			"\"userns_options\": {\"mode\": \"NODE\"}},"
			"\"run_as_user\": {\"value\": \"1000\"}, \"run_as_group\": {\"value\": 0},"
			"\"supplemental_groups\": [1, 2], \"supplemental_groups_policy\": "
			"\"Strict\", \"privileged\": true, \"readonly_rootfs\": true,"
			"\"seccomp\": {\"profile_type\": \"RuntimeDefault\"},"
			"\"selinux_options\": {}}}"),
		"");
	p = f.pod;
	assert_string_equal(p->hostname, "web-0.svc.cluster.local");
	assert_string_equal(p->log_directory, "/var/log/pods/prod_web_u1");
	assert_int_equal(p->dns.policy, DNS_LITERAL);
	assert_string_equal(joined(&f, &p->dns.nameservers), "10.96.0.10");
	assert_string_equal(joined(&f, &p->dns.searches), "a.b b");
	assert_string_equal(joined(&f, &p->dns.options), "ndots:5");
	assert_string_equal(labels_get(&p->labels, "app"), "web");
	assert_int_equal(p->labels.len, 2);
	assert_string_equal(labels_get(&p->annotations, "note"), "one\ntwo");
	assert_string_equal(p->cgroup_parent, "/kubepods/burstable/podu1");
	assert_int_equal(p->sysctls_len, 1);
	assert_string_equal(p->sysctls[0].name, "net.core.somaxconn");
	assert_string_equal(p->sysctls[0].value, "1024");
	assert_false(p->share_pid || p->host_pid);
	assert_true(p->may_privileged);
	/* The holder's user and groups are no container's. */
	assert_int_equal(p->groups_len, 0);
}

static void test_on_the_node(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(
		sandbox(&f, ", \"port_mappings\": [{\"container_port\": 53, \"host_port\": 53, "
			    "\"protocol\": \"UDP\", \"host_ip\": \"10.0.0.1\"}],"
			    "\"linux\": {\"security_context\": {\"namespace_options\": "
			    "{\"network\": \"NODE\", \"ipc\": \"NODE\", \"pid\": \"NODE\"}}}"),
		"");
	assert_true(f.pod->host_network && f.pod->host_ipc && f.pod->host_pid);
	assert_false(f.pod->share_pid);
}

static void test_empty_dns(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(sandbox(&f, ", \"dns_config\": {}"), "");
	assert_int_equal(f.pod->dns.policy, DNS_LITERAL);
	assert_int_equal(f.pod->dns.nameservers.len, 0);
}

static void test_hostname_from_the_name(void **state)
{
	static const char config[] =
		"{\"metadata\": {\"name\": "
		"\"NamespaceOption_PodSandbox-0123456789012345678901234567890123_-long\", "
		"\"namespace\": \"n\", \"uid\": \"u\"}}";
	CLEANUP(fx_close) struct fx f = { 0 };
	CLEANUP(cleanup_message)
	void *m = message_of(&runtime__v1__pod_sandbox_config__descriptor, config);

	(void)state;
	assert_int_equal(cri_read_sandbox(m, "", &f.pod, &f.e), 0);
	assert_string_equal(
		f.pod->hostname, "NamespaceOption_PodSandbox-0123456789012345678901234567890123");
}

/* Two spellings of one name are one, and the last wins, as of any key. */
static void test_sysctl_spellings(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(
		sandbox(&f, ", \"linux\": {\"sysctls\": {\"kernel.shm_rmid_forced\": \"0\","
			    "\"fs/mqueue/msg_max\": \"100\", \"kernel/shm_rmid_forced\": \"1\","
			    "\"net.ipv4.ip_local_port_range\": \"1024\\t65000\"}}"),
		"");
	assert_int_equal(f.pod->sysctls_len, 3);
	assert_string_equal(f.pod->sysctls[0].name, "kernel.shm_rmid_forced");
	assert_string_equal(f.pod->sysctls[0].value, "1");
	assert_string_equal(f.pod->sysctls[1].name, "fs.mqueue.msg_max");
}

/* ---- what is refused ---- */

static void test_handlers(void **state)
{
	CLEANUP(cleanup_message)
	void *m = message_of(&runtime__v1__pod_sandbox_config__descriptor,
		"{\"metadata\": {\"name\": \"a\", \"namespace\": \"b\", \"uid\": \"c\"}}");
	struct pod_spec *pod = NULL;
	struct err e;

	(void)state;
	assert_int_equal(cri_read_sandbox(m, "kata", &pod, &e), -EINVAL);
	assert_string_equal(
		e.text, "runtime_handler: \"kata\": unknown; the only one is the default, \"\"");
	assert_int_equal(cri_read_sandbox(NULL, "", &pod, &e), -EINVAL);
	assert_string_equal(e.text, "config: must be given");
	assert_null(pod);
}

/* A whole config. */
static const char *whole(struct fx *f, const char *text)
{
	CLEANUP(cleanup_message)
	void *m = message_of(&runtime__v1__pod_sandbox_config__descriptor, text);

	return outcome(f, cri_read_sandbox(m, "", &f->pod, &f->e));
}

static void test_refused_names(void **state)
{
#define NAMED(name, ns, uid)                                                                       \
	"{\"metadata\": {\"name\": \"" name "\", \"namespace\": \"" ns "\", \"uid\": \"" uid "\"}" \
	"}"
#define WORDS                                                                                      \
	": must consist of letters, digits, '-', '_' and '.', and start with a letter or digit"
	static const struct refusal rows[] = {
		{ "{}", "EINVAL config.metadata: must be given" },
		{ NAMED("", "n", "u"), "EINVAL " METADATA "name: \"\": must not be empty" },
		{ NAMED("w", "", "u"), "EINVAL " METADATA "namespace: \"\": must not be empty" },
		{ NAMED("w", "n", ""), "EINVAL " METADATA "uid: \"\": must not be empty" },
		{ NAMED("..", "n", "u"), "EINVAL " METADATA "name: \"..\"" WORDS },
		{ NAMED("a/b", "n", "u"), "EINVAL " METADATA "name: \"a/b\"" WORDS },
		{ NAMED("w", "n", "u\\n"), "EINVAL " METADATA "uid: \"u\\n\"" WORDS },
		{ NAMED("w", ".n", "u"), "EINVAL " METADATA "namespace: \".n\"" WORDS },
		{ NAMED("w", "-n", "u"), "EINVAL " METADATA "namespace: \"-n\"" WORDS },
		{ NAMED("é", "n", "u"), "EINVAL " METADATA "name: \"é\"" WORDS },
	};
	CLEANUP(fx_close) struct fx f = { 0 };
	char good[254], bad[255];

	(void)state;
	check_refusals(whole, rows, ARRAY_LEN(rows));
	memset(good, 'a', 253);
	memset(bad, 'a', 254);
	good[253] = bad[254] = '\0';
	for (int i = 0; i < 2; i++) {
		CLEANUP(cleanup_free)
		char *text = str_fmt("{\"metadata\": {\"name\": \"%s\", \"namespace\": "
				     "\"n\", \"uid\": \"u\"}}",
			i ? bad : good);

		if (i == 0)
			assert_string_equal(whole(&f, text), "");
		else
			assert_non_null(strstr(whole(&f, text), "must be no more than 253 bytes"));
	}
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A31 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ON_NODE                                                                                    \
	"\"linux\": {\"security_context\": {\"namespace_options\": {\"network\": \"NODE\"}}}"

static void test_refused_network(void **state)
{
	static const struct refusal rows[] = {
		{ ", \"hostname\": \"" A64 "\"",
			"EINVAL config.hostname: \"" A40 "\"…: each label must be no more than 63 "
			"characters" },
		{ ", \"hostname\": \"" A31 "." A31 ".bb\"",
			"EINVAL config.hostname: \"" A31 ".aaaaaaaa\"…: must be no more than 64 "
			"characters" },
		{ ", \"hostname\": \"a\", " ON_NODE,
			"EINVAL config.hostname: \"a\": a pod on the node's network has the "
			"node's name" },
		{ ", \"dns_config\": {\"servers\": [\"1.1.1.1\\noptions x\"]}",
			"EINVAL config.dns_config.servers: \"1.1.1.1\\noptions x\": must not "
			"contain blanks, line breaks or control characters" },
		{ ", \"dns_config\": {\"searches\": [\"a b\"]}",
			"EINVAL config.dns_config.searches: \"a b\": must not contain blanks, "
			"line breaks or control characters" },
		{ ", \"dns_config\": {\"options\": [\"\"]}",
			"EINVAL config.dns_config.options: \"\": must not be empty" },
		{ ", \"port_mappings\": [{\"container_port\": 80}, {\"container_port\": 0}]",
			"EINVAL config.port_mappings[1].container_port: 0: must be between 1 and "
			"65535, inclusive" },
		{ ", \"port_mappings\": [{\"container_port\": 80, \"host_port\": -1}]",
			"EINVAL config.port_mappings[0].host_port: -1: must be between 0 and "
			"65535, inclusive" },
		{ ", \"port_mappings\": [{\"container_port\": 80, \"host_port\": 8080}]",
			"EOPNOTSUPP config.port_mappings[0].host_port: 8080: host ports come with "
			"the networking issue" },
		{ ", \"port_mappings\": [{\"container_port\": 80, \"host_port\": 81}], " ON_NODE,
			"EINVAL config.port_mappings[0].host_port: 81: must be the container_port "
			"of a pod on the node's network" },
	};

	(void)state;
	check_refusals(sandbox, rows, ARRAY_LEN(rows));
}

static void test_refused_places(void **state)
{
	static const struct refusal rows[] = {
		{ ", \"log_directory\": \"logs\"",
			"EINVAL config.log_directory: \"logs\": must be an absolute path" },
		{ ", \"log_directory\": \"/var/../etc\"",
			"EINVAL config.log_directory: \"/var/../etc\": must not contain '..'" },
		{ ", \"linux\": {\"cgroup_parent\": \"kube.scope\"}",
			"EINVAL config.linux.cgroup_parent: \"kube.scope\": must be an absolute "
			"path" },
		{ ", \"linux\": {\"cgroup_parent\": \"a/kube.slice\"}",
			"EINVAL config.linux.cgroup_parent: \"a/kube.slice\": must be an absolute "
			"path" },
		{ ", \"linux\": {\"cgroup_parent\": \"/./\"}",
			"EINVAL config.linux.cgroup_parent: \"/./\": must not be the root" },
		{ ", \"linux\": {\"cgroup_parent\": \"/a/..\"}",
			"EINVAL config.linux.cgroup_parent: \"/a/..\": must not contain '..'" },
		{ ", \"labels\": {\"\": \"x\"}",
			"EINVAL config.labels: \"\": a key must not be empty" },
		{ ", \"annotations\": {\"\": \"x\"}",
			"EINVAL config.annotations: \"\": a key must not be empty" },
	};

	(void)state;
	check_refusals(sandbox, rows, ARRAY_LEN(rows));
}

#define SYSCTL(name, value) ", \"linux\": {\"sysctls\": {\"" name "\": \"" value "\"}}"
#define IN(what)                                                                                   \
	", \"linux\": {\"security_context\": {\"namespace_options\": {\"" what                     \
	"\": \"NODE\"}}, \"sysctls\": {"

static void test_refused_sysctls(void **state)
{
	static const struct refusal rows[] = {
		{ SYSCTL("kernel.core_pattern", "x"),
			"EINVAL config.linux.sysctls: \"kernel.core_pattern\": belongs to no "
			"namespace of a pod" },
		{ SYSCTL("../kernel/x", "x"),
			"EINVAL config.linux.sysctls: \"../kernel/x\": is no name of one" },
		{ SYSCTL("net..core", "1"),
			"EINVAL config.linux.sysctls: \"net..core\": is no name of one" },
		{ SYSCTL("", "1"), "EINVAL config.linux.sysctls: \"\": is no name of one" },
		{ SYSCTL("net.a", ""),
			"EINVAL config.linux.sysctls.net.a: \"\": must be between 1 and 4096 "
			"bytes" },
		{ SYSCTL("net.a", "1\\n2"),
			"EINVAL config.linux.sysctls.net.a: \"1\\n2\": must be printable and "
			"without '+' and '='" },
		{ SYSCTL("net.a", "1+kernel.x=2"),
			"EINVAL config.linux.sysctls.net.a: \"1+kernel.x=2\": must be printable "
			"and without '+' and '='" },
		{ SYSCTL("net.a", "a=b"),
			"EINVAL config.linux.sysctls.net.a: \"a=b\": must be printable and "
			"without '+' and '='" },
		{ SYSCTL("net.a", "a+b"),
			"EINVAL config.linux.sysctls.net.a: \"a+b\": must be printable and "
			"without '+' and '='" },
		{ SYSCTL("net.a", "\\u007f"),
			"EINVAL config.linux.sysctls.net.a: \"\\x7f\": must be printable and "
			"without '+' and '='" },
		{ IN("network") "\"net.a\": \"1\"}}",
			"EINVAL config.linux.sysctls: \"net.a\": must not be set on the node's "
			"network" },
		{ IN("ipc") "\"fs.mqueue.msg_max\": \"1\"}}",
			"EINVAL config.linux.sysctls: \"fs.mqueue.msg_max\": must not be set in "
			"the node's IPC" },
	};

	(void)state;
	check_refusals(sandbox, rows, ARRAY_LEN(rows));
}

#define WITH(context) ", \"linux\": {\"security_context\": {" context "}}"
#define WITH_OPTIONS(options) WITH("\"namespace_options\": {" options "}")

#define R(inside, outside, length)                                                                 \
	"{\"container_id\": " inside ", \"host_id\": " outside ", \"length\": " length "}"
#define USERS(uids, gids) "\"userns_options\": {\"uids\": [" uids "], \"gids\": [" gids "]}"
#define WITH_USERS(uids, gids) WITH_OPTIONS(USERS(uids, gids))
#define LENGTH "must be at least 1 and end with host id 4294967294 at most"

static void test_user_namespace(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(
		sandbox(&f, WITH_USERS(R("0", "1000", "100000"), R("0", "2000", "4294965295"))),
		"");
	assert_true(f.pod->own_users);
	assert_int_equal(f.pod->uids.first, 1000);
	assert_int_equal(f.pod->uids.size, 100000);
	assert_int_equal(f.pod->gids.first, 2000);
	assert_true(f.pod->gids.size == 4294965295);
}

static void test_refused_namespaces(void **state)
{
	static const struct refusal rows[] = {
		{ WITH_OPTIONS("\"network\": \"CONTAINER\""),
			"EINVAL " OPTIONS "network: 1: must be POD (0) or NODE (2)" },
		{ WITH_OPTIONS("\"ipc\": \"TARGET\""),
			"EINVAL " OPTIONS "ipc: 3: must be POD (0) or NODE (2)" },
		{ WITH_OPTIONS("\"pid\": \"TARGET\", \"target_id\": \"a\""),
			"EINVAL " OPTIONS "pid: 3: must be POD (0), CONTAINER (1) or NODE (2)" },
		{ WITH_OPTIONS("\"target_id\": \"a\""),
			"EINVAL " OPTIONS "target_id: \"a\": needs pid TARGET (3)" },
		{ WITH_OPTIONS("\"userns_options\": {}"),
			"EINVAL " OPTIONS "userns_options.uids: 0 mappings: must be exactly one" },
		{ WITH_USERS(R("0", "100000", "65536"), ""),
			"EINVAL " OPTIONS "userns_options.gids: 0 mappings: must be exactly one" },
		{ WITH_USERS(R("0", "100000", "65536") ", " R("65536", "300000", "1"),
			  R("0", "100000", "65536")),
			"EINVAL " OPTIONS "userns_options.uids: 2 mappings: must be exactly one" },
		{ WITH_USERS(R("1", "100000", "65536"), R("0", "100000", "65536")),
			"EINVAL " OPTIONS "userns_options.uids[0].container_id: 1: must be 0" },
		{ WITH_USERS(R("0", "100000", "65536"), R("0", "0", "65536")),
			"EINVAL " OPTIONS
			"userns_options.gids[0].host_id: 0: must not be root's of the node" },
		{ WITH_USERS(R("0", "100000", "0"), R("0", "100000", "65536")),
			"EINVAL " OPTIONS "userns_options.uids[0].length: 0: " LENGTH },
		{ WITH_USERS(R("0", "1", "4294967295"), R("0", "100000", "65536")),
			"EINVAL " OPTIONS "userns_options.uids[0].length: 4294967295: " LENGTH },
		{ WITH_USERS(R("0", "4294967295", "1"), R("0", "100000", "65536")),
			"EINVAL " OPTIONS "userns_options.uids[0].length: 1: " LENGTH },
		{ WITH_OPTIONS("\"network\": \"NODE\", " USERS(R("0", "1", "2"), R("0", "1", "2"))),
			"EINVAL " OPTIONS "network: 2: must not be NODE with a user namespace" },
		{ WITH_OPTIONS("\"ipc\": \"NODE\", " USERS(R("0", "1", "2"), R("0", "1", "2"))),
			"EINVAL " OPTIONS "ipc: 2: must not be NODE with a user namespace" },
		{ WITH_OPTIONS("\"pid\": \"NODE\", " USERS(R("0", "1", "2"), R("0", "1", "2"))),
			"EINVAL " OPTIONS "pid: 2: must not be NODE with a user namespace" },
		{ WITH_OPTIONS("\"userns_options\": {\"mode\": \"CONTAINER\"}"),
			"EINVAL " OPTIONS "userns_options.mode: 1: must be POD (0) or NODE (2)" },
		{ WITH_OPTIONS("\"userns_options\": {\"mode\": \"NODE\", \"uids\": "
			       "[{\"length\": 1}]}"),
			"EINVAL " OPTIONS "userns_options.mode: 2: NODE has no uids and gids" },
	};

	(void)state;
	check_refusals(sandbox, rows, ARRAY_LEN(rows));
}

static void test_refused_context(void **state)
{
	static const struct refusal rows[] = {
		{ WITH("\"run_as_user\": {\"value\": -1}"),
			"EINVAL " CONTEXT
			"run_as_user: -1: must be between 0 and 2147483647, inclusive" },
		{ WITH("\"run_as_user\": {\"value\": 0}, \"run_as_group\": {\"value\": "
		       "2147483648}"),
			"EINVAL " CONTEXT "run_as_group: 2147483648: must be between 0 and "
			"2147483647, inclusive" },
		{ WITH("\"run_as_group\": {\"value\": 5}"),
			"EINVAL " CONTEXT "run_as_group: 5: needs a run_as_user" },
		{ WITH("\"supplemental_groups\": [1, -7]"),
			"EINVAL " CONTEXT "supplemental_groups: -7: must be between 0 and "
			"2147483647, inclusive" },
		{ WITH("\"selinux_options\": {\"level\": \"s 0\"}"),
			"EINVAL " CONTEXT "selinux_options.level: \"s 0\": must be a part of an "
			"SELinux context" },
		{ WITH("\"apparmor\": {\"profile_type\": \"Localhost\", \"localhost_ref\": "
		       "\"x\"}"),
			"EOPNOTSUPP " CONTEXT
			"apparmor: profiles of AppArmor for the holder are not supported yet" },
	};

	(void)state;
	check_refusals(sandbox, rows, ARRAY_LEN(rows));
}

static void test_unknown_numbers(void **state)
{
	Runtime__V1__PodSandboxConfig *c = message_of(&runtime__v1__pod_sandbox_config__descriptor,
		"{\"metadata\": {\"name\": \"a\", \"namespace\": \"b\", \"uid\": \"c\"}"
		", \"port_mappings\": [{\"container_port\": 80}]" WITH(
			"\"namespace_options\": {\"userns_options\": {\"mode\": \"NODE\"}}, "
			"\"seccomp\": {}, \"apparmor\": {}") "}");
	Runtime__V1__LinuxSandboxSecurityContext *s = c->linux->security_context;
	Runtime__V1__NamespaceOption *o = s->namespace_options;
	const struct unknown rows[] = {
		{ &c->port_mappings[0]->protocol, 3,
			"config.port_mappings[0].protocol: 3: unknown value" },
		{ &o->network, 4, OPTIONS "network: 4: unknown value" },
		{ &o->ipc, -1, OPTIONS "ipc: -1: unknown value" },
		{ &o->pid, 17, OPTIONS "pid: 17: unknown value" },
		{ &o->userns_options->mode, 9, OPTIONS "userns_options.mode: 9: unknown value" },
		{ &s->supplemental_groups_policy, 2,
			CONTEXT "supplemental_groups_policy: 2: unknown value" },
		{ &s->seccomp->profile_type, 3, CONTEXT "seccomp.profile_type: 3: unknown value" },
		{ &s->apparmor->profile_type, INT32_MIN,
			CONTEXT "apparmor.profile_type: -2147483648: unknown value" },
	};

	(void)state;
	check_unknown(c, NULL, rows, ARRAY_LEN(rows));
	message_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_least),
		cmocka_unit_test(test_the_kubelets),
		cmocka_unit_test(test_on_the_node),
		cmocka_unit_test(test_empty_dns),
		cmocka_unit_test(test_hostname_from_the_name),
		cmocka_unit_test(test_sysctl_spellings),
		cmocka_unit_test(test_handlers),
		cmocka_unit_test(test_refused_names),
		cmocka_unit_test(test_refused_network),
		cmocka_unit_test(test_refused_places),
		cmocka_unit_test(test_refused_sysctls),
		cmocka_unit_test(test_user_namespace),
		cmocka_unit_test(test_refused_namespaces),
		cmocka_unit_test(test_refused_context),
		cmocka_unit_test(test_unknown_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
