/* What a tree takes of a disk: the same as du says, and what is done to a tree while it is counted.
 */
#include "fd_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sys/usage.h"

static const struct usage_bounds no_bounds = { 0 };

static struct usage count(int root, const char *path)
{
	struct usage u = { 0 };
	struct err e = { 0 };

	if (usage_of_tree(root, path, no_bounds, &u, &e) < 0)
		fail_msg("%s", e.text);
	return u;
}

static uint64_t du(void **state, const char *options, const char *name)
{
	CLEANUP(cleanup_free)
	char *command = str_fmt("du -s %s '%s/%s'", options, (const char *)*state, name);
	FILE *p = popen(command, "r");
	unsigned long long n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%llu", &n), 1);
	pclose(p);
	return n;
}

static void assert_like_du(void **state, int root, const char *name)
{
	struct usage u = count(root, name);

	assert_false(u.is_partial);
	assert_int_equal(u.bytes, du(state, "-B1", name));
	assert_int_equal(u.inodes, du(state, "--inodes", name));
}

static void put_bytes(int root, const char *name, size_t len)
{
	CLEANUP(cleanup_free) char *bytes = mem_zalloc(len + 1);

	memset(bytes, 'x', len);
	put(root, name, bytes);
}

static void test_as_du(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_fd) int sparse = -1;

	assert_int_equal(fd_mkdir_all(root, "t/a/b/c", 0700, NULL), 0);
	assert_int_equal(fd_mkdir_all(root, "t/.hidden", 0700, NULL), 0);
	put_bytes(root, "t/a/f", 100000);
	put_bytes(root, "t/a/b/c/g", 1);
	put_bytes(root, "t/.hidden/h", 5000);
	put(root, "t/empty", "");
	put_bytes(root, "outside", 50000);
	assert_int_equal(symlinkat("../outside", root, "t/link"), 0);
	assert_int_equal(symlinkat("/", root, "t/slash"), 0);
	assert_int_equal(mkfifoat(root, "t/fifo", 0600), 0);
	sparse = openat(root, "t/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(sparse, 1 << 30), 0);
	for (int i = 0; i < 1000; i++) { /* more than one buffer of names */
		CLEANUP(cleanup_free) char *name = str_fmt("t/a/b/file-with-a-long-name-%d", i);
		CLEANUP(cleanup_free) char *dir = str_fmt("t/a/dir-%d", i);

		put(root, name, i % 2 ? "x" : "");
		assert_int_equal(mkdirat(root, dir, 0700), 0);
	}
	assert_like_du(state, root, "t");
}

/* Once for all names, and for a part of them a part. */
static void test_several_names(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct usage u;

	assert_int_equal(fd_mkdir_all(root, "t/a", 0700, NULL), 0);
	put_bytes(root, "t/f", 4096);
	for (int i = 0; i < 6; i++) { /* sevenths are no round numbers */
		CLEANUP(cleanup_free) char *name = str_fmt("t/a/f%d", i);

		assert_int_equal(linkat(root, "t/f", root, name, 0), 0);
	}
	assert_like_du(state, root, "t");
	assert_int_equal(count(root, "t").inodes, 3);
	for (int i = 0; i < 7; i++) {
		CLEANUP(cleanup_free) char *name = str_fmt("outside%d", i);

		assert_int_equal(linkat(root, "t/f", root, name, 0), 0);
	}
	u = count(root, "t");
	assert_int_equal(u.bytes, du(state, "-B1", "t") - 4096 + 2048);
}

static void make_deep(int dir, const char *name, int depth)
{
	int at = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0700), 0);
		put(at, "f", "x");
		put(at, "z", "x"); /* on either side of the directory */
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static struct usage_walk *start(int root, const char *path, struct usage_bounds b)
{
	struct usage_walk *w = NULL;
	struct err e = { 0 };

	if (usage_start(root, path, b, &w, &e) < 0)
		fail_msg("%s", e.text);
	return w;
}

