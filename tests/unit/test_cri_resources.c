/* LinuxContainerResources, and an update over what is there. */
#include "tests/unit/cri_fixture.h"

/* What the kubelet of 1.37 sends for a Burstable container, in full. */
static void test_the_kubelets(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct linux_resources *r = &f.resources;

	(void)state;
	assert_string_equal(
		resources(&f,
			"{\"cpu_period\": 100000, \"cpu_quota\": 50000, \"cpu_shares\": 256,"
			"\"memory_limit_in_bytes\": 1048576, \"memory_swap_limit_in_bytes\": "
			"1048576, \"oom_score_adj\": -997, \"cpuset_cpus\": \"0-3,7\", "
			"\"cpuset_mems\": \"0\", \"hugepage_limits\": [{\"page_size\": \"2MB\"}, "
			"{\"page_size\": \"1GB\", \"limit\": 1073741824}],"
			"\"unified\": {\"memory.oom.group\": \"1\", \"memory.swap.max\": \"0\","
			"\"memory.min\": \"0\", \"memory.low\": \"0\", \"io.max\": \"8:0 "
			"rbps=1\\n8:16 rbps=2\"}}"),
		"");
	assert_true(r->cpu_period_us == 100000 && r->cpu_quota_us == 50000);
	assert_int_equal(r->cpu_shares, 256);
	assert_true(r->memory_bytes == 1048576 && r->memory_swap_bytes == 1048576);
	assert_int_equal(r->oom_score_adj, -997);
	assert_string_equal(r->cpuset_cpus, "0-3,7");
	assert_string_equal(r->cpuset_mems, "0");
	assert_int_equal(r->hugepages_len, 2);
	assert_string_equal(r->hugepages[0].page_size, "2MB");
	assert_true(r->hugepages[0].limit_bytes == 0);
	assert_true(r->hugepages[1].limit_bytes == 1073741824);
	assert_int_equal(r->unified.len, 5);
	assert_string_equal(labels_get(&r->unified, "memory.swap.max"), "0");
	assert_string_equal(labels_get(&r->unified, "io.max"), "8:0 rbps=1\n8:16 rbps=2");
}

static void test_nothing_and_no_limit(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(resources(&f, "{}"), "");
	assert_true(f.resources.cpu_quota_us == 0 && f.resources.memory_bytes == 0);
	assert_null(f.resources.cpuset_cpus);
	assert_string_equal(
		resources(&f, "{\"cpu_quota\": -1, \"memory_swap_limit_in_bytes\": -1}"), "");
	assert_true(f.resources.cpu_quota_us == -1 && f.resources.memory_swap_bytes == -1);
}

static const char *const bad_page_sizes[] = { "2", "MB", "2mb", "2MiB", "2MB ", "../2MB", "",
	"12345678MB" };
static const char *const bad_files[] = { "", "cgroup.procs", "cgroup.kill", "memory", ".x", "a/b.c",
	"memory..x", "../memory.max", "memory.max\\n", "memory. max",
	"memory.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdef" };

static void test_refused_texts(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_page_sizes); i++) {
		CLEANUP(cleanup_free)
		char *text = str_fmt(
			"{\"hugepage_limits\": [{\"page_size\": \"%s\"}]}", bad_page_sizes[i]);
		CLEANUP(cleanup_free)
		char *want = str_fmt("EINVAL linux.hugepage_limits: \"%s\": must be a size of "
				     "pages, as 2MB or 1GB",
			bad_page_sizes[i]);

		assert_string_equal(resources(&f, text), want);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_files); i++) {
		CLEANUP(cleanup_free)
		char *text = str_fmt("{\"unified\": {\"%s\": \"0\"}}", bad_files[i]);

		if (!strstr(resources(&f, text), "must be a file of a cgroup v2 controller"))
			fail_msg("%s: %s", bad_files[i], f.said.data);
	}
}

