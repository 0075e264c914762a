/* LinuxContainerSecurityContext: what becomes of each field, and what is refused with which words.
 */
#include "tests/unit/cri_fixture.h"

#define AT "config.linux.security_context."
#define OPTIONS AT "namespace_options."
#define WITH(context) ", \"linux\": {\"security_context\": {" context "}}"
#define WITH_OPTIONS(options) WITH("\"namespace_options\": {" options "}")

/* A client that says nothing gets no filter, the usual masks, and the namespaces of its sandbox. */
static void test_nothing_said(void **state)
{
	static const char *const nothing[] = { "", ", \"linux\": {}" };
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
		const struct security_spec *s;

		assert_string_equal(container(&f, nothing[i]), "");
		s = &f.ctr->security;
		assert_true(s->run_as_user == -1 && s->run_as_group == -1);
		assert_int_equal(s->seccomp, SECCOMP_UNCONFINED);
		assert_false(s->has_masks || s->privileged || s->no_new_privs ||
			     s->read_only_root || s->strict_groups);
		assert_int_equal(f.ctr->pid, PID_POD);
	}
}

static void test_the_kubelets(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct security_spec *s;

	(void)state;
	assert_string_equal(
		container(&f,
			WITH("\"capabilities\": {\"add_capabilities\": [\"net_admin\", "
			     "\"CAP_KILL\", \"KILL\"], \"drop_capabilities\": [\"all\"], "
			     "\"add_ambient_capabilities\": [\"NET_BIND_SERVICE\"]},"
			     "\"namespace_options\": {\"pid\": \"CONTAINER\", "
			     "\"userns_options\": {\"mode\": \"NODE\"}}, \"selinux_options\": {},"
			     "\"run_as_user\": {\"value\": 1000}, \"run_as_group\": {\"value\": "
			     "0}, \"supplemental_groups\": [3, 2], "
			     "\"supplemental_groups_policy\": \"Strict\","
			     "\"readonly_rootfs\": true, \"no_new_privs\": true,"
			     "\"masked_paths\": [\"/proc/kcore\", \"/proc//acpi/\"],"
			     "\"readonly_paths\": [\"/proc/sys\"],"
			     "\"seccomp\": {\"profile_type\": \"RuntimeDefault\"},"
			     "\"apparmor\": {\"profile_type\": \"RuntimeDefault\"}, "
			     "\"apparmor_profile\": \"runtime/default\"")),
		"");
	s = &f.ctr->security;
	assert_string_equal(joined(&f, &s->cap_add), "NET_ADMIN KILL");
	assert_string_equal(joined(&f, &s->cap_drop), "ALL");
	assert_string_equal(joined(&f, &s->cap_ambient), "NET_BIND_SERVICE");
	assert_int_equal(f.ctr->pid, PID_CONTAINER);
	assert_true(s->run_as_user == 1000 && s->run_as_group == 0);
	assert_int_equal(s->groups_len, 2);
	assert_true(s->groups[0] == 3 && s->groups[1] == 2);
	assert_true(s->strict_groups && s->read_only_root && s->no_new_privs && s->has_masks);
	assert_string_equal(joined(&f, &s->masked_paths), "/proc/kcore /proc/acpi");
	assert_string_equal(joined(&f, &s->readonly_paths), "/proc/sys");
	assert_int_equal(s->seccomp, SECCOMP_DEFAULT);
	assert_null(s->seccomp_path);
	assert_null(s->run_as_username);
}

/* Empty lists are lists. */
static void test_masks(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(container(&f, WITH("\"no_new_privs\": true")), "");
	assert_true(f.ctr->security.has_masks);
	assert_int_equal(f.ctr->security.masked_paths.len, 0);
}

/* From a privileged container nothing is hidden, nor is it filtered, whatever it asks for. */
static void test_privileged(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct security_spec *s;

	(void)state;
	assert_string_equal(
		container_in(&f, WITH("\"privileged\": true"),
			WITH("\"privileged\": true, \"masked_paths\": [\"/proc/kcore\"], "
			     "\"seccomp\": {\"profile_type\": \"Localhost\", \"localhost_ref\": "
			     "\"/p.json\"}")),
		"");
	s = &f.ctr->security;
	assert_true(s->privileged);
	assert_false(s->has_masks);
	assert_int_equal(s->seccomp, SECCOMP_UNCONFINED);
}

