/* Translation of a pod into the plan of its sandbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/sandbox.h"
#include "sys/cgroup_tree.h"

static char dir[] = "/L/pods/u1", cgroup[] = "besteffort/podu1", uid[] = "u1", hostname[] = "web-0";
static char v2[] = "/v2", root[] = "inst", cpu[] = "/v1/cpu";

static const struct place place = { dir, cgroup };
static const struct sandbox_facts facts = { .node_name = "node1", .pause_path = "/P/carpel-pause" };

static void plan(const struct pod_spec *pod, struct plan *out)
{
	const struct cgroups cg = {
		.is_hybrid = true, .name = root, .v2 = v2, .v1[CGROUP_CPU] = cpu
	};

	sandbox_plan(&place, &cg, pod, &facts, "b0", out);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_host_namespaces),
		cmocka_unit_test(test_sysctls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
