/* What limits become on v1 and v2, in which order, and what a failure leaves. */
#include <errno.h>

#include "cgroup_fixture.h"

/* "FILE=VALUE …" of the list, the directories without what is above the instance. */
static char *listed(const struct fake *f, const struct cgroup_limits *l, int *out_rc, struct err *e)
{
	CLEANUP(cgroup_writes_free) struct cgroup_writes w = { 0 };
	struct buf text = { 0 };

	*out_rc = cgroup_limits_list(&f->c, "p", l, &w, e);
	for (size_t i = 0; *out_rc == 0 && i < w.len; i++)
		buf_addf(&text, "%s%s=%s%s", i ? " " : "", strrchr(w.at[i].path, '/') + 1,
			w.at[i].value, w.at[i].missing == MISSING_IS_FINE ? "?" : "");
	return buf_take(&text);
}

static void assert_listed(const struct fake *f, const struct cgroup_limits *l, const char *want)
{
	struct err e = { 0 };
	int rc;
	CLEANUP(cleanup_free) char *got = listed(f, l, &rc, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	assert_string_equal(got, want);
}

static void assert_refused(
	const struct fake *f, const struct cgroup_limits *l, int code, const char *word)
{
	struct err e = { 0 };
	int rc;
	CLEANUP(cleanup_free) char *got = listed(f, l, &rc, &e);

	assert_int_equal(rc, -code);
	if (!strstr(e.text, word))
		fail_msg("\"%s\" does not say \"%s\"", e.text, word);
}

static void test_v2(void **state)
{
	struct fake f = fake_v2(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	assert_listed(&f, &l, "");
	l.cpu_shares = 1024;
	l.cpu_scale = CGROUP_QUADRATIC;
	l.cpu_quota_us = 50000;
	l.memory_bytes = 1 << 20;
	l.pids = 7;
	l.oom_kills_all = true;
	assert_listed(&f, &l,
		"cpu.weight=100 cpu.max=50000 memory.swap.max=0? memory.max=1048576 "
		"memory.oom.group=1? pids.max=7");
	l = CGROUP_LIMITS_NONE;
	l.never_swapped = true;
	l.pids = CGROUP_UNLIMITED;
	assert_listed(&f, &l, "memory.swap.max=0? pids.max=max");
	fake_free(&f);
}

/* A quota alone keeps the period; a period alone the quota. */
static void test_v2_period(void **state)
{
	static const struct {
		int64_t quota, period;
		const char *want;
	} rows[] = { { CGROUP_UNLIMITED, CGROUP_LEAVE, "cpu.max=max" },
		{ CGROUP_UNLIMITED, 50000, "cpu.max=max 50000" }, { 2000, 0, "cpu.max=2000" },
		{ 2000, 20000, "cpu.max=2000 20000" },
		{ CGROUP_LEAVE, 30000, "cpu.max=7000 30000" }, { CGROUP_LEAVE, 0, "" } };
	struct fake f = fake_v2(state);

	fake_put(&f, "v2/ours/p", "cpu.max", "7000 100000\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cgroup_limits l = CGROUP_LIMITS_NONE;

		l.cpu_quota_us = rows[i].quota;
		l.cpu_period_us = rows[i].period;
		assert_listed(&f, &l, rows[i].want);
	}
	fake_free(&f);
}

enum { MIB = 1 << 20 };

/* memory.max is 4 MiB before; the sum of both is given, v2 takes the difference. */
static void test_v2_swap(void **state)
{
	static const struct {
		int64_t memory, both;
		const char *want; /* NULL: refused */
	} rows[] = { { 2 * MIB, CGROUP_LEAVE, "memory.swap.max=0? memory.max=2097152" },
		{ 2 * MIB, 0, "memory.swap.max=0? memory.max=2097152" },
		{ 2 * MIB, 2 * MIB, "memory.swap.max=0? memory.max=2097152" },
		{ 2 * MIB, 3 * MIB, "memory.swap.max=1048576 memory.max=2097152" },
		{ 2 * MIB, CGROUP_UNLIMITED, "memory.swap.max=max? memory.max=2097152" },
		{ CGROUP_UNLIMITED, CGROUP_LEAVE, "memory.swap.max=max? memory.max=max" },
		{ CGROUP_LEAVE, 5 * MIB, "memory.swap.max=1048576" },
		{ CGROUP_LEAVE, CGROUP_UNLIMITED, "memory.swap.max=max?" },
		{ CGROUP_LEAVE, 3 * MIB, NULL }, { 2 * MIB, MIB, NULL },
		{ CGROUP_UNLIMITED, MIB, NULL } };
	struct fake f = fake_v2(state);

	fake_put(&f, "v2/ours/p", "memory.max", "4194304\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cgroup_limits l = CGROUP_LIMITS_NONE;

		l.memory_bytes = rows[i].memory;
		l.memory_swap_bytes = rows[i].both;
		if (rows[i].want)
			assert_listed(&f, &l, rows[i].want);
		else
			assert_refused(&f, &l, EINVAL, "memory and swap");
	}
	fake_free(&f);
}

static void test_v1(void **state)
{
	struct fake f = fake_hybrid(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.cpu_shares = 512;
	l.cpu_quota_us = 50000;
	l.pids = 7;
	l.oom_kills_all = l.never_swapped = true; /* v1 has no word for these */
	assert_listed(&f, &l, "cpu.shares=512 cpu.cfs_quota_us=50000 pids.max=7");
	l = CGROUP_LIMITS_NONE;
	l.cpu_quota_us = CGROUP_UNLIMITED;
	assert_listed(&f, &l, "cpu.cfs_quota_us=-1");
	l.cpu_period_us = 20000; /* in between, no ratio that could be too much */
	l.cpu_quota_us = 10000;
	assert_listed(&f, &l, "cpu.cfs_quota_us=-1 cpu.cfs_period_us=20000 cpu.cfs_quota_us=10000");
	l.cpu_quota_us = CGROUP_LEAVE;
	assert_listed(&f, &l, "cpu.cfs_period_us=20000");
	fake_free(&f);
}

/* 4 MiB of memory and no swap before.  The limit of memory is never above that of both. */
static void test_v1_memory(void **state)
{
#define LIMIT "memory.limit_in_bytes="
#define BOTH "memory.memsw.limit_in_bytes="
	static const struct {
		int64_t memory, both;
		const char *want; /* NULL: refused */
	} rows[] = { { 2 * MIB, CGROUP_LEAVE, LIMIT "2097152 " BOTH "2097152?" },
		{ 8 * MIB, CGROUP_LEAVE, BOTH "8388608? " LIMIT "8388608" },
		{ 8 * MIB, 9 * MIB, BOTH "9437184 " LIMIT "8388608" },
		{ 8 * MIB, 8 * MIB, BOTH "8388608? " LIMIT "8388608" },
		{ MIB, 2 * MIB, LIMIT "1048576 " BOTH "2097152" },
		{ CGROUP_UNLIMITED, CGROUP_LEAVE, BOTH "-1? " LIMIT "-1" },
		{ MIB, CGROUP_UNLIMITED, BOTH "-1? " LIMIT "1048576" },
		{ CGROUP_LEAVE, 5 * MIB, BOTH "5242880" }, { CGROUP_LEAVE, 3 * MIB, NULL },
		{ 2 * MIB, MIB, NULL }, { CGROUP_UNLIMITED, MIB, NULL } };
	struct fake f = fake_hybrid(state);

	fake_put(&f, "memory/ours/p", "memory.limit_in_bytes", "4194304\n");
	fake_put(&f, "memory/ours/p", "memory.memsw.limit_in_bytes", "4194304\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cgroup_limits l = CGROUP_LIMITS_NONE;

		l.memory_bytes = rows[i].memory;
		l.memory_swap_bytes = rows[i].both;
		if (rows[i].want)
			assert_listed(&f, &l, rows[i].want);
		else
			assert_refused(&f, &l, EINVAL, "memory and swap");
	}
	fake_free(&f);
}

static void test_hugepages(void **state)
{
	struct fake f = fake_hybrid(state), v1 = fake_hybrid(state);
	struct cgroup_hugepages pages[] = { { "2MB", 0 }, { "1GB", 0 } };
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.hugepages = pages;
	l.hugepages_len = 2;
	assert_listed(&f, &l, ""); /* there is no controller, and nothing is to be limited */
	pages[1].bytes = 1 << 30;
	assert_refused(&f, &l, ENOTSUP, "hugepages of 1GB: no hugetlb controller");
	/* In the v2 tree of either layout, unless v1 has it. */
	fake_put(&f, "v2/ours/p", "cgroup.controllers", "hugetlb\n");
	fake_put(&f, "v2/ours/p", "hugetlb.2MB.max", "max\n");
	assert_refused(&f, &l, ENOTSUP, "hugepages of 1GB: the kernel has no such");
	pages[1].bytes = 0;
	assert_listed(&f, &l, "hugetlb.2MB.max=0 hugetlb.2MB.rsvd.max=0?");
	pages[0].size = "../2MB";
	assert_refused(&f, &l, EINVAL, "no page size");
	pages[0].size = "2";
	assert_refused(&f, &l, EINVAL, "no page size");
	v1.c.v1[CGROUP_HUGETLB] = str_fmt("%s/hugetlb", (char *)*state);
	fake_put(&v1, "hugetlb/ours/p", "hugetlb.2MB.limit_in_bytes", "9\n");
	fake_put(&v1, "hugetlb/ours/p", "cgroup.procs", "");
	pages[0] = (struct cgroup_hugepages){ "2MB", 4 * MIB };
	assert_listed(&v1, &l,
		"hugetlb.2MB.limit_in_bytes=4194304 hugetlb.2MB.rsvd.limit_in_bytes=4194304?");
	fake_free(&v1);
	fake_free(&f);
}

static void test_cpuset(void **state)
{
	struct fake f = fake_v2(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	CLEANUP(cleanup_free) char *lon = mem_zalloc(5000);

	l.cpuset_cpus = l.cpuset_mems = "";
	assert_listed(&f, &l, "");
	l.cpuset_cpus = "0-1";
	assert_refused(&f, &l, ENOTSUP, "cpuset: no cpuset controller");
	fake_put(&f, "v2/ours/p", "cgroup.controllers", "cpu cpuset\n");
	assert_listed(&f, &l, "cpuset.cpus=0-1");
	l.cpuset_mems = "0";
	assert_listed(&f, &l, "cpuset.cpus=0-1 cpuset.mems=0");
	l.cpuset_cpus = memset(lon, '1', 4999);
	assert_refused(&f, &l, E2BIG, "cpuset");
	fake_free(&f);
}

static void test_unified(void **state)
{
	static const char *const bad[] = { "", "memory", "memory/high", "../x.y", "a/../b.c", ".x",
		"cgroup.kill", "cgroup.procs", "memory.reclaim", "memory.high\n" };
	struct fake f = fake_v2(state);
	struct cgroup_pair pairs[] = { { "memory.max", "max" }, { "memory.swap.max", "0" } };
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.unified = pairs;
	l.unified_len = 2;
	l.memory_bytes = MIB;
	l.pids = 5;
	assert_refused(&f, &l, ENOTSUP, "unified memory.max: no memory controller");
	fake_put(&f, "v2/ours/p", "cgroup.controllers", "memory pids\n");
	assert_listed(&f, &l,
		"memory.swap.max=0? memory.max=1048576 pids.max=5 memory.max=max "
		"memory.swap.max=0?");
	pairs[1] = (struct cgroup_pair){ "io.max", "1:2 rbps=3" };
	assert_refused(&f, &l, ENOTSUP, "unified io.max: no io controller");
	pairs[1] = (struct cgroup_pair){ "memory.low", "" };
	assert_refused(&f, &l, EINVAL, "unified memory.low: the value is empty");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		pairs[1] = (struct cgroup_pair){ bad[i], "1" };
		assert_refused(&f, &l, EINVAL, "unified");
	}
	l.unified_len = 129;
	assert_refused(&f, &l, E2BIG, "unified");
	fake_free(&f);
}

/* v1 accepts what the kubelet always says and what holds anyway; nothing else. */
static void test_unified_v1(void **state)
{
	struct fake f = fake_hybrid(state);
	struct cgroup_pair pairs[] = { { "memory.oom.group", "1" }, { "memory.swap.max", "0" },
		{ "memory.min", "0" }, { "memory.low", "0" }, { "memory.high", "max" } };
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.unified = pairs;
	l.unified_len = ARRAY_LEN(pairs);
	assert_listed(&f, &l, "");
	pairs[4].value = "100";
	assert_refused(&f, &l, ENOTSUP, "unified memory.high: needs cgroup v2");
	pairs[4] = (struct cgroup_pair){ "pids.max", "max" };
	assert_refused(&f, &l, ENOTSUP, "unified pids.max: needs cgroup v2");
	fake_free(&f);
}

/* What a refused value leaves: all as it was.  Reading /dev/full never ends, which is an error. */
static void test_all_or_nothing(void **state)
{
	struct fake f = fake_hybrid(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	struct err e = { 0 };

	fake_put(&f, "cpu/ours/p", "cpu.shares", "1024\n");
	fake_put(&f, "cpu/ours/p", "cpu.cfs_quota_us", "60000\n");
	fake_put(&f, "cpu/ours/p", "cpu.cfs_period_us", "100000\n");
	assert_int_equal(fd_mkdir_all(f.root, "pids/ours/p", 0700, NULL), 0);
	assert_int_equal(symlinkat("/dev/full", f.root, "pids/ours/p/pids.max"), 0);
	l.cpu_shares = 2048;
	l.cpu_quota_us = 70000;
	l.cpu_period_us = 200000;
	l.pids = 100;
	assert_true(cgroup_set_limits(&f.c, "p", &l, &e) < 0);
	assert_non_null(strstr(e.text, "pids.max"));
	assert_holds(f.root, "cpu/ours/p/cpu.shares", "1024\n");
	assert_holds(f.root, "cpu/ours/p/cpu.cfs_quota_us", "60000\n");
	assert_holds(f.root, "cpu/ours/p/cpu.cfs_period_us", "100000\n");
	l.pids = CGROUP_LEAVE;
	assert_int_equal(cgroup_set_limits(&f.c, "p", &l, &e), 0);
	assert_holds(f.root, "cpu/ours/p/cpu.shares", "2048\n");
	assert_holds(f.root, "cpu/ours/p/cpu.cfs_quota_us", "70000\n");
	assert_holds(f.root, "cpu/ours/p/cpu.cfs_period_us", "200000\n");
	fake_free(&f);
}

/* v2 takes a limit below what is in use, and kills: refused before anything is written. */
static void test_v2_below_usage(void **state)
{
	struct fake f = fake_v2(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	struct err e = { 0 };

	fake_put(&f, "v2/ours/p", "memory.current", "9437184\n");
	fake_put(&f, "v2/ours/p", "memory.stat",
		"anon 5242880\ninactive_file 1048576\nactive_file 2097152\nslab_reclaimable "
		"1048576\n");
	fake_put(&f, "v2/ours/p", "memory.max", "max\n");
	l.memory_bytes = 5 * MIB; /* exactly what cannot be reclaimed */
	assert_int_equal(cgroup_set_limits(&f.c, "p", &l, &e), -EBUSY);
	assert_non_null(strstr(e.text, "5242880"));
	assert_holds(f.root, "v2/ours/p/memory.max", "max\n");
	l.memory_bytes = 6 * MIB;
	assert_int_equal(cgroup_set_limits(&f.c, "p", &l, &e), 0);
	l.memory_bytes = 5 * MIB;
	l.memory_swap_bytes = 7 * MIB; /* there is somewhere to go */
	fake_put(&f, "v2/ours/p", "memory.swap.max", "");
	assert_int_equal(cgroup_set_limits(&f.c, "p", &l, &e), 0);
	fake_free(&f);
}

/* Several lines are as many writes; no file for swap is none to forbid. */
static void test_writing(void **state)
{
	struct fake f = fake_v2(state);
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/v2", (char *)*state);
	CLEANUP(cgroup_writes_free) struct cgroup_writes w = { 0 };
	CLEANUP(cgroup_writes_free) struct cgroup_writes needed = { 0 };
	struct err e = { 0 };
	int64_t n;

	fake_put(&f, "v2", "io.max", "");
	cgroup_writes_add(&w, dir, "missing", MISSING_IS_FINE, "x");
	cgroup_writes_add(&w, dir, "io.max", MISSING_IS_ERROR, "a %d\nb %d\n", 1, 2);
	assert_int_equal(cgroup_writes_apply(&w, &e), 0);
	assert_holds(f.root, "v2/io.max", "a 1b 2");
	assert_int_equal(e.code, 0);
	cgroup_writes_add(&needed, dir, "missing", MISSING_IS_ERROR, "x");
	assert_int_equal(cgroup_writes_apply(&needed, &e), -ENOENT);
	assert_int_equal(cgroup_writes_apply_or_restore(&needed, &e), -ENOENT);

	fake_put(&f, "v2", "n", "4096\n");
	assert_int_equal(cgroup_read_number(dir, "n", &n), 0);
	assert_int_equal(n, 4096);
	fake_put(&f, "v2", "n", "max\n");
	assert_int_equal(cgroup_read_number(dir, "n", &n), 0);
	assert_true(n == CGROUP_UNLIMITED);
	fake_put(&f, "v2", "n", "9223372036854771712\n"); /* as v1 says it */
	assert_int_equal(cgroup_read_number(dir, "n", &n), 0);
	assert_true(n == CGROUP_UNLIMITED);
	assert_int_equal(cgroup_read_number(dir, "none", &n), -ENOENT);
	fake_free(&f);
}

static void test_io(void **state)
{
	struct fake f = fake_v2(state), v1 = fake_hybrid(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.io.weight = 100;
	l.io.write_bps = 1 << 20;
	strcpy(l.io.device, "254:0");
	assert_refused(&f, &l, ENOTSUP, "block IO: no io controller");
	fake_put(&f, "v2/ours/p", "cgroup.controllers", "cpu io\n");
	assert_refused(&f, &l, ENOTSUP, "block IO: weight: the scheduler of block device 254:0");
	fake_put(&f, "v2", "io.cost.qos", "254:16 enable=1 ctrl=auto\n254:0 enable=0 ctrl=auto\n");
	assert_refused(&f, &l, ENOTSUP, "254:0");
	fake_put(&f, "v2", "io.cost.qos", "254:0 enable=1 ctrl=auto\n");
	assert_listed(&f, &l, "io.max=254:0 wbps=1048576 io.weight=default 100");
	l.io.has_bfq = true;
	l.io.weight = 10000;
	l.io.read_bps = INT64_MAX;
	l.io.read_iops = 1;
	l.io.write_iops = 7;
	assert_listed(&f, &l,
		"io.max=254:0 rbps=9223372036854775807 wbps=1048576 riops=1 wiops=7 "
		"io.bfq.weight=1000");

	fake_put(&v1, "v2/ours/p", "cgroup.procs", "");
	fake_put(&v1, "blkio/ours/p", "cgroup.procs", "");
	assert_listed(&v1, &l,
		"blkio.throttle.read_bps_device=254:0 9223372036854775807 "
		"blkio.throttle.write_bps_device=254:0 1048576 "
		"blkio.throttle.read_iops_device=254:0 1 "
		"blkio.throttle.write_iops_device=254:0 7 blkio.bfq.weight=1000");
	l = CGROUP_LIMITS_NONE;
	l.io.has_bfq = true;
	l.io.weight = 1;
	assert_listed(&v1, &l, "blkio.bfq.weight=1");
	l.io.has_bfq = false;
	assert_refused(&v1, &l, ENOTSUP, "weight");
	l.io.weight = 0;
	assert_listed(&v1, &l, "");
	fake_free(&f);
	fake_free(&v1);
}

/* Of what is killed, and of what is in it. */
static void test_io_lift(void **state)
{
	static const char *const below[] = { "ours/q/p", "ours/q/p/c" };
	struct fake f = fake_v2(state), v1 = fake_hybrid(state);

	for (size_t i = 0; i < ARRAY_LEN(below); i++) {
		CLEANUP(cleanup_free) char *v2 = str_fmt("v2/%s", below[i]);
		CLEANUP(cleanup_free) char *blkio = str_fmt("blkio/%s", below[i]);

		fake_put(&f, v2, "io.max", "7:0 rbps=1\n");
		fake_put(&v1, blkio, "blkio.throttle.write_bps_device", "7:0 1\n");
		fake_put(&v1, blkio, "blkio.throttle.read_iops_device", "7:0 1\n7:1 1\n");
	}
	fake_put(&f, "v2/ours/q/p", "cgroup.kill", "");
	fake_put(&f, "v2/ours/q", "io.max", "7:0 rbps=1\n");
	assert_int_equal(cgroup_kill(&f.c, "q/p", NULL), 0);
	assert_holds(f.root, "v2/ours/q/p/io.max", "7:0 rbps=max wbps=max riops=max wiops=max");
	assert_holds(f.root, "v2/ours/q/p/c/io.max", "7:0 rbps=max wbps=max riops=max wiops=max");
	assert_holds(f.root, "v2/ours/q/io.max", "7:0 rbps=1\n");
	assert_int_equal(cgroup_kill(&v1.c, "q/p", NULL), 0);
	assert_holds(v1.root, "blkio/ours/q/p/blkio.throttle.write_bps_device", "7:0 0\n");
	assert_holds(v1.root, "blkio/ours/q/p/c/blkio.throttle.write_bps_device", "7:0 0\n");
	assert_holds(v1.root, "blkio/ours/q/p/c/blkio.throttle.read_iops_device", "7:0 07:1 01\n");
	fake_free(&f);
	fake_free(&v1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FD_TEST(test_v2),
		FD_TEST(test_v2_period),
		FD_TEST(test_v2_swap),
		FD_TEST(test_v1),
		FD_TEST(test_v1_memory),
		FD_TEST(test_hugepages),
		FD_TEST(test_cpuset),
		FD_TEST(test_io),
		FD_TEST(test_io_lift),
		FD_TEST(test_unified),
		FD_TEST(test_unified_v1),
		FD_TEST(test_all_or_nothing),
		FD_TEST(test_v2_below_usage),
		FD_TEST(test_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
