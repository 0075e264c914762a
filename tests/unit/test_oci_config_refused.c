/* What is wrong in config.json, or cannot be had, is refused by its field, its value and the
 * reason. */
#include <errno.h>

#include "oci_config_fixture.h"

static void refuse_all(const struct row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		CLEANUP(cleanup_free) char *text = with(rows[i].where, rows[i].value);
		CLEANUP(cleanup_free) char *want = str_fmt("config.json: %s", rows[i].want);
		CLEANUP(config_free) struct config c;
		struct err e = { 0 };

		if (translate(text, &c, &e) == 0)
			fail_msg("%s=%s: accepted", rows[i].where, rows[i].value);
		if (!str_starts(e.text, want))
			fail_msg("%s\nis not\n%s", e.text, want);
		assert_true(e.code > 0);
	}
}

static void test_whole_is_refused(void **state)
{
	static const struct row rows[] = {
		{ "ociVersion", "\"2.0.0\"", "ociVersion=\"2.0.0\": want a version 1" },
		{ "ociVersion", "null", "ociVersion=null: want a version 1" },
		{ "ociVersion", "1", "ociVersion=1: want a text" },
		{ "root", "{}", "root.path: want a path" },
		{ "root", "[]", "root=[]: want an object" },
		{ "root.path", "\"no/such\"", "root.path: //no/such: No such file" },
		{ "root.path", "\"a\\u0000b\"", "root.path=\"a\\u0000b\": it has a NUL byte" },
		{ "root.readonly", "1", "root.readonly=1: want true or false" },
		{ "process", "null", "process=null: it is missing" },
		{ "hostname", "[]", "hostname=[]: want a text" },
		{ "mounts", "{}", "mounts={}: want a list" },
		{ "linux", "true", "linux=true: want an object" },
	};

	(void)state;
	refuse_all(rows, ARRAY_LEN(rows));
}

static void test_process_is_refused(void **state)
{
	static const struct row rows[] = {
		{ "process.scheduler", "{\"policy\": \"SCHED_RR\"}",
			"process.scheduler={\"policy\":\"SCHED_RR\"}: it is not supported" },
		{ "process.ioPriority", "{\"priority\": 3}",
			"process.ioPriority={\"priority\":3}: it is not supported" },
		{ "process.execCPUAffinity", "{\"initial\": \"0\"}", "process.execCPUAffinity=" },
		{ "process.args", "[]", "process.args=[]: want a program" },
		{ "process.args", "[\"\"]", "process.args=[\"\"]: want a program" },
		{ "process.args", "[\"a\", 1]", "process.args[1]=1: want a text" },
		{ "process.args", "[\"a\\u0000b\"]",
			"process.args[0]=\"a\\u0000b\": it has a NUL" },
		{ "process.env", "[\"A=1\", \"novalue\"]",
			"process.env[1]=\"novalue\": want NAME" },
		{ "process.env", "[\"=1\"]", "process.env[0]=\"=1\": want NAME=VALUE" },
		{ "process.cwd", "\"relative\"", "process.cwd=\"relative\": want an absolute" },
		{ "process.cwd", "null", "process.cwd=null: want an absolute path" },
		{ "process.user", "5", "process.user=5: want an object" },
		{ "process.user.uid", "-1", "process.user.uid=-1: it is out of range" },
		{ "process.user.uid", "2147483648", "process.user.uid=2147483648: it is out of" },
		{ "process.user.gid", "1.5", "process.user.gid=1.5: it is out of range" },
		{ "process.user.gid", "\"0\"", "process.user.gid=\"0\": want a number" },
		{ "process.user.additionalGids", "[7, -7]",
			"process.user.additionalGids=[7,-7]: one is out of range" },
		{ "process.user.additionalGids", "[null]",
			"process.user.additionalGids[0]=null: want a number" },
		{ "process.user.umask", "512", "process.user.umask=512: it is out of range" },
		{ "process.capabilities.bounding", "[\"CAP_NONE\"]",
			"process.capabilities.bounding[0]=\"CAP_NONE\": no such capability here" },
		{ "process.capabilities.ambient", "[\"KILL\"]",
			"process.capabilities.ambient[0]=\"KILL\": no such capability here" },
		{ "process.capabilities.inheritable", "[\"CAP_KILL\"]",
			"process.capabilities.inheritable=[\"CAP_KILL\"]: it is not within the" },
		{ "process.rlimits", "[{\"type\": \"NOFILE\", \"soft\": 1, \"hard\": 1}]",
			"process.rlimits[0].type=\"NOFILE\": want RLIMIT_…" },
		{ "process.rlimits", "[{\"type\": \"RLIMIT_CORE\", \"soft\": 1}]",
			"process.rlimits[0].hard: it is missing" },
		{ "process.rlimits", "[{\"type\": \"RLIMIT_CORE\", \"hard\": 1}]",
			"process.rlimits[0].soft: it is missing" },
		{ "process.rlimits", "[7]", "process.rlimits[0]=7: want an object" },
		{ "process.oomScoreAdj", "1001", "process.oomScoreAdj=1001: it is out of range" },
		{ "process.terminal", "\"yes\"", "process.terminal=\"yes\": want true or false" },
		{ "process.consoleSize", "{\"height\": 65536}",
			"process.consoleSize.height=65536: it is out of range" },
	};

	(void)state;
	refuse_all(rows, ARRAY_LEN(rows));
}

