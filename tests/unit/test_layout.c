/* Where an instance keeps things, and that it keeps them below its root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "pod/layout.h"

static char dir[] = "/tmp/carpel-layout.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return fd_remove_tree(AT_FDCWD, dir, NULL);
}

static void expect(char *got, const char *want)
{
	assert_string_equal(got, want);
	free(got);
}

static void test_no_root(void **state)
{
	static const char *const roots[] = { NULL, "", "/", "//", "/." };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		CLEANUP(layout_free) struct layout l;

		assert_int_equal(layout_init(&l, roots[i], NULL), 0);
		assert_string_equal(l.root, "");
		assert_string_equal(l.run, "/run/carpel");
		assert_string_equal(l.lib, "/var/lib/carpel");
		assert_string_equal(l.logs, "/var/log/pods");
		assert_string_equal(l.links, "/var/log/containers");
		assert_string_equal(l.socket, "/run/carpel/carpel.sock");
		assert_string_equal(l.images, "/var/lib/carpel/images");
		assert_string_equal(l.cgroup, "carpel");
	}
}

static char *below(const char *path)
{
	return str_fmt("%s%s", dir, path);
}

/* However a root is written, it is the same instance; another one meets it nowhere. */
static void test_one_instance_per_root(void **state)
{
	CLEANUP(cleanup_free) char *one = below("/one"), *link = below("/link");
	CLEANUP(cleanup_free) char *odd = below("/./link/../one/"), *two = below("/two");
	CLEANUP(layout_free) struct layout a, b, c, d, e;
	char before[4096];

	(void)state;
	assert_int_equal(layout_init(&a, one, NULL), 0);
	assert_int_equal(symlink("one", link), 0);
	assert_int_equal(layout_init(&b, link, NULL), 0);
	assert_int_equal(layout_init(&c, odd, NULL), 0);
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(layout_init(&d, "one", NULL), 0);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(layout_init(&e, two, NULL), 0);
	assert_string_equal(a.root, one);
	assert_string_equal(b.root, one);
	assert_string_equal(c.root, one);
	assert_string_equal(d.root, one);
	assert_string_equal(a.cgroup, b.cgroup);
	assert_true(str_starts(a.cgroup, "carpel-") && strlen(a.cgroup) == 15);
	assert_string_not_equal(a.cgroup, e.cgroup);
	assert_true(str_starts(e.run, two));
}

