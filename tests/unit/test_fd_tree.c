/* Trees that strangers made, removed.  The test of mounts makes them in a namespace of its own. */
#include "fd_fixture.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_removing_a_tree(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };

	assert_int_equal(fd_mkdir_all(root, "t/a/b", 0700, &e), 0);
	assert_int_equal(fd_mkdir_all(root, "t/.hidden/...", 0700, &e), 0);
	put(root, "t/a/b/f", "");
	assert_int_equal(mkfifoat(root, "t/a/fifo", 0600), 0);
	assert_int_equal(fchmodat(root, "t/a/b", 0, 0), 0);
	put(root, "file", "");
	put(root, "beside", "kept");
	if (geteuid() != 0) /* root alone passes a directory without rights */
		assert_int_equal(fchmodat(root, "t/a/b", 0700, 0), 0);
	assert_int_equal(fd_remove_tree(root, "t", &e), 0);
	assert_false(exists(root, "t"));
	assert_int_equal(fd_remove_tree(root, "file", &e), 0);
	assert_false(exists(root, "file"));
	assert_int_equal(fd_remove_tree(root, "t", &e), 0); /* missing is success */
	assert_holds(root, "beside", "kept");
	assert_int_equal(count_entries(state), 1);
}

static void test_removing_follows_no_link(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };

	assert_int_equal(fd_mkdir_all(root, "outside/x", 0700, &e), 0);
	put(root, "outside/f", "kept");
	assert_int_equal(mkdirat(root, "t", 0700), 0);
	assert_int_equal(symlinkat("../outside", root, "t/dir"), 0);
	assert_int_equal(symlinkat("../outside/f", root, "t/file"), 0);
	assert_int_equal(symlinkat("/", root, "t/slash"), 0);
	assert_int_equal(linkat(root, "outside/f", root, "t/hard", 0), 0);
	assert_int_equal(fd_remove_tree(root, "t", &e), 0);
	assert_int_equal(symlinkat("outside", root, "t"), 0);
	assert_int_equal(fd_remove_tree(root, "t", &e), 0);
	assert_false(exists(root, "t"));
	assert_holds(root, "outside/f", "kept");
	assert_true(exists(root, "outside/x"));
}

/* What a container can do: mkdir and chdir, over and over; no path names the end of it. */
static void make_deep(int dir, const char *name, int depth)
{
	int at = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0700), 0);
		put(at, "f", "");
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
}

static void test_removing_a_deep_tree(void **state)
{
	enum { DEPTH = 3000 };
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };

	assert_int_equal(fd_mkdir_all(root, "t/x", 0700, &e), 0);
	make_deep(root, "t", DEPTH);
	make_deep(root, "t/x", DEPTH);
	assert_int_equal(count_entries(state), 1);
	if (fd_remove_tree(root, "t", &e) < 0)
		print_error("%s\n", e.text);
	assert_false(exists(root, "t"));
	assert_int_equal(count_entries(state), 0);
}

/* The names that removal itself would use, taken by deep directories and by files. */
static void test_removing_with_names_taken(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };

	for (int i = 0; i < 40; i++) {
		CLEANUP(cleanup_free) char *name = str_fmt("t/.deep-%d", i);

		if (i % 20 == 0) {
			assert_int_equal(fd_mkdir_all(root, name, 0700, &e), 0);
			make_deep(root, name, 100);
		} else {
			put(root, name, "");
		}
	}
	if (fd_remove_tree(root, "t", &e) < 0)
		print_error("%s\n", e.text);
	assert_int_equal(count_entries(state), 0);
}

static bool write_proc(const char *path, const char *text)
{
	CLEANUP(cleanup_fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0;
}

/* Who is not root becomes it in a namespace of their own. */
static bool become_root(void)
{
	CLEANUP(cleanup_free) char *uids = str_fmt("0 %u 1", (unsigned)geteuid());
	CLEANUP(cleanup_free) char *gids = str_fmt("0 %u 1", (unsigned)getegid());

	return geteuid() == 0 ||
	       (unshare(CLONE_NEWUSER) == 0 && write_proc("/proc/self/uid_map", uids) &&
		       write_proc("/proc/self/setgroups", "deny") &&
		       write_proc("/proc/self/gid_map", gids));
}

static bool may_mount(void)
{
	return become_root() && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* In a child, so without cmocka's assertions: a tree with a bind mount of its own file system, and
 * with a tmpfs.  0: both stayed.
 */
static int remove_around_mounts(const char *path)
{
	struct err e = { 0 };
	int root;

	/* By path: a descriptor from before is of the other namespace's mounts. */
	if (chdir(path) < 0 || (root = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
		mount("outside", "t/bind", NULL, MS_BIND, NULL) < 0 ||
		mount("none", "u/tmpfs", "tmpfs", 0, NULL) < 0)
		return 2;
	if (mknodat(root, "u/tmpfs/f", S_IFREG | 0600, 0) < 0)
		return 2;
	if (fd_remove_tree(root, "t", &e) != -EXDEV || !exists(root, "outside/f") ||
		!str_eq(e.text, "t: remove bind: something is mounted there"))
		return 3;
	if (fd_remove_tree(root, "u", &e) != -EXDEV || !exists(root, "u/tmpfs/f"))
		return 4;
	if (umount("t/bind") < 0 || umount("u/tmpfs") < 0)
		return 5;
	return fd_remove_tree(root, "t", &e) == 0 && fd_remove_tree(root, "u", &e) == 0 ? 0 : 6;
}

static void test_removing_leaves_mounts_alone(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };
	int status;
	pid_t pid;

	assert_int_equal(fd_mkdir_all(root, "t/bind", 0700, &e), 0);
	assert_int_equal(fd_mkdir_all(root, "u/tmpfs", 0700, &e), 0);
	assert_int_equal(fd_mkdir_all(root, "outside", 0700, &e), 0);
	put(root, "outside/f", "kept");
	pid = fork();
	if (pid == 0)
		_exit(may_mount() ? remove_around_mounts(*state) : 77);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* a machine without namespaces for its users */
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_holds(root, "outside/f", "kept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FD_TEST(test_removing_a_tree),
		FD_TEST(test_removing_follows_no_link),
		FD_TEST(test_removing_a_deep_tree),
		FD_TEST(test_removing_with_names_taken),
		FD_TEST(test_removing_leaves_mounts_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
