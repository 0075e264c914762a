/* Requests and limits to cgroup values, against the tables of Kubernetes (pod-lifecycle §11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "pod/resources.h"

enum { NONE = -1 };
#define GIB (INT64_C(1) << 30)
/* Such a quota is as good as none, and the kernel takes it. */
#define MOST_US ((INT64_C(1) << 40) / 100 * 100)

static struct container_spec ctr(int64_t cpu, int64_t cpu_limit, int64_t memory, int64_t limit)
{
	return (struct container_spec){ .requests = { cpu, memory, NONE },
		.limits = { cpu_limit, limit, NONE } };
}

static void test_weights(void **state)
{
	static const struct {
		int64_t shares;
		uint64_t linear, quadratic;
	} rows[] = {
		{ 2, 1, 1 },             /* */
		{ 10, 1, 4 },            /* */
		{ 51, 2, 11 },           /* */
		{ 102, 4, 17 },          /* */
		{ 256, 10, 35 },         /* */
		{ 512, 20, 59 },         /* */
		{ 1024, 39, 100 },       /* */
		{ 2048, 79, 174 },       /* */
		{ 4096, 157, 303 },      /* */
		{ 8192, 313, 532 },      /* */
		{ 262144, 10000, 10000 } /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(cgroup_weight(rows[i].shares, CGROUP_LINEAR), rows[i].linear);
		assert_int_equal(
			cgroup_weight(rows[i].shares, CGROUP_QUADRATIC), rows[i].quadratic);
	}
}

static void test_container_cpu(void **state)
{
	static const struct {
		int64_t request, limit, shares, quota;
	} rows[] = {
		{ NONE, NONE, 2, NONE },                  /* */
		{ 0, 0, 2, NONE },                        /* 0 is no limit */
		{ 1, 1, 2, 1000 },                        /* the least of both */
		{ 9, 9, 9, 1000 },                        /* floor(9.216) */
		{ 10, 11, 10, 1100 },                     /* */
		{ 250, 500, 256, 50000 },                 /* */
		{ 1000, 2000, 1024, 200000 },             /* */
		{ 256000, NONE, 262144, NONE },           /* the most */
		{ 300000, NONE, 262144, NONE },           /* */
		{ INT64_MAX, INT64_MAX, 262144, MOST_US } /* saturates */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct container_spec c = ctr(rows[i].request, rows[i].limit, NONE, NONE);
		const struct cgroup_limits l = resources_of_container(&c);

		assert_int_equal(l.cpu_shares, rows[i].shares);
		assert_int_equal(l.cpu_quota_us, rows[i].quota);
		assert_int_equal(l.cpu_scale, CGROUP_QUADRATIC);
		assert_int_equal(l.memory_bytes, NONE);
	}
}

static void test_container_memory(void **state)
{
	const struct container_spec c = ctr(NONE, NONE, GIB, 2 * GIB), zero = ctr(0, 0, 0, 0);
	const struct cgroup_limits l = resources_of_container(&c);

	(void)state;
	assert_int_equal(l.memory_bytes, 2 * GIB);
	assert_int_equal(l.pids, NONE); /* the pod's counts */
	assert_true(l.oom_kills_all);
	assert_true(l.never_swapped);
	assert_int_equal(resources_of_container(&zero).memory_bytes, NONE);
}

static void test_container_io(void **state)
{
	struct container_spec c = ctr(NONE, NONE, NONE, NONE);
	struct cgroup_limits l;

	(void)state;
	l = resources_of_container(&c);
	assert_false(cgroup_io_is_limited(&l.io));
	c.io = (struct io_spec){ 1, 2, 3, 4, 5 };
	l = resources_of_container(&c);
	assert_int_equal(l.io.read_bps, 1);
	assert_int_equal(l.io.write_bps, 2);
	assert_int_equal(l.io.read_iops, 3);
	assert_int_equal(l.io.write_iops, 4);
	assert_int_equal(l.io.weight, 5);
	assert_true(cgroup_io_is_limited(&l.io));
}

static void test_pids(void **state)
{
	struct pod_spec pod = { .qos = QOS_BEST_EFFORT };

	(void)state;
	assert_int_equal(resources_of_pod(&pod).pids, POD_PIDS_MAX);
	pod.pids_limit = 16;
	assert_int_equal(resources_of_pod(&pod).pids, 16);
}