static void test_unusable_root(void **state)
{
	CLEANUP(cleanup_free) char *file = below("/file"), *under = below("/file/root");
	struct layout l;
	struct err e = { 0 };
	FILE *f = fopen(file, "w");

	(void)state;
	assert_non_null(f);
	fclose(f);
	assert_int_equal(layout_init(&l, under, &e), -ENOTDIR);
	assert_null(l.root); /* the empty form */
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* What holds records, layers and the socket is nobody else's. */
static void test_modes(void **state)
{
	CLEANUP(cleanup_free) char *root = below("/modes"), *records = NULL;
	CLEANUP(layout_free) struct layout l;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(layout_init(&l, root, &e), 0);
	assert_int_equal(layout_make(&l, &e), 0);
	assert_int_equal(chmod(l.run, 0755), 0);
	assert_int_equal(layout_make(&l, &e), 0); /* again, and it is mended */
	records = str_fmt("%s/pods", l.run);
	assert_int_equal(mode_of(l.run), 0700);
	assert_int_equal(mode_of(records), 0700);
	assert_int_equal(mode_of(l.lib), 0700);
	assert_int_equal(mode_of(l.images), 0700);
	assert_int_equal(mode_of(l.logs), 0755);
	assert_int_equal(mode_of(l.links), 0755);
}

static void test_paths(void **state)
{
	char name[] = "web", ns[] = "prod", uid[] = "u-1", lib[] = "/L", logs[] = "/G";
	char links[] = "/K", programs[] = "/P";
	const struct layout l = { .lib = lib, .logs = logs, .links = links, .programs = programs };
	const struct place at = { .dir = programs };
	struct pod_spec pod = { .name = name, .namespace = ns, .uid = uid };

	(void)state;
	expect(layout_program(&l, "carpel-launch"), "/P/carpel-launch");
	expect(layout_pod_dir(&l, uid), "/L/pods/u-1");
	expect(place_container_dir(&at, "app", 7), "/P/containers/app/7");
	expect(layout_log_pod_dir(&l, &pod), "/G/prod_web_u-1");
	expect(layout_log_dir(&l, &pod, "app"), "/G/prod_web_u-1/app");
	expect(layout_log_link(&l, &pod, "app", "abc"), "/K/web_prod_app-abc.log");
	pod.qos = QOS_GUARANTEED;
	expect(layout_pod_cgroup(&l, &pod), "podu-1");
	pod.qos = QOS_BURSTABLE;
	expect(layout_pod_cgroup(&l, &pod), "burstable/podu-1");
	pod.qos = QOS_BEST_EFFORT;
	expect(layout_pod_cgroup(&l, &pod), "besteffort/podu-1");
}

static void expect_id(const struct layout *l, const char *kind, const char *name, const char *want)
{
	CLEANUP(cleanup_free) char *id = layout_sandbox_id(l, kind, name);

	if (want)
		assert_string_equal(id, want);
	else
		assert_null(id);
}

/* Directories of the cgroup tree, and units of systemd's, whose names are their place. */
static void test_cgroups(void **state)
{
	char name[] = "carpel-1a", slice[] = "carpel_1a", uid[] = "u-1";
	struct layout l = { .cgroup = name, .slice = slice };
	const struct pod_spec guaranteed = { .uid = uid, .qos = QOS_GUARANTEED },
			      burstable = { .uid = uid, .qos = QOS_BURSTABLE };

	(void)state;
	expect(layout_root_cgroup(&l), "carpel-1a");
	expect(layout_level_cgroup(&l, NULL), "");
	expect(layout_level_cgroup(&l, "cri"), "cri");
	expect(layout_sandbox_cgroup(&l, "cri", "", "0f"), "cri/0f");
	expect(layout_sandbox_cgroup(&l, "/kubepods/podx", "", "0f"), "/kubepods/podx/0f");
	expect_id(&l, LAYOUT_POD, "podu-1", "u-1");
	expect_id(&l, LAYOUT_POD, "pod", NULL);
	expect_id(&l, LAYOUT_POD, "burstable", NULL);
	expect_id(&l, "", "0f", "0f");

	l.by_systemd = true;
	expect(layout_root_cgroup(&l), "carpel_1a.slice/carpel_1a-daemons.scope");
	expect(layout_level_cgroup(&l, NULL), "/carpel_1a.slice");
	expect(layout_level_cgroup(&l, "cri"), "/carpel_1a.slice/carpel_1a-cri.slice");
	expect(layout_pod_cgroup(&l, &guaranteed), "/carpel_1a.slice/carpel_1a-podu-1.scope");
	expect(layout_pod_cgroup(&l, &burstable),
		"/carpel_1a.slice/carpel_1a-burstable.slice/carpel_1a-podu-1.scope");
	expect(layout_sandbox_cgroup(&l, "/kube.slice", "", "0f"),
		"/kube.slice/carpel_1a-0f.scope");
	expect_id(&l, LAYOUT_POD, "carpel_1a-podu-1.scope", "u-1");
	expect_id(&l, LAYOUT_POD, "carpel_1a-daemons.scope", NULL);
	expect_id(&l, LAYOUT_POD, "carpel_1a-burstable.slice", NULL);
	expect_id(&l, LAYOUT_POD, "carpel_1a-pod.scope", NULL);
	expect_id(&l, LAYOUT_POD, "carpel-podu-1.scope", NULL);
}

/* Programs lie beside the one that runs. */
static void test_programs(void **state)
{
	CLEANUP(layout_free) struct layout l;
	CLEANUP(cleanup_free) char *self = NULL;

	(void)state;
	assert_int_equal(layout_init(&l, NULL, NULL), 0);
	self = layout_program(&l, "test_layout");
	assert_int_equal(access(self, X_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_root),
		cmocka_unit_test(test_one_instance_per_root),
		cmocka_unit_test(test_unusable_root),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test(test_programs),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
