/* Translation of a pod into the plan of its sandbox. */
#include "cgroup_fixture.h"

#include <errno.h>

#include "pod/sandbox.h"

static char dir[] = "/L/pods/u1", cgroup[] = "besteffort/podu1", uid[] = "u1", hostname[] = "web-0";
static char v2[] = "/v2", root[] = "inst", cpu[] = "/v1/cpu";

static const struct place place = { dir, cgroup };
static const struct sandbox_facts facts = {
	.node_name = "node1", .pause_path = "/P/carpel-pause", .node_memory_bytes = 1 << 20
};

static void plan(const struct pod_spec *pod, struct plan *out)
{
	const struct cgroups cg = {
		.is_hybrid = true, .name = root, .v2 = v2, .v1[CGROUP_CPU] = cpu
	};

	assert_int_equal(sandbox_plan(&place, &cg, pod, &facts, "b0", out, NULL), 0);
}

static void test_plan(void **state)
{
	const struct pod_spec pod = { .uid = uid, .hostname = hostname, .qos = QOS_BEST_EFFORT };
	CLEANUP(plan_free) struct plan p;

	(void)state;
	plan(&pod, &p);
	assert_int_equal(p.kind, PLAN_SANDBOX);
	assert_string_equal(p.id, "b0");
	assert_string_equal(p.pause_path, "/P/carpel-pause");
	assert_string_equal(p.hostname, "web-0");
	assert_false(p.host_network || p.host_ipc);
	assert_int_equal(p.cgroups.len, 1);
	assert_string_equal(p.cgroups.at[0], "/v1/cpu/inst/besteffort/podu1/pause");
	assert_string_equal(p.cgroup_v2, "/v2/inst/besteffort/podu1/pause");
	assert_int_equal(p.sysctls_len, 0);
}

static void test_host_namespaces(void **state)
{
	const struct pod_spec pod = {
		.uid = uid, .hostname = hostname, .host_network = true, .host_ipc = true
	};
	CLEANUP(plan_free) struct plan p;

	(void)state;
	plan(&pod, &p);
	assert_true(p.host_network && p.host_ipc);
	assert_string_equal(p.hostname, "node1"); /* one that lives in the node's network */
}

/* pause has the pod's label; without SELinux there is none to have. */
static void test_label(void **state)
{
	static const struct node_lsm selinux = { .has_selinux = true };
	char level[] = "s0:c1";
	const struct pod_spec pod = {
		.uid = uid, .hostname = hostname, .selinux = { .level = level }
	};
	const struct cgroups cg = { .name = root, .v2 = v2 };
	struct sandbox_facts f = facts;
	struct err e = { 0 };
	CLEANUP(plan_free) struct plan p;

	(void)state;
	assert_int_equal(sandbox_plan(&place, &cg, &pod, &f, "b0", &p, &e), -ENOTSUP);
	assert_string_equal(e.text, "selinux_options: SELinux is not enabled on the host");
	plan_free(&p);
	f.lsm = &selinux;
	assert_int_equal(sandbox_plan(&place, &cg, &pod, &f, "b0", &p, &e), 0);
	assert_string_equal(p.selinux, "system_u:system_r:container_t:s0:c1");
	assert_string_equal(p.selinux_mount, "system_u:object_r:container_file_t:s0:c1");
	assert_null(p.apparmor);
}

static void test_sysctls(void **state)
{
	char a[] = "net.ipv4.ip_forward", b[] = "kernel.shm_rmid_forced", one[] = "1", two[] = "2";
	struct sysctl_spec sysctls[] = { { a, one }, { b, two } };
	const struct pod_spec pod = {
		.uid = uid, .hostname = hostname, .sysctls = sysctls, .sysctls_len = 2
	};
	CLEANUP(plan_free) struct plan p;

	(void)state;
	plan(&pod, &p);
	assert_int_equal(p.sysctls_len, 2);
	assert_string_equal(p.sysctls[0].name, a);
	assert_string_equal(p.sysctls[1].value, "2");
}

