/* Sandboxes that are too much, no text, or for Windows. */
#include "tests/unit/cri_fixture.h"

static const char too_many[] = "1025 of them: must be no more than 1024";

static void expect_too_many(struct fx *f, const void *config, const char *field)
{
	CLEANUP(cleanup_free) char *want = str_fmt("%s: %s", field, too_many);

	assert_int_equal(cri_read_sandbox(config, "", &f->pod, &f->e), -E2BIG);
	assert_string_equal(f->e.text, want);
}

static void test_too_many_entries(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	Runtime__V1__PodSandboxConfig *c = message_of(&runtime__v1__pod_sandbox_config__descriptor,
		"{\"metadata\": {\"name\": \"a\", \"namespace\": \"b\", \"uid\": \"c\"}, "
		"\"linux\": {}}");

	(void)state;
	for (int i = 0; i < 1025; i++)
		message_map_add(&c->linux->sysctls, &c->linux->n_sysctls,
			&runtime__v1__linux_pod_sandbox_config__sysctls_entry__descriptor, "net.a",
			"1");
	expect_too_many(&f, c, "config.linux.sysctls");
	for (int i = 0; i < 1025; i++)
		message_map_add(&c->annotations, &c->n_annotations,
			&runtime__v1__pod_sandbox_config__annotations_entry__descriptor, "k", "v");
	expect_too_many(&f, c, "config.annotations");
	for (int i = 0; i < 1025; i++)
		message_map_add(&c->labels, &c->n_labels,
			&runtime__v1__pod_sandbox_config__labels_entry__descriptor, "k", "v");
	expect_too_many(&f, c, "config.labels");
	message_free(c);
}

static void test_bounds(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	CLEANUP(cleanup_free)
	char *ports = many(", \"port_mappings\": [", "{\"container_port\": 1}", 1025, "]");
	CLEANUP(cleanup_free)
	char *servers = many(", \"dns_config\": {\"servers\": [", "\"1.1.1.1\"", 65, "]}");
	CLEANUP(cleanup_free)
	char *groups = many(", \"linux\": {\"security_context\": {\"supplemental_groups\": [", "1",
		1025, "]}}");
	CLEANUP(cleanup_free)
	char *word = long_member(", \"dns_config\": {\"searches\": [\"", 254, "\"]}");
	CLEANUP(cleanup_free)
	char *ip = long_member(
		", \"port_mappings\": [{\"container_port\": 1, \"host_ip\": \"", 254, "\"}]");

	(void)state;
	assert_string_equal(sandbox(&f, ports),
		"E2BIG config.port_mappings: 1025 of them: must be no more than 1024");
	assert_string_equal(sandbox(&f, servers),
		"E2BIG config.dns_config.servers: 65 of them: must be no more than 64");
	assert_string_equal(sandbox(&f, groups),
		"E2BIG "
		"config.linux.security_context."
		"supplemental_groups: 1025 of them: must be no more than 1024");
	assert_string_equal(sandbox(&f, word),
		"E2BIG config.dns_config.searches: 254 bytes: must be no more than 253");
	assert_string_equal(sandbox(&f, ip),
		"E2BIG config.port_mappings[0].host_ip: 254 bytes: must be no more than 253");
}

/* protobuf-c lets through what Go would not, and the kubelet would never list a pod again. */
static void test_no_utf8(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	Runtime__V1__PodSandboxConfig *c = message_of(&runtime__v1__pod_sandbox_config__descriptor,
		"{\"metadata\": {\"name\": \"a\", \"namespace\": \"b\", \"uid\": \"c\"}, "
		"\"labels\": {\"k\": \"abc\"}}");

	(void)state;
	c->labels[0]->value[1] = (char)0xff;
	assert_int_equal(cri_read_sandbox(c, "", &f.pod, &f.e), -EINVAL);
	assert_string_equal(f.e.text, "config.labels: \"a\\xffc\": must be UTF-8");
	message_free(c);
}

/* Its number is known, its fields are not. */
static void test_windows(void **state)
{
	static const uint8_t bytes[] = { 9 << 3 | 2, 0 };
	CLEANUP(fx_close) struct fx f = { 0 };
	Runtime__V1__PodSandboxConfig *c =
		runtime__v1__pod_sandbox_config__unpack(NULL, sizeof(bytes), bytes);

	(void)state;
	assert_int_equal(cri_read_sandbox(c, "", &f.pod, &f.e), -EOPNOTSUPP);
	assert_string_equal(f.e.text, "config.windows: this is Linux");
	runtime__v1__pod_sandbox_config__free_unpacked(c, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_many_entries),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_utf8),
		cmocka_unit_test(test_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
