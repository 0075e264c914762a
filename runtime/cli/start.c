/* One command starts the daemon, others that come at the same time wait for it: whoever holds the
 * lock in the run folder looks again whether somebody answers before it starts one.
 */
#include "cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

enum { START_MS = 10 * 1000, LOOK_MS = 20, LOG_TAIL = 4096, LOG_LINES = 5 };

char *start_find_program(const char *name, struct err *e)
{
	static const char *const places[] = { "", "../libexec/carpel/", "../sbin/" };
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len < 0) {
		(void)err_set(e, errno, "read /proc/self/exe");
		return NULL;
	}
	self[len] = '\0';
	slash = strrchr(self, '/');
	slash[1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *path = str_fmt("%s%s%s", self, places[i], name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	(void)err_say(e, ENOENT, "%s is neither in %s nor in ../libexec/carpel nor in ../sbin",
		name, self);
	return NULL;
}

/* ---- the log ---- */

static char *log_path(const struct cli *c)
{
	return str_fmt("%s/var/log/carpel/carpeld.log", c->root);
}

static int open_log(const struct cli *c, struct err *e)
{
	CLEANUP(cleanup_free) char *path = log_path(c);
	CLEANUP(cleanup_free) char *dir = str_ndup(path, (size_t)(strrchr(path, '/') - path));
	int rc = fd_mkdir_all(AT_FDCWD, dir, 0750, e);
	int fd;

	if (rc < 0)
		return rc;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	return fd < 0 ? err_set(e, errno, "open %s", path) : fd;
}

/* The last lines of what the daemon said since the log was from bytes long. */
static void read_tail(const struct cli *c, off_t from, struct buf *out)
{
	CLEANUP(cleanup_free) char *path = log_path(c);
	CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[LOG_TAIL + 1];
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t len;
	char *start;

	if (end - from > LOG_TAIL)
		from = end - LOG_TAIL;
	len = fd < 0 ? 0 : pread(fd, text, LOG_TAIL, from);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	if (len <= 0)
		return;
	text[len] = '\0';
	start = text + len;
	for (int lines = 0; start > text; start--)
		if (start[-1] == '\n' && ++lines == LOG_LINES)
			break;
	buf_adds(out, start);
}

/* ---- the daemon ---- */

static int spawn_keeper(const struct cli *c, int log, pid_t *out_pid, struct err *e)
{
	CLEANUP(cleanup_free) char *program = start_find_program("carpeld", e);
	char name[] = "carpeld", keep[] = "--keep", root_option[] = "--root";
	CLEANUP(cleanup_free) char *root = str_dup(c->root);
	char *argv[] = { name, keep, *root ? root_option : NULL, root, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc;

	if (!program)
		return -ENOENT;
	(void)sigemptyset(&none);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	/* Its own session: an interrupt at this terminal, or its end, is not the daemon's business.
	 */
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, log, STDERR_FILENO);
	(void)posix_spawn_file_actions_addchdir_np(&files, "/");
	/* Nothing that the caller left open may live on in the daemon. */
	(void)posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	rc = posix_spawn(out_pid, program, &files, &attributes, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attributes);
	return rc == 0 ? 0 : err_set(e, rc, "start %s", program);
}

/* 1 when carpeld answers that it is ready, 0 when nobody answers yet. */
static int ask_ready(struct cli *c, struct err *e)
{
	CLEANUP(api_answer_free) struct api_answer a = { 0 };
	struct api_request q = { .method = "GET", .path = "/readyz", .timeout_ms = START_MS };
	struct api_client *client = NULL;
	int rc = api_client_open(c->socket, &client, e);

	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return 0;
	if (rc == 0)
		rc = api_request(client, &q, &a, e);
	if (rc == 0 && a.status == 200) {
		c->client = client;
		return 1;
	}
	api_client_close(client);
	return rc == -ECONNRESET || rc == 0 ? 0 : rc;
}

static int failed_start(const struct cli *c, off_t log_from, const char *what, struct err *e)
{
	CLEANUP(buf_free) struct buf tail = { 0 };

	read_tail(c, log_from, &tail);
	return err_say(e, EIO, "carpeld %s%s%s", what,
		tail.len ? ": " : ", and its log says nothing", tail.len ? tail.data : "");
}

/* Between two looks at the socket this sleeps until the keeper ends, at most LOOK_MS. */
static int await_ready(struct cli *c, int pidfd, off_t log_from, struct err *e)
{
	int64_t deadline = clock_now().boot_ms + START_MS;
	struct pollfd keeper = { .fd = pidfd, .events = POLLIN };

	for (;;) {
		int rc = ask_ready(c, e);

		if (rc != 0)
			return rc < 0 ? rc : 0;
		if (keeper.revents)
			return failed_start(c, log_from, "ended at once", e);
		if (clock_now().boot_ms > deadline)
			return failed_start(c, log_from, "was not ready within 10 s", e);
		(void)poll(&keeper, 1, LOOK_MS);
	}
}

static int start_locked(struct cli *c, struct err *e)
{
	CLEANUP(cleanup_fd) int log = -1;
	CLEANUP(cleanup_fd) int pidfd = -1;
	off_t log_from;
	pid_t pid;
	int rc;

	rc = ask_ready(c, e); /* another command may have started it while we waited for the lock */
	if (rc != 0)
		return rc < 0 ? rc : 0;
	log = open_log(c, e);
	if (log < 0)
		return log;
	log_from = lseek(log, 0, SEEK_END);
	rc = spawn_keeper(c, log, &pid, e);
	if (rc < 0)
		return rc;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return err_set(e, errno, "watch carpeld: pidfd_open");
	return await_ready(c, pidfd, log_from, e);
}

int start_carpeld(struct cli *c, struct err *e)
{
	CLEANUP(cleanup_free) char *run = str_fmt("%s/run/carpel", c->root);
	CLEANUP(cleanup_free) char *lock_path = str_fmt("%s/start.lock", run);
	CLEANUP(cleanup_fd) int lock = -1;
	int rc;

	if (geteuid() != 0)
		return err_say(e, EPERM, "no carpeld answers on %s, and only root can start one",
			c->socket);
	rc = fd_mkdir_all(AT_FDCWD, run, 0700, e);
	if (rc < 0)
		return rc;
	lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_set(e, errno, "lock %s", lock_path);
	return start_locked(c, e);
}