static struct cgroup_limits pod_of(enum qos_class qos, struct container_spec *c, size_t n)
{
	const struct pod_spec pod = { .qos = qos, .containers = c, .containers_len = n };

	return resources_of_pod(&pod);
}

static void test_pod(void **state)
{
	struct container_spec all[] = { ctr(100, 200, GIB, 2 * GIB), ctr(300, 500, GIB, GIB) };
	struct container_spec some[] = { ctr(100, 200, GIB, 2 * GIB), ctr(300, 0, GIB, NONE) };
	struct cgroup_limits l = pod_of(QOS_BURSTABLE, all, 2);

	(void)state;
	assert_int_equal(l.cpu_shares, 409); /* of the sum, not the sum of each */
	assert_int_equal(l.cpu_scale, CGROUP_LINEAR);
	assert_int_equal(l.cpu_quota_us, 70000);
	assert_int_equal(l.memory_bytes, 3 * GIB);
	assert_int_equal(l.pids, POD_PIDS_MAX);
	assert_false(l.oom_kills_all); /* one container's death is not the pod's */

	l = pod_of(QOS_BURSTABLE, some, 2); /* one without a limit: none for the pod */
	assert_int_equal(l.cpu_shares, 409);
	assert_int_equal(l.cpu_quota_us, NONE);
	assert_int_equal(l.memory_bytes, NONE);
}

static void test_best_effort_pod(void **state)
{
	struct container_spec c[] = { ctr(NONE, NONE, NONE, NONE), ctr(0, 0, 0, 0) };
	const struct cgroup_limits l = pod_of(QOS_BEST_EFFORT, c, 2);

	(void)state;
	assert_int_equal(l.cpu_shares, 2);
	assert_int_equal(l.cpu_quota_us, NONE);
	assert_int_equal(l.memory_bytes, NONE);
}

/* Amounts saturate when they are read, so sums must, too. */
static void test_levels(void **state)
{
	struct container_spec many[] = { ctr(100, NONE, NONE, NONE), ctr(NONE, NONE, NONE, NONE),
		ctr(250, 500, NONE, NONE) };
	const struct pod_spec pod = { .containers = many, .containers_len = ARRAY_LEN(many) };
	const struct cgroup_limits none = resources_of_level(0),
				   some = resources_of_level(resources_cpu_request(&pod));

	(void)state;
	assert_int_equal(resources_cpu_request(&pod), 350);
	assert_int_equal(none.cpu_shares, 2);
	assert_int_equal(some.cpu_shares, 358);
	assert_int_equal(some.cpu_scale, CGROUP_LINEAR);
	/* Levels are for sharing only. */
	assert_int_equal(some.cpu_quota_us, NONE);
	assert_int_equal(some.memory_bytes, NONE);
	assert_int_equal(some.pids, NONE);
	assert_false(some.oom_kills_all);
}

static void test_sums_saturate(void **state)
{
	struct container_spec c[] = { ctr(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX),
		ctr(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX) };
	const struct cgroup_limits l = pod_of(QOS_GUARANTEED, c, 2);

	(void)state;
	assert_int_equal(l.cpu_shares, 262144);
	assert_int_equal(l.cpu_quota_us, MOST_US);
	assert_int_equal(l.memory_bytes, INT64_MAX);
}

static void test_oom_score(void **state)
{
	static const struct {
		enum qos_class qos;
		int64_t request, node;
		int32_t score;
	} rows[] = {
		{ QOS_GUARANTEED, GIB, 4 * GIB, -997 },      /* */
		{ QOS_BEST_EFFORT, NONE, 4 * GIB, 1000 },    /* */
		{ QOS_BURSTABLE, NONE, 4 * GIB, 999 },       /* never that of BestEffort */
		{ QOS_BURSTABLE, 1, 4 * GIB, 999 },          /* */
		{ QOS_BURSTABLE, GIB, 4 * GIB, 750 },        /* */
		{ QOS_BURSTABLE, 4 * GIB - 1, 4 * GIB, 3 },  /* never that of Guaranteed */
		{ QOS_BURSTABLE, 5 * GIB, 4 * GIB, 3 },      /* */
		{ QOS_BURSTABLE, INT64_MAX, 4 * GIB, 3 },    /* */
		{ QOS_BURSTABLE, GIB, 0, 1000 },             /* an unknown node */
		{ QOS_BURSTABLE, 996 * GIB, 1000 * GIB, 4 }, /* */
		{ QOS_BURSTABLE, 998 * GIB, 1000 * GIB, 3 }, /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct pod_spec pod = { .qos = rows[i].qos };
		const struct container_spec c = ctr(NONE, NONE, rows[i].request, NONE);

		assert_int_equal(resources_oom_score(&pod, &c, rows[i].node), rows[i].score);
	}
}

