/* What is mounted into a container and in which order; plans of what is executed in it; signals. */
#include "tests/unit/container_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/* ---- mounts ------------------------------------------------------------------------------------
 */

static const char *mounts(struct fx *f)
{
	buf_clear(&f->said);
	buf_adds(&f->said, "");
	for (size_t i = 0; i < f->plan.mounts_len; i++) {
		const struct plan_mount *m = &f->plan.mounts[i];

		buf_addf(&f->said, "%s%s%s%s:%s", i ? "\n" : "", m->read_only ? "ro," : "",
			m->is_file ? "file," : "", m->source, m->target);
	}
	return f->said.data;
}

static void test_own_files(void **state)
{
	char log[] = "/dev/termination-log", relative[] = "log", empty[] = "";
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.message_path = log;
	plan_with_command(&f);
	assert_string_equal(mounts(&f),
		"file,/L/pods/u1/etc/hosts:/etc/hosts\n"
		"file,/L/pods/u1/etc/hostname:/etc/hostname\n"
		"file,/L/pods/u1/etc/resolv.conf:/etc/resolv.conf\n"
		"file,/L/pods/u1/containers/app/3/termination-log:/dev/termination-log");
	f.ctr.security.read_only_root = true; /* Kubernetes keeps hosts and the message writable */
	f.ctr.message_path = relative;
	plan_with_command(&f);
	assert_string_equal(mounts(&f), "file,/L/pods/u1/containers/app/3/termination-log:/log\n"
					"file,/L/pods/u1/etc/hosts:/etc/hosts\n"
					"ro,file,/L/pods/u1/etc/hostname:/etc/hostname\n"
					"ro,file,/L/pods/u1/etc/resolv.conf:/etc/resolv.conf");
	f.ctr.message_path = empty;
	plan_with_command(&f);
	assert_int_equal(f.plan.mounts_len, 3);
}

static void test_volumes(void **state)
{
	static char tmp[] = "/tmp", v[] = "v", sub[] = "/etc/app/sub", etc[] = "/etc/",
		    rel[] = "data";
	static char hosts[] = "/etc/hosts", deep[] = "/etc/app", null[] = "/dev/null", w[] = "w";
	static char empty[] = "";
	struct volume_spec volumes[] = {
		{ .name = v, .kind = VOLUME_HOST_PATH, .host_path = tmp, .host_type = empty },
		{ .name = w, .kind = VOLUME_HOST_PATH, .host_path = null, .host_type = empty }
	};
	struct mount_spec mount_specs[] = { { .volume = v, .path = sub },
		{ .volume = v, .path = etc, .read_only = true }, { .volume = v, .path = deep },
		{ .volume = w, .path = hosts }, { .volume = v, .path = rel } };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.pod.volumes = volumes;
	f.pod.volumes_len = 2;
	f.ctr.mounts = mount_specs;
	f.ctr.mounts_len = 5;
	assert_int_equal(plan_with_command(&f), 0);
	/* Shorter paths first, else a parent would hide what is mounted below it; ours are not
	 * mounted where the pod mounts something itself. */
	assert_string_equal(mounts(&f), "ro,/tmp:/etc/\n"
					"/tmp:/data\n"
					"file,/L/pods/u1/etc/hostname:/etc/hostname\n"
					"file,/L/pods/u1/etc/resolv.conf:/etc/resolv.conf\n"
					"/tmp:/etc/app\n"
					"file,/dev/null:/etc/hosts\n"
					"/tmp:/etc/app/sub");
	assert_int_equal(f.fds.len, 0);
}

/* The sandbox holds them: they have no place on the host and need no descriptor. */
static void test_volumes_in_memory(void **state)
{
	static char v[] = "v", path[] = "/data", rel[] = "rel", sub[] = "a:b/c";
	struct volume_spec volume = { .name = v, .kind = VOLUME_EMPTY_DIR, .in_memory = true };
	struct mount_spec mount_specs[] = { { .volume = v, .path = path, .read_only = true },
		{ .volume = v, .path = rel, .sub_path = sub } };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.pod.volumes = &volume;
	f.pod.volumes_len = 1;
	f.ctr.mounts = mount_specs;
	f.ctr.mounts_len = 2;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(f.fds.len, 0);
	assert_true(f.plan.mounts[0].is_volume && f.plan.mounts[0].read_only);
	assert_string_equal(f.plan.mounts[0].source, "/v");
	assert_true(f.plan.mounts[1].is_volume && !f.plan.mounts[1].read_only);
	assert_string_equal(f.plan.mounts[1].source, "/v/a:b/c");
	assert_string_equal(f.plan.mounts[1].target, "/rel");
}

static void test_unknown_volume(void **state)
{
	static char v[] = "v", path[] = "/data";
	struct mount_spec mount_spec = { .volume = v, .path = path };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.mounts = &mount_spec;
	f.ctr.mounts_len = 1;
	assert_int_equal(plan_with_command(&f), -ENOENT);
	assert_string_equal(f.e.text, "container app: cannot find volume \"v\" to mount");
}