static void test_linux_is_refused(void **state)
{
	static const struct row rows[] = {
		{ "linux.namespaces", "[]", "linux.namespaces=[]: a mount namespace is needed" },
		{ "linux.namespaces", "[{\"type\": \"mount\", \"path\": \"/proc/1/ns/mnt\"}]",
			"linux.namespaces[0].path=\"/proc/1/ns/mnt\": a mount namespace that is" },
		{ "linux.namespaces", "[{\"type\": \"time\"}]",
			"linux.namespaces[0].type=\"time\": it is not supported" },
		{ "linux.namespaces", "[{}]", "linux.namespaces[0].type: it is not supported" },
		{ "linux.namespaces", "[{\"type\": \"pid\", \"path\": \"x\"}]",
			"linux.namespaces[0].path=\"x\": want an absolute path" },
		{ "linux.namespaces",
			"[{\"type\": \"mount\"}, {\"type\": \"user\", \"path\": \"/u\"}]",
			"linux.uidMappings: a user namespace needs them" },
		{ "linux.uidMappings", "[{\"containerID\": 0, \"hostID\": 5, \"size\": 1}]",
			"linux.uidMappings=[{\"containerID\":0,\"hostID\":5,\"size\":1}]: they "
			"need a" },
		{ "linux.uidMappings", "[{\"containerID\": 0, \"size\": 1}]",
			"linux.uidMappings[0].hostID: it is missing" },
		{ "linux.gidMappings",
			"[{\"containerID\": 0, \"hostID\": 4294967296, \"size\": 1}]",
			"linux.gidMappings[0].hostID=4294967296: it is out of range" },
		{ "linux.gidMappings", "[{\"containerID\": 0, \"hostID\": 5, \"size\": 0}]",
			"linux.gidMappings[0].size=0: it is out of range" },
		{ "linux.timeOffsets", "{\"monotonic\": {\"secs\": 1}}",
			"linux.timeOffsets={\"monotonic\":{\"secs\":1}}: it is not supported" },
		{ "linux.mountLabel", "\"l\"", "linux.mountLabel=\"l\": it is not supported" },
		{ "linux.intelRdt", "{\"closID\": \"x\"}", "linux.intelRdt={\"closID\":\"x\"}:" },
		{ "linux.netDevices", "{\"eth0\": {}}", "linux.netDevices={\"eth0\":{}}: it is" },
		{ "linux.memoryPolicy", "{\"mode\": \"MPOL_BIND\"}", "linux.memoryPolicy=" },
		{ "linux.rootfsPropagation", "\"unbindable\"",
			"linux.rootfsPropagation=\"unbindable\": it is not supported" },
		{ "linux.personality", "{\"domain\": \"LINUX32\"}",
			"linux.personality.domain=\"LINUX32\": it is not supported" },
		{ "linux.personality", "{\"flags\": [\"x\"]}", "linux.personality.flags=[\"x\"]:" },
		{ "linux.sysctl", "{\"net.x\": 1}", "linux.sysctl.net.x=1: want a text" },
		{ "linux.maskedPaths", "[\"proc\"]",
			"linux.maskedPaths=[\"proc\"]: want absolute paths" },
		{ "linux.readonlyPaths", "[\"proc\"]", "linux.readonlyPaths=[\"proc\"]: want" },
		{ "linux.cgroupsPath", "{}", "linux.cgroupsPath={}: want a text" },
		{ "linux.seccomp", "[]", "linux.seccomp=[]: want an object" },
		{ "linux.devices", "[{\"path\": \"/etc/x\", \"type\": \"c\"}]",
			"linux.devices[0].path=\"/etc/x\": want a path below /dev" },
		{ "linux.devices", "[{\"path\": \"/dev/x\", \"type\": \"x\"}]",
			"linux.devices[0].type=\"x\": want b, c, u or p" },
		{ "linux.devices", "[{\"path\": \"/dev/x\", \"type\": \"c\", \"minor\": -1}]",
			"linux.devices[0].minor=-1: it is out of range" },
	};

	(void)state;
	refuse_all(rows, ARRAY_LEN(rows));
}

