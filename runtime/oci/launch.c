#include "oci/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/spawn.h"

enum { RESULT_FD = 4, FIRST_FD = 5, MESSAGE_MAX = 4096, MAPS_MAX = 64 << 10 };

void launch_close(struct launch *l)
{
	cleanup_fd(&l->sock);
	cleanup_fd(&l->process);
}

int launch_fd(struct launch *l, int fd, int32_t *out_number, struct err *e)
{
	if (l->len == LAUNCH_FDS_MAX)
		return err_say(e, E2BIG, "more than %d descriptors", LAUNCH_FDS_MAX);
	*out_number = FIRST_FD + (int)l->len;
	l->at[l->len++] = fd;
	return 0;
}

static char *find_program(struct err *e)
{
	static const char *const places[] = { "", "../libexec/carpel/" };
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0) {
		(void)err_set(e, errno, "read /proc/self/exe");
		return NULL;
	}
	self[len] = '\0';
	strrchr(self, '/')[1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *path = str_fmt("%s%scarpel-launch", self, places[i]);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	(void)err_say(e, ENOENT, "carpel-launch is not in %s", self);
	return NULL;
}

static int memory_file(const void *bytes, size_t len, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = memfd_create("carpel-oci", MFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_set(e, errno, "make a file");
	if ((rc = fd_write_all(fd, bytes, len)) < 0)
		return err_set(e, -rc, "write a file");
	return lseek(fd, 0, SEEK_SET) < 0 ? err_set(e, errno, "rewind a file") : take_fd(&fd);
}

static int spawn(char *const *argv, const int *fds, size_t nfds, struct err *e)
{
	CLEANUP(cleanup_free) char *path = find_program(e);
	char *envp[] = { NULL };
	const struct spawn s = {
		.path = path, .argv = argv, .envp = envp, .fds = fds, .nfds = nfds
	};
	pid_t pid;

	return path ? spawn_process(&s, &pid, e) : -e->code;
}

int launch_begin(struct launch *l, struct plan *p, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int plan = -1;
	CLEANUP(cleanup_fd) int theirs = -1;
	int pair[2], fds[FIRST_FD + LAUNCH_FDS_MAX] = { -1, -1, STDERR_FILENO };
	char name[] = "carpel-launch", *argv[] = { name, NULL };

	p->result_fd = RESULT_FD;
	plan_write(p, &text);
	if ((plan = memory_file(text.data, text.len, e)) < 0)
		return plan;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a socket pair");
	l->sock = pair[0];
	theirs = pair[1];
	fds[PLAN_FD] = plan;
	fds[RESULT_FD] = theirs;
	memcpy(fds + FIRST_FD, l->at, l->len * sizeof(int));
	l->process = spawn(argv, fds, FIRST_FD + l->len, e);
	return l->process < 0 ? l->process : 0;
}

int launch_check_failure(const struct launch_report *r, struct err *e)
{
	*e = r->err;
	e->text[ERR_TEXT_MAX - 1] = '\0';
	return e->code > 0 ? -e->code : -EIO;
}

int launch_expect(struct launch *l, enum launch_report_kind kind, int *out_pidfd, struct err *e)
{
	struct launch_report r = { 0 };
	int fds[1];
	size_t nfds = 1;
	ssize_t n;

	do
		n = fd_recv(l->sock, &r, sizeof(r), fds, &nfds);
	while (n == -EINTR);
	if (n == (ssize_t)sizeof(r) && r.kind == (int32_t)kind && nfds == 1) {
		*out_pidfd = fds[0];
		l->pid = r.pid;
		return 0;
	}
	if (n > 0 && nfds == 1)
		close(fds[0]);
	if (n != (ssize_t)sizeof(r) || r.kind != REPORT_FAILED)
		return err_say(e, EIO, "carpel-launch ended without a report");
	l->exit_code = r.exit_code;
	return launch_check_failure(&r, e);
}

int launch_go_on(struct launch *l, struct err *e)
{
	return send(l->sock, "", 1, MSG_NOSIGNAL) == 1 ? 0 : err_set(e, errno, "go on");
}

void launch_reap(struct launch *l)
{
	siginfo_t info;

	if (l->process >= 0)
		(void)waitid(P_PIDFD, (id_t)l->process, &info, WEXITED);
	cleanup_fd(&l->process);
}

/* ---- what carpel-launch writes ---- */

/* "carpel-launch: error: profile: …" without what everybody knows. */
static int said(int messages, const char *what, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *at, *found;

	(void)lseek(messages, 0, SEEK_SET);
	(void)fd_read_all(messages, MESSAGE_MAX, &text, NULL);
	at = text.data ? text.data : "";
	found = strstr(at, "error: ");
	at = found ? found + strlen("error: ") : at;
	return err_say(e, EINVAL, "%s: %.*s", what, (int)strcspn(at, "\n"), at);
}

/* Its output, as an unnamed file; what: what an error is about. */
static int convert(char *const *argv, int in, const char *what, struct err *e)
{
	CLEANUP(cleanup_fd) int out = memory_file("", 0, e);
	CLEANUP(cleanup_fd) int messages = out < 0 ? -1 : memory_file("", 0, e);
	const int fds[] = { in, out, messages };
	CLEANUP(cleanup_fd) int process = -1;
	siginfo_t info = { 0 };

	if (messages < 0)
		return -e->code;
	if ((process = spawn(argv, fds, ARRAY_LEN(fds), e)) < 0)
		return process;
	if (waitid(P_PIDFD, (id_t)process, &info, WEXITED) < 0)
		return err_set(e, errno, "wait for carpel-launch");
	if (info.si_code != CLD_EXITED || info.si_status != 0)
		return said(messages, what, e);
	return lseek(out, 0, SEEK_SET) < 0 ? err_set(e, errno, "rewind a file") : take_fd(&out);
}

int launch_compile(uint64_t caps, const char *profile, size_t len, struct err *e)
{
	CLEANUP(cleanup_fd) int in = memory_file(profile, len, e);
	CLEANUP(cleanup_free) char *mask = str_fmt("%" PRIx64, caps);
	char name[] = "carpel-launch", option[] = "--seccomp-json";
	char *argv[] = { name, option, mask, NULL };

	return in < 0 ? in : convert(argv, in, "config.json: linux.seccomp", e);
}

/* Two maps, an empty line between. */
static int read_maps(const char *text, struct plan_map *uids, struct plan_map *gids)
{
	struct plan_map *to = uids;

	for (const char *at = text; *at; at += strcspn(at, "\n") + 1) {
		struct plan_ids ids;

		if (*at == '\n') {
			to = gids;
			continue;
		}
		if (sscanf(at, "%" SCNu32 " %" SCNu32 " %" SCNu32, &ids.inside, &ids.outside,
			    &ids.size) != 3)
			return -EINVAL;
		to->at = mem_resize(to->at, to->len + 1, sizeof(*to->at));
		to->at[to->len++] = ids;
	}
	return uids->len && gids->len ? 0 : -ENODATA;
}

int launch_show_users(const char *path, struct plan_map *uids, struct plan_map *gids, struct err *e)
{
	CLEANUP(cleanup_fd) int in = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	CLEANUP(cleanup_free) char *what = str_fmt("user namespace %s", path);
	char name[] = "carpel-launch", option[] = "--show-users";
	char *argv[] = { name, option, NULL };
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int out = -1;
	int rc;

	if (in < 0)
		return err_set(e, errno, "open %s", what);
	if ((out = convert(argv, in, what, e)) < 0)
		return out;
	if ((rc = fd_read_all(out, MAPS_MAX, &text, e)) < 0)
		return rc;
	rc = read_maps(text.data ? text.data : "", uids, gids);
	return rc < 0 ? err_say(e, -rc, "%s: it has no maps", what) : 0;
}
