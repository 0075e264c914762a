/* Translation of a container into a plan: who wins, in which order, and what it may do. */
#include "tests/unit/container_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/capability.h>

#include "sys/caps.h"

/* ---- what runs ---------------------------------------------------------------------------------
 */

static void test_command_and_args(void **state)
{
	char entry[] = "/entry", cmd[] = "image-arg", own[] = "/own", arg[] = "$(A)", a[] = "A";
	char one[] = "1", image_a[] = "B=image", dollar[] = "$(B)";
	char *entries[] = { entry, dollar }, *cmds[] = { cmd }, *owns[] = { own, dollar };
	char *args[] = { arg, dollar }, *image_env[] = { image_a };
	struct env_spec env[] = { { .name = a, .value = one } };
	const struct strv none = { 0 };
	CLEANUP(fx_close) struct fx f = fx_open();
	const struct strv entrypoint = { entries, 2 }, image_cmd = { cmds, 1 };
	const struct {
		struct strv entrypoint, cmd, command, args;
		const char *want;
	} rows[] = {
		{ entrypoint, image_cmd, none, none, "/entry $(B) image-arg" },
		{ entrypoint, image_cmd, none, { args, 2 }, "/entry $(B) 1 $(B)" },
		{ entrypoint, image_cmd, { owns, 2 }, none, "/own $(B)" },
		{ entrypoint, image_cmd, { owns, 2 }, { args, 1 }, "/own $(B) 1" },
		{ none, image_cmd, none, none, "image-arg" },
		{ none, none, none, { args, 1 }, "1" },
		{ none, none, none, none, NULL },
	};

	(void)state;
	f.ctr.env = env;
	f.ctr.env_len = 1;
	f.image.env = (struct strv){ image_env, 1 }; /* not seen by $(B): the pod's own are */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f.image.entrypoint = rows[i].entrypoint;
		f.image.cmd = rows[i].cmd;
		f.ctr.command = rows[i].command;
		f.ctr.args = rows[i].args;
		assert_int_equal(plan(&f), rows[i].want ? 0 : -EINVAL);
		if (rows[i].want)
			assert_string_equal(joined(&f, &f.plan.args), rows[i].want);
	}
	assert_string_equal(
		f.e.text, "no command specified: neither the container nor image busybox has one");
}