static void test_resources_are_refused(void **state)
{
	static const struct row rows[] = {
		{ "linux.resources.blockIO", "{\"weight\": 5}",
			"linux.resources.blockIO={\"weight\":5}: it is not supported" },
		{ "linux.resources.network", "{\"classID\": 5}", "linux.resources.network=" },
		{ "linux.resources.rdma", "{\"x\": {}}", "linux.resources.rdma={\"x\":{}}: it is" },
		{ "linux.resources.memory", "{\"swappiness\": 5}",
			"linux.resources.memory.swappiness=5: it is not supported" },
		{ "linux.resources.memory", "{\"reservation\": 5}",
			"linux.resources.memory.reservation=5: it is not supported" },
		{ "linux.resources.memory", "{\"disableOOMKiller\": true}",
			"linux.resources.memory.disableOOMKiller=true: it is not supported" },
		{ "linux.resources.memory", "{\"limit\": -2}",
			"linux.resources.memory.limit=-2: it is out of range" },
		{ "linux.resources.memory", "{\"limit\": 9223372036854775807}",
			"linux.resources.memory.limit=9223372036854775807: it is out of range" },
		{ "linux.resources.cpu", "{\"burst\": 5}",
			"linux.resources.cpu.burst=5: it is not" },
		{ "linux.resources.cpu", "{\"idle\": 1}", "linux.resources.cpu.idle=1: it is not" },
		{ "linux.resources.cpu", "{\"shares\": -1}",
			"linux.resources.cpu.shares=-1: it is out of range" },
		{ "linux.resources.pids", "{\"limit\": \"5\"}",
			"linux.resources.pids.limit=\"5\": want a number" },
		{ "linux.resources.hugepageLimits", "[{\"limit\": 5}]",
			"linux.resources.hugepageLimits[0].pageSize: it is missing" },
		{ "linux.resources.unified", "{\"a\": 1}",
			"linux.resources.unified.a=1: want a text" },
		{ "linux.resources.devices", "[{\"allow\": true, \"access\": \"q\"}]",
			"linux.resources.devices[0].access=\"q\": want of r, w and m" },
		{ "linux.resources.devices", "[{\"allow\": true, \"access\": \"\"}]",
			"linux.resources.devices[0].access=\"\": want of r, w and m" },
		{ "linux.resources.devices", "[{\"type\": \"cc\"}]",
			"linux.resources.devices[0].type=\"cc\": want a, b, c or u" },
		{ "linux.resources.devices", "[{\"major\": -2}]",
			"linux.resources.devices[0].major=-2: it is out of range" },
	};

	(void)state;
	refuse_all(rows, ARRAY_LEN(rows));
}

#define TAKES "want idmap=uids=[@]FILE-HOST-SIZE[#…];gids=…"

/* Ids behind idmap=, and those that are the container's where it has none. */
static void test_mapped_options_are_refused(void **state)
{
	static const char *const texts[] = { "", "uids=0-1-2", "uids=0-1-2;",
		"gids=0-1-2;uids=0-1-2", "uids=0-1-2;gids=0-1", "uids=0-1-2;gids=0-1-2;",
		"uids=0-1-2#;gids=0-1-2", "uids=0-1-2#1-5-1;gids=0-1-2", "uids=0-1-0;gids=0-1-2",
		"uids=0--1-2;gids=0-1-2", "uids=0-4294967295-1;gids=0-1-2",
		"uids=@0-1-2;gids=0-1-2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_free)
		char *value = str_fmt("[{\"destination\": \"/a\", \"source\": \"/\", "
				      "\"options\": [\"bind\",\"idmap=%s\"]}]",
			texts[i]);
		CLEANUP(cleanup_free)
		char *want = str_fmt("mounts[0].options=[\"bind\",\"idmap=%s\"]: " TAKES, texts[i]);
		const struct row row = { "mounts", value, want };

		refuse_all(&row, 1);
	}
}

