/* Names of systemd's units, where they are in the cgroup tree, and what is asked of systemd-run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "sys/systemd.h"

static void test_slices(void **state)
{
	static const char *const rows[][2] = {
		{ "a.slice", "/a.slice" }, { "a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice" },
		{ "kubepods-burstable-pod1_2.slice", "/kubepods.slice/kubepods-burstable.slice/"
						     "kubepods-burstable-pod1_2.slice" },
		{ "a\\x2db.slice", "/a\\x2db.slice" }, /* an escaped '-' is none */
		{ "a.slice.slice", "/a.slice.slice" }, { "cpus.slice", "/cpus.slice" }, /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *path = NULL;

		assert_int_equal(systemd_check_slice(rows[i][0], NULL), 0);
		path = systemd_slice_path(rows[i][0]);
		assert_string_equal(path, rows[i][1]);
	}
}

static void test_no_slices(void **state)
{
	static const char *const rows[][2] = {
		{ "a.scope", "\"a.scope\" is no slice: it does not end in .slice" },
		{ "", "\"\" is no slice: it does not end in .slice" },
		{ ".slice", "slice \".slice\": has no name" },
		{ "-.slice", "slice \"-.slice\": '-' must stand between two names" },
		{ "-a.slice", "slice \"-a.slice\": '-' must stand between two names" },
		{ "a-.slice", "slice \"a-.slice\": '-' must stand between two names" },
		{ "a--b.slice", "slice \"a--b.slice\": '-' must stand between two names" },
		{ "a/b.slice", "slice \"a/b.slice\": must consist of letters, digits and any of "
			       ":_.\\-" },
		{ "a b.slice", "slice \"a b.slice\": must consist of letters, digits and any of "
			       ":_.\\-" },
		{ "a@b.slice", "slice \"a@b.slice\": must consist of letters, digits and any of "
			       ":_.\\-" },
		{ "_a.slice", "slice \"_a.slice\": must not begin with any of -_." },
		{ "cpu.slice", "slice \"cpu.slice\": must not begin as files of a cgroup do" },
		{ "io-x.slice", "slice \"io-x.slice\": must not begin as files of a cgroup do" },
	};
	char name[263];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(systemd_check_slice(rows[i][0], &e), -EINVAL);
		assert_string_equal(e.text, rows[i][1]);
	}
	memset(name, 'a', sizeof(name));
	(void)snprintf(name + 250, 13, ".slice");
	assert_int_equal(systemd_check_slice(name, &e), -ENAMETOOLONG);
	(void)snprintf(name + 249, 13, ".slice");
	assert_int_equal(systemd_check_slice(name, &e), 0);
}

