/* What a container asks for by path, and what CDI's files say, on their way into a plan. */
#include "tests/unit/container_fixture.h"

#include <errno.h>
#include <string.h>

#include "spec/plan_keys.h"

static void write_plan(struct fx *f, const struct cdi_edits *cdi, size_t len)
{
	struct container_request q = request(f);

	q.cdi = cdi;
	q.cdi_len = len;
	plan_free(&f->plan);
	if (container_plan(&q, &f->cgroups, 10, &f->plan, &f->fds, &f->e) < 0)
		fail_msg("%s", f->e.text);
	buf_clear(&f->said);
	plan_write_devices(&f->plan, &f->said);
	for (size_t i = 0; i < f->said.len; i++)
		if (!f->said.data[i])
			f->said.data[i] = '\n';
	buf_addc(&f->said, '\0');
}

static void test_paths_and_cdi(void **state)
{
	char sh[] = "sh", a[] = "/dev/a", b[] = "/dev/b", x[] = "/dev/x", one[] = "A=1";
	char two[] = "B=2=3", own[] = "A", value[] = "0", etc[] = "/etc", hosts[] = "/etc/hosts";
	char *command[] = { sh }, *first[] = { one }, *second[] = { two };
	struct env_spec env[] = { { .name = own, .value = value } };
	struct device_spec asked[] = { { a, a, PLAN_READ }, { b, x, PLAN_WRITE } };
	int64_t gids[] = { 0, 7, 7 };
	struct cdi_node nodes[] = {
		{ .path = a, .host_path = b, .access = 7, .mode = 0600, .uid = -1, .gid = -1 },
		{ .path = b,
			.type = 'c',
			.major = 10,
			.minor = 2,
			.access = PLAN_READ,
			.mode = -1,
			.uid = 0,
			.gid = -1 },
	};
	struct cdi_mount mounts[] = {
		{ .host_path = etc, .container_path = etc, .read_only = true },
		{ .host_path = hosts, .container_path = hosts }
	};
	const struct cdi_edits cdi[] = {
		{ .env = { first, 1 }, .gids = gids, .gids_len = 3 },
		{ .env = { second, 1 },
			.nodes = nodes,
			.nodes_len = 2,
			.mounts = mounts,
			.mounts_len = 2 },
	};
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.command = (struct strv){ command, 1 };
	f.ctr.env = env;
	f.ctr.env_len = 1;
	f.ctr.devices.at = asked;
	f.ctr.devices.len = 2;
	write_plan(&f, NULL, 0);
	assert_string_equal(f.said.data, "device=r,/dev/a:/dev/a\ndevice=w,/dev/b:/dev/x\n");
	assert_int_equal(f.plan.groups.len, 0);
	write_plan(&f, cdi, 2);
	assert_string_equal(f.said.data, "device=w,/dev/b:/dev/x\n"
					 "device=rwm,mode=600,/dev/b:/dev/a\n"
					 "device=r,uid=0,c10.2:/dev/b\n");
	assert_true(strv_has(&f.plan.env, "A=1") && !strv_has(&f.plan.env, "A=0"));
	assert_true(strv_has(&f.plan.env, "B=2=3"));
	assert_int_equal(f.plan.groups.len, 1);
	assert_string_equal(f.plan.groups.at[0], "7");
	/* in place of ours, and parents first */
	assert_string_equal(f.plan.mounts[0].target, "/etc");
	assert_true(f.plan.mounts[0].read_only && !f.plan.mounts[0].is_file);
	for (size_t i = 1; i < f.plan.mounts_len; i++)
		assert_true(!str_eq(f.plan.mounts[i].target, hosts) ||
			    (str_eq(f.plan.mounts[i].source, hosts) && f.plan.mounts[i].is_file));
	/* not root: the node is the user's, where it names nobody and is in /dev */
	f.ctr.security.run_as_user = 5;
	f.ctr.security.run_as_group = 6;
	write_plan(&f, cdi, 2);
	assert_string_equal(f.said.data, "device=w,/dev/b:/dev/x\n"
					 "device=rwm,mode=600,uid=5,gid=6,/dev/b:/dev/a\n"
					 "device=r,uid=0,gid=6,c10.2:/dev/b\n");
}

static void test_hooks(void **state)
{
	char sh[] = "sh", a[] = "/a", one[] = "A=1", *args[] = { sh }, *env[] = { one };
	struct cdi_hook hooks[] = {
		{ .kind = PLAN_HOOK_CREATE_CONTAINER, .path = sh, .args = { args, 1 } },
		{ .kind = PLAN_HOOK_PRESTART, .path = a, .env = { env, 1 }, .timeout_s = 9 },
	};
	const struct cdi_edits cdi = { .hooks = hooks, .hooks_len = 2 };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.command = (struct strv){ args, 1 };
	write_plan(&f, NULL, 0);
	assert_null(f.plan.bundle);
	write_plan(&f, &cdi, 1);
	assert_int_equal(f.plan.hooks_len, 2);
	assert_int_equal(f.plan.hooks[0].kind, PLAN_HOOK_CREATE_CONTAINER);
	assert_string_equal(f.plan.hooks[0].args.at[0], sh);
	assert_string_equal(f.plan.hooks[1].path, a);
	assert_string_equal(f.plan.hooks[1].env.at[0], one);
	assert_int_equal(f.plan.hooks[1].timeout_s, 9);
	assert_string_equal(f.plan.bundle, request(&f).dir);
}

static void test_exec(void **state)
{
	char one[] = "A=1", *first[] = { one };
	int64_t gids[] = { 7 };
	const struct cdi_edits e1 = { .env = { first, 1 }, .gids = gids, .gids_len = 1 };
	CLEANUP(fx_close) struct fx f = fx_open();
	struct container_request q = request(&f);
	struct strv command = { 0 };

	(void)state;
	strv_add(&command, "sh");
	q.cdi = &e1;
	q.cdi_len = 1;
	assert_int_equal(container_exec_plan(&q, &f.cgroups, "x", &command, &f.plan, &f.e), 0);
	strv_free(&command);
	assert_true(strv_has(&f.plan.env, "A=1"));
	assert_true(strv_has(&f.plan.groups, "7"));
	assert_int_equal(f.plan.devices_len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_and_cdi),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