static void test_mounts_are_refused(void **state)
{
	static const struct row rows[] = {
		{ "mounts", "[{}]", "mounts[0].destination: want an absolute path" },
		{ "mounts", "[{\"destination\": \"a\", \"type\": \"tmpfs\"}]",
			"mounts[0].destination=\"a\": want an absolute path" },
		{ "mounts", "[{\"destination\": \"/a/../b\", \"type\": \"tmpfs\"}]",
			"mounts[0].destination=\"/a/../b\": want an absolute path without \"..\"" },
		{ "mounts", "[{\"destination\": \"/a\", \"type\": \"ext4\", \"source\": \"/x\"}]",
			"mounts[0].type=\"ext4\": it is not supported" },
		{ "mounts", "[{\"destination\": \"/a\"}]", "mounts[0].type: it is not supported" },
		{ "mounts", "[{\"destination\": \"/a\", \"type\": \"bind\"}]",
			"mounts[0].source: want a path" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"type\": \"bind\", \"source\": \"/no/x\"}]",
			"mounts[0].source=/no/x: No such file" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\", "
			"\"size=1\"]}]",
			"mounts[0].options: size=1: not supported for a bind" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\", "
			"\"noatime\"]}]",
			"mounts[0].options=[\"bind\",\"noatime\"]: noatime and strictatime" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": "
			"[\"shared\"]}]",
			"mounts[0].options=[\"shared\"]: slave, shared and rro are for binds" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\", "
			"\"ridmap\"]}]",
			"mounts[0]: mapped ids need a user namespace" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\"], "
			"\"uidMappings\": [{\"containerID\": 0, \"hostID\": 5, \"size\": 1}]}]",
			"mounts[0].gidMappings: want both or none" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"source\": \"/\", \"options\": [\"bind\"], "
			"\"uidMappings\": [{\"containerID\": 0, \"hostID\": 4294967295, \"size\": "
			"1}]}]",
			"mounts[0].uidMappings=[{\"containerID\":0,\"hostID\":4294967295,\"size\":"
			"1}]: "
			"ranges overlap, or are none" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": "
			"[\"idmap\"]}]",
			"mounts[0]: only a bind has ids to map" },
		{ "mounts", /* after an option that was kept */
			"[{\"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": "
			"[\"size=1\",\"idmap=\"]}]",
			"mounts[0].options=[\"size=1\",\"idmap=\"]: " TAKES },
		{ "mounts",
			"[{\"destination\": \"/dev\", \"type\": \"tmpfs\", \"options\": "
			"[\"tmpcopyup\"]}]",
			"mounts[0].options=[\"tmpcopyup\"]: tmpcopyup is for a tmpfs outside "
			"/dev" },
		{ "mounts",
			"[{\"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": [\"rro\"]}]",
			"mounts[0].options=[\"rro\"]: slave, shared and rro are for binds" },
		{ "mounts", "[{\"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": [5]}]",
			"mounts[0].options[0]=5: want a text" },
	};

	(void)state;
	refuse_all(rows, ARRAY_LEN(rows));
}

/* Lists that have no end elsewhere have one here. */
static void test_counts_are_limited(void **state)
{
	static const struct {
		const char *where, *element;
		size_t max;
		const char *says;
	} lists[] = {
		{ "linux.devices", "{\"path\": \"/dev/x\", \"type\": \"p\"}", PLAN_DEVICES_MAX,
			"linux.devices: more than 256" },
		{ "linux.resources.devices", "{\"allow\": true}", PLAN_DEVICE_RULES_MAX - 8,
			"linux.resources.devices: too many" },
		{ "linux.resources.hugepageLimits", "{\"pageSize\": \"2MB\", \"limit\": 1}", 64,
			"linux.resources.hugepageLimits: more than 64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		for (size_t more = 0; more < 2; more++) {
			CLEANUP(buf_free) struct buf list = { 0 };
			CLEANUP(cleanup_free) char *text = NULL;
			CLEANUP(config_free) struct config c;
			struct err e = { 0 };
			int rc;

			for (size_t n = 0; n < lists[i].max + more; n++)
				buf_addf(&list, "%s%s", n ? ", " : "[", lists[i].element);
			buf_addc(&list, ']');
			text = with(lists[i].where, list.data);
			rc = translate(text, &c, &e);
			assert_int_equal(rc, more ? -E2BIG : 0);
			assert_true(!more || strstr(e.text, lists[i].says));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_is_refused),
		cmocka_unit_test(test_process_is_refused),
		cmocka_unit_test(test_linux_is_refused),
		cmocka_unit_test(test_resources_are_refused),
		cmocka_unit_test(test_mounts_are_refused),
		cmocka_unit_test(test_mapped_options_are_refused),
		cmocka_unit_test(test_counts_are_limited),
	};

	return cmocka_run_group_tests_name("oci_config_refused", tests, NULL, NULL);
}
