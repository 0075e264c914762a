/* config.json becomes a launch plan and limits. */
#include "oci_config_fixture.h"

#include <errno.h>
#include <stdlib.h>

/* What is written for it, a record a line; a row wants one line of it, or that it lacks "!LINE". */
static void plan_all(const struct row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const bool lacks = rows[i].want[0] == '!';
		CLEANUP(cleanup_free) char *text = with(rows[i].where, rows[i].value);
		CLEANUP(cleanup_free) char *want = str_fmt("\n%s\n", rows[i].want + lacks);
		CLEANUP(buf_free) struct buf plan = { 0 };
		CLEANUP(config_free) struct config c;
		struct err e = { 0 };

		if (translate(text, &c, &e) < 0)
			fail_msg("%s=%s: %s", rows[i].where, rows[i].value, e.text);
		plan_write(&c.plan, &plan);
		for (size_t n = 0; n < plan.len; n++)
			if (!plan.data[n])
				plan.data[n] = '\n';
		if (!strstr(plan.data, want) != lacks)
			fail_msg("%s=%s: %s: %s", rows[i].where, rows[i].value, rows[i].want,
				plan.data);
	}
}

static void test_plan_of_the_process(void **state)
{
	static const struct row rows[] = {
		{ "root.readonly", "true", "read-only-root=1" },
		{ "root.readonly", "false", "!read-only-root=1" },
		{ "root.path", "\"usr/..\"", "rootfs=/" },
		{ "hostname", "\"box\"", "hostname=box" },
		{ "hostname", "\"\"", "!hostname=" },
		{ "domainname", "\"dom\"", "domainname=dom" },
		{ "process.args", "[\"/p\", \"\"]", "arg=" },
		{ "process.env", "[\"A=\", \"B=c=d\"]", "env=B=c=d" },
		{ "process.cwd", "\"/x\"", "cwd=/x" },
		{ "process.user", "{\"uid\": 2147483647, \"gid\": 5}", "user=2147483647:5" },
		{ "process.user", "null", "user=0:0" },
		{ "process.user.additionalGids", "[7, 8]", "group=8" },
		{ "process.user.umask", "23", "umask=27" },
		{ "process.user.umask", "0", "umask=0" },
		{ "process.noNewPrivileges", "true", "no-new-privs=1" },
		{ "process.noNewPrivileges", "null", "!no-new-privs=1" },
		{ "process.oomScoreAdj", "-998", "oom-score-adj=-998" },
		{ "process.oomScoreAdj", "0", "oom-score-adj=0" },
		{ "process.oomScoreAdj", "null", "!oom-score-adj=0" },
		{ "process.rlimits",
			"[{\"type\": \"RLIMIT_NOFILE\", \"soft\": 1, \"hard\": "
			"18446744073709551615}]",
			"rlimit=nofile:1:max" },
		{ "process.capabilities.bounding", "[\"CAP_CHOWN\", \"CAP_KILL\"]", "caps=21" },
		{ "process.capabilities",
			"{\"bounding\": [\"CAP_KILL\"], \"inheritable\": [\"CAP_KILL\"], "
			"\"ambient\": [\"CAP_KILL\"]}",
			"!ambient=20" }, /* it is not permitted */
		{ "process.capabilities",
			"{\"bounding\": [\"CAP_KILL\"], \"inheritable\": [\"CAP_KILL\"], "
			"\"permitted\": [\"CAP_KILL\"], \"ambient\": [\"CAP_KILL\"]}",
			"ambient=20" },
		{ "process.futureKey", "[{}]", "keep-limits=1" },
	};

	(void)state;
	plan_all(rows, ARRAY_LEN(rows));
}

