/* What only CRI can say of a container, on its way into a plan. */
#include "cgroup_fixture.h"
#include "tests/unit/container_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "sys/caps.h"

#define BIT(c) (UINT64_C(1) << CAP_##c)

/* ---- what runs ---------------------------------------------------------------------------------
 */

/* The kubelet has expanded all; what still looks like a reference is text. */
static void test_literal(void **state)
{
	char sh[] = "sh", ref[] = "$(A) $$", a[] = "A", one[] = "1", two[] = "2", b[] = "B";
	char c[] = "C";
	char *command[] = { sh, ref }, *args[] = { ref };
	struct env_spec env[] = { { .name = a, .value = one }, { .name = b, .value = ref },
		{ .name = a, .value = two }, { .name = c } };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.command = (struct strv){ command, 2 };
	f.ctr.args = (struct strv){ args, 1 };
	f.ctr.env = env;
	f.ctr.env_len = 4;
	assert_int_equal(plan(&f), 0);
	assert_string_equal(joined(&f, &f.plan.args), "sh 2 $ 2 $"); /* a manifest's */
	f.ctr.is_literal = true;
	assert_int_equal(plan(&f), 0);
	assert_string_equal(joined(&f, &f.plan.args), "sh $(A) $$ $(A) $$");
	assert_string_equal(joined(&f, &f.plan.env),
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOSTNAME=web-0 "
		"A=2 B=$(A) $$ C=");
}

static void test_pid_modes(void **state)
{
	static const struct {
		bool share;
		enum pid_mode mode;
		enum plan_pid want;
	} rows[] = {
		{ false, PID_BY_POD, PLAN_PID_CONTAINER },   /* */
		{ true, PID_BY_POD, PLAN_PID_POD },          /* */
		{ true, PID_CONTAINER, PLAN_PID_CONTAINER }, /* */
		{ false, PID_POD, PLAN_PID_POD },            /* */
		{ true, PID_NODE, PLAN_PID_HOST },           /* */
		{ true, PID_TARGET, PLAN_PID_TARGET },       /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = fx_open();

		f.pod.share_pid = rows[i].share;
		f.ctr.pid = rows[i].mode;
		assert_int_equal(plan_with_command(&f), 0);
		assert_int_equal(f.plan.pid, rows[i].want);
	}
}

/* ---- who it is and what it may do --------------------------------------------------------------
 */

static void test_identity(void **state)
{
	char nobody[] = "nobody", image[] = "app:staff";
	int64_t of_pod[] = { 7 }, own[] = { 9, 7 };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.image.user = image;
	f.ctr.security.run_as_username = nobody;
	f.pod.groups = of_pod;
	f.pod.groups_len = 1;
	f.ctr.security.groups = own;
	f.ctr.security.groups_len = 2;
	assert_int_equal(plan_with_command(&f), 0);
	assert_string_equal(f.plan.user, "nobody");
	assert_string_equal(joined(&f, &f.plan.groups), "7 9");
	assert_true(f.plan.merge_image_groups);
	f.ctr.security.run_as_group = 5;
	f.ctr.security.strict_groups = true;
	assert_int_equal(plan_with_command(&f), 0);
	assert_string_equal(f.plan.user, "nobody:5");
	assert_false(f.plan.merge_image_groups);
}

static void test_ambient(void **state)
{
	char admin[] = "NET_ADMIN", chown_[] = "CHOWN", all[] = "ALL", unknown[] = "NO_SUCH";
	char *both[] = { admin, chown_ }, *drop[] = { chown_ }, *everything[] = { all };
	char *odd[] = { unknown };
	CLEANUP(fx_close) struct fx f = fx_open();
	uint64_t usual;

	(void)state;
	assert_int_equal(plan_with_command(&f), 0);
	usual = f.plan.caps;
	assert_int_equal(f.plan.ambient, 0);
	f.ctr.security.cap_ambient = (struct strv){ both, 2 };
	f.ctr.security.cap_drop = (struct strv){ drop, 1 }; /* a drop is the last word */
	assert_int_equal(plan_with_command(&f), 0);
	assert_true(f.plan.caps == ((usual | BIT(NET_ADMIN)) & ~BIT(CHOWN)));
	assert_true(f.plan.ambient == BIT(NET_ADMIN));
	f.ctr.security.cap_ambient = (struct strv){ everything, 1 };
	assert_int_equal(plan_with_command(&f), 0);
	assert_true(f.plan.caps == (usual & ~BIT(CHOWN)));
	assert_true(f.plan.ambient == f.plan.caps);
	f.ctr.security.cap_ambient = (struct strv){ odd, 1 };
	assert_int_equal(plan_with_command(&f), -EINVAL);
	assert_string_equal(f.e.text, "capability NO_SUCH is unknown to this kernel");
}