static void test_seccomp(void **state)
{
	static const struct {
		const char *more;
		enum seccomp_type type;
		const char *path;
	} rows[] = {
		{ WITH("\"seccomp\": {}"), SECCOMP_DEFAULT, NULL },
		{ WITH("\"seccomp\": {\"profile_type\": \"Unconfined\"}"), SECCOMP_UNCONFINED,
			NULL },
		{ WITH("\"seccomp\": {\"profile_type\": \"Localhost\", \"localhost_ref\": "
		       "\"/p//a.json\"}"),
			SECCOMP_LOCALHOST, "/p/a.json" },
		{ WITH("\"seccomp_profile_path\": \"runtime/default\""), SECCOMP_DEFAULT, NULL },
		{ WITH("\"seccomp_profile_path\": \"docker/default\""), SECCOMP_DEFAULT, NULL },
		{ WITH("\"seccomp_profile_path\": \"unconfined\""), SECCOMP_UNCONFINED, NULL },
		{ WITH("\"seccomp_profile_path\": \"localhost//p.json\""), SECCOMP_LOCALHOST,
			"/p.json" },
		/* The new field wins. */
		{ WITH("\"seccomp_profile_path\": \"unconfined\", \"seccomp\": {}"),
			SECCOMP_DEFAULT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = { 0 };

		assert_string_equal(container(&f, rows[i].more), "");
		assert_int_equal(f.ctr->security.seccomp, rows[i].type);
		assert_true(str_eq(f.ctr->security.seccomp_path, rows[i].path));
	}
}

static void test_users(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(container(&f, WITH("\"run_as_username\": \"nobody\", "
					       "\"run_as_group\": {\"value\": 7}")),
		"");
	assert_string_equal(f.ctr->security.run_as_username, "nobody");
	assert_true(f.ctr->security.run_as_user == -1 && f.ctr->security.run_as_group == 7);
}

/* in: of the sandbox; POD is what it has. */
static void test_pid_modes(void **state)
{
	static const struct {
		const char *in, *more;
		enum pid_mode want;
	} rows[] = {
		{ "", WITH_OPTIONS(""), PID_POD },
		{ "", WITH_OPTIONS("\"pid\": \"CONTAINER\""), PID_CONTAINER },
		{ "", WITH_OPTIONS("\"pid\": \"TARGET\", \"target_id\": \"0af9\""), PID_TARGET },
		{ WITH_OPTIONS("\"pid\": \"CONTAINER\""), "", PID_POD },
		{ WITH_OPTIONS("\"pid\": \"NODE\""), "", PID_NODE },
		{ WITH_OPTIONS("\"pid\": \"NODE\""), WITH_OPTIONS("\"pid\": \"NODE\""), PID_NODE },
		{ WITH_OPTIONS("\"pid\": \"NODE\""), WITH_OPTIONS("\"pid\": \"CONTAINER\""),
			PID_CONTAINER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = { 0 };

		assert_string_equal(container_in(&f, rows[i].in, rows[i].more), "");
		assert_int_equal(f.ctr->pid, rows[i].want);
		assert_true(str_eq(f.ctr->pid_target, rows[i].want == PID_TARGET ? "0af9" : NULL));
	}
}

#define NODE WITH_OPTIONS("\"network\": \"NODE\", \"ipc\": \"NODE\"")

static void test_namespaces_of_the_sandbox(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(container_in(&f, NODE, ""), ""); /* critest says nothing */
	assert_string_equal(container_in(&f, NODE, NODE), "");
	assert_string_equal(container_in(&f, NODE, WITH_OPTIONS("")), "");
	assert_string_equal(container(&f, WITH_OPTIONS("\"network\": \"NODE\"")),
		"EINVAL " OPTIONS "network: 2: must be POD (0) or what the sandbox has");
	assert_string_equal(container(&f, WITH_OPTIONS("\"ipc\": \"NODE\"")),
		"EINVAL " OPTIONS "ipc: 2: must be POD (0) or what the sandbox has");
	assert_string_equal(container(&f, WITH_OPTIONS("\"pid\": \"NODE\"")),
		"EINVAL " OPTIONS "pid: 2: NODE needs a sandbox with NODE");
}

#define CAPABILITY(list, name) WITH("\"capabilities\": {\"" list "\": [\"" name "\"]}")
#define NO_CAPABILITY(list, name)                                                                  \
	"EINVAL " AT "capabilities." list ": \"" name "\": must be the name of a capability"

static void test_refused_identity(void **state)
{
	static const struct refusal rows[] = {
		{ WITH("\"privileged\": true"),
			"EINVAL " AT "privileged: a privileged container needs a privileged "
			"sandbox" },
		{ WITH("\"run_as_user\": {\"value\": -1}"),
			"EINVAL " AT "run_as_user: -1: must be between 0 and 2147483647, "
			"inclusive" },
		{ WITH("\"run_as_group\": {\"value\": 1002}"),
			"EINVAL " AT "run_as_group: 1002: needs a run_as_user or "
			"run_as_username" },
		{ WITH("\"run_as_user\": {\"value\": 1}, \"run_as_username\": \"a\""),
			"EINVAL " AT "run_as_username: \"a\": must not be given with run_as_user" },
		{ WITH("\"run_as_username\": \"0\""),
			"EINVAL " AT "run_as_username: \"0\": must be a name, without ':'" },
		{ WITH("\"run_as_username\": \"a:0\""),
			"EINVAL " AT "run_as_username: \"a:0\": must be a name, without ':'" },
		{ WITH("\"run_as_username\": \"a\\n\""),
			"EINVAL " AT "run_as_username: \"a\\n\": must be a name, without ':'" },
		{ WITH("\"supplemental_groups\": [4294967296]"),
			"EINVAL " AT "supplemental_groups: 4294967296: must be between 0 and "
			"2147483647, inclusive" },
	};

	(void)state;
	check_refusals(container, rows, ARRAY_LEN(rows));
}

static void test_refused_powers(void **state)
{
	static const struct refusal rows[] = {
		{ CAPABILITY("add_capabilities", "NET ADMIN"),
			NO_CAPABILITY("add_capabilities", "NET ADMIN") },
		{ CAPABILITY("drop_capabilities", "CAP_"),
			NO_CAPABILITY("drop_capabilities", "CAP_") },
		{ CAPABILITY("add_ambient_capabilities", ""),
			NO_CAPABILITY("add_ambient_capabilities", "") },
		{ CAPABILITY("add_capabilities", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNO"),
			"EINVAL " AT
			"capabilities.add_capabilities: \"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN"
			"\"…: must be the name of a capability" },
		{ WITH("\"masked_paths\": [\"proc\"]"),
			"EINVAL " AT "masked_paths: \"proc\": must be an absolute path" },
		{ WITH("\"masked_paths\": [\"//\"]"),
			"EINVAL " AT "masked_paths: \"//\": must not be the root" },
		{ WITH("\"readonly_paths\": [\"/proc/..\"]"),
			"EINVAL " AT "readonly_paths: \"/proc/..\": must not contain '..'" },
		{ WITH("\"seccomp\": {\"profile_type\": \"Localhost\"}"),
			"EINVAL " AT "seccomp.localhost_ref: \"\": must be an absolute path" },
		{ WITH("\"seccomp\": {\"localhost_ref\": \"/x\"}"),
			"EINVAL " AT "seccomp.localhost_ref: \"/x\": needs profile_type Localhost "
			"(2)" },
		{ WITH("\"seccomp_profile_path\": \"/p.json\""),
			"EINVAL " AT "seccomp_profile_path: \"/p.json\": must be "
			"runtime/default, unconfined or localhost/<path>" },
		{ WITH("\"seccomp_profile_path\": \"localhost/p.json\""),
			"EINVAL " AT "seccomp_profile_path: \"p.json\": must be an absolute path" },
		{ WITH("\"selinux_options\": {\"user\": \"x y\"}"),
			"EINVAL " AT "selinux_options.user: \"x y\": must be a part of an SELinux "
			"context" },
		{ WITH("\"selinux_options\": {\"level\": \"s0\\n\"}"),
			"EINVAL " AT "selinux_options.level: \"s0\\n\": must be a part of an "
			"SELinux context" },
		{ WITH("\"apparmor\": {\"profile_type\": \"Localhost\"}"),
			"EINVAL " AT "apparmor.localhost_ref: \"\": must name a profile" },
		{ WITH("\"apparmor\": {\"localhost_ref\": \"x\"}"),
			"EINVAL " AT "apparmor.localhost_ref: \"x\": needs profile_type Localhost "
			"(2)" },
		{ WITH("\"apparmor_profile\": \"localhost/\""),
			"EINVAL " AT "apparmor_profile: \"localhost/\": must name a profile" },
		{ WITH("\"apparmor_profile\": \"localhost/a\\nb\""),
			"EINVAL " AT "apparmor_profile: \"localhost/a\\nb\": must not have control "
			"characters" },
		{ WITH("\"apparmor_profile\": \"x\""),
			"EINVAL " AT "apparmor_profile: \"x\": must be runtime/default, "
			"unconfined or localhost/<profile>" },
	};

	(void)state;
	check_refusals(container, rows, ARRAY_LEN(rows));
}

static void test_refused_namespaces(void **state)
{
	static const struct refusal rows[] = {
		{ WITH_OPTIONS("\"pid\": \"TARGET\""),
			"EINVAL " OPTIONS "target_id: \"\": must be a container's id" },
		{ WITH_OPTIONS("\"pid\": \"TARGET\", \"target_id\": \"../x\""),
			"EINVAL " OPTIONS "target_id: \"../x\": must be a container's id" },
		{ WITH_OPTIONS("\"target_id\": \"ab\""),
			"EINVAL " OPTIONS "target_id: \"ab\": needs pid TARGET (3)" },
		{ WITH_OPTIONS("\"userns_options\": {\"mode\": \"POD\"}"),
			"EINVAL " OPTIONS "userns_options.uids: 0 mappings: must be exactly one" },
		{ WITH_OPTIONS("\"userns_options\": {\"uids\": [{\"host_id\": 9, \"length\": "
			       "9}], \"gids\": [{\"host_id\": 9, \"length\": 9}]}"),
			"EINVAL " OPTIONS "userns_options: must be what the sandbox has" },
	};

	(void)state;
	check_refusals(container, rows, ARRAY_LEN(rows));
}

static void test_bounds(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	CLEANUP(cleanup_free)
	char *paths = many(
		", \"linux\": {\"security_context\": {\"masked_paths\": [", "\"/a\"", 1025, "]}}");
	CLEANUP(cleanup_free)
	char *user = long_member(
		", \"linux\": {\"security_context\": {\"run_as_username\": \"", 257, "\"}}");
	CLEANUP(cleanup_free)
	char *groups = many(", \"linux\": {\"security_context\": {\"supplemental_groups\": [", "1",
		1025, "]}}");
	CLEANUP(cleanup_free)
	char *caps = many(", \"linux\": {\"security_context\": {\"capabilities\": "
			  "{\"drop_capabilities\": [",
		"\"A\"", 1025, "]}}}");

	(void)state;
	assert_string_equal(container(&f, user),
		"E2BIG " AT "run_as_username: 257 bytes: must be no more than 256");
	assert_string_equal(container(&f, paths),
		"E2BIG " AT "masked_paths: 1025 of them: must be no more than 1024");
	assert_string_equal(container(&f, groups),
		"E2BIG " AT "supplemental_groups: 1025 of them: must be no more than 1024");
	assert_string_equal(container(&f, caps),
		"E2BIG " AT
		"capabilities.drop_capabilities: 1025 of them: must be no more than 1024");
}

/* The field over its deprecated form; the sandbox's label where the container has none. */
static void test_labels(void **state)
{
	static const struct {
		const char *more;
		enum apparmor_type type;
		const char *profile;
	} rows[] = {
		{ WITH(""), APPARMOR_DEFAULT, NULL },
		{ WITH("\"apparmor\": {}"), APPARMOR_RUNTIME_DEFAULT, NULL },
		{ WITH("\"apparmor_profile\": \"runtime/default\""), APPARMOR_RUNTIME_DEFAULT,
			NULL },
		{ WITH("\"apparmor_profile\": \"unconfined\""), APPARMOR_UNCONFINED, NULL },
		{ WITH("\"apparmor_profile\": \"localhost/a b\""), APPARMOR_LOCALHOST, "a b" },
		{ WITH("\"apparmor\": {\"profile_type\": \"Unconfined\"}, "
		       "\"apparmor_profile\": \"localhost/a\""),
			APPARMOR_UNCONFINED, NULL },
		{ WITH("\"apparmor\": {\"profile_type\": \"Localhost\", \"localhost_ref\": "
		       "\"localhost/b\"}, \"apparmor_profile\": \"runtime/default\""),
			APPARMOR_LOCALHOST, "b" },
	};
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct security_spec *s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(container(&f, rows[i].more), "");
		s = &f.ctr->security;
		assert_int_equal(s->apparmor, rows[i].type);
		assert_true(str_eq(s->apparmor_profile, rows[i].profile));
		assert_false(selinux_is_given(&s->selinux));
	}
	assert_string_equal(
		container_in(&f, WITH("\"selinux_options\": {\"level\": \"s0:c1\"}"), ""), "");
	assert_false(selinux_is_given(&f.ctr->security.selinux));
	assert_string_equal(container_in(&f, WITH("\"selinux_options\": {\"level\": \"s0:c1\"}"),
				    WITH("\"no_new_privs\": true")),
		"");
	assert_string_equal(f.ctr->security.selinux.level, "s0:c1");
	assert_string_equal(container_in(&f, WITH("\"selinux_options\": {\"level\": \"s0:c1\"}"),
				    WITH("\"selinux_options\": {\"type\": \"t\"}")),
		"");
	assert_string_equal(f.ctr->security.selinux.type, "t");
	assert_null(f.ctr->security.selinux.level);
}

static void test_unknown_numbers(void **state)
{
	Runtime__V1__PodSandboxConfig in = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__ContainerConfig *c = message_of(&runtime__v1__container_config__descriptor,
		"{\"metadata\": {\"name\": \"a\"}, \"image\": {\"image\": \"i\"}" WITH(
			"\"namespace_options\": {\"userns_options\": {\"mode\": \"NODE\"}}, "
			"\"seccomp\": {}, \"apparmor\": {}") "}");
	Runtime__V1__LinuxContainerSecurityContext *s = c->linux->security_context;
	const struct unknown rows[] = {
		{ &s->namespace_options->network, 4, OPTIONS "network: 4: unknown value" },
		{ &s->namespace_options->ipc, 4, OPTIONS "ipc: 4: unknown value" },
		{ &s->namespace_options->pid, 4, OPTIONS "pid: 4: unknown value" },
		{ &s->namespace_options->userns_options->mode, 4,
			OPTIONS "userns_options.mode: 4: unknown value" },
		{ &s->supplemental_groups_policy, -1,
			AT "supplemental_groups_policy: -1: unknown value" },
		{ &s->seccomp->profile_type, 3, AT "seccomp.profile_type: 3: unknown value" },
		{ &s->apparmor->profile_type, 3, AT "apparmor.profile_type: 3: unknown value" },
	};

	(void)state;
	check_unknown(c, &in, rows, ARRAY_LEN(rows));
	message_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_said),
		cmocka_unit_test(test_the_kubelets),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_pid_modes),
		cmocka_unit_test(test_namespaces_of_the_sandbox),
		cmocka_unit_test(test_refused_identity),
		cmocka_unit_test(test_refused_powers),
		cmocka_unit_test(test_refused_namespaces),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_unknown_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