static void test_plan_of_linux(void **state)
{
	static const struct row rows[] = {
		{ "linux.namespaces", "[{\"type\": \"mount\"}, {\"type\": \"cgroup\"}]",
			"namespace=cgroup" },
		{ "linux.namespaces", "[{\"type\": \"mount\"}]", "!namespace=pid" },
		{ "linux.namespaces",
			"[{\"type\": \"mount\"}, {\"type\": \"network\", \"path\": \"/n\"}]",
			"namespace=network:/n" },
		{ "linux.sysctl", "{\"kernel.sem\": \"1\", \"net.x\": null}",
			"sysctl=kernel.sem=1" },
		{ "linux.maskedPaths", "[\"/a\"]", "masked=/a" },
		{ "linux.readonlyPaths", "[\"/b\"]", "readonly-path=/b" },
		{ "linux.maskedPaths", "null", "masks=given" },
		{ "linux.rootfsPropagation", "\"rshared\"", "root-shared=1" },
		{ "linux.rootfsPropagation", "\"slave\"", "!root-shared=1" },
		{ "linux.devices",
			"[{\"path\": \"/dev/x\", \"type\": \"u\", \"major\": 1, \"minor\": 3}]",
			"device=mode=666,uid=0,gid=0,c1.3:/dev/x" },
		{ "linux.devices",
			"[{\"path\": \"/dev/f\", \"type\": \"p\", \"fileMode\": 384, \"uid\": 5}]",
			"device=mode=600,uid=5,gid=0,p:/dev/f" },
		{ "linux.resources.devices", "[{\"access\": \"rwm\"}]",
			"!device-rule=deny,a,*.*,rwm" },
		{ "linux.resources.devices", "[{\"allow\": true}, {\"access\": \"rwm\"}]",
			"device-rule=deny,a,*.*,rwm" },
		/* and what everybody may use comes again after it */
		{ "linux.resources.devices", "[{\"allow\": true}, {\"access\": \"rwm\"}]",
			"device-rule=allow,c,136.*,rwm" },
		{ "linux.resources.devices",
			"[{\"allow\": true, \"type\": \"c\", \"major\": 1, \"access\": \"r\"}]",
			"device-rule=allow,c,1.*,r" },
		{ "mounts", "[{\"destination\": \"//a/./b/\", \"type\": \"tmpfs\"}]",
			"mount=type=tmpfs,tmpfs:/a/b" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"type\": \"tmpfs\", \"source\": \"t\", "
			"\"options\": [\"nosuid\", \"size=64k\", \"strictatime\", \"mode=755\"]}]",
			"mount=type=tmpfs,nosuid,strictatime,t:/a:size=64k,mode=755" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\", "
			"\"ro\", \"rslave\"]}]",
			"mount=ro,alone,slave,/:/a" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"rbind\", "
			"\"ro\", \"rw\"]}]",
			"mount=/:/a" },
		{ "mounts",
			"[{\"destination\": \"/n\", \"type\": \"bind\", \"source\": "
			"\"dev/null\", \"options\": [\"rro\"]}]",
			"mount=rro,file,//dev/null:/n" },
		{ "mounts",
			"[{\"destination\": \"/c\", \"type\": \"cgroup\", \"options\": [\"x\"]}]",
			"mount=type=cgroup,cgroup:/c" },
	};

	(void)state;
	plan_all(rows, ARRAY_LEN(rows));
}

/* A user namespace is its maps, which are exec's, too, and those of a mount that asks for them. */
static void test_maps(void **state)
{
	static const char user[] =
		"{\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"user\"}], \"uidMappings\": "
		"[{\"containerID\": 0, \"hostID\": 4294967294, \"size\": 1}, {\"containerID\": 1, "
		"\"hostID\": 7, \"size\": 2}], \"gidMappings\": [{\"containerID\": 0, \"hostID\": "
		"9, "
		"\"size\": 1}]}";
	CLEANUP(cleanup_free) char *text = with("linux", user);
	CLEANUP(config_free) struct config c;
	CLEANUP(plan_free) struct plan exec;
	CLEANUP(buf_free) struct buf written = { 0 };

	(void)state;
	plan_init(&exec);
	assert_int_equal(translate(text, &c, NULL), 0);
	assert_int_equal(config_maps(c.json, &exec, NULL), 0);
	assert_int_equal(exec.uid_map.len, 2);
	assert_int_equal(exec.gid_map.len, 1);
	assert_int_equal(exec.gid_map.at[0].outside, 9);
	plan_write(&c.plan, &written);
	for (size_t n = 0; n < written.len; n++)
		if (!written.data[n])
			written.data[n] = '\n';
	assert_non_null(
		strstr(written.data, "\nuid-map=0:4294967294:1\nuid-map=1:7:2\ngid-map=0:9:1\n"));
}

