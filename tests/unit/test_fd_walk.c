/* Walks below a directory: openat2's and ours, which are to be the same. */
#include "fd_fixture.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

typedef int (*walk_fn)(int, const char *, uint64_t, mode_t, struct err *);

static void walk_stays_inside(void **state, walk_fn walk)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_fd) int inner = -1;
	static const char *const ways_to_file[] = { "file", "/file", "../file", "../../../file",
		"dir/..//file", "up/file", "absolute", "dir/relative", "chain" };
	static const char *const nowhere[] = { "passwd", "../etc/passwd", "/etc/passwd",
		"up/etc/passwd", "loop", "gone" };
	struct err e = { 0 };

	put(root, "outside", "outside");
	assert_int_equal(mkdirat(root, "in", 0700), 0);
	inner = openat(root, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(inner, "file", "inside");
	assert_int_equal(mkdirat(inner, "dir", 0700), 0);
	assert_int_equal(symlinkat("../..", inner, "up"), 0);
	assert_int_equal(symlinkat("/file", inner, "absolute"), 0);
	assert_int_equal(symlinkat("../../../file", inner, "dir/relative"), 0);
	assert_int_equal(symlinkat("dir/relative", inner, "chain"), 0);
	assert_int_equal(symlinkat("/etc/passwd", inner, "passwd"), 0);
	assert_int_equal(symlinkat("loop", inner, "loop"), 0);
	for (size_t i = 0; i < ARRAY_LEN(ways_to_file); i++) {
		CLEANUP(cleanup_fd) int fd = walk(inner, ways_to_file[i], O_RDONLY, 0, &e);
		char text[8] = "";

		assert_true(fd >= 0);
		assert_int_equal(read(fd, text, 7), 6);
		assert_string_equal(text, "inside");
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	}
	for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
		assert_true(walk(inner, nowhere[i], O_RDONLY, 0, &e) < 0);
	assert_string_equal(e.text, "open gone: No such file or directory");
	assert_true(walk(inner, "../outside", O_RDONLY, 0, &e) < 0);
}

static void walk_creates_inside(void **state, walk_fn walk)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_fd) int inner = -1;
	CLEANUP(cleanup_fd) int made = -1;
	struct err e = { 0 };

	assert_int_equal(mkdirat(root, "in", 0700), 0);
	inner = openat(root, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("../new", inner, "link"), 0);
	made = walk(inner, "link", O_WRONLY | O_CREAT, 0640, &e);
	assert_true(made >= 0);
	assert_true(exists(root, "in/new"));
	assert_false(exists(root, "new"));
	assert_int_equal(symlinkat("none", inner, "dangling"), 0);
	assert_int_equal(walk(inner, "dangling", O_WRONLY | O_CREAT | O_EXCL, 0600, &e), -EEXIST);
	assert_int_equal(walk(inner, "link", O_WRONLY | O_CREAT | O_EXCL, 0600, &e), -EEXIST);
	assert_false(exists(root, "in/none"));
}

/* /proc/self/fd/N leads anywhere, without a name that could be checked. */
static void walk_takes_no_magic_link(void **state, walk_fn walk)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_fd) int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(cleanup_free) char *path = str_fmt("%d/fd/%d", (int)getpid(), root);
	struct err e = { 0 };

	assert_int_equal(walk(proc, path, O_RDONLY, 0, &e), -ELOOP);
}

static void test_walk_stays_inside(void **state)
{
	walk_stays_inside(state, fd_walk);
}

static void test_steps_stay_inside(void **state)
{
	walk_stays_inside(state, fd_walk_in_steps);
}

static void test_walk_creates_inside(void **state)
{
	walk_creates_inside(state, fd_walk);
}

static void test_steps_create_inside(void **state)
{
	walk_creates_inside(state, fd_walk_in_steps);
}

static void test_walk_takes_no_magic_link(void **state)
{
	walk_takes_no_magic_link(state, fd_walk);
}

static void test_steps_take_no_magic_link(void **state)
{
	walk_takes_no_magic_link(state, fd_walk_in_steps);
}