/* In slices of every size the same, with few descriptors. */
static void test_deep_in_slices(void **state)
{
	enum { DEPTH = 800 };
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct usage_walk *w;
	int before = open_fds(), most = 0, slices = 0;

	assert_int_equal(fd_mkdir_all(root, "t/x", 0700, NULL), 0);
	make_deep(root, "t", DEPTH);
	make_deep(root, "t/x", DEPTH);
	assert_like_du(state, root, "t");
	w = start(root, "t", no_bounds);
	while (usage_step(w, 500)) {
		int now = open_fds();

		slices++;
		most = now > most ? now : most;
		assert_true(usage_result(w).is_partial);
		assert_false(usage_result(w).is_cut);
	}
	assert_true(slices > 6 * DEPTH / 500);
	assert_in_range(most, before + USAGE_FDS, before + USAGE_FDS + 1);
	assert_int_equal(open_fds(), before);
	assert_false(usage_result(w).is_partial);
	assert_int_equal(usage_result(w).inodes, 2 + 2 * 3 * DEPTH);
	usage_free(w);
	w = start(root, "t", no_bounds);
	assert_true(usage_step(w, 2000));
	usage_free(w); /* half-way */
	assert_int_equal(open_fds(), before);
}

static void test_bounds(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct usage u;
	struct err e = { 0 };

	assert_int_equal(fd_mkdir_all(root, "t", 0700, NULL), 0);
	make_deep(root, "t", 10);
	assert_int_equal(usage_of_tree(root, "t", (struct usage_bounds){ .depth = 11 }, &u, &e), 0);
	assert_false(u.is_partial || u.is_cut);
	assert_int_equal(u.inodes, 31);
	assert_int_equal(usage_of_tree(root, "t", (struct usage_bounds){ .depth = 10 }, &u, &e), 0);
	assert_true(u.is_partial && u.is_cut);
	assert_int_equal(u.inodes, 31); /* the last directory itself, but it is not entered */
	assert_int_equal(
		usage_of_tree(root, "t", (struct usage_bounds){ .entries = 20 }, &u, &e), 0);
	assert_true(u.is_partial && u.is_cut);
	assert_true(u.inodes < 20);
}

static void test_no_directory(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct usage u = { .bytes = 7 };
	struct err e = { 0 };

	put(root, "f", "");
	assert_int_equal(symlinkat("/", root, "link"), 0);
	assert_int_equal(usage_of_tree(root, "none", no_bounds, &u, &e), -ENOENT);
	assert_int_equal(usage_of_tree(root, "f", no_bounds, &u, &e), -ENOTDIR);
	assert_int_equal(usage_of_tree(root, "link", no_bounds, &u, &e), -ENOTDIR);
	assert_int_equal(u.bytes, 7);
}

/* Something of the name below t that is N directories deep. */
static char *deep_name(int depth)
{
	struct buf b = { 0 };

	buf_adds(&b, "t");
	for (int i = 0; i < depth; i++)
		buf_adds(&b, "/d");
	return buf_take(&b);
}

/* Its place among others becomes a later one, as if so many had come and gone. */
static void move_back(int root, const char *dir, const char *name, int count)
{
	CLEANUP(cleanup_free) char *from = str_fmt("%s/%s", dir, name);
	CLEANUP(cleanup_free) char *aside = str_fmt("%s/aside", dir);

	for (int i = 0; i < count; i++) {
		CLEANUP(cleanup_free) char *other = str_fmt("%s/%d", dir, i);

		put(root, other, "");
		assert_int_equal(unlinkat(root, other, 0), 0);
	}
	assert_int_equal(renameat(root, from, root, aside), 0);
	assert_int_equal(renameat(root, aside, root, from), 0);
}

/* A directory in which the walk is moves out of the tree: ".." is somewhere else then, and nothing
 * of that is counted. */