/* 0 is not given, less than 0 unlimited; what the texts are is no matter here. */
static void test_linux_resources(void **state)
{
	struct hugepage_limit pages[] = { { "2MB", 0 }, { "1GB", GIB } };
	struct label pairs[] = { { "memory.oom.group", "1" }, { "memory.min", "0" } };
	struct linux_resources r = { .cpu_quota_us = 20000,
		.memory_bytes = GIB,
		.cpu_shares = 102,
		.cpuset_cpus = "0-1",
		.hugepages = pages,
		.hugepages_len = 2,
		.unified = { pairs, 2 },
		.oom_score_adj = -997 };
	struct container_spec c = ctr(NONE, 7000, NONE, 5);
	const struct pod_spec pod = { .qos = QOS_BEST_EFFORT };
	CLEANUP(cgroup_limits_release) struct cgroup_limits l = CGROUP_LIMITS_NONE;

	(void)state;
	c.resources = &r; /* instead of the limits */
	l = resources_of_container(&c);
	assert_int_equal(l.cpu_shares, 102);
	assert_int_equal(l.cpu_scale, CGROUP_QUADRATIC);
	assert_int_equal(l.cpu_quota_us, 20000);
	assert_int_equal(l.cpu_period_us, 100000); /* what such a quota counts by */
	assert_int_equal(l.memory_bytes, GIB);
	assert_int_equal(l.memory_swap_bytes, CGROUP_LEAVE);
	assert_int_equal(l.pids, CGROUP_LEAVE);
	assert_false(l.oom_kills_all || l.never_swapped); /* the pairs say it */
	assert_string_equal(l.cpuset_cpus, "0-1");
	assert_null(l.cpuset_mems);
	assert_int_equal(l.hugepages_len, 2);
	assert_string_equal(l.hugepages[1].size, "1GB");
	assert_int_equal(l.hugepages[1].bytes, GIB);
	assert_int_equal(l.unified_len, 2);
	assert_string_equal(l.unified[0].key, "memory.oom.group");
	assert_string_equal(l.unified[1].value, "0");
	assert_int_equal(resources_oom_score(&pod, &c, GIB), -997);
}

static void test_linux_resources_not_given(void **state)
{
	const struct linux_resources none = { 0 }, all = { .cpu_quota_us = -1,
		.cpu_period_us = 50000,
		.memory_bytes = -1,
		.memory_swap_bytes = -1 };
	struct cgroup_limits l = resources_of_linux(&none);

	(void)state;
	assert_int_equal(l.cpu_shares, CGROUP_LEAVE);
	assert_int_equal(l.cpu_quota_us, CGROUP_LEAVE);
	assert_int_equal(l.cpu_period_us, CGROUP_LEAVE);
	assert_int_equal(l.memory_bytes, CGROUP_LEAVE);
	assert_int_equal(l.memory_swap_bytes, CGROUP_LEAVE);
	assert_int_equal(l.hugepages_len + l.unified_len, 0);
	l = resources_of_linux(&all);
	assert_true(l.cpu_quota_us == CGROUP_UNLIMITED && l.cpu_period_us == 50000);
	assert_true(l.memory_bytes == CGROUP_UNLIMITED && l.memory_swap_bytes == CGROUP_UNLIMITED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_container_cpu),
		cmocka_unit_test(test_container_memory),
		cmocka_unit_test(test_container_io),
		cmocka_unit_test(test_pids),
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_best_effort_pod),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_sums_saturate),
		cmocka_unit_test(test_oom_score),
		cmocka_unit_test(test_linux_resources),
		cmocka_unit_test(test_linux_resources_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
