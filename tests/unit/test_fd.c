/* Walks below a directory, whole files, and descriptors over sockets. */
#include "fd_fixture.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- walking ----------------------------------------------------------------------------------*/

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

/* ---- whole files ------------------------------------------------------------------------------*/

static void test_reading_is_bounded(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_free) char *big = mem_zalloc(50001);
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	memset(big, 'x', 50000);
	put(root, "big", big);
	buf_adds(&out, "head");
	assert_int_equal(fd_read_file(root, "big", 50000, &out, &e), 0);
	assert_int_equal(out.len, 50004); /* appended */
	assert_memory_equal(out.data, "headxxxx", 8);
	assert_int_equal(fd_read_file(root, "big", 49999, &out, &e), -EFBIG);
	assert_string_equal(e.text, "big: more than 49999 bytes");
	assert_int_equal(fd_read_file(root, "none", 1, &out, &e), -ENOENT);
	assert_string_equal(e.text, "open none: No such file or directory");
	assert_int_equal(fd_read_file(root, ".", 1, &out, &e), -EISDIR);
	put(root, "empty", "");
	assert_int_equal(fd_read_file(root, "empty", 0, &out, &e), 0);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(fd_write_all(-1, "x", 0), 0);
}

static void test_replacing_a_file(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_fd) int old = -1;
	struct err e = { 0 };
	struct stat st;
	char text[8] = "";

	assert_int_equal(fd_replace_file(root, "f", "one", 3, FD_SURVIVES_CRASH, &e), 0);
	assert_holds(root, "f", "one");
	old = openat(root, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_replace_file(root, "f", "two!", 4, FD_SURVIVES_POWER_CUT, &e), 0);
	assert_holds(root, "f", "two!");
	/* Whoever has it open still sees the whole old one. */
	assert_int_equal(read(old, text, 7), 3);
	assert_string_equal(text, "one");
	assert_int_equal(fstatat(root, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fd_replace_file(root, "f", "", 0, FD_SURVIVES_CRASH, &e), 0);
	assert_holds(root, "f", "");
	assert_int_equal(count_entries(state), 1); /* no temporary file stays */
}

static void test_replacing_fails_whole(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };

	assert_int_equal(mkdirat(root, "dir", 0700), 0);
	put(root, "dir/x", "x");
	assert_int_equal(fd_replace_file(root, "dir", "x", 1, FD_SURVIVES_CRASH, &e), -EISDIR);
	assert_string_equal(e.text, "write dir: Is a directory");
	assert_int_equal(count_entries(state), 1);
	assert_int_equal(fd_replace_file(-1, "f", "x", 1, FD_SURVIVES_CRASH, &e), -EBADF);
}

/* Of a process that died while it wrote and had our pid: whatever number comes next, it is taken.
 */
static void test_replacing_despite_leftovers(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };

	for (int i = 0; i < 64; i++) {
		CLEANUP(cleanup_free) char *name = str_fmt(".f.%d.%d", (int)getpid(), i);

		put(root, name, "left");
	}
	assert_int_equal(fd_replace_file(root, "f", "new", 3, FD_SURVIVES_CRASH, &e), 0);
	assert_holds(root, "f", "new");
	assert_int_equal(count_entries(state), 64); /* one of them became the file */
}

