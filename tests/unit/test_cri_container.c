/* ContainerConfig but for its security context and mounts: what becomes of each field, and what is
 * refused with which words. */
#include "tests/unit/cri_fixture.h"

#include <signal.h>

#include "spec/plan.h"

/* ---- what a config says ---- */

static void test_the_least(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct container_spec *c;

	(void)state;
	assert_string_equal(container(&f, ""), "");
	c = f.ctr;
	assert_string_equal(c->name, "app");
	assert_string_equal(c->image, "sha256:1");
	assert_int_equal(c->pull, PULL_NEVER);
	assert_null(c->working_dir);
	assert_null(c->message_path);
	assert_int_equal(c->message_policy, MESSAGE_FILE);
	assert_int_equal(c->command.len + c->args.len + c->env_len + c->mounts_len, 0);
	assert_true(c->is_literal);
	assert_false(c->stdin_open || c->stdin_once || c->tty);
	assert_int_equal(c->stop_signal, 0);
	assert_null(c->log_path);
	for (int t = PROBE_STARTUP; t < PROBE_TYPES; t++)
		assert_int_equal(c->probes[t].handler, PROBE_NONE);
	/* Nothing asked is nothing limited, not what the kubelet makes of nothing. */
	assert_non_null(c->resources);
	assert_int_equal(c->resources->cpu_shares, 0);
	assert_int_equal(c->limits.cpu_milli, -1);
	assert_int_equal(c->requests.memory_bytes, -1);
}

static void test_the_kubelets(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	const struct container_spec *c;

	(void)state;
	assert_string_equal(
		container_in(&f, ", \"log_directory\": \"/var/log/pods/p/\"",
			", \"command\": [\"sh\", \"-c\"], \"args\": [\"echo $(A)\", \"\"],"
			"\"working_dir\": \"/srv\", \"envs\": [{\"key\": \"A\", \"value\": "
			"\"JChCKQ==\"}, {\"key\": \"E\"}, {\"key\": \"X\", \"value\": "
			"\"/w==\"}],"
			"\"labels\": {\"a\": \"b\"}, \"annotations\": {\"c\": \"d\"},"
			"\"log_path\": \"app//0.log\", \"stdin\": true, \"stdin_once\": true, "
			"\"tty\": true, \"stop_signal\": \"SIGNAL_SIGQUIT\","
			"\"linux\": {\"resources\": {\"cpu_shares\": 2}}"),
		"");
	c = f.ctr;
	assert_string_equal(joined(&f, &c->command), "sh -c");
	assert_string_equal(joined(&f, &c->args), "echo $(A) ");
	assert_string_equal(c->working_dir, "/srv");
	assert_int_equal(c->env_len, 3);
	assert_string_equal(c->env[0].name, "A");
	assert_string_equal(c->env[0].value, "$(B)");
	assert_string_equal(c->env[1].value, "");
	assert_string_equal(c->env[2].value, "\xff"); /* bytes, not text */
	assert_string_equal(c->log_path, "/var/log/pods/p/app/0.log");
	assert_true(c->stdin_open && c->stdin_once && c->tty);
	assert_int_equal(c->stop_signal, SIGQUIT);
	assert_int_equal(c->resources->cpu_shares, 2);
}

/* Both parts or no log at all. */
static void test_logs(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };

	(void)state;
	assert_string_equal(container_in(&f, ", \"log_directory\": \"/l\"", ""), "");
	assert_null(f.ctr->log_path);
	assert_string_equal(container(&f, ", \"log_path\": \"a.log\""), "");
	assert_null(f.ctr->log_path);
	assert_string_equal(
		container_in(&f, ", \"log_directory\": \"/\"", ", \"log_path\": \"a.log\""), "");
	assert_string_equal(f.ctr->log_path, "/a.log");
	/* Its sandbox was accepted, so this cannot be; but nobody would forgive a relative one. */
	assert_string_equal(
		container_in(&f, ", \"log_directory\": \"l\"", ", \"log_path\": \"a.log\""),
		"EINVAL sandbox_config.log_directory: \"l\": must be an absolute path");
}

/* ---- what is refused ---- */

static const char *whole(struct fx *f, const char *text)
{
	CLEANUP(cleanup_message)
	void *c = message_of(&runtime__v1__container_config__descriptor, text);
	CLEANUP(cleanup_message)
	void *s = message_of(&runtime__v1__pod_sandbox_config__descriptor, "{}");

	return outcome(f, cri_read_container(c, s, &f->ctr, &f->e));
}

