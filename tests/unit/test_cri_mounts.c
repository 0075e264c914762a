/* ContainerConfig.mounts: what becomes of each field, and what is refused with which words. */
#include "tests/unit/cri_fixture.h"

#define MOUNT(members)                                                                             \
	", \"mounts\": [{\"container_path\": \"/c\", \"host_path\": \"/h\", " members "}]"
#define AT "config.mounts[0]."

static void test_all_fields(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct mount_spec *m;

	(void)state;
	assert_string_equal(
		container(&f,
			", \"mounts\": [{\"container_path\": \"/data//x/./\", \"host_path\": "
			"\"/srv/data/\"}, {\"container_path\": \"/a\", \"host_path\": \"/\", "
			"\"readonly\": true, \"recursive_read_only\": true, "
			"\"selinux_relabel\": true, \"mount_options\": [\"nodev\", \"noexec\"]},"
			"{\"container_path\": \"/b\", \"host_path\": \"/h\", \"propagation\": "
			"\"PROPAGATION_HOST_TO_CONTAINER\", \"mount_options\": [\"nosuid\"]},"
			"{\"container_path\": \"/c\", \"host_path\": \"/h\", \"readonly\": true, "
			"\"image\": {}, \"propagation\": \"PROPAGATION_BIDIRECTIONAL\"}]"),
		"");
	assert_int_equal(f.ctr->mounts_len, 4);
	m = f.ctr->mounts;
	assert_string_equal(m[0].path, "/data/x");
	assert_string_equal(m[0].host_path, "/srv/data");
	assert_null(m[0].volume);
	assert_null(m[0].sub_path);
	assert_false(m[0].read_only || m[0].recursive_read_only || m[0].no_exec || m[0].no_dev ||
		     m[0].no_suid);
	assert_int_equal(m[0].propagation, MOUNT_PRIVATE);
	assert_string_equal(m[1].host_path, "/");
	assert_true(m[1].read_only && m[1].recursive_read_only && m[1].no_exec && m[1].no_dev);
	assert_false(m[1].no_suid);
	assert_int_equal(m[2].propagation, MOUNT_SLAVE);
	assert_true(m[2].no_suid);
	assert_false(m[2].no_exec || m[2].no_dev);
	assert_int_equal(m[3].propagation, MOUNT_SHARED);
	assert_true(m[3].read_only);
	assert_false(m[3].recursive_read_only);
}

static void test_refused(void **state)
{
	static const struct refusal rows[] = {
		{ ", \"mounts\": [{\"container_path\": \"/c\"}]",
			"EINVAL " AT "host_path: \"\": must be an absolute path" },
		{ ", \"mounts\": [{\"host_path\": \"/h\"}]",
			"EINVAL " AT "container_path: \"\": must be an absolute path" },
		{ ", \"mounts\": [{\"container_path\": \"c\", \"host_path\": \"/h\"}]",
			"EINVAL " AT "container_path: \"c\": must be an absolute path" },
		{ ", \"mounts\": [{\"container_path\": \"/a/../..\", \"host_path\": \"/h\"}]",
			"EINVAL " AT "container_path: \"/a/../..\": must not contain '..'" },
		{ ", \"mounts\": [{\"container_path\": \"/.//\", \"host_path\": \"/h\"}]",
			"EINVAL " AT "container_path: \"/.//\": must not be the root" },
		{ ", \"mounts\": [{\"container_path\": \"/c\", \"host_path\": \"/h/..\"}]",
			"EINVAL " AT "host_path: \"/h/..\": must not contain '..'" },
		{ ", \"mounts\": [{\"container_path\": \"/c\", \"host_path\": \"/h\"}, "
		  "{\"container_path\": \"/d\", \"host_path\": \"h\"}]",
			"EINVAL config.mounts[1].host_path: \"h\": must be an absolute path" },
		{ MOUNT("\"recursive_read_only\": true"),
			"EINVAL " AT "recursive_read_only: needs readonly" },
		{ MOUNT("\"recursive_read_only\": true, \"readonly\": true, \"propagation\": "
			"\"PROPAGATION_HOST_TO_CONTAINER\""),
			"EINVAL " AT
			"recursive_read_only: needs propagation PROPAGATION_PRIVATE (0)" },
		{ MOUNT("\"recursive_read_only\": true, \"readonly\": true, \"propagation\": "
			"\"PROPAGATION_BIDIRECTIONAL\""),
			"EINVAL " AT
			"recursive_read_only: needs propagation PROPAGATION_PRIVATE (0)" },
		{ MOUNT("\"mount_options\": [\"nodev\", \"suid\"]"),
			"EINVAL " AT "mount_options: \"suid\": must be noexec, nodev or nosuid" },
		{ ", \"mounts\": [{\"container_path\": \"/c\", \"image\": {\"image\": \"i\"}}]",
			"EOPNOTSUPP " AT "image: image volumes are not supported yet" },
		{ MOUNT("\"image\": {\"image_ref\": \"i\"}"),
			"EOPNOTSUPP " AT "image: image volumes are not supported yet" },
		{ MOUNT("\"image_sub_path\": \"a\""),
			"EOPNOTSUPP " AT "image_sub_path: image volumes are not supported yet" },
		{ MOUNT("\"uidMappings\": [{\"length\": 1}]"),
			"EINVAL " AT "uidMappings: the sandbox has no user namespace" },
		{ MOUNT("\"gidMappings\": [{\"length\": 1}]"),
			"EINVAL " AT "gidMappings: the sandbox has no user namespace" },
	};

	(void)state;
	check_refusals(container, rows, ARRAY_LEN(rows));
}