static void test_refused(void **state)
{
	static const struct refusal rows[] = {
		{ "{\"cpu_period\": 999}",
			"EINVAL linux.cpu_period: 999: must be between 1000 and 1000000 "
			"microseconds, or 0" },
		{ "{\"cpu_period\": 1000001}",
			"EINVAL linux.cpu_period: 1000001: must be between 1000 and 1000000 "
			"microseconds, or 0" },
		{ "{\"cpu_quota\": -2}",
			"EINVAL linux.cpu_quota: -2: must be at least 1000 microseconds, 0, or -1 "
			"for no limit" },
		{ "{\"cpu_quota\": 999}",
			"EINVAL linux.cpu_quota: 999: must be at least 1000 microseconds, 0, or "
			"-1 for no limit" },
		{ "{\"cpu_quota\": 9223372036854775807}",
			"EINVAL linux.cpu_quota: 9223372036854775807: must be at least 1000 "
			"microseconds, 0, or -1 for no limit" },
		{ "{\"cpu_shares\": 1}",
			"EINVAL linux.cpu_shares: 1: must be between 2 and 262144, or 0" },
		{ "{\"cpu_shares\": 262145}",
			"EINVAL linux.cpu_shares: 262145: must be between 2 and 262144, or 0" },
		{ "{\"memory_limit_in_bytes\": -1}",
			"EINVAL linux.memory_limit_in_bytes: -1: must not be negative" },
		{ "{\"memory_swap_limit_in_bytes\": -2}",
			"EINVAL linux.memory_swap_limit_in_bytes: -2: must not be negative, but "
			"for -1" },
		{ "{\"oom_score_adj\": 1001}",
			"EINVAL linux.oom_score_adj: 1001: must be between -1000 and 1000" },
		{ "{\"oom_score_adj\": -4294967296}",
			"EINVAL linux.oom_score_adj: -4294967296: must be between -1000 and "
			"1000" },
		{ "{\"cpuset_cpus\": \"0-3\\n\"}",
			"EINVAL linux.cpuset_cpus: \"0-3\\n\": must be numbers and ranges, as "
			"0-3,7" },
		{ "{\"cpuset_mems\": \"all\"}",
			"EINVAL linux.cpuset_mems: \"all\": must be numbers and ranges, as "
			"0-3,7" },
		{ "{\"unified\": {\"memory.high\": \"\"}}",
			"EINVAL linux.unified: \"memory.high\": must have a value" },
		{ "{\"unified\": {\"memory.high\": \"\\t\"}}",
			"EINVAL linux.unified: \"\\t\": must be printable" },
	};

	(void)state;
	check_refusals(resources, rows, ARRAY_LEN(rows));
}

static void test_bounds(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	CLEANUP(cleanup_free)
	char *pages = many("{\"hugepage_limits\": [", "{\"page_size\": \"2MB\"}", 17, "]}");
	CLEANUP(cleanup_free)
	char *value = long_member("{\"unified\": {\"memory.high\": \"", 4096, "\"}}");
	CLEANUP(buf_free) struct buf files = { 0 };

	(void)state;
	assert_string_equal(
		resources(&f, value), "E2BIG linux.unified: 4096 bytes: must be no more than 4095");
	assert_string_equal(resources(&f, pages),
		"E2BIG linux.hugepage_limits: 17 of them: must be no more than 16");
	for (int i = 0; i < 65; i++)
		buf_addf(&files, "%s\"memory.f%d\": \"0\"", i ? ", " : "{\"unified\": {", i);
	buf_adds(&files, "}}");
	assert_string_equal(resources(&f, files.data),
		"E2BIG linux.unified: 65 of them: must be no more than 64");
}

/* ---- an update ---- */

static struct linux_resources read_whole(const char *text)
{
	struct fx f = { 0 };

	assert_string_equal(resources(&f, text), "");
	buf_free(&f.said);
	return f.resources;
}

static const char running[] =
	"{\"cpu_period\": 50000, \"cpu_quota\": 25000, \"cpu_shares\": 100, "
	"\"memory_limit_in_bytes\": 1000, \"memory_swap_limit_in_bytes\": 2000, "
	"\"oom_score_adj\": 5, \"cpuset_cpus\": \"0\", \"cpuset_mems\": \"1\", "
	"\"hugepage_limits\": [{\"page_size\": \"2MB\", \"limit\": 7}], "
	"\"unified\": {\"memory.low\": \"1\", \"memory.min\": \"2\"}}";

