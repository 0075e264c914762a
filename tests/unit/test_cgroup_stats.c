/* What is read of a cgroup's use, from files with the kernel's words. */
#include <errno.h>

#include "cgroup_fixture.h"
#include "sys/cgroup_stats.h"

static const char some_full[] = "some avg10=1.25 avg60=0.50 avg300=0.07 total=123456\n"
				"full avg10=0.99 avg60=100.00 avg300=0.00 total=99\n";

static void test_pressure(void **state)
{
	struct pressure p = pressure_parse(some_full);

	(void)state;
	assert_true(p.is_known);
	assert_true(p.some.avg10 == 1.25 && p.some.avg60 == 0.5 && p.some.avg300 == 0.07);
	assert_int_equal(p.some.total_ns, 123456000);
	assert_true(p.full.avg10 == 0.99 && p.full.avg60 == 100 && p.full.avg300 == 0);
	assert_int_equal(p.full.total_ns, 99000);
	p = pressure_parse("some avg10=0.10 avg60=0.00 avg300=0.00 total=1\n");
	assert_true(p.is_known && p.some.avg10 == 0.1);
	assert_int_equal(p.full.total_ns, 0);
	assert_false(pressure_parse("").is_known);
	assert_false(pressure_parse("full avg10=0.99").is_known);
}

static void fill_v2(const struct fake *f)
{
	static const char dir[] = "v2/kube/p";

	fake_put(f, dir, "cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
	fake_put(f, dir, "memory.current", "10485760\n");
	fake_put(f, dir, "memory.stat",
		"anon 4194304\nfile 6291456\nanon_thp 77\ninactive_file 2097152\nactive_file "
		"1048576\n"
		"slab_reclaimable 1048576\npgfault 11\npgmajfault 3\npgfaults 99\n");
	fake_put(f, dir, "memory.max", "20971520\n");
	fake_put(f, dir, "memory.events", "low 1\noom 9\noom_kill 2\noom_group_kill 7\n");
	fake_put(f, dir, "pids.current", "5\n");
	fake_put(f, dir, "io.pressure", some_full);
	fake_put(f, dir, "io.stat",
		"7:0 \n254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=99 dios=98\n"
		"254:16 rbytes=1 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n");
}

static void test_v2(void **state)
{
	struct fake f = fake_v2(state);
	struct cgroup_stats s;
	struct err e = { 0 };

	fill_v2(&f);
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), 0);
	assert_true(s.wall_ns > 0);
	assert_int_equal(s.cpu_ns, 1500000);
	assert_true(s.has_memory && s.has_pids);
	assert_int_equal(s.memory.usage_bytes, 10485760);
	assert_int_equal(s.memory.working_set_bytes, 8388608);
	assert_int_equal(s.memory.unreclaimable_bytes, 6291456);
	assert_int_equal(s.memory.rss_bytes, 4194304);
	assert_int_equal(s.memory.page_faults, 11);
	assert_int_equal(s.memory.major_page_faults, 3);
	assert_int_equal(s.memory.limit_bytes, 20971520);
	assert_int_equal(s.memory.oom_kills, 2);
	assert_false(s.memory.has_swap || s.memory.has_swap_limit);
	assert_int_equal(s.pids, 5);
	assert_true(s.io_pressure.is_known && !s.cpu_pressure.is_known);
	assert_true(s.io.is_known);
	assert_int_equal(s.io.read_bytes, 4097);
	assert_int_equal(s.io.write_bytes, 8192);
	assert_int_equal(s.io.read_ops, 2);
	assert_int_equal(s.io.write_ops, 2);
	assert_int_equal(cgroup_oom_kills(&f.c, "/kube/p"), 2);

	fake_put(&f, "v2/kube/p", "memory.swap.current", "4096\n");
	fake_put(&f, "v2/kube/p", "memory.swap.max", "0\n");
	fake_put(&f, "v2/kube/p", "memory.max", "max\n");
	fake_put(&f, "v2/kube/p", "memory.current",
		"1\n"); /* less than its caches, for an instant */
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), 0);
	assert_true(s.memory.has_swap && s.memory.has_swap_limit);
	assert_int_equal(s.memory.swap_bytes, 4096);
	assert_int_equal(s.memory.swap_limit_bytes, 0);
	assert_int_equal(s.memory.limit_bytes, 0);
	assert_int_equal(s.memory.working_set_bytes, 0);
	fake_put(&f, "v2/kube/p", "memory.swap.max", "max\n");
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), 0);
	assert_true(s.memory.has_swap && !s.memory.has_swap_limit);
	fake_free(&f);
}