static void test_scope_names(void **state)
{
	static const char *const rows[][2] = {
		{ "a/b.scope", "scope \"a/b.scope\": must consist of letters, digits and any of "
			       ":_.\\-" },
		{ "a b.scope", "scope \"a b.scope\": must consist of letters, digits and any of "
			       ":_.\\-" },
		{ "a+.scope", "scope \"a+.scope\": must consist of letters, digits and any of "
			      ":_.\\-" },
		{ ".scope", "\".scope\" is no scope" }, { "a.slice", "\"a.slice\" is no scope" },
		{ "", "\"\" is no scope" },
		{ "-Hhost.scope", "scope \"-Hhost.scope\": must not begin with any of -_." },
		{ "..scope", "scope \"..scope\": must not begin with any of -_." },
		{ "cgroup.a.scope",
			"scope \"cgroup.a.scope\": must not begin as files of a cgroup do" },
		{ "memory.scope",
			"scope \"memory.scope\": must not begin as files of a cgroup do" }, /* */
	};
	char name[263];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(systemd_check_scope("a-b_1.2\\x2d:c.scope", &e), 0);
	assert_int_equal(systemd_check_scope("io-x.scope", &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(systemd_check_scope(rows[i][0], &e), -EINVAL);
		assert_string_equal(e.text, rows[i][1]);
	}
	memset(name, 'a', sizeof(name));
	(void)snprintf(name + 250, 13, ".scope");
	assert_int_equal(systemd_check_scope(name, &e), -ENAMETOOLONG);
	(void)snprintf(name + 249, 13, ".scope");
	assert_int_equal(systemd_check_scope(name, &e), 0);
}

static void test_scopes(void **state)
{
	(void)state;
	assert_true(systemd_is_scope("/a.slice/b.scope"));
	assert_true(systemd_is_scope("a.slice/b.scope"));
	assert_false(systemd_is_scope("/a.slice/b.scope/pause"));
	assert_false(systemd_is_scope("carpel"));
	assert_string_equal(systemd_unit_of("/a.slice/b.scope"), "b.scope");
	assert_string_equal(systemd_unit_of("b.slice"), "b.slice");
}

static void expect_command(const struct systemd_scope *s, const char *want)
{
	CLEANUP(strv_free) struct strv words = { 0 };
	CLEANUP(buf_free) struct buf text = { 0 };

	systemd_scope_command(s, "/bin/cat", &words);
	for (size_t i = 0; i < words.len; i++)
		buf_addf(&text, "%s%s", i ? " " : "", words.at[i]);
	assert_string_equal(text.data, want);
}

#define BEGIN                                                                                      \
	"systemd-run --scope --quiet --collect --unit=b.scope --slice=a-x.slice "                  \
	"--property=Delegate=yes --property=DefaultDependencies=no "

static void test_commands(void **state)
{
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	struct systemd_scope s = { .path = "/a.slice/a-x.slice/b.scope" };

	(void)state;
	expect_command(&s, BEGIN "--property=TasksMax=infinity -- /bin/cat");
	s.wants = "a-y.slice a-z.slice";
	expect_command(&s, BEGIN "--property=Wants=a-y.slice a-z.slice "
				 "--property=TasksMax=infinity -- /bin/cat");
	s.wants = NULL;
	s.limits = &l;
	l.pids = 2048;
	l.cpu_shares = 1024;
	l.cpu_scale = CGROUP_LINEAR;
	l.cpu_quota_us = 12345;
	l.memory_bytes = 1 << 20;
	expect_command(&s, BEGIN "--property=TasksMax=2048 --property=CPUWeight=39 "
				 "--property=CPUQuota=12.35% --property=CPUQuotaPeriodSec=100000us "
				 "--property=MemoryMax=1048576 --property=MemorySwapMax=0 "
				 "-- /bin/cat");
	l.cpu_period_us = 10000;
	l.memory_bytes = CGROUP_UNLIMITED;
	expect_command(&s, BEGIN "--property=TasksMax=2048 --property=CPUWeight=39 "
				 "--property=CPUQuota=123.45% --property=CPUQuotaPeriodSec=10000us "
				 "--property=MemoryMax=infinity --property=MemorySwapMax=infinity "
				 "-- /bin/cat");
	l = CGROUP_LIMITS_NONE;
	l.cpu_quota_us = CGROUP_UNLIMITED;
	expect_command(&s, BEGIN "--property=TasksMax=infinity --property=CPUQuota= -- /bin/cat");
}

static void expect_words(const struct cgroup_limits *l, const char *want)
{
	CLEANUP(strv_free) struct strv words = { 0 };
	CLEANUP(buf_free) struct buf text = { 0 };

	systemd_limit_words(l, "", &words);
	for (size_t i = 0; i < words.len; i++)
		buf_addf(&text, "%s%s", i ? " " : "", words.at[i]);
	assert_string_equal(text.len ? text.data : "", want);
}

/* What is left alone is not said, or systemd would change it. */
static void test_words(void **state)
{
	struct cgroup_pair pairs[] = { { "memory.high", "max" }, { "cpu.max", "max 100000" },
		{ "memory.oom.group", "1" }, { "pids.max", "7" } };
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	(void)state;
	expect_words(&l, "");
	l.memory_bytes = 1000;
	l.memory_swap_bytes = 1500;
	expect_words(&l, "MemoryMax=1000 MemorySwapMax=500");
	l.memory_swap_bytes = 1;
	expect_words(&l, "MemoryMax=1000");
	l.memory_swap_bytes = CGROUP_UNLIMITED;
	expect_words(&l, "MemoryMax=1000 MemorySwapMax=infinity");
	l = CGROUP_LIMITS_NONE;
	l.cpuset_cpus = "0-1,3";
	l.cpuset_mems = "0";
	expect_words(&l, "AllowedCPUs=0-1,3 AllowedMemoryNodes=0");
	l = CGROUP_LIMITS_NONE;
	l.unified = pairs;
	l.unified_len = ARRAY_LEN(pairs);
	expect_words(&l, "MemoryHigh=infinity CPUQuota= TasksMax=7");
	pairs[0] = (struct cgroup_pair){ "cpu.max", "50000 200000" };
	pairs[1] = (struct cgroup_pair){ "io.weight", "default 50" };
	expect_words(&l, "CPUQuota=25.00% CPUQuotaPeriodSec=200000us IOWeight=50 TasksMax=7");
	/* No cpu.max takes it. */
	pairs[0] = (struct cgroup_pair){ "cpu.max", "9223372036854775807 1" };
	expect_words(&l, "IOWeight=50 TasksMax=7");
	l = CGROUP_LIMITS_NONE;
	l.cpu_quota_us = INT64_MAX - 1;
	expect_words(&l, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_no_slices),
		cmocka_unit_test(test_scope_names),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