static void test_refused_names(void **state)
{
	static const struct refusal rows[] = {
		{ "{}", "EINVAL config.metadata: must be given" },
		{ "{\"metadata\": {}}", "EINVAL config.metadata.name: \"\": must not be empty" },
		{ "{\"metadata\": {\"name\": \"a/../b\"}}",
			"EINVAL config.metadata.name: \"a/../b\": must consist of letters, "
			"digits, '-', '_' and '.', and start with a letter or digit" },
		{ "{\"metadata\": {\"name\": \"a\"}}", "EINVAL config.image: must be given" },
		{ "{\"metadata\": {\"name\": \"a\"}, \"image\": {}}",
			"EINVAL config.image.image: \"\": must not be empty" },
		{ "{\"metadata\": {\"name\": \"a\"}, \"image\": {\"image\": \"i\", "
		  "\"runtime_handler\": \"kata\"}}",
			"EINVAL config.image.runtime_handler: \"kata\": unknown; the only one is "
			"the default, \"\"" },
	};
	Runtime__V1__PodSandboxConfig in = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	struct container_spec *out = NULL;
	struct err e;

	(void)state;
	check_refusals(whole, rows, ARRAY_LEN(rows));
	assert_int_equal(cri_read_container(NULL, &in, &out, &e), -EINVAL);
	assert_string_equal(e.text, "config: must be given");
}

static void test_refused_process(void **state)
{
	static const struct refusal rows[] = {
		{ ", \"envs\": [{\"key\": \"A\"}, {\"key\": \"\"}]",
			"EINVAL config.envs[1].key: \"\": must not be empty or contain '='" },
		{ ", \"envs\": [{\"key\": \"A=B\"}]",
			"EINVAL config.envs[0].key: \"A=B\": must not be empty or contain '='" },
		{ ", \"envs\": [{\"key\": \"A\", \"value\": \"YQBi\"}]",
			"EINVAL config.envs[0].value: must not contain NUL" },
		{ ", \"log_path\": \"/etc/passwd\"",
			"EINVAL config.log_path: \"/etc/passwd\": must be a relative path" },
		{ ", \"log_path\": \"a/../../b\"",
			"EINVAL config.log_path: \"a/../../b\": must not contain '..'" },
		{ ", \"log_path\": \"./\"", "EINVAL config.log_path: \"./\": must name a file" },
		{ ", \"labels\": {\"\": \"\"}",
			"EINVAL config.labels: \"\": a key must not be empty" },
		{ ", \"annotations\": {\"\": \"\"}",
			"EINVAL config.annotations: \"\": a key must not be empty" },
		{ ", \"annotations\": {\"cdi.k8s.io/x\": \"vendor.com/gpu=0,gpu\"}",
			"EINVAL config.annotations: \"gpu\": must be VENDOR/CLASS=NAME" },
		{ ", \"annotations\": {\"cdi.k8s.io/x\": \"\"}",
			"EINVAL config.annotations: \"\": must be VENDOR/CLASS=NAME" },
		{ ", \"devices\": [{\"host_path\": \"/dev/fuse\"}]",
			"EINVAL config.devices[0].permissions: \"\": must be some of r, w and m, "
			"each once" },
		{ ", \"devices\": [{\"permissions\": \"rwx\"}]",
			"EINVAL config.devices[0].permissions: \"rwx\": must be some of r, w and "
			"m, "
			"each once" },
		{ ", \"devices\": [{\"permissions\": \"rr\"}]",
			"EINVAL config.devices[0].permissions: \"rr\": must be some of r, w and m, "
			"each once" },
		{ ", \"devices\": [{\"permissions\": \"r\", \"host_path\": \"dev/fuse\"}]",
			"EINVAL config.devices[0].host_path: \"dev/fuse\": must be an absolute "
			"path" },
		{ ", \"devices\": [{\"permissions\": \"r\", \"host_path\": \"/dev/fuse\", "
		  "\"container_path\": \"/dev/../x\"}]",
			"EINVAL config.devices[0].container_path: \"/dev/../x\": must not contain "
			"'..'" },
		{ ", \"CDI_devices\": [{\"name\": \"a.com/b=c\"}, {\"name\": \"a\"}]",
			"EINVAL config.CDI_devices[1].name: \"a\": must be VENDOR/CLASS=NAME" },
		{ ", \"linux\": {\"resources\": {\"cpu_quota\": 1}}",
			"EINVAL config.linux.resources.cpu_quota: 1: must be at least 1000 "
			"microseconds, 0, or -1 for no limit" },
		{ ", \"linux\": {\"resources\": {\"memory_swap_limit_in_bytes\": 5}}",
			"EINVAL config.linux.resources.memory_swap_limit_in_bytes: 5: counts "
			"memory too: needs a memory_limit_in_bytes and must not be below it" },
	};

	(void)state;
	check_refusals(container, rows, ARRAY_LEN(rows));
}

