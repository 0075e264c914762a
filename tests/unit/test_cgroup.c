/* Cgroups in a tree of plain files: which directories are meant, and made; what limits become. */
#include <errno.h>
#include <inttypes.h>

#include "cgroup_fixture.h"

static void test_paths(void **state)
{
	static const char *const good[] = { "", "a", "a/b", "/a", "/kubepods/burstable/pod1/0f",
		"/kubepods.slice/kubepods-pod1.slice/x.scope", "...", "a..b", "/.a" };
	static const char *const bad[] = { "/", "//", "a/", "/a/", "a//b", "//a", ".", "..", "/..",
		"a/..", "a/../b", "../a", "a/./b", "/a/..", "a\nb", "/a\x7f" };
	char name[300], path[CGROUP_PATH_MAX + 2];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(cgroup_check_path(good[i], &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(cgroup_check_path(bad[i], &e), -EINVAL);
	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	assert_int_equal(cgroup_check_path(name, &e), 0);
	name[255] = 'a';
	name[256] = '\0';
	assert_int_equal(cgroup_check_path(name, &e), -ENAMETOOLONG);
	assert_non_null(strstr(e.text, "255"));
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 100 ? 'a' : '/';
	path[CGROUP_PATH_MAX + 1] = '\0';
	assert_int_equal(cgroup_check_path(path, &e), -ENAMETOOLONG);
	path[CGROUP_PATH_MAX] = '\0';
	assert_int_equal(cgroup_check_path(path, &e), 0);
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? 'a' : '/';
	path[2 * CGROUP_DEPTH_MAX + 2] = '\0';
	assert_int_equal(cgroup_check_path(path, &e), -ENAMETOOLONG);
	path[2 * CGROUP_DEPTH_MAX] = '\0';
	assert_int_equal(cgroup_check_path(path, &e), 0);
}

/* Nothing of the machine is meant by any call, whatever it does. */
static void test_refused_everywhere(void **state)
{
	static const char *const bad[] = { "/", "/..", "../../x", "a//b" };
	struct fake f = fake_v2(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	int32_t pid;

	fake_put(&f, "v2", "cgroup.kill", "");
	fake_put(&f, "v2", "cgroup.procs", "1\n");
	put(f.root, "cgroup.kill", "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(cgroup_make(&f.c, bad[i], CGROUP_LEAF, &l, NULL), -EINVAL);
		assert_int_equal(cgroup_set_limits(&f.c, bad[i], &l, NULL), -EINVAL);
		assert_int_equal(cgroup_join(&f.c, bad[i], 1, NULL), -EINVAL);
		assert_int_equal(cgroup_kill(&f.c, bad[i], NULL), -EINVAL);
		assert_int_equal(cgroup_remove(&f.c, bad[i], NULL), -EINVAL);
		assert_int_equal(cgroup_pids(&f.c, bad[i], &pid, 1), 0);
	}
	assert_holds(f.root, "v2/cgroup.kill", "");
	assert_holds(f.root, "cgroup.kill", "");
	fake_free(&f);
}

static void test_places(void **state)
{
	struct fake f = fake_hybrid(state);
	struct strv v1 = { 0 };
	CLEANUP(cleanup_free) char *v2 = NULL;
	CLEANUP(cleanup_free) char *want = str_fmt("%s/memory/kubepods/pod1/id", (char *)*state);
	CLEANUP(cleanup_free) char *want_v2 = str_fmt("%s/v2/kubepods/pod1/id", (char *)*state);

	assert_int_equal(cgroup_make(&f.c, "pod1/id", CGROUP_LEAF, NULL, NULL), 0);
	assert_int_equal(cgroup_make(&f.c, "/kubepods/pod1/id", CGROUP_LEAF, NULL, NULL), 0);
	assert_int_equal(cgroup_make(&f.c, "/track/x", CGROUP_TRACKING, NULL, NULL), 0);
	assert_true(exists(f.root, "v2/ours/pod1/id"));
	assert_true(exists(f.root, "pids/ours/pod1/id"));
	assert_true(exists(f.root, "v2/kubepods/pod1/id"));
	assert_true(exists(f.root, "memory/kubepods/pod1/id"));
	assert_false(exists(f.root, "v2/ours/kubepods"));
	assert_true(exists(f.root, "v2/track/x"));
	assert_false(exists(f.root, "memory/track"));
	/* cpuset: for those that ask for it. */
	assert_false(exists(f.root, "cpuset/kubepods"));
	cgroup_dirs(&f.c, "/kubepods/pod1/id", &v1, &v2);
	assert_string_equal(v2, want_v2);
	assert_int_equal(v1.len, CGROUP_CONTROLLERS);
	assert_true(strv_has(&v1, want));
	strv_free(&v1);
	fake_free(&f);
}

/* What is above the path of somebody else is left as it is; empty parents in the v2 tree of a
 * hybrid machine go when asked, and only those. */
static void test_removing(void **state)
{
	struct fake f = fake_hybrid(state);

	assert_int_equal(cgroup_make(&f.c, "/kubepods/pod1/id", CGROUP_LEAF, NULL, NULL), 0);
	assert_int_equal(cgroup_make(&f.c, "/kubepods/pod2/id", CGROUP_LEAF, NULL, NULL), 0);
	assert_int_equal(cgroup_remove(&f.c, "/kubepods/pod1/id", NULL), 0);
	assert_int_equal(cgroup_remove(&f.c, "/kubepods/pod1/id", NULL), 0);
	assert_false(exists(f.root, "v2/kubepods/pod1/id"));
	assert_false(exists(f.root, "memory/kubepods/pod1/id"));
	assert_true(exists(f.root, "v2/kubepods/pod1"));
	assert_true(exists(f.root, "memory/kubepods/pod1"));
	cgroup_remove_tracking(&f.c, "/kubepods/pod1");
	cgroup_remove_tracking(&f.c, "/kubepods/pod2"); /* not empty */
	cgroup_remove_tracking(&f.c, "");
	assert_false(exists(f.root, "v2/kubepods/pod1"));
	assert_true(exists(f.root, "memory/kubepods/pod1"));
	assert_true(exists(f.root, "v2/kubepods/pod2/id"));
	assert_true(exists(f.root, "v2/ours"));
	f.c.is_hybrid = false; /* there it would be the kubelet's own */
	assert_int_equal(cgroup_remove(&f.c, "/kubepods/pod2/id", NULL), 0);
	cgroup_remove_tracking(&f.c, "/kubepods/pod2");
	assert_true(exists(f.root, "v2/kubepods/pod2"));
	fake_free(&f);
}

/* Controllers are handed down by the parent, even one that somebody else made, and by what is above
 * what was missing; not by anything else. */
static void test_handing_down(void **state)
{
	static const char all[] = "+cpu+cpuacct+memory+pids+io";
	struct fake f = fake_v2(state);

	fake_put(&f, "v2", "cgroup.subtree_control", "");
	fake_put(&f, "v2/kubepods", "cgroup.subtree_control", "");
	fake_put(&f, "v2/kubepods/pod1", "cgroup.subtree_control", "");
	fake_put(&f, "v2/kubepods/pod1", "cgroup.controllers", "cpu io memory pids\n");
	fake_put(&f, "v2/test", "cgroup.subtree_control", "");
	assert_int_equal(cgroup_make(&f.c, "/kubepods/pod1/id", CGROUP_LEAF, NULL, NULL), 0);
	assert_holds(f.root, "v2/kubepods/pod1/cgroup.subtree_control", all);
	assert_holds(f.root, "v2/kubepods/cgroup.subtree_control", "");
	assert_holds(f.root, "v2/cgroup.subtree_control", "");
	/* A leaf that handed controllers down could hold no process. */
	fake_put(&f, "v2/kubepods/pod1/id", "cgroup.subtree_control", "");
	assert_int_equal(
		cgroup_make(&f.c, "/kubepods/pod1/id/exec-1", CGROUP_TRACKING, NULL, NULL), 0);
	assert_true(exists(f.root, "v2/kubepods/pod1/id/exec-1"));
	assert_holds(f.root, "v2/kubepods/pod1/id/cgroup.subtree_control", "");
	assert_int_equal(cgroup_make(&f.c, "/test/new/id", CGROUP_LEAF, NULL, NULL), 0);
	assert_holds(f.root, "v2/test/cgroup.subtree_control", all);
	/* A parent that has not all of them is given them from the top on. */
	assert_holds(f.root, "v2/cgroup.subtree_control", all);
	fake_put(&f, "v2/kubepods/pod1", "cgroup.controllers", "cpu pids\n");
	assert_int_equal(cgroup_make(&f.c, "/kubepods/pod1/other", CGROUP_LEAF, NULL, NULL), 0);
	assert_holds(f.root, "v2/kubepods/cgroup.subtree_control", all);
	fake_put(&f, "v2/ours/in", "cgroup.subtree_control", "");
	assert_int_equal(cgroup_make(&f.c, "in", CGROUP_INNER, NULL, NULL), 0);
	assert_holds(f.root, "v2/ours/in/cgroup.subtree_control", all);
	fake_free(&f);
}

/* A controller that is asked for later is handed down all the way, but not by the leaf. */
static void test_needing(void **state)
{
	struct fake f = fake_v2(state);
	struct err e = { 0 };

	fake_put(&f, "v2", "cgroup.subtree_control", "");
	fake_put(&f, "v2/kubepods", "cgroup.subtree_control", "");
	fake_put(&f, "v2/kubepods/id", "cgroup.subtree_control", "");
	fake_put(&f, "v2/kubepods/id", "cgroup.controllers", "cpu cpusets memory\n");
	assert_int_equal(cgroup_need(&f.c, "/kubepods/id", "memory", &e), 0);
	assert_holds(f.root, "v2/kubepods/cgroup.subtree_control", "");
	assert_int_equal(cgroup_need(&f.c, "/kubepods/id", "cpuset", &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "no cpuset controller"));
	assert_holds(f.root, "v2/cgroup.subtree_control", "+cpuset");
	assert_holds(f.root, "v2/kubepods/cgroup.subtree_control", "+cpuset");
	assert_holds(f.root, "v2/kubepods/id/cgroup.subtree_control", "");
	fake_free(&f);
}

/* A v1 cpuset has what is above it before anything moves in, and does not lose what it has. */
static void test_cpuset_v1(void **state)
{
	struct fake f = fake_hybrid(state);
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	struct strv v1 = { 0 };
	CLEANUP(cleanup_free) char *v2 = NULL;

	fake_put(&f, "cpuset", "cpuset.cpus", "0-7\n");
	fake_put(&f, "cpuset", "cpuset.mems", "0\n");
	fake_put(&f, "cpuset/kube", "cpuset.cpus", "2-5\n");
	fake_put(&f, "cpuset/kube", "cpuset.mems", "\n");
	fake_put(&f, "cpuset/kube/id", "cpuset.cpus", "");
	fake_put(&f, "cpuset/kube/id", "cpuset.mems", "");
	fake_put(&f, "cpuset/kube/id", "cgroup.procs", "");
	fake_put(&f, "v2/kube/id", "cgroup.procs", "11\n12\n");
	fake_put(&f, "v2/kube/id/exec-1", "cgroup.procs", "13\n");
	l.cpuset_mems = "1";
	/* Plain files do not list who moved, so the last round finds them again. */
	assert_int_equal(cgroup_set_limits(&f.c, "/kube/id", &l, NULL), -EAGAIN);
	assert_holds(f.root, "cpuset/kube/cpuset.cpus", "2-5\n");
	assert_holds(f.root, "cpuset/kube/cpuset.mems", "0\n");
	assert_holds(f.root, "cpuset/kube/id/cpuset.cpus", "2-5\n");
	fake_put(&f, "cpuset/kube/id", "cgroup.procs", "11\n12\n13\n");
	assert_int_equal(cgroup_set_limits(&f.c, "/kube/id", &l, NULL), 0);
	assert_holds(f.root, "cpuset/kube/id/cpuset.mems", "1\n");
	assert_holds(f.root, "cpuset/kube/id/cgroup.procs", "11\n12\n13\n");
	cgroup_dirs(&f.c, "/kube/id", &v1, &v2);
	assert_int_equal(v1.len, CGROUP_CONTROLLERS + 1);
	strv_free(&v1);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		FD_TEST(test_refused_everywhere),
		FD_TEST(test_places),
		FD_TEST(test_removing),
		FD_TEST(test_handing_down),
		FD_TEST(test_needing),
		FD_TEST(test_cpuset_v1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