#define IDS(first) "[{\"host_id\": " first ", \"length\": 10}]"
#define USERS                                                                                      \
	", \"linux\": {\"security_context\": {\"namespace_options\": {\"userns_options\": "        \
	"{\"uids\": " IDS("7") ", \"gids\": " IDS("9") "}}}}"

/* The sandbox's mappings on a mount, or none and so the host's ids. */
static void test_mappings(void **state)
{
	static const char other[] =
		"EINVAL " AT "uidMappings, gidMappings: must be what the sandbox has";
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(container_in(&f, USERS, MOUNT("\"readonly\": true")), "");
	assert_true(f.ctr->mounts[0].keeps_ids);
	assert_string_equal(
		container_in(&f, USERS,
			MOUNT("\"readonly\": true, \"recursive_read_only\": true, "
			      "\"uidMappings\": " IDS("7") ", \"gidMappings\": " IDS("9"))),
		"");
	assert_false(f.ctr->mounts[0].keeps_ids);
	assert_true(f.ctr->mounts[0].recursive_read_only);
	assert_string_equal(
		container_in(&f, USERS,
			MOUNT("\"uidMappings\": " IDS("8") ", \"gidMappings\": " IDS("9"))),
		other);
	assert_string_equal(
		container_in(&f, USERS,
			MOUNT("\"uidMappings\": " IDS("7") ", \"gidMappings\": " IDS("7"))),
		other);
	assert_string_equal(container_in(&f, USERS, MOUNT("\"uidMappings\": " IDS("7"))),
		"EINVAL " AT "gidMappings: 0 mappings: must be exactly one");
	assert_string_equal(
		container_in(&f, USERS, MOUNT("\"propagation\": \"PROPAGATION_BIDIRECTIONAL\"")),
		"EINVAL " AT "propagation: nobody in a user namespace mounts for the node");
}

static void test_bounds(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	CLEANUP(cleanup_free)
	char *mounts = many(", \"mounts\": [",
		"{\"container_path\": \"/c\", \"host_path\": \"/h\"}", 1025, "]");
	CLEANUP(cleanup_free)
	char *options = many(", \"mounts\": [{\"container_path\": \"/c\", \"host_path\": \"/h\", "
			     "\"mount_options\": [",
		"\"nodev\"", 1025, "]}]");

	(void)state;
	assert_string_equal(container(&f, mounts),
		"E2BIG config.mounts: 1025 of them: must be no more than 1024");
	assert_string_equal(container(&f, options),
		"E2BIG " AT "mount_options: 1025 of them: must be no more than 1024");
}

static void test_unknown_numbers(void **state)
{
	Runtime__V1__PodSandboxConfig in = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__ContainerConfig *c = message_of(&runtime__v1__container_config__descriptor,
		"{\"metadata\": {\"name\": \"a\"}, \"image\": {\"image\": \"i\"}" MOUNT(
			"\"readonly\": true") "}");
	const struct unknown rows[] = {
		{ &c->mounts[0]->propagation, 3, AT "propagation: 3: unknown value" },
		{ &c->mounts[0]->propagation, -1, AT "propagation: -1: unknown value" },
	};

	(void)state;
	check_unknown(c, &in, rows, ARRAY_LEN(rows));
	message_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_fields),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_unknown_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