static void test_devices(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	CLEANUP(cleanup_free)
	char *much = many(", \"devices\": [",
		"{\"permissions\": \"r\", \"host_path\": \"/d\", \"container_path\": \"/d\"}", 257,
		"]");
	const struct devices_asked *d;

	(void)state;
	assert_string_equal(
		container(&f,
			", \"devices\": [{\"permissions\": \"mr\", \"host_path\": \"/dev/a\", "
			"\"container_path\": \"/dev//b/\"}], "
			"\"CDI_devices\": [{\"name\": \"v.com/gpu=0\"}, "
			"{\"name\": \"v.com/gpu=1\"}], "
			"\"annotations\": {\"cdi.k8s.io/p_x\": \"v.com/gpu=1,w/n=a:b\", "
			"\"cdi.k8s.io\": \"nothing\", \"other/cdi.k8s.io/\": \"nothing\"}"),
		"");
	d = &f.ctr->devices;
	assert_int_equal(d->len, 1);
	assert_string_equal(d->at[0].host_path, "/dev/a");
	assert_string_equal(d->at[0].path, "/dev/b");
	assert_int_equal(d->at[0].access, PLAN_READ | PLAN_MKNOD);
	assert_int_equal(d->cdi.len, 3);
	assert_string_equal(d->cdi.at[0], "v.com/gpu=0");
	assert_string_equal(d->cdi.at[1], "v.com/gpu=1");
	assert_string_equal(d->cdi.at[2], "w/n=a:b");
	assert_string_equal(container(&f, much), "E2BIG config.devices: more than 256 devices");
}

static void test_bounds(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	CLEANUP(cleanup_free)
	char *args = long_member(", \"args\": [\"", 131072, "\"]");
	CLEANUP(cleanup_free)
	char *fits = long_member(", \"args\": [\"", 131071, "\"]");
	CLEANUP(cleanup_free)
	char *dir = long_member(", \"working_dir\": \"/", 4095, "\"");
	CLEANUP(cleanup_free)
	char *image = long_member("{\"metadata\": {\"name\": \"a\"}, \"image\": {\"image\": \"i\", "
				  "\"user_specified_image\": \"",
		4096, "\"}}");
	CLEANUP(cleanup_free)
	char *log = long_member(", \"log_path\": \"", 4094, "\"");
	CLEANUP(cleanup_free)
	char *envs = many(", \"envs\": [", "{\"key\": \"A\"}", 4097, "]");
	CLEANUP(cleanup_free)
	char *value = long_member(", \"envs\": [{\"key\": \"A\", \"value\": \"", 4 * 43690, "\"}]");

	(void)state;
	assert_string_equal(container(&f, fits), "");
	assert_string_equal(whole(&f, image),
		"E2BIG config.image.user_specified_image: 4096 bytes: must be no more than 4095");
	assert_string_equal(container(&f, args),
		"E2BIG config.args: 131072 bytes: must be no more than 131071");
	assert_string_equal(container(&f, dir),
		"E2BIG config.working_dir: 4096 bytes: must be no more than 4095");
	assert_string_equal(container_in(&f, ", \"log_directory\": \"/\"", log), "");
	assert_non_null(strstr(container_in(&f, ", \"log_directory\": \"/l\"", log),
		"must be no more than 4095 bytes with the log_directory"));
	assert_string_equal(
		container(&f, envs), "E2BIG config.envs: 4097 of them: must be no more than 4096");
	assert_string_equal(container(&f, value),
		"E2BIG config.envs[0].value: 131070 bytes: must be no more than 131071 with the "
		"key");
}

static void test_too_many_entries(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	Runtime__V1__PodSandboxConfig in = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__ContainerConfig *c = message_of(&runtime__v1__container_config__descriptor,
		"{\"metadata\": {\"name\": \"a\"}, \"image\": {\"image\": \"i\"}}");

	(void)state;
	for (int i = 0; i < 1025; i++)
		message_map_add(&c->annotations, &c->n_annotations,
			&runtime__v1__container_config__annotations_entry__descriptor, "k", "v");
	assert_int_equal(cri_read_container(c, &in, &f.ctr, &f.e), -E2BIG);
	assert_string_equal(
		f.e.text, "config.annotations: 1025 of them: must be no more than 1024");
	for (int i = 0; i < 1025; i++)
		message_map_add(&c->labels, &c->n_labels,
			&runtime__v1__container_config__labels_entry__descriptor, "k", "v");
	assert_int_equal(cri_read_container(c, &in, &f.ctr, &f.e), -E2BIG);
	assert_string_equal(f.e.text, "config.labels: 1025 of them: must be no more than 1024");
	message_free(c);
}