static void test_hybrid(void **state)
{
	struct fake f = fake_hybrid(state);
	struct cgroup_stats s;
	struct err e = { 0 };

	fill_v2(&f); /* the v2 tree has no memory controller: not read */
	fake_put(&f, "memory/kube/p", "memory.usage_in_bytes", "1048576\n");
	fake_put(&f, "memory/kube/p", "memory.stat",
		"rss 5\ninactive_file 6\ntotal_rss 4096\ntotal_rss_huge 9\ntotal_swap 8192\n"
		"total_pgfault 21\ntotal_pgmajfault 22\ntotal_inactive_file 524288\n");
	fake_put(&f, "memory/kube/p", "memory.limit_in_bytes", "2097152\n");
	fake_put(&f, "memory/kube/p", "memory.memsw.limit_in_bytes", "3145728\n");
	fake_put(&f, "memory/kube/p", "memory.oom_control",
		"oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
	fake_put(&f, "pids/kube/p", "pids.current", "6\n");
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), 0);
	assert_int_equal(s.cpu_ns, 1500000);
	assert_int_equal(s.memory.usage_bytes, 1048576);
	assert_int_equal(s.memory.working_set_bytes, 524288);
	assert_int_equal(s.memory.rss_bytes, 4096);
	assert_int_equal(s.memory.page_faults, 21);
	assert_int_equal(s.memory.major_page_faults, 22);
	assert_int_equal(s.memory.limit_bytes, 2097152);
	assert_int_equal(s.memory.oom_kills, 4);
	assert_true(s.memory.has_swap && s.memory.has_swap_limit);
	assert_int_equal(s.memory.swap_bytes, 8192);
	assert_int_equal(s.memory.swap_limit_bytes, 1048576);
	assert_int_equal(s.pids, 6);
	assert_false(s.io.is_known); /* nor is that of the v2 tree taken for it */
	assert_int_equal(s.io.read_bytes, 0);
	assert_int_equal(cgroup_oom_kills(&f.c, "/kube/p"), 4);
	fake_put(&f, "memory/kube/p", "memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), 0);
	assert_int_equal(s.memory.limit_bytes, 0);
	assert_false(s.memory.has_swap_limit);

	fake_put(&f, "blkio/kube/p", "blkio.throttle.io_service_bytes_recursive",
		"254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 77\n254:0 Async 78\n"
		"254:0 Discard 79\n254:0 Total 80\n254:16 Read 1\n254:16 Write 1\nTotal 81\n");
	fake_put(&f, "blkio/kube/p", "blkio.throttle.io_serviced_recursive",
		"254:0 Read 3\n254:0 Write 4\n254:0 Sync 77\nTotal 81\n");
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), 0);
	assert_true(s.io.is_known);
	assert_int_equal(s.io.read_bytes, 4097);
	assert_int_equal(s.io.write_bytes, 8193);
	assert_int_equal(s.io.read_ops, 3);
	assert_int_equal(s.io.write_ops, 4);
	fake_free(&f);
}

/* At whatever point it vanishes. */
static void test_gone(void **state)
{
	struct fake f = fake_hybrid(state);
	struct cgroup_stats s = { .pids = 77 };
	struct err e = { 0 };

	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), -ENOENT);
	assert_non_null(strstr(e.text, "kube/p"));
	fill_v2(&f);
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), -ENOENT);
	fake_put(&f, "pids/kube/p", "pids.current", "6\n");
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), -ENOENT);
	assert_int_equal(fd_mkdir_all(f.root, "memory/kube/p", 0700, NULL), 0);
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), -ENOENT);
	assert_int_equal(s.pids, 77); /* untouched on failure */
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/../p", &s, &e), -EINVAL);
	/* Without the controllers there is less to say. */
	free(TAKE(f.c.v1[CGROUP_MEMORY]));
	free(TAKE(f.c.v1[CGROUP_PIDS]));
	assert_int_equal(cgroup_stats_read(&f.c, "/kube/p", &s, &e), 0);
	assert_false(s.has_memory || s.has_pids);
	assert_int_equal(cgroup_oom_kills(&f.c, "/kube/p"), 0);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pressure),
		FD_TEST(test_v2),
		FD_TEST(test_hybrid),
		FD_TEST(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