/* A link is replaced, not followed. */
static void test_replacing_a_link(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	struct err e = { 0 };
	struct stat st;

	put(root, "target", "kept");
	assert_int_equal(symlinkat("target", root, "link"), 0);
	assert_int_equal(fd_replace_file(root, "link", "new", 3, FD_SURVIVES_CRASH, &e), 0);
	assert_holds(root, "target", "kept");
	assert_holds(root, "link", "new");
	assert_int_equal(fstatat(root, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_making_directories(void **state)
{
	CLEANUP(cleanup_fd) int root = open_root(state);
	CLEANUP(cleanup_free) char *absolute = str_fmt("%s/abs/x", (const char *)*state);
	struct err e = { 0 };
	struct stat st;
	mode_t mask = umask(0);

	assert_int_equal(fd_mkdir_all(root, "a/b//c", 0700, &e), 0);
	assert_int_equal(fstatat(root, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(root, "a/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	umask(mask);
	assert_int_equal(fd_mkdir_all(root, "a/b/c", 0755, &e), 0);
	assert_int_equal(fd_mkdir_all(AT_FDCWD, absolute, 0755, &e), 0);
	assert_true(exists(root, "abs/x"));
	assert_int_equal(symlinkat("a", root, "link"), 0);
	assert_int_equal(fd_mkdir_all(root, "link", 0755, &e), 0);
	put(root, "file", "");
	assert_int_equal(fd_mkdir_all(root, "file", 0755, &e), -ENOTDIR);
	assert_string_equal(e.text, "make directory file: Not a directory");
	assert_int_equal(fd_mkdir_all(root, "file/x", 0755, &e), -ENOTDIR);
	assert_string_equal(e.text, "make directory file/x: Not a directory");
}

/* ---- sockets ----------------------------------------------------------------------------------*/

struct pair {
	int a, b;
};

static struct pair socket_pair(int type)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
	return (struct pair){ ends[0], ends[1] };
}

static void close_pair(struct pair *p)
{
	close(p->a);
	close(p->b);
}

static int count_open(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_passing_descriptors(void **state)
{
	CLEANUP(close_pair) struct pair s = socket_pair(SOCK_SEQPACKET);
	CLEANUP(cleanup_fd) int root = open_root(state);
	int fds[3] = { -1, -1, -1 };
	size_t n = 3;
	struct stat sent, got;
	char text[8] = "";

	assert_int_equal(fd_send(s.a, "hi", 2, (int[]){ root, s.a }, 2), 2);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), 2);
	assert_string_equal(text, "hi");
	assert_int_equal(n, 2);
	assert_int_equal(fds[2], -1);
	assert_int_equal(fstat(root, &sent), 0);
	assert_int_equal(fstat(fds[0], &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	n = 3;
	assert_int_equal(fd_send(s.a, "x", 1, NULL, 0), 1);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), 1);
	assert_int_equal(n, 0);
	assert_int_equal(fd_send(s.a, "x", 1, NULL, 0), 1);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), NULL, NULL), 1);
}

/* Credentials that the kernel adds are no descriptors. */
static void test_other_ancillary_data(void **state)
{
	CLEANUP(close_pair) struct pair s = socket_pair(SOCK_SEQPACKET);
	int fds[4], on = 1;
	size_t n = 4;
	char text[4];

	(void)state;
	assert_int_equal(setsockopt(s.b, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(fd_send(s.a, "x", 1, &s.a, 1), 1);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), 1);
	assert_int_equal(n, 1);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
}

/* Too long, or with more descriptors than asked for: refused, and nothing leaks. */
static void test_cut_messages(void **state)
{
	CLEANUP(close_pair) struct pair s = socket_pair(SOCK_SEQPACKET);
	int many[64], fds[2], before;
	char text[4];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = s.a;
	before = count_open();
	n = 2;
	assert_int_equal(fd_send(s.a, "12345", 5, many, 1), 5);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), -EMSGSIZE);
	assert_int_equal(n, 0);
	for (size_t sent = 1; sent <= ARRAY_LEN(many); sent += 21) {
		assert_int_equal(fd_send(s.a, "1", 1, many, sent), 1);
		assert_int_equal(fd_recv(s.b, text, sizeof(text), NULL, NULL), -EMSGSIZE);
		n = 0;
		assert_int_equal(fd_send(s.a, "1", 1, many, sent), 1);
		assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), -EMSGSIZE);
	}
	n = 2;
	assert_int_equal(fd_send(s.a, "1", 1, many, 3), 1);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), -EMSGSIZE);
	assert_int_equal(n, 0);
	assert_int_equal(count_open(), before);
	assert_int_equal(fd_send(s.a, "1", 1, many, 65), -EINVAL);
	/* The next message is whole again. */
	assert_int_equal(fd_send(s.a, "1234", 4, NULL, 0), 4);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), 4);
}

static void test_end_of_a_socket(void **state)
{
	struct pair s = socket_pair(SOCK_SEQPACKET);
	char text[4];
	int fds[1];
	size_t n = 1;

	(void)state;
	assert_int_equal(fd_set_nonblock(s.b), 0);
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), -EAGAIN);
	assert_int_equal(n, 0);
	close(s.a);
	n = 1;
	assert_int_equal(fd_recv(s.b, text, sizeof(text), fds, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(fd_send(s.b, "x", 1, NULL, 0), -EPIPE); /* and no SIGPIPE */
	close(s.b);
	assert_int_equal(fd_set_nonblock(-1), -EBADF);
	assert_int_equal(fd_recv(-1, text, sizeof(text), NULL, NULL), -EBADF);
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
		FD_TEST(test_reading_is_bounded),
		FD_TEST(test_replacing_a_file),
		FD_TEST(test_replacing_fails_whole),
		FD_TEST(test_replacing_despite_leftovers),
		FD_TEST(test_replacing_a_link),
		FD_TEST(test_making_directories),
		FD_TEST(test_passing_descriptors),
		cmocka_unit_test(test_other_ancillary_data),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_end_of_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