static void test_moved_meanwhile(void **state)
{
	enum { DEPTH = 100, FROM = 60 };
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_free) char *from = deep_name(FROM);
	CLEANUP(cleanup_free) char *above = deep_name(FROM - 1);
	struct usage_walk *w;

	assert_int_equal(fd_mkdir_all(root, "t", 0700, NULL), 0);
	assert_int_equal(fd_mkdir_all(root, "elsewhere", 0700, NULL), 0);
	make_deep(root, "t", DEPTH);
	/* Whether names are read from the first or from the last: the place in the one directory is
	 * amid the other. */
	move_back(root, above, "d", 1000);
	for (int i = 0; i < 2000; i++) {
		CLEANUP(cleanup_free) char *name = str_fmt("elsewhere/%d", i);

		put(root, name, "");
	}
	w = start(root, "t", no_bounds);
	while (usage_result(w).inodes < 3 * (FROM + 20)) /* deep in it */
		assert_true(usage_step(w, 1));
	assert_int_equal(renameat(root, from, root, "elsewhere/moved"), 0);
	while (usage_step(w, 100))
		continue;
	assert_true(usage_result(w).is_partial);
	assert_in_range(usage_result(w).inodes, 3 * (FROM + 20), 3 * DEPTH + 1);
	usage_free(w);
	/* What it still held, the walk has gone on with. */
	assert_false(count(root, "t").is_partial);
}

static void test_removed_meanwhile(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct usage_walk *w;
	struct err e = { 0 };

	assert_int_equal(fd_mkdir_all(root, "t", 0700, NULL), 0);
	make_deep(root, "t", 100);
	w = start(root, "t", no_bounds);
	while (usage_result(w).inodes < 150)
		assert_true(usage_step(w, 1));
	assert_int_equal(fd_remove_tree(root, "t", &e), 0);
	while (usage_step(w, 100))
		continue;
	assert_true(usage_result(w).inodes <= 303);
	usage_free(w);
}

/* Whoever makes directories faster than they are counted does not keep us forever. */
static void test_growing_meanwhile(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct usage_walk *w;
	int made = 0, at;

	assert_int_equal(fd_mkdir_all(root, "t", 0700, NULL), 0);
	at = openat(root, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w = start(root, "t", (struct usage_bounds){ .entries = 1000 });
	do {
		for (int i = 0; i < 2; i++, made++) {
			int next;

			assert_int_equal(mkdirat(at, "d", 0700), 0);
			next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			assert_true(next >= 0);
			close(at);
			at = next;
		}
		assert_true(made < 3000);
	} while (usage_step(w, 2));
	assert_true(usage_result(w).is_partial);
	close(at);
	usage_free(w);
}

/* In a child, so without cmocka's assertions.  0: what is mounted in the tree was not counted. */
static int count_around_mounts(const char *path)
{
	struct usage before, after;
	struct err e = { 0 };
	int root;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	if (chdir(path) < 0 || (root = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
		usage_of_tree(root, "t", no_bounds, &before, &e) < 0)
		return 2;
	if (mount("outside", "t/bind", NULL, MS_BIND, NULL) < 0 ||
		mount("none", "t/tmpfs", "tmpfs", 0, NULL) < 0 ||
		mount("outside/big", "t/file", NULL, MS_BIND, NULL) < 0)
		return 3;
	if (usage_of_tree(root, "t", no_bounds, &after, &e) < 0)
		return 4;
	return after.inodes == before.inodes - 3 && after.bytes < 50000 ? 0 : 5;
}

static void test_mounts(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(fd_mkdir_all(root, "t/bind", 0700, NULL), 0);
	assert_int_equal(fd_mkdir_all(root, "t/tmpfs", 0700, NULL), 0);
	assert_int_equal(fd_mkdir_all(root, "outside/dir", 0700, NULL), 0);
	put(root, "t/file", "");
	put_bytes(root, "outside/big", 50000);
	pid = fork();
	if (pid == 0)
		_exit(count_around_mounts(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FD_TEST(test_as_du),
		FD_TEST(test_several_names),
		FD_TEST(test_deep_in_slices),
		FD_TEST(test_bounds),
		FD_TEST(test_no_directory),
		FD_TEST(test_moved_meanwhile),
		FD_TEST(test_removed_meanwhile),
		FD_TEST(test_growing_meanwhile),
		FD_TEST(test_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