/* The least of its own limit, that of the pod when there is one, and the node's memory. */
static void test_volumes(void **state)
{
	char own[] = "own", pods[] = "pods", disk[] = "disk";
	struct volume_spec volumes[] = {
		{ .name = own,
			.kind = VOLUME_EMPTY_DIR,
			.in_memory = true,
			.size_limit_bytes = 4096 },
		{ .name = disk, .kind = VOLUME_EMPTY_DIR, .size_limit_bytes = 4096 },
		{ .name = pods,
			.kind = VOLUME_EMPTY_DIR,
			.in_memory = true,
			.size_limit_bytes = -1 },
	};
	struct container_spec ctrs[] = { { .limits = { -1, 8192, -1 }, .requests = { -1, -1, -1 } },
		{ .limits = { -1, -1, -1 }, .requests = { -1, -1, -1 } } };
	struct pod_spec pod = { .uid = uid,
		.hostname = hostname,
		.volumes = volumes,
		.volumes_len = ARRAY_LEN(volumes),
		.containers = ctrs,
		.containers_len = 1,
		.fs_group = 7 };
	CLEANUP(plan_free) struct plan limited;
	CLEANUP(plan_free) struct plan unlimited;

	(void)state;
	plan(&pod, &limited);
	assert_int_equal(limited.volumes_len, 2);
	assert_string_equal(limited.volumes[0].name, "own");
	assert_int_equal(limited.volumes[0].size_bytes, 4096);
	assert_int_equal(limited.volumes[0].gid, 7);
	assert_string_equal(limited.volumes[1].name, "pods");
	assert_int_equal(limited.volumes[1].size_bytes, 8192);
	pod.containers_len = 2; /* one of them has no limit, so the pod has none */
	pod.fs_group = -1;
	plan(&pod, &unlimited);
	assert_int_equal(unlimited.volumes[1].size_bytes, 1 << 20);
	assert_int_equal(unlimited.volumes[1].gid, -1);
}

/* What the kernel's files say afterwards; each is made with what a new cgroup has. */
static char *prepared(void **state, const struct pod_spec *pod, const char *file)
{
	static char below[] = "cri/b0";
	const char *files[] = { "pids.max", "memory.limit_in_bytes", "cpu.shares",
		"cpu.cfs_quota_us", "memory.memsw.limit_in_bytes", "cpu.cfs_period_us" };
	struct fake fake = fake_hybrid(state);
	CLEANUP(cleanup_free) char *place_dir = str_fmt("%s/box", (const char *)*state);
	const struct sandbox_facts given = {
		.node_name = "n", .node_hosts = "", .node_resolv = ""
	};
	const struct place there = { place_dir, below };
	CLEANUP(cleanup_free) char *warning = NULL;
	CLEANUP(cleanup_free) char *path = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *dot = strchr(files[i], '.');
		CLEANUP(cleanup_free)
		char *in = str_fmt("%.*s/ours/cri/b0", (int)(dot - files[i]), files[i]);

		fake_put(&fake, in, files[i], "new");
		if (str_eq(files[i], file))
			path = str_fmt("%s/%s", in, file);
	}
	if (sandbox_prepare(&there, pod, &given, &warning, &e) < 0 ||
		sandbox_make_cgroups(&there, &fake.c, pod, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fd_read_file(fake.root, path, 100, &out, NULL), 0);
	fake_free(&fake);
	return buf_take(&out);
}

/* The sum of its containers limits a pod; where they come one by one, nobody knows the sum. */
static void test_limits(void **state)
{
	struct container_spec ctr = { .limits = { 100, 4096, -1 }, .requests = { 100, 4096, -1 } };
	struct pod_spec pod = { .uid = uid, .hostname = hostname, .qos = QOS_GUARANTEED };
	const char *files[] = { "pids.max", "memory.limit_in_bytes", "cpu.shares",
		"cpu.cfs_quota_us" };
	const char *want[] = { "2048", "4096", "102", "10000" };

	pod.fs_group = -1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(cleanup_free) char *without = prepared(state, &pod, files[i]);
		CLEANUP(cleanup_free) char *with = NULL;

		assert_string_equal(without, "new");
		pod.containers = &ctr;
		pod.containers_len = 1;
		with = prepared(state, &pod, files[i]);
		assert_string_equal(with, want[i]);
		pod.containers_len = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_host_namespaces),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test_setup_teardown(test_limits, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