/* The same error, or the same file as seen from root. */
static void assert_same_walk(int root, const char *path, uint64_t flags)
{
	struct err e = { 0 };
	CLEANUP(cleanup_fd) int one = fd_walk(root, path, flags, 0, &e);
	CLEANUP(cleanup_fd) int other = fd_walk_in_steps(root, path, flags, 0, &e);
	struct stat a = { 0 }, b = { 0 };

	if (one < 0) {
		assert_int_equal(other, one);
		return;
	}
	assert_true(other >= 0);
	assert_true(fstat(one, &a) == 0 && fstat(other, &b) == 0);
	assert_true(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static void test_steps_are_openat2s(void **state)
{
	static const uint64_t flags[] = { O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY,
		O_RDONLY | O_DIRECTORY, O_RDONLY | O_NONBLOCK, O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
		O_WRONLY };
	static const char *const paths[] = { ".", "/", "..", "../..", "a", "a/", "/a/./b/",
		"a//b/..", "a/b/../../f", "f/", "f/.", "f/..", "f/x", "none", "none/", "none/..",
		"a/none/x", "to-f", "to-f/", "to-a", "to-a/", "to-a/b", "to-a/..", "a/up", "a/up/f",
		"a/b/top", "a/b/top/f", "a/far/f", "loop", "loop/x", "a/dangling", "a/dangling/",
		"a/dangling/..", "to-chain", "d12", "d40", "d40/", "d12/x" };
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_fd) int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[16], target[16];

	assert_int_equal(mkdirat(root, "a", 0700), 0);
	assert_int_equal(mkdirat(root, "a/b", 0700), 0);
	put(root, "f", "f");
	assert_int_equal(symlinkat("f", root, "to-f"), 0);
	assert_int_equal(symlinkat("a/", root, "to-a"), 0);
	assert_int_equal(symlinkat("to-a/../to-f", root, "to-chain"), 0);
	assert_int_equal(symlinkat("..", root, "a/up"), 0);
	assert_int_equal(symlinkat("/", root, "a/b/top"), 0);
	assert_int_equal(symlinkat("../../../../..", root, "a/far"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	assert_int_equal(symlinkat("none", root, "a/dangling"), 0);
	assert_int_equal(symlinkat("f", root, "d0"), 0);
	/* 40 are followed; 13 where races make the kernel begin twice more, which counts on. */
	for (int i = 1; i <= 40; i++) {
		(void)snprintf(name, sizeof(name), "d%d", i);
		(void)snprintf(target, sizeof(target), "d%d", i - 1);
		assert_int_equal(symlinkat(target, root, name), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		for (size_t j = 0; j < ARRAY_LEN(paths); j++)
			assert_same_walk(root, paths[j], flags[i]);
		assert_same_walk(proc, "self/root", flags[i]);
		assert_same_walk(proc, "self/fd/0", flags[i]);
		assert_same_walk(proc, "mounts", flags[i]);
		assert_same_walk(proc, "self/../uptime", flags[i]);
	}
}

static void test_bounds_of_steps(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	char path[PATH_MAX + 2] = "", name[NAME_MAX + 2];
	struct err e = { 0 };

	assert_int_equal(mkdirat(root, "x", 0700), 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(fd_walk_in_steps(root, name, O_PATH, 0, &e), -ENAMETOOLONG);
	memset(path, '/', PATH_MAX);
	assert_int_equal(fd_walk_in_steps(root, path, O_PATH, 0, &e), -ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	assert_same_walk(root, path, O_PATH);
	for (size_t i = 0; i + 5 < PATH_MAX; i += 5) /* in and out again holds one descriptor */
		memcpy(path + i, "x/../", 6);
	assert_same_walk(root, path, O_PATH);
	strcpy(path, "x");
	for (int i = 0; i < 300; i++) {
		strcat(path, "/x");
		assert_int_equal(mkdirat(root, path, 0700), 0);
	}
	assert_int_equal(fd_walk_in_steps(root, path, O_PATH, 0, &e), -EAGAIN);
	path[2 * 250] = '\0';
	assert_same_walk(root, path, O_PATH);
}

/* Who does nothing but rename keeps nobody from going up: one try may fail, a walk does not. */
static void test_walk_among_renames(void **state)
{
	static const char path[] = "a/../b/../a/../b/..";
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };
	pid_t pid;

	assert_int_equal(mkdirat(root, "a", 0700), 0);
	assert_int_equal(mkdirat(root, "b", 0700), 0);
	pid = fork();
	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while (pid == 0)
		if (renameat2(root, "a", root, "b", RENAME_EXCHANGE) < 0)
			_exit(1);
	for (int i = 0, races = 0; i < 20000 && races < 50; i++) {
		CLEANUP(cleanup_fd) int one = fd_openat2(root, path, &how, &e);
		CLEANUP(cleanup_fd) int fd = fd_walk(root, path, O_PATH, 0, &e);

		races += one == -EAGAIN;
		assert_true(fd >= 0);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FD_TEST(test_walk_stays_inside),
		FD_TEST(test_walk_creates_inside),
		FD_TEST(test_walk_takes_no_magic_link),
		FD_TEST(test_steps_stay_inside),
		FD_TEST(test_steps_create_inside),
		FD_TEST(test_steps_take_no_magic_link),
		FD_TEST(test_steps_are_openat2s),
		FD_TEST(test_bounds_of_steps),
		FD_TEST(test_walk_among_renames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
