/* Descriptors that wait in a socket: order, tags, what a crash in between leaves, and no leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/fdstore.h"

static struct fdstore open_store(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	return (struct fdstore){ .read_fd = pair[0], .write_fd = pair[1] };
}

static size_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Entries as "a:1 b:2", with the number of descriptors; each is checked to be one of a pipe. */
struct list {
	char said[256];
	int stop_after; /* 0: never */
	int status_flags;
};

static int add_entry(void *arg, const char *tag, const int *fds, size_t n)
{
	struct list *l = arg;
	size_t len = strlen(l->said);

	(void)snprintf(l->said + len, sizeof(l->said) - len, "%s%s:%zu", len ? " " : "", tag, n);
	for (size_t i = 0; i < n; i++) {
		struct stat st;

		assert_int_equal(fstat(fds[i], &st), 0);
		assert_true(S_ISFIFO(st.st_mode));
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
	return l->stop_after && --l->stop_after == 0 ? 42 : 0;
}

static const char *listed(const struct fdstore *s, struct list *l)
{
	*l = (struct list){ 0 };
	assert_int_equal(fdstore_each(s, add_entry, l, NULL), 0);
	return l->said;
}

static void put(const struct fdstore *s, const char *tag, size_t n)
{
	int fds[FDSTORE_FDS_MAX + 1];
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	for (size_t i = 0; i < n; i++)
		fds[i] = pipe_fds[i % 2];
	assert_int_equal(fdstore_put(s, tag, fds, n, NULL), 0);
	close(pipe_fds[0]); /* the store has its own */
	close(pipe_fds[1]);
}

static void test_reading_is_peeking(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	size_t before = open_descriptors();
	struct list l;

	(void)state;
	assert_string_equal(listed(&s, &l), "");
	put(&s, "a", 1);
	put(&s, "b", FDSTORE_FDS_MAX);
	put(&s, "a", 2);
	put(&s, "none", 0);
	for (int i = 0; i < 3; i++)
		assert_string_equal(listed(&s, &l), "a:1 b:16 a:2 none:0");
	assert_int_equal(open_descriptors(), before);
}

/* Whoever reads next begins at the first entry again. */
static void test_reader_may_stop(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	struct list l = { .stop_after = 2 };

	(void)state;
	put(&s, "a", 1);
	put(&s, "b", 1);
	put(&s, "c", 1);
	assert_int_equal(fdstore_each(&s, add_entry, &l, NULL), 42);
	assert_string_equal(l.said, "a:1 b:1");
	assert_string_equal(listed(&s, &l), "a:1 b:1 c:1");
}

static void test_drop(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	size_t before = open_descriptors();
	struct list l;

	(void)state;
	put(&s, "a", 1);
	put(&s, "b", 3);
	put(&s, "a", 2);
	put(&s, "c", 0);
	assert_int_equal(fdstore_drop(&s, "none", NULL), 0);
	assert_string_equal(listed(&s, &l), "a:1 b:3 a:2 c:0");
	assert_int_equal(fdstore_drop(&s, "a", NULL), 0);
	assert_string_equal(listed(&s, &l), "b:3 c:0");
	assert_int_equal(fdstore_drop(&s, "c", NULL), 0);
	assert_int_equal(fdstore_drop(&s, "b", NULL), 0);
	assert_string_equal(listed(&s, &l), "");
	assert_int_equal(fdstore_drop(&s, "b", NULL), 0);
	assert_int_equal(open_descriptors(), before);
}

static void test_cut(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	size_t before = open_descriptors();
	struct list l;

	(void)state;
	put(&s, "a", 3);
	put(&s, "b", 3);
	put(&s, "a", 1);
	assert_int_equal(fdstore_cut(&s, "a", 2, NULL), 0);
	assert_string_equal(listed(&s, &l), "a:2 b:3 a:1");
	assert_int_equal(open_descriptors(), before);
}

/* A pipe that is known again by its inode. */
static int new_pipe(ino_t *out_ino)
{
	int pipe_fds[2];
	struct stat st;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	close(pipe_fds[1]);
	assert_int_equal(fstat(pipe_fds[0], &st), 0);
	*out_ino = st.st_ino;
	return pipe_fds[0];
}

static void put_one_each(const struct fdstore *s, const char *tag, ino_t inos[3])
{
	int fds[3];

	for (size_t i = 0; i < 3; i++)
		fds[i] = new_pipe(&inos[i]);
	assert_int_equal(fdstore_put(s, tag, fds, 3, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

static void get_inos(const struct fdstore *s, const char *tag, ino_t inos[3])
{
	int fds[FDSTORE_FDS_MAX];

	assert_int_equal(fdstore_get(s, tag, fds, NULL), 3);
	for (size_t i = 0; i < 3; i++) {
		struct stat st;

		assert_int_equal(fstat(fds[i], &st), 0);
		inos[i] = st.st_ino;
		close(fds[i]);
	}
}

static void test_get(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	size_t before = open_descriptors();
	ino_t newest[3], got[3];
	int fds[FDSTORE_FDS_MAX] = { -1 };

	(void)state;
	assert_int_equal(fdstore_get(&s, "a", fds, NULL), -ENOENT);
	put(&s, "a", 2);
	put_one_each(&s, "a", newest);
	put(&s, "b", 2);
	assert_int_equal(fdstore_get(&s, "none", fds, NULL), -ENOENT);
	assert_int_equal(fds[0], -1);
	get_inos(&s, "a", got);
	assert_memory_equal(got, newest, sizeof(got));
	assert_int_equal(open_descriptors(), before);
}

static void test_swap(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	size_t before = open_descriptors();
	ino_t a[3], b[3], got[3], other;
	int fd = new_pipe(&other);
	struct list l;

	(void)state;
	put_one_each(&s, "a", a);
	put_one_each(&s, "b", b);
	put(&s, "a", 1); /* has no number 1 */
	put_one_each(&s, "a", a);
	assert_int_equal(fdstore_swap(&s, "none", 0, fd, NULL), -ENOENT);
	assert_int_equal(fdstore_swap(&s, "a", 3, fd, NULL), -ENOENT);
	assert_int_equal(fdstore_swap(&s, "a", 1, fd, NULL), 0);
	close(fd);
	a[1] = other;
	get_inos(&s, "a", got);
	assert_memory_equal(got, a, sizeof(got));
	get_inos(&s, "b", got);
	assert_memory_equal(got, b, sizeof(got));
	assert_string_equal(listed(&s, &l), "a:3 b:3 a:1 a:3");
	assert_int_equal(open_descriptors(), before);
}

/* A child does the swap and is killed before or after its stop'th system call; whether it was
 * done. */
static bool swap_up_to(const struct fdstore *s, int fd, int stop)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
			_exit(1);
		_exit(fdstore_swap(s, "a", 1, fd, NULL) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; WIFSTOPPED(status) && i < stop; i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return true;
	}
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return false;
}

/* Every entry as it was, but that number 1 may be the new one. */
static void check_after_crash(
	const struct fdstore *s, const ino_t a[3], const ino_t b[3], ino_t new)
{
	ino_t got[3];

	get_inos(s, "b", got);
	assert_memory_equal(got, b, sizeof(got));
	get_inos(s, "a", got);
	assert_int_equal(got[0], a[0]);
	assert_true(got[1] == a[1] || got[1] == new);
	assert_int_equal(got[2], a[2]);
}

static void test_swap_killed_at_each_call(void **state)
{
	size_t before = open_descriptors();
	bool is_over = false;
	int stops = 0, with_both = 0;

	(void)state;
	for (; !is_over; stops++) {
		CLEANUP(fdstore_close) struct fdstore s = open_store();
		ino_t a[3], b[3], new, got[3];
		int fd = new_pipe(&new);
		struct list l;

		put_one_each(&s, "a", a);
		put_one_each(&s, "b", b);
		is_over = swap_up_to(&s, fd, stops);
		check_after_crash(&s, a, b, new);
		with_both += strstr(listed(&s, &l), "a:3 b:3 a:3") != NULL;
		assert_int_equal(fdstore_swap(&s, "a", 1, fd, NULL), 0);
		check_after_crash(&s, (ino_t[]){ a[0], new, a[2] }, b, new);
		assert_int_equal(fdstore_swap(&s, "a", 1, fd, NULL), 0);
		assert_null(strstr(listed(&s, &l), "a:2"));
		get_inos(&s, "a", got);
		assert_int_equal(got[1], new);
		close(fd);
	}
	assert_true(stops > 20);
	assert_true(with_both > 0);
	assert_int_equal(open_descriptors(), before);
}

/* What waits is alive: a pipe's other end sees it close only when it is dropped. */
static void test_it_holds_them_open(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	int pipe_fds[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(fdstore_put(&s, "log", &pipe_fds[1], 1, NULL), 0);
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fdstore_drop(&s, "log", NULL), 0);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
}

/* The longest tag; longer ones would meet, so a container's id of 64 digits must fit. */
static void test_long_tag(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	char tag[65];
	struct list l;

	(void)state;
	memset(tag, 'f', sizeof(tag));
	tag[64] = '\0';
	put(&s, tag, 1);
	assert_int_equal(strncmp(listed(&s, &l), tag, 64), 0);
	assert_int_equal(fdstore_drop(&s, tag, NULL), 0);
	assert_string_equal(listed(&s, &l), "");
}

static void test_too_many(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	int fds[FDSTORE_FDS_MAX + 1] = { 0 };
	struct list l;

	(void)state;
	assert_int_equal(fdstore_put(&s, "a", fds, FDSTORE_FDS_MAX + 1, NULL), -EINVAL);
	assert_string_equal(listed(&s, &l), "");
}

/* A full store refuses instead of blocking its writer, and what it has stays. */
static void test_full(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	struct list l;
	int rc = 0;

	(void)state;
	for (int i = 0; rc == 0 && i < 10000; i++)
		rc = fdstore_put(&s, "a", NULL, 0, NULL);
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(fdstore_swap(&s, "a", 0, STDIN_FILENO, NULL), -EAGAIN);
	assert_int_equal(strncmp(listed(&s, &l), "a:0 a:0 ", 8), 0);
}

/* An entry that cannot be read whole is not read at all, and is not dropped. */
static void test_no_room(void **state)
{
	CLEANUP(fdstore_close) struct fdstore s = open_store();
	struct rlimit before, few;
	struct list l = { 0 };
	struct err e = { 0 };
	int each, drop, get, fds[FDSTORE_FDS_MAX], top = dup(STDIN_FILENO);

	(void)state;
	assert_true(top >= 0);
	put(&s, "a", 3);
	put(&s, "b", 3);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ .rlim_cur = (rlim_t)top + 2, .rlim_max = before.rlim_max };
	close(top); /* two are free */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	each = fdstore_each(&s, add_entry, &l, &e);
	drop = fdstore_drop(&s, "a", NULL);
	get = fdstore_get(&s, "a", fds, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(each, -EMFILE);
	assert_int_equal(drop, -EMFILE);
	assert_int_equal(get, -EMFILE);
	assert_string_equal(l.said, "");
	assert_string_equal(listed(&s, &l), "a:3 b:3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_is_peeking),
		cmocka_unit_test(test_reader_may_stop),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_swap_killed_at_each_call),
		cmocka_unit_test(test_it_holds_them_open),
		cmocka_unit_test(test_long_tag),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
