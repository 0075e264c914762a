/* The starter starts as spawn_process() would, and what it starts is ours. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "sys/starter.h"

struct fixture {
	int starter;
	pid_t pid, other;
	struct err e;
};

static int open_it(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .starter = -1 };
	f.starter = starter_open(&f.pid, &f.e);
	*state = &f;
	return f.starter < 0 ? -1 : 0;
}

static int close_it(void **state)
{
	struct fixture *f = *state;

	cleanup_fd(&f->starter);
	return waitpid(f->pid, NULL, 0) == f->pid ? 0 : -1; /* its end of file ended it */
}

static int write_file(const char *path, const char *text)
{
	CLEANUP(cleanup_fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

/* The wait status of one that ends by itself. */
static int run(int starter, const struct spawn *s)
{
	struct err e = { 0 };
	int status = -1, pidfd;
	pid_t pid = 0;

	pidfd = starter_spawn(starter, s, &pid, &e);
	assert_true(pidfd >= 0);
	close(pidfd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Runs a line of shell with the descriptors given; returns its wait status, its output in text. */
static int shell(struct fixture *f, char *line, const char *cwd, int fd3, char *text, size_t room)
{
	char sh[] = "sh", c[] = "-c", name[] = "x", last[] = "", variable[] = "WHAT=it is";
	char *argv[] = { sh, c, line, name, last, NULL }, *envp[] = { variable, NULL };
	int out[2], pidfd, status = -1;
	size_t len = 0;
	pid_t pid = 0;
	ssize_t n;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);

	const int fds[] = { -1, out[1], STDERR_FILENO, fd3, -1 };
	const struct spawn s = { .path = "/bin/sh",
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.cwd = cwd };

	pidfd = starter_spawn(f->starter, &s, &pid, &f->e);
	assert_true(pidfd >= 0);
	assert_true(pid > 0);
	assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
	close(out[1]);
	while ((n = read(out[0], text + len, room - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(out[0]);
	assert_int_equal(poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 60000), 1);
	assert_int_equal(spawn_reap(pidfd, &status), 1); /* a child of ours */
	close(pidfd);
	return status;
}

static void test_starts(void **state)
{
	char text[256], expected[64];
	char line[] = "echo \"$WHAT $PPID $#$1 $(pwd)\"; exit 7";

	assert_int_equal(shell(*state, line, NULL, -1, text, sizeof(text)), 7 << 8);
	(void)snprintf(expected, sizeof(expected), "it is %d 1 /\n", (int)getpid());
	assert_string_equal(text, expected);
}

static void test_descriptors(void **state)
{
	char line[] = "cd /proc/self/fd; echo *; read x <&3; echo $x; kill -9 $$";
	char text[256];
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(write(pair[1], "passed\n", 7), 7);
	assert_int_equal(shell(*state, line, "/usr", pair[0], text, sizeof(text)), SIGKILL);
	close(pair[0]);
	close(pair[1]);
	assert_non_null(strstr(text, "0 1 2 3"));
	assert_null(strstr(text, " 5"));
	assert_non_null(strstr(text, "passed"));
}

/* With our score or with none. */
static void test_expendable(void **state)
{
	struct fixture *f = *state;
	char sh[] = "sh", c[] = "-c", line[] = "read x </proc/self/oom_score_adj; exit $((x / 10))";
	char *argv[] = { sh, c, line, NULL }, *envp[] = { NULL };
	struct spawn s = { .path = "/bin/sh", .argv = argv, .envp = envp };
	int score;

	assert_int_equal(write_file("/proc/self/oom_score_adj", "500"), 0);
	score = starter_open(&f->other, &f->e);
	assert_int_equal(write_file("/proc/self/oom_score_adj", "0"), 0);
	assert_true(score >= 0);
	assert_int_equal(run(score, &s), 50 << 8);
	s.is_expendable = true;
	assert_int_equal(run(score, &s), 0);
	close(score);
	assert_int_equal(waitpid(f->other, NULL, 0), f->other);
}

static void test_program_by_descriptor(void **state)
{
	struct fixture *f = *state;
	char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };
	int fds[] = { -1 }, exe = open("/bin/true", O_PATH | O_CLOEXEC);
	const struct spawn s = {
		.path = "nothing", .exe_fd = exe, .argv = argv, .envp = envp, .fds = fds, .nfds = 1
	};

	assert_int_equal(run(f->starter, &s), 0);
	close(exe);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;
	char name[] = "x", *argv[] = { name, NULL }, *envp[] = { NULL };
	struct spawn s = { .path = "/nowhere/x", .argv = argv, .envp = envp };
	CLEANUP(cleanup_free) char *big = mem_zalloc(200 * 1024);
	int many[SPAWN_FDS_MAX + 1] = { 0 };
	pid_t pid;

	assert_int_equal(starter_spawn(f->starter, &s, &pid, &f->e), -ENOENT);
	assert_non_null(strstr(f->e.text, "execute /nowhere/x"));
	assert_int_not_equal(waitpid(-1, NULL, 0), f->pid); /* ours to reap, too */
	s.cwd = "/nowhere";
	assert_int_equal(starter_spawn(f->starter, &s, &pid, &f->e), -ENOENT);
	assert_non_null(strstr(f->e.text, "enter directory"));
	s.fds = many;
	s.nfds = ARRAY_LEN(many);
	assert_int_equal(starter_spawn(f->starter, &s, &pid, &f->e), -EINVAL);
	s.nfds = 0;
	memset(big, 'x', 200 * 1024 - 1);
	argv[0] = big;
	assert_int_equal(starter_spawn(f->starter, &s, &pid, &f->e), -E2BIG);
}

static void test_gone(void **state)
{
	struct fixture *f = *state;
	char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };
	const struct spawn s = { .path = "/bin/true", .argv = argv, .envp = envp };
	siginfo_t info;
	pid_t pid;

	assert_int_equal(run(f->starter, &s), 0);   /* so it is set up */
	assert_int_equal(kill(f->pid, SIGTERM), 0); /* for carpeld alone to act on */
	assert_int_equal(kill(f->pid, SIGINT), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = f->starter, .events = POLLIN }, 1, 50), 0);
	assert_int_equal(kill(f->pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)f->pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = f->starter, .events = POLLIN }, 1, 60000), 1);
	assert_true(starter_spawn(f->starter, &s, &pid, &f->e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_starts, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_descriptors, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_program_by_descriptor, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_expendable, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_failures, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_gone, open_it, close_it),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