static void test_masks(void **state)
{
	char kcore[] = "/proc/kcore", acpi[] = "/proc/acpi", sys[] = "/proc/sys";
	char *masked[] = { kcore, acpi }, *readonly[] = { sys };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(f.plan.masks, PLAN_MASKS_DEFAULT);
	f.ctr.security.has_masks = true;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(f.plan.masks, PLAN_MASKS_GIVEN);
	assert_int_equal(f.plan.masked.len + f.plan.readonly_paths.len, 0);
	f.ctr.security.masked_paths = (struct strv){ masked, 2 };
	f.ctr.security.readonly_paths = (struct strv){ readonly, 1 };
	assert_int_equal(plan_with_command(&f), 0);
	assert_string_equal(joined(&f, &f.plan.masked), "/proc/kcore /proc/acpi");
	assert_string_equal(joined(&f, &f.plan.readonly_paths), "/proc/sys");
}

static void test_oom_score(void **state)
{
	struct linux_resources r = { .oom_score_adj = 0 };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.ctr.resources = &r;
	assert_int_equal(plan_with_command(&f), 0);
	assert_true(f.plan.has_oom_score_adj); /* else it would be the daemon's */
	assert_int_equal(f.plan.oom_score_adj, 0);
	r.oom_score_adj = -997;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(f.plan.oom_score_adj, -997);
}

/* ---- mounts ------------------------------------------------------------------------------------
 */

static const struct plan_mount *mount_at(const struct fx *f, const char *target)
{
	for (size_t i = 0; i < f->plan.mounts_len; i++)
		if (str_eq(f->plan.mounts[i].target, target))
			return &f->plan.mounts[i];
	print_error("nothing is mounted at %s\n", target);
	abort(); /* fail() would leave the same way, but no analyzer knows */
}

static void test_mounts(void **state)
{
	char tmp[] = "/tmp", null[] = "/dev/null", a[] = "/a", b[] = "/b", c[] = "/c";
	char hosts[] = "/etc/hosts";
	struct mount_spec mounts[] = {
		{ .host_path = tmp, .path = a, .read_only = true, .propagation = MOUNT_SLAVE },
		{ .host_path = tmp,
			.path = b,
			.read_only = true,
			.recursive_read_only = true,
			.no_exec = true,
			.no_dev = true },
		{ .host_path = tmp, .path = c, .propagation = MOUNT_SHARED, .no_suid = true },
		{ .host_path = null, .path = hosts },
	};
	CLEANUP(fx_close) struct fx f = fx_open();
	const struct plan_mount *m;

	(void)state;
	f.ctr.mounts = mounts;
	f.ctr.mounts_len = ARRAY_LEN(mounts);
	assert_int_equal(plan_with_command(&f), 0);
	/* The kubelet's /etc/hosts is the container's; the message is the kubelet's business. */
	assert_int_equal(f.plan.mounts_len, 6);
	m = mount_at(&f, "/a");
	assert_string_equal(m->source, "/tmp");
	assert_true(m->read_only && m->propagation == PLAN_SLAVE);
	assert_false(m->recursive_read_only || m->is_file || m->no_exec || m->no_dev || m->no_suid);
	m = mount_at(&f, "/b");
	assert_true(m->read_only && m->recursive_read_only && m->no_exec && m->no_dev);
	assert_false(m->no_suid);
	assert_int_equal(m->propagation, PLAN_PRIVATE);
	m = mount_at(&f, "/c");
	assert_true(m->propagation == PLAN_SHARED && m->no_suid);
	assert_false(m->read_only || m->recursive_read_only);
	m = mount_at(&f, "/etc/hosts");
	assert_string_equal(m->source, "/dev/null");
	assert_true(m->is_file);
	assert_int_equal(f.fds.len, 0);
}

/* A volume's read-only is all of it. */
static void test_volume_read_only(void **state)
{
	char tmp[] = "/tmp", v[] = "v", path[] = "/data", any[] = "";
	struct volume_spec volume = {
		.name = v, .kind = VOLUME_HOST_PATH, .host_path = tmp, .host_type = any
	};
	struct mount_spec mount = { .volume = v, .path = path, .read_only = true };
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	f.pod.volumes = &volume;
	f.pod.volumes_len = 1;
	f.ctr.mounts = &mount;
	f.ctr.mounts_len = 1;
	assert_int_equal(plan_with_command(&f), 0);
	assert_true(mount_at(&f, "/data")->recursive_read_only);
}