static void test_bytes_that_are_no_text(void **state)
{
	CLEANUP(fx_close) struct fx f = { 0 };
	Runtime__V1__PodSandboxConfig in = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__ContainerConfig *c = message_of(&runtime__v1__container_config__descriptor,
		"{\"metadata\": {\"name\": \"a\"}, \"image\": {\"image\": \"abc\"}, "
		"\"envs\": [{\"key\": \"A\"}]}");

	(void)state;
	c->image->image[2] = (char)0xc3;
	assert_int_equal(cri_read_container(c, &in, &f.ctr, &f.e), -EINVAL);
	assert_string_equal(f.e.text, "config.image.image: \"ab\\xc3\": must be UTF-8");
	c->image->image[2] = 'c';
	c->envs[0]->key[0] = (char)0xff;
	assert_int_equal(cri_read_container(c, &in, &f.ctr, &f.e), -EINVAL);
	assert_string_equal(f.e.text, "config.envs[0].key: \"\\xff\": must be UTF-8");
	message_free(c);
}

static void test_unknown_numbers(void **state)
{
	Runtime__V1__PodSandboxConfig in = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__ContainerConfig *c = message_of(&runtime__v1__container_config__descriptor,
		"{\"metadata\": {\"name\": \"a\"}, \"image\": {\"image\": \"i\"}}");
	const struct unknown rows[] = {
		{ &c->stop_signal, 66, "config.stop_signal: 66: unknown value" },
		{ &c->stop_signal, -1, "config.stop_signal: -1: unknown value" },
	};

	(void)state;
	check_unknown(c, &in, rows, ARRAY_LEN(rows));
	message_free(c);
}

static void test_windows(void **state)
{
	static const uint8_t bytes[] = { 0x82, 0x01, 0 }; /* field 16, an empty message */
	CLEANUP(fx_close) struct fx f = { 0 };
	Runtime__V1__PodSandboxConfig in = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__ContainerConfig *c =
		runtime__v1__container_config__unpack(NULL, sizeof(bytes), bytes);

	(void)state;
	assert_int_equal(cri_read_container(c, &in, &f.ctr, &f.e), -EOPNOTSUPP);
	assert_string_equal(f.e.text, "config.windows: this is Linux");
	runtime__v1__container_config__free_unpacked(c, NULL);
}

/* ---- signals ---- */

static void test_signals(void **state)
{
	static const struct {
		Runtime__V1__Signal cri;
		int number;
	} rows[] = {
		{ RUNTIME__V1__SIGNAL__SIGNAL_RUNTIME_DEFAULT, 0 },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGHUP, SIGHUP },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGCLD, SIGCHLD },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGIOT, SIGABRT },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGPOLL, SIGIO },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGTERM, 15 },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGXFSZ, SIGXFSZ },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGRTMIN, 34 },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGRTMINPLUS3, 37 },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGRTMINPLUS15, 49 },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGRTMAXMINUS14, 50 },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGRTMAXMINUS1, 63 },
		{ RUNTIME__V1__SIGNAL__SIGNAL_SIGRTMAX, 64 },
		{ (Runtime__V1__Signal)66, -EINVAL },
		{ (Runtime__V1__Signal)-1, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(cri_signal_number(rows[i].cri), rows[i].number);
	/* Every number that Linux has comes back as it went. */
	for (int n = 1; n <= 64; n++)
		if (n != 32 && n != 33) /* the C library's own */
			assert_int_equal(cri_signal_number(cri_signal_of(n)), n);
	assert_int_equal(cri_signal_of(SIGCHLD), RUNTIME__V1__SIGNAL__SIGNAL_SIGCHLD);
	assert_int_equal(cri_signal_of(0), 0);
	assert_int_equal(cri_signal_of(32), 0);
	assert_int_equal(cri_signal_of(65), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_least),
		cmocka_unit_test(test_the_kubelets),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_refused_names),
		cmocka_unit_test(test_refused_process),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_too_many_entries),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_unknown_numbers),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
