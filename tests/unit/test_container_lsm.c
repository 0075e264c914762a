/* Which profile and which label a container and what is executed in it are asked to have. */
#include "container_fixture.h"

#include <errno.h>

static const struct node_lsm off, bare = { .has_apparmor = true },
				  full = { .has_apparmor = true, .has_profile = true },
				  selinux = { .has_selinux = true };

/* "-" for none, else the profile; or the error. */
static const char *profile_on(struct fx *f, const struct node_lsm *n)
{
	struct err e = { 0 };

	plan_free(&f->plan);
	buf_clear(&f->said);
	if (lsm_plan(n, &f->ctr, &f->plan, &e) < 0)
		buf_adds(&f->said, e.text);
	else
		buf_adds(&f->said, f->plan.apparmor ? f->plan.apparmor : "-");
	return f->said.data;
}

static void test_apparmor(void **state)
{
	static char name[] = "k8s";
	static const struct {
		enum apparmor_type type;
		bool is_privileged;
		const char *off, *bare, *full;
	} rows[] = {
		{ APPARMOR_DEFAULT, false, "-", "-", "carpel-default" },
		{ APPARMOR_RUNTIME_DEFAULT, false, "-",
			"AppArmor profile carpel-default (RuntimeDefault) is not loaded: see "
			"carpeld(8)",
			"carpel-default" },
		{ APPARMOR_UNCONFINED, false, "-", "unconfined", "unconfined" },
		{ APPARMOR_LOCALHOST, false,
			"AppArmor profile k8s: AppArmor is not enabled on the host", "k8s", "k8s" },
		{ APPARMOR_DEFAULT, true, "-", "unconfined", "unconfined" },
		{ APPARMOR_RUNTIME_DEFAULT, true, "-", "unconfined", "unconfined" },
		{ APPARMOR_LOCALHOST, true, "-", "unconfined", "unconfined" },
	};
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.security.apparmor_profile = name;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f.ctr.security.apparmor = rows[i].type;
		f.ctr.security.privileged = rows[i].is_privileged;
		assert_string_equal(profile_on(&f, &off), rows[i].off);
		assert_string_equal(profile_on(&f, NULL), rows[i].off);
		assert_string_equal(profile_on(&f, &bare), rows[i].bare);
		assert_string_equal(profile_on(&f, &full), rows[i].full);
	}
}

/* It would be a way around what forbids the type Unconfined. */
static void test_no_profile_by_name(void **state)
{
	static char names[][24] = { "unconfined", ":ns:unconfined", ":ns://unconfined" };
	static char other[] = "unconfined_ns";
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.security.apparmor = APPARMOR_LOCALHOST;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(cleanup_free)
		char *want =
			str_fmt("AppArmor profile %s: is none; the type Unconfined asks for that",
				names[i]);

		f.ctr.security.apparmor_profile = names[i];
		assert_string_equal(profile_on(&f, &full), want);
	}
	f.ctr.security.apparmor_profile = other;
	assert_string_equal(profile_on(&f, &full), "unconfined_ns");
}

static void test_selinux(void **state)
{
	static char user[] = "u", role[] = "r", type[] = "t", level[] = "s0:c1,c2";
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	assert_string_equal(profile_on(&f, &selinux), "-");
	assert_null(f.plan.selinux);
	assert_null(f.plan.selinux_mount);
	f.ctr.security.selinux = (struct selinux_spec){ .level = level };
	assert_string_equal(
		profile_on(&f, &off), "selinux_options: SELinux is not enabled on the host");
	assert_string_equal(profile_on(&f, &selinux), "-");
	assert_string_equal(f.plan.selinux, "system_u:system_r:container_t:s0:c1,c2");
	assert_string_equal(f.plan.selinux_mount, "system_u:object_r:container_file_t:s0:c1,c2");
	f.ctr.security.selinux = (struct selinux_spec){ user, role, type, NULL };
	assert_string_equal(profile_on(&f, &selinux), "-");
	assert_string_equal(f.plan.selinux, "u:r:t:s0");
	f.ctr.security.privileged = true; /* its label is disabled */
	assert_string_equal(profile_on(&f, &off), "-");
	assert_null(f.plan.selinux);
}

static void test_relabelling(void **state)
{
	static char path[] = "/data";
	static struct mount_spec mount = { .path = path, .relabels = true };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.mounts = &mount;
	f.ctr.mounts_len = 1;
	assert_string_equal(profile_on(&f, &off), "-");
	assert_string_equal(
		profile_on(&f, &selinux), "mount /data: carpel does not relabel (selinux_relabel)");
}

/* Both ways to a process, by the same word. */
static void test_plans(void **state)
{
	static char sh[] = "sh";
	static char *words[] = { sh };
	const struct strv command = { words, 1 };
	CLEANUP(fx_close) struct fx f = fx_open();
	struct container_request q = request(&f);

	(void)state;
	f.ctr.command = command;
	q.lsm = &full;
	assert_int_equal(container_plan(&q, &f.cgroups, 40, &f.plan, &f.fds, &f.e), 0);
	assert_string_equal(f.plan.apparmor, "carpel-default");
	plan_free(&f.plan);
	assert_int_equal(container_exec_plan(&q, &f.cgroups, "x", &command, &f.plan, &f.e), 0);
	assert_string_equal(f.plan.apparmor, "carpel-default");
	plan_free(&f.plan);
	q.lsm = &selinux;
	f.ctr.security.selinux.level = sh;
	assert_int_equal(container_plan(&q, &f.cgroups, 40, &f.plan, &f.fds, &f.e), 0);
	assert_string_equal(f.plan.selinux, "system_u:system_r:container_t:sh");
	assert_non_null(f.plan.selinux_mount);
	plan_free(&f.plan);
	assert_int_equal(container_exec_plan(&q, &f.cgroups, "x", &command, &f.plan, &f.e), 0);
	assert_string_equal(f.plan.selinux, "system_u:system_r:container_t:sh");
	assert_null(f.plan.selinux_mount); /* an exec mounts nothing */
	plan_free(&f.plan);
	f.ctr.security.selinux.level = NULL;
	q.lsm = &bare;
	f.ctr.security.apparmor = APPARMOR_RUNTIME_DEFAULT;
	assert_int_equal(container_plan(&q, &f.cgroups, 40, &f.plan, &f.fds, &f.e), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apparmor),
		cmocka_unit_test(test_no_profile_by_name),
		cmocka_unit_test(test_selinux),
		cmocka_unit_test(test_relabelling),
		cmocka_unit_test(test_plans),
	};

	return cmocka_run_group_tests_name("container_lsm", tests, NULL, NULL);
}