static void test_empty_update(void **state)
{
	CLEANUP(linux_resources_clear) struct linux_resources r = read_whole(running);
	const struct linux_resources none = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(cri_merge_resources(&r, &none, &e), 0);
	assert_true(r.cpu_period_us == 50000 && r.cpu_quota_us == 25000 && r.cpu_shares == 100);
	assert_true(r.memory_bytes == 1000 && r.memory_swap_bytes == 2000);
	assert_int_equal(r.oom_score_adj, 5);
	assert_string_equal(r.cpuset_cpus, "0");
	assert_string_equal(r.cpuset_mems, "1");
	assert_true(r.hugepages[0].limit_bytes == 7);
	assert_int_equal(r.unified.len, 2);
}

static void test_full_update(void **state)
{
	CLEANUP(linux_resources_clear) struct linux_resources r = read_whole(running);
	CLEANUP(linux_resources_clear)
	struct linux_resources update = read_whole(
		"{\"cpu_period\": 10000, \"cpu_quota\": -1, \"cpu_shares\": 2, "
		"\"memory_limit_in_bytes\": 3000, \"memory_swap_limit_in_bytes\": 3000, "
		"\"oom_score_adj\": -5, \"cpuset_cpus\": \"2\", \"cpuset_mems\": \"3\", "
		"\"hugepage_limits\": [{\"page_size\": \"1GB\"}, {\"page_size\": \"2MB\"}], "
		"\"unified\": {\"memory.min\": \"3\", \"memory.high\": \"4\"}}");
	struct err e;

	(void)state;
	assert_int_equal(cri_merge_resources(&r, &update, &e), 0);
	assert_true(r.cpu_period_us == 10000 && r.cpu_quota_us == -1 && r.cpu_shares == 2);
	assert_true(r.memory_bytes == 3000 && r.memory_swap_bytes == 3000);
	assert_int_equal(r.oom_score_adj, -5);
	assert_string_equal(r.cpuset_cpus, "2");
	assert_string_equal(r.cpuset_mems, "3");
	assert_int_equal(r.hugepages_len, 2);
	assert_true(r.hugepages[0].limit_bytes == 0); /* a limit of 0 is one */
	assert_string_equal(r.hugepages[1].page_size, "1GB");
	assert_int_equal(r.unified.len, 3);
	assert_string_equal(labels_get(&r.unified, "memory.min"), "3");
	assert_string_equal(labels_get(&r.unified, "memory.low"), "1");
	assert_string_equal(labels_get(&r.unified, "memory.high"), "4");
}

/* Memory and swap come in calls of their own; together they must make sense, or nothing changes. */
static void test_unsound_update(void **state)
{
	CLEANUP(linux_resources_clear) struct linux_resources r = read_whole(running);
	const struct linux_resources more = { .memory_bytes = 2001, .cpu_shares = 7 };
	const struct linux_resources less = { .memory_swap_bytes = 999, .cpu_shares = 7 };
	const struct linux_resources both = { .memory_bytes = 5000, .memory_swap_bytes = -1 };
	struct err e;

	(void)state;
	assert_int_equal(cri_merge_resources(&r, &more, &e), -EINVAL);
	assert_string_equal(e.text,
		"linux.memory_swap_limit_in_bytes: 2000: counts memory too: needs a "
		"memory_limit_in_bytes and must not be below it");
	assert_int_equal(cri_merge_resources(&r, &less, &e), -EINVAL);
	assert_true(r.memory_bytes == 1000 && r.memory_swap_bytes == 2000 && r.cpu_shares == 100);
	assert_int_equal(cri_merge_resources(&r, &both, &e), 0);
	assert_true(r.memory_bytes == 5000 && r.memory_swap_bytes == -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_kubelets),
		cmocka_unit_test(test_nothing_and_no_limit),
		cmocka_unit_test(test_refused_texts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_empty_update),
		cmocka_unit_test(test_full_update),
		cmocka_unit_test(test_unsound_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