/* Each sub path takes a descriptor; when those are used up, plain mounts still work. */
static void test_sub_paths(void **state)
{
	static char dir[] = "/tmp/carpel-container.XXXXXX", v[] = "v", empty[] = "", sub[] = "a";
	static char path[] = "/data";
	struct volume_spec volume = { .name = v, .kind = VOLUME_HOST_PATH, .host_path = dir };
	struct mount_spec mount_specs[CONTAINER_FDS_MAX + 2];
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	assert_non_null(mkdtemp(dir));
	volume.host_type = empty;
	for (size_t i = 0; i < ARRAY_LEN(mount_specs); i++)
		mount_specs[i] = (struct mount_spec){ .volume = v, .path = path, .sub_path = sub };
	mount_specs[CONTAINER_FDS_MAX].sub_path = NULL;
	f.pod.volumes = &volume;
	f.pod.volumes_len = 1;
	f.ctr.mounts = mount_specs;
	f.ctr.mounts_len = CONTAINER_FDS_MAX + 1;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(f.fds.len, CONTAINER_FDS_MAX);
	assert_string_equal(f.plan.mounts[0].source, "/proc/self/fd/40");
	assert_string_equal(f.plan.mounts[1].source, "/proc/self/fd/41");
	assert_string_equal(f.plan.mounts[CONTAINER_FDS_MAX].source, dir);
	f.ctr.mounts_len++;
	assert_int_equal(plan_with_command(&f), -E2BIG);
	assert_int_equal(fd_remove_tree(AT_FDCWD, dir, NULL), 0);
}

/* ---- exec --------------------------------------------------------------------------------------
 */

/* The identity and confinement of the container, in a cgroup of its own. */
static void test_exec(void **state)
{
	char ls[] = "ls", var[] = "$(A)", *words[] = { ls, var }, user[] = "7:8", srv[] = "/srv";
	const struct strv command = { words, 2 };
	CLEANUP(fx_close) struct fx f = fx_open();
	const struct container_request q = request(&f);
	CLEANUP(plan_free) struct plan exec_plan;
	CLEANUP(cleanup_free) char *cgroup = container_exec_cgroup(&f.at, "c0ffee", "x1");

	(void)state;
	f.image.user = user;
	f.image.working_dir = srv;
	f.ctr.security.no_new_privs = true;
	f.pod.fs_group = 5;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(container_exec_plan(&q, &f.cgroups, "x1", &command, &exec_plan, &f.e), 0);
	assert_int_equal(exec_plan.kind, PLAN_EXEC);
	assert_string_equal(joined(&f, &exec_plan.args), "ls $(A)"); /* as it was asked for */
	assert_string_equal(exec_plan.user, f.plan.user);
	assert_int_equal(exec_plan.caps, f.plan.caps);
	assert_int_equal(exec_plan.no_new_privs, f.plan.no_new_privs);
	assert_int_equal(exec_plan.oom_score_adj, f.plan.oom_score_adj);
	assert_string_equal(joined(&f, &exec_plan.groups), "5");
	assert_string_equal(exec_plan.cwd, "/srv");
	assert_string_equal(joined(&f, &exec_plan.cgroups),
		"/v1/cpu/inst/burstable/podu1/c0ffee /v1/memory/inst/burstable/podu1/c0ffee");
	assert_string_equal(exec_plan.cgroup_v2, "/v2/inst/burstable/podu1/c0ffee/exec-x1");
	assert_string_equal(cgroup, "burstable/podu1/c0ffee/exec-x1");
	assert_int_equal(exec_plan.env.len, f.plan.env.len);
	assert_int_equal(exec_plan.mounts_len, 0);
}

static void test_stop_signals(void **state)
{
	const struct {
		const char *name;
		int want;
	} rows[] = {
		{ NULL, SIGTERM },              /* */
		{ "", SIGTERM },                /* */
		{ "SIGQUIT", SIGQUIT },         /* */
		{ "QUIT", SIGQUIT },            /* */
		{ "sigusr1", SIGUSR1 },         /* */
		{ "3", SIGQUIT },               /* */
		{ "64", 64 },                   /* */
		{ "0", SIGTERM },               /* */
		{ "65", SIGTERM },              /* */
		{ "-1", SIGTERM },              /* */
		{ "SIGRTMIN", SIGRTMIN },       /* */
		{ "SIGRTMIN+3", SIGRTMIN + 3 }, /* systemd's halt.target */
		{ "RTMAX-14", SIGRTMAX - 14 },  /* */
		{ "SIGRTMAX", SIGRTMAX },       /* */
		{ "SIGRTMIN-1", SIGTERM },      /* the C library's own */
		{ "SIGRTMAX+1", SIGTERM },      /* */
		{ "SIGRTMINX", SIGTERM },       /* */
		{ "SIGRTMIN+x", SIGTERM },      /* */
		{ "SIGNONE", SIGTERM },         /* */
		{ "SIG", SIGTERM },             /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (container_stop_signal(rows[i].name) != rows[i].want)
			fail_msg("%s: %d", rows[i].name, container_stop_signal(rows[i].name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_files),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_volumes_in_memory),
		cmocka_unit_test(test_unknown_volume),
		cmocka_unit_test(test_sub_paths),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_stop_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