static void test_environment(void **state)
{
	char path[] = "PATH=/img", host[] = "HOSTNAME=image", term[] = "TERM=vt100", odd[] = "ODD";
	char x[] = "X", own[] = "own", image_x[] = "X=image", hostname[] = "HOSTNAME";
	char *image_env[] = { path, host, term, odd, image_x };
	struct env_spec env[] = { { .name = x, .value = own }, { .name = hostname, .value = own } };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	assert_int_equal(plan_with_command(&f), 0);
	assert_string_equal(joined(&f, &f.plan.env),
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOSTNAME=web-0");
	f.ctr.tty = true;
	f.pod.host_network = true;
	assert_int_equal(plan_with_command(&f), 0);
	assert_string_equal(joined(&f, &f.plan.env),
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=xterm "
		"HOSTNAME=node1");
	/* The image's over the defaults, the name it was given over the image's, the pod's last. */
	f.image.env = (struct strv){ image_env, 5 };
	f.ctr.env = env;
	f.ctr.env_len = 1;
	assert_int_equal(plan_with_command(&f), 0);
	assert_string_equal(joined(&f, &f.plan.env), "PATH=/img TERM=vt100 HOSTNAME=node1 X=own");
	f.ctr.env_len = 2;
	assert_int_equal(plan_with_command(&f), 0);
	assert_string_equal(joined(&f, &f.plan.env), "PATH=/img TERM=vt100 HOSTNAME=own X=own");
}

static void test_environment_that_cannot_be(void **state)
{
	char v[] = "V", path[] = "status.podIP";
	struct env_spec env = { .name = v, .field_path = path };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.env = &env;
	f.ctr.env_len = 1;
	assert_int_equal(plan_with_command(&f), -ENODATA);
}

static void test_working_directory(void **state)
{
	char image[] = "/srv", own[] = "data", empty[] = "";
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	plan_with_command(&f);
	assert_string_equal(f.plan.cwd, "/");
	f.image.working_dir = image;
	plan_with_command(&f);
	assert_string_equal(f.plan.cwd, "/srv");
	f.ctr.working_dir = empty;
	plan_with_command(&f);
	assert_string_equal(f.plan.cwd, "/srv");
	f.ctr.working_dir = own;
	plan_with_command(&f);
	assert_string_equal(f.plan.cwd, "/data");
}

static void test_places(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.pod.share_pid = true;
	f.ctr.security.read_only_root = true;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(f.plan.kind, PLAN_CONTAINER);
	assert_string_equal(f.plan.id, "app");
	assert_string_equal(joined(&f, &f.plan.lowers), "/img/1 /img/0");
	assert_string_equal(f.plan.upper, "/L/pods/u1/containers/app/3/upper");
	assert_string_equal(f.plan.work, "/L/pods/u1/containers/app/3/work");
	assert_string_equal(joined(&f, &f.plan.cgroups),
		"/v1/cpu/inst/burstable/podu1/c0ffee /v1/memory/inst/burstable/podu1/c0ffee");
	assert_string_equal(f.plan.cgroup_v2, "/v2/inst/burstable/podu1/c0ffee");
	assert_true(f.plan.pid == PLAN_PID_POD && f.plan.read_only_root);
}

/* ---- who it is ---------------------------------------------------------------------------------
 */

static void test_user(void **state)
{
	static const struct {
		int64_t user, group;
		const char *image, *want;
	} rows[] = {
		{ -1, -1, NULL, "0" },                    /* */
		{ -1, -1, "", "0" },                      /* */
		{ -1, -1, "app:staff", "app:staff" },     /* */
		{ 1000, -1, "app:staff", "1000" },        /* */
		{ 0, -1, "app", "0" },                    /* */
		{ 1000, 2000, "app:staff", "1000:2000" }, /* */
		{ -1, 2000, "app:staff", "app:2000" },    /* */
		{ -1, 0, NULL, "0:0" },                   /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = fx_open();
		CLEANUP(cleanup_free) char *user = str_dup(rows[i].image);

		f.image.user = user;
		f.ctr.security.run_as_user = rows[i].user;
		f.ctr.security.run_as_group = rows[i].group;
		assert_int_equal(plan_with_command(&f), 0);
		assert_string_equal(f.plan.user, rows[i].want);
	}
}

static void test_groups(void **state)
{
	int64_t groups[] = { 7, 8, 7 };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.pod.groups = groups;
	f.pod.groups_len = 3;
	plan_with_command(&f);
	assert_string_equal(joined(&f, &f.plan.groups), "7 8");
	assert_true(f.plan.merge_image_groups);
	f.pod.fs_group = 8;
	plan_with_command(&f);
	assert_string_equal(joined(&f, &f.plan.groups), "7 8");
	f.pod.fs_group = 0;
	plan_with_command(&f);
	assert_string_equal(joined(&f, &f.plan.groups), "7 8 0");
}

#define WHO " (pod: \"web_prod(u1)\", container: app)"

static void test_non_root(void **state)
{
	static const struct {
		int64_t user;
		const char *image, *want;
	} rows[] = {
		{ 1000, NULL, NULL }, /* no look at the image */
		{ 0, "1000", "container's runAsUser breaks non-root policy" WHO },
		{ -1, "1000", NULL },
		{ -1, "1000:0", NULL },
		{ -1, NULL, "container has runAsNonRoot and image will run as root" WHO },
		{ -1, "", "container has runAsNonRoot and image will run as root" WHO },
		{ -1, "0", "container has runAsNonRoot and image will run as root" WHO },
		{ -1, "00:5", "container has runAsNonRoot and image will run as root" WHO },
		{ -1, ":5", "container has runAsNonRoot and image will run as root" WHO },
		{ -1, "app",
			"container has runAsNonRoot and image has non-numeric user (app), cannot "
			"verify user is non-root" WHO },
		{ -1, "1x:5",
			"container has runAsNonRoot and image has non-numeric user (1x), cannot "
			"verify user is non-root" WHO },
		{ -1, "4294967296",
			"container has runAsNonRoot and image has an invalid user id (4294967296). "
			"(Must be 1-(2147483647)): must be between 0 and 2147483647, "
			"inclusive" WHO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = fx_open();
		CLEANUP(cleanup_free) char *user = str_dup(rows[i].image);
		const struct container_request q = request(&f);

		f.image.user = user;
		f.ctr.security.run_as_user = rows[i].user;
		assert_int_equal(container_check_user(&q, &f.e), 0); /* nobody asked */
		f.ctr.security.run_as_non_root = true;
		assert_int_equal(container_check_user(&q, &f.e), rows[i].want ? -EPERM : 0);
		if (rows[i].want)
			assert_string_equal(f.e.text, rows[i].want);
	}
}

/* ---- what it may do ----------------------------------------------------------------------------
 */

#define BIT(c) (UINT64_C(1) << CAP_##c)

/* names: up to four, closed by NULL. */
static struct strv list(char *const *names)
{
	struct strv v = { 0 };

	for (size_t i = 0; i < 4 && names[i]; i++)
		strv_add(&v, names[i]);
	return v;
}

static void test_capabilities(void **state)
{
	static char all[] = "ALL", admin[] = "SYS_ADMIN", chown_[] = "CHOWN", kill_[] = "KILL";
	static char prefixed[] = "CAP_NET_RAW", unknown[] = "NO_SUCH";
	const uint64_t nine = BIT(CHOWN) | BIT(DAC_OVERRIDE) | BIT(FSETID) | BIT(FOWNER) |
			      BIT(SETGID) | BIT(SETUID) | BIT(SETPCAP) | BIT(NET_BIND_SERVICE) |
			      BIT(KILL);
	const struct {
		bool privileged;
		char *add[4], *drop[4];
		uint64_t want;
	} rows[] = {
		{ false, { 0 }, { 0 }, nine },
		{ false, { admin }, { 0 }, nine | BIT(SYS_ADMIN) },
		{ false, { prefixed }, { 0 }, nine | BIT(NET_RAW) },
		{ false, { 0 }, { chown_, kill_ }, nine & ~(BIT(CHOWN) | BIT(KILL)) },
		{ false, { 0 }, { all }, 0 },
		{ false, { chown_ }, { all }, BIT(CHOWN) },
		{ false, { all }, { 0 }, caps_all() },
		{ false, { all }, { admin }, caps_all() & ~BIT(SYS_ADMIN) },
		{ false, { admin }, { admin }, nine }, /* what is dropped is not there */
		{ false, { chown_ }, { chown_ }, nine & ~BIT(CHOWN) },
		{ false, { all }, { all }, 0 },
		{ false, { all, chown_ }, { all }, BIT(CHOWN) },
		{ false, { 0 }, { unknown }, nine },
		{ true, { 0 }, { 0 }, caps_all() },
		{ true, { 0 }, { admin }, caps_all() & ~BIT(SYS_ADMIN) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = fx_open();

		f.ctr.security.privileged = rows[i].privileged;
		f.ctr.security.cap_add = list(rows[i].add);
		f.ctr.security.cap_drop = list(rows[i].drop);
		assert_int_equal(plan_with_command(&f), 0);
		if (f.plan.caps != rows[i].want)
			fail_msg("row %zu: %llx instead of %llx", i,
				(unsigned long long)f.plan.caps, (unsigned long long)rows[i].want);
		strv_free(&f.ctr.security.cap_add);
		strv_free(&f.ctr.security.cap_drop);
	}
}

static void test_unknown_capability(void **state)
{
	char unknown[] = "NO_SUCH", *add[] = { unknown };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.security.cap_add = (struct strv){ add, 1 };
	assert_int_equal(plan_with_command(&f), -EINVAL);
	assert_string_equal(f.e.text, "capability NO_SUCH is unknown to this kernel");
}

static void test_confinement(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	plan_with_command(&f);
	assert_false(f.plan.no_new_privs || f.plan.privileged || f.plan.refuse_root);
	assert_true(f.plan.has_oom_score_adj);
	assert_int_equal(f.plan.oom_score_adj, 999);
	f.ctr.security.no_new_privs = f.ctr.security.privileged = true;
	f.ctr.security.run_as_non_root = true;
	f.pod.qos = QOS_GUARANTEED;
	plan_with_command(&f);
	assert_true(f.plan.no_new_privs && f.plan.privileged && f.plan.refuse_root);
	assert_int_equal(f.plan.oom_score_adj, -997);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_and_args),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_environment_that_cannot_be),
		cmocka_unit_test(test_working_directory),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_non_root),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_unknown_capability),
		cmocka_unit_test(test_confinement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