/* One that is joined has the maps that the caller has found there; podman may not know them. */
static void test_joined_maps(void **state)
{
	static const char *const maps[] = { "",
		", \"uidMappings\": [{\"containerID\": 0, \"hostID\": 0, "
		"\"size\": 1}]",
		", \"uidMappings\": [{\"containerID\": 5, \"hostID\": 9, \"size\": 1}, "
		"{\"containerID\": 0, \"hostID\": 7, \"size\": 1}]",
		", \"uidMappings\": "
		"[{\"containerID\": 0, \"hostID\": 7, \"size\": 1}]",
		", \"gidMappings\": "
		"[{\"containerID\": 0, \"hostID\": 8, \"size\": 1}]" };
	static const struct plan_ids uids[] = { { 0, 7, 1 }, { 5, 9, 1 } },
				     gids[] = { { 0, 7, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		CLEANUP(cleanup_free)
		char *linux_part = str_fmt(
			"{\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"user\", \"path\": "
			"\"/n\"}]%s}",
			maps[i]);
		CLEANUP(cleanup_free) char *text = with("linux", linux_part);
		CLEANUP(config_free) struct config c;

		config_init(&c);
		assert_int_equal(config_parse(text, strlen(text), &c, NULL), 0);
		assert_string_equal(config_user_path(c.json), "/n");
		c.plan.uid_map = (struct plan_map){ mem_resize(NULL, 2, sizeof(*uids)), 2 };
		memcpy(c.plan.uid_map.at, uids, sizeof(uids));
		c.plan.gid_map = (struct plan_map){ mem_resize(NULL, 1, sizeof(*gids)), 1 };
		memcpy(c.plan.gid_map.at, gids, sizeof(gids));
		assert_int_equal(config_translate(&c, "c1", "/", NULL), i < 3 ? 0 : -EINVAL);
		assert_true(i >= 3 || strv_has(&c.plan.namespaces, "user:/n"));
		assert_int_equal(c.plan.uid_map.len, 2);
	}
}

static void test_limits(void **state)
{
	static const struct {
		const char *value;
		int64_t memory, swap, pids, shares, quota;
	} rows[] = {
		{ "{}", CGROUP_LEAVE, CGROUP_LEAVE, CGROUP_LEAVE, CGROUP_LEAVE, CGROUP_LEAVE },
		{ "{\"memory\": {\"limit\": 4096, \"swap\": -1}, \"pids\": {\"limit\": 0}}", 4096,
			CGROUP_UNLIMITED, CGROUP_UNLIMITED, CGROUP_LEAVE, CGROUP_LEAVE },
		/* no limit of both together without one of memory */
		{ "{\"memory\": {\"limit\": 0, \"swap\": -1}, \"pids\": {\"limit\": -1}}",
			CGROUP_LEAVE, CGROUP_LEAVE, CGROUP_UNLIMITED, CGROUP_LEAVE, CGROUP_LEAVE },
		{ "{\"memory\": {\"limit\": -1, \"swap\": 0}, \"pids\": {\"limit\": 7}}",
			CGROUP_UNLIMITED, CGROUP_LEAVE, 7, CGROUP_LEAVE, CGROUP_LEAVE },
		{ "{\"cpu\": {\"shares\": 512, \"quota\": -1}, \"pids\": {}}", CGROUP_LEAVE,
			CGROUP_LEAVE, CGROUP_LEAVE, 512, CGROUP_UNLIMITED },
		{ "{\"cpu\": {\"shares\": 0, \"quota\": 5000}}", CGROUP_LEAVE, CGROUP_LEAVE,
			CGROUP_LEAVE, CGROUP_LEAVE, 5000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *text = with("linux.resources", rows[i].value);
		CLEANUP(config_free) struct config c;

		assert_int_equal(translate(text, &c, NULL), 0);
		assert_int_equal(c.limits.memory_bytes, rows[i].memory);
		assert_int_equal(c.limits.memory_swap_bytes, rows[i].swap);
		assert_int_equal(c.limits.pids, rows[i].pids);
		assert_int_equal(c.limits.cpu_shares, rows[i].shares);
		assert_int_equal(c.limits.cpu_quota_us, rows[i].quota);
		assert_int_equal(c.limits.cpu_scale, CGROUP_QUADRATIC);
	}
}

static void test_lists_of_limits(void **state)
{
	CLEANUP(cleanup_free)
	char *text = with("linux.resources",
		"{\"cpu\": {\"cpus\": \"0-1\", \"mems\": \"0\", \"period\": 7}, "
		"\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 9}], "
		"\"unified\": {\"memory.high\": \"5\", \"x\": null}}");
	CLEANUP(config_free) struct config c;

	(void)state;
	assert_int_equal(translate(text, &c, NULL), 0);
	assert_string_equal(c.limits.cpuset_cpus, "0-1");
	assert_string_equal(c.limits.cpuset_mems, "0");
	assert_int_equal(c.limits.cpu_period_us, 7);
	assert_int_equal(c.limits.hugepages_len, 1);
	assert_string_equal(c.limits.hugepages[0].size, "2MB");
	assert_int_equal(c.limits.hugepages[0].bytes, 9);
	assert_int_equal(c.limits.unified_len, 1);
	assert_string_equal(c.limits.unified[0].key, "memory.high");
	assert_string_equal(c.limits.unified[0].value, "5");
}

static void test_beside_the_plan(void **state)
{
	CLEANUP(cleanup_free)
	char *terminal = with("process.consoleSize", "{\"height\": 31, \"width\": 77}");
	CLEANUP(cleanup_free)
	char *joined = with("linux.namespaces",
		"[{\"type\": \"mount\"}, {\"type\": \"pid\", \"path\": \"/p\"}]");
	CLEANUP(cleanup_free) char *cgroup = with("linux.cgroupsPath", "\"\"");
	CLEANUP(config_free) struct config c;
	CLEANUP(config_free) struct config d;
	CLEANUP(config_free) struct config f;

	(void)state;
	assert_int_equal(translate(terminal, &c, NULL), 0);
	assert_int_equal(c.rows, 31);
	assert_int_equal(c.columns, 77);
	assert_false(c.has_terminal);
	assert_true(c.has_pid_namespace);
	assert_int_equal(translate(joined, &d, NULL), 0);
	assert_false(d.has_pid_namespace);
	assert_int_equal(translate(cgroup, &f, NULL), 0);
	assert_null(f.cgroup);
	assert_null(f.seccomp);
}

/* Ids of the container: all of a range, or its ends alone would be known. */
static void test_relative_ids(void **state)
{
	static const struct {
		const char *text;
		uint32_t outside; /* 0: refused */
	} cases[] = {
		{ "uids=5-1-1;gids=5-1-1", 1 },                    /* absolute */
		{ "uids=5-@0-1;gids=5-0-1", 0 },                   /* */
		{ "uids=@5-0-1;gids=5-0-1", 1000 },                /* */
		{ "uids=@5-11-9;gids=5-0-1", 2001 },               /* */
		{ "uids=@5-11-10;gids=5-0-1", 0 },                 /* past its end */
		{ "uids=@5-0-3;gids=5-0-1", 0 },                   /* 1 is none */
		{ "uids=@5-1-1;gids=5-0-1", 0 },                   /* */
		{ "uids=@5-4294967294-4294967295;gids=5-0-1", 0 }, /* */
	};
	struct plan_ids own[] = { { 0, 1000, 1 }, { 2, 1002, 1 }, { 10, 2000, 10 } };
	CLEANUP(cleanup_json) struct json *mount = NULL;
	struct plan p = { .uid_map = { own, ARRAY_LEN(own) } };
	struct part part;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_parse("{}", 2, NULL, &mount, NULL), 0);
	part = part_of(mount, "mounts[0]");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan_mount m = { 0 };
		int rc = config_mount_option_maps(&part, cases[i].text, &p, &m, &e);

		assert_int_equal(rc, cases[i].outside ? 0 : -EINVAL);
		if (cases[i].outside)
			assert_int_equal(m.uids.at[0].outside, cases[i].outside);
		free(m.uids.at);
		free(m.gids.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_of_the_process),
		cmocka_unit_test(test_plan_of_linux),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_joined_maps),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lists_of_limits),
		cmocka_unit_test(test_beside_the_plan),
		cmocka_unit_test(test_relative_ids),
	};

	return cmocka_run_group_tests_name("oci_config", tests, NULL, NULL);
}
