/* Whole files, and descriptors over sockets. */
#include "fd_fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

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