static void test_missing_host_path(void **state)
{
	char dir[] = "/tmp/carpel-cri.XXXXXX", path[] = "/data";
	CLEANUP(fx_close) struct fx f = fx_open();
	CLEANUP(cleanup_free) char *missing = NULL;
	CLEANUP(cleanup_free) char *below = NULL;
	struct mount_spec mount = { .path = path };
	mode_t mask = umask(022);
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	missing = str_fmt("%s/a/b", dir);
	mount.host_path = missing;
	f.ctr.mounts = &mount;
	f.ctr.mounts_len = 1;
	assert_int_equal(plan_with_command(&f), 0);
	assert_int_equal(stat(missing, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_false(mount_at(&f, "/data")->is_file);
	below = str_fmt("%s/a/file/x", dir);
	mount.host_path = below;
	below[strlen(below) - 2] = '\0';
	assert_true(close(open(below, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
	assert_int_equal(plan_with_command(&f), 0);
	assert_true(mount_at(&f, "/data")->is_file);
	below[strlen(below)] = '/';
	assert_int_equal(plan_with_command(&f), -ENOTDIR);
	assert_non_null(strstr(f.e.text, "container app: mount /data: "));
	(void)umask(mask);
	assert_int_equal(fd_remove_tree(AT_FDCWD, dir, NULL), 0);
}

/* ---- what is made beforehand --------------------------------------------------------------------
 */

/* In a fake tree of cgroups below the test's directory. */
static int prepare(struct fx *f, struct fake *fake, char *dir)
{
	struct container_request q = request(f);

	q.dir = dir;
	f->e = (struct err){ 0 };
	return container_prepare(&q, &fake->c, &f->e);
}

static void test_prepare(void **state)
{
	char log[] = "/dev/termination-log";
	struct linux_resources r = { .cpu_shares = 512 };
	struct fake fake = fake_hybrid(state);
	CLEANUP(fx_close) struct fx f = fx_open();
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/c/0", (const char *)*state);
	CLEANUP(buf_free) struct buf shares = { 0 };
	struct stat st;

	f.ctr.resources = &r;
	fake_put(&fake, "cpu/ours/burstable/podu1/c0ffee", "cpu.shares", "new");
	assert_int_equal(prepare(&f, &fake, dir), 0);
	assert_int_equal(fstatat(fake.root, "c/0/upper", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(fake.root, "c/0/work", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fd_read_file(fake.root, "cpu/ours/burstable/podu1/c0ffee/cpu.shares", 9,
				 &shares, NULL),
		0);
	assert_string_equal(shares.data, "512");
	/* The message is the client's business, where it is one's. */
	assert_false(exists(fake.root, "c/0/termination-log"));
	f.ctr.message_path = log;
	assert_int_equal(prepare(&f, &fake, dir), 0); /* can be repeated */
	assert_int_equal(fstatat(fake.root, "c/0/termination-log", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	fake_free(&fake);
}

/* Whatever is in the way is told, and no cgroup is made for what will not be. */
static void test_prepare_fails(void **state)
{
	static const char *const blocked[] = { "c", "c/0", "c/0/upper", "c/0/work" };
	char log[] = "/log";
	struct fake fake = fake_hybrid(state);
	CLEANUP(fx_close) struct fx f = fx_open();
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/c/0", (const char *)*state);

	f.ctr.message_path = log;
	for (size_t i = 0; i < ARRAY_LEN(blocked); i++) {
		if (i > 1)
			assert_int_equal(fd_mkdir_all(fake.root, "c/0", 0700, NULL), 0);
		else if (i == 1)
			assert_int_equal(fd_mkdir_all(fake.root, "c", 0700, NULL), 0);
		put(fake.root, blocked[i], "");
		assert_true(prepare(&f, &fake, dir) < 0);
		assert_int_equal(fd_remove_tree(fake.root, "c", NULL), 0);
	}
	assert_int_equal(fd_mkdir_all(fake.root, "c/0/termination-log", 0700, NULL), 0);
	assert_int_equal(prepare(&f, &fake, dir), -EISDIR);
	assert_false(exists(fake.root, "cpu/ours/burstable"));
	fake_free(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literal),
		cmocka_unit_test(test_pid_modes),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_ambient),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_oom_score),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_volume_read_only),
		cmocka_unit_test(test_missing_host_path),
		cmocka_unit_test_setup_teardown(test_prepare, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_prepare_fails, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
