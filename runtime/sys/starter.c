/* One request, one answer; whoever asks waits, as it would wait for a vfork.  The child is made
 * with CLONE_PARENT, so it is a child of the asker in all respects: its end, its death signal.
 */
#include "sys/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

enum { SOCKET_FD = 3, WORDS_MAX = 1024, MESSAGE_MAX = 128 * 1024 };

/* Then, each ended by a NUL: path, cwd (empty: none), argv, envp.  The descriptors that are there
 * follow in order, the program's own last. */
struct request {
	uint32_t nfds, argc, envc;
	bool has_fd[SPAWN_FDS_MAX], has_exe, dies_with_us, is_expendable;
};

struct answer {
	int32_t pid, rc; /* rc < 0: err says why */
	struct err err;
};

/* ---- the asker ----------------------------------------------------------------------------- */

static uint32_t add_words(struct buf *out, char *const *words)
{
	uint32_t n = 0;

	for (; words[n]; n++)
		buf_add(out, words[n], strlen(words[n]) + 1);
	return n;
}

static int send_request(int starter, const struct spawn *s, struct err *e)
{
	CLEANUP(buf_free) struct buf message = { 0 };
	struct request r = { .nfds = (uint32_t)s->nfds,
		.has_exe = s->exe_fd > 0,
		.dies_with_us = s->dies_with_us,
		.is_expendable = s->is_expendable };
	const char *cwd = s->cwd ? s->cwd : "";
	int fds[SPAWN_FDS_MAX + 1];
	size_t n = 0;
	ssize_t sent;

	if (s->nfds > SPAWN_FDS_MAX)
		return err_say(e, EINVAL, "%zu descriptors for %s", s->nfds, s->path);
	for (size_t i = 0; i < s->nfds; i++) {
		r.has_fd[i] = s->fds[i] >= 0;
		if (r.has_fd[i])
			fds[n++] = s->fds[i];
	}
	if (r.has_exe)
		fds[n++] = s->exe_fd;
	buf_add(&message, &r, sizeof(r));
	buf_add(&message, s->path, strlen(s->path) + 1);
	buf_add(&message, cwd, strlen(cwd) + 1);
	r.argc = add_words(&message, s->argv);
	r.envc = add_words(&message, s->envp);
	if (message.len > MESSAGE_MAX || r.argc > WORDS_MAX || r.envc > WORDS_MAX)
		return err_say(e, E2BIG, "too many words for %s", s->path);
	memcpy(message.data, &r, sizeof(r));
	sent = fd_send(starter, message.data, message.len, fds, n);
	return sent < 0 ? err_set(e, (int)-sent, "ask the starter for %s", s->path) : 0;
}

int starter_spawn(int starter, const struct spawn *s, pid_t *out_pid, struct err *e)
{
	CLEANUP(cleanup_fd) int pidfd = -1;
	struct answer a;
	size_t n = 1;
	ssize_t len;
	int rc = send_request(starter, s, e);

	if (rc < 0)
		return rc;
	do
		n = 1;
	while ((len = fd_recv(starter, &a, sizeof(a), &pidfd, &n)) == -EINTR);
	if (len != (ssize_t)sizeof(a))
		return err_set(e, len < 0 ? (int)-len : EPIPE, "hear of %s", s->path);
	if (a.rc < 0) {
		if (e)
			*e = a.err;
		return a.rc;
	}
	if (n != 1)
		return err_say(e, EPROTO, "no process for %s", s->path);
	*out_pid = a.pid;
	return take_fd(&pidfd);
}

/* ---- the starter --------------------------------------------------------------------------- */

struct words {
	char *at, *end;
};

static char *next_word(struct words *w)
{
	char *word = w->at, *nul = memchr(w->at, '\0', (size_t)(w->end - w->at));

	if (!nul)
		return NULL;
	w->at = nul + 1;
	return word;
}

/* list has room for WORDS_MAX and NULL. */
static bool read_words(struct words *w, uint32_t n, char **list)
{
	if (n > WORDS_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!(list[i] = next_word(w)))
			return false;
	list[n] = NULL;
	return true;
}

static bool place_fds(const struct request *r, const int *fds, size_t n, int *out, int *out_exe)
{
	size_t used = 0;

	if (r->nfds > SPAWN_FDS_MAX)
		return false;
	for (size_t i = 0; i < r->nfds; i++) {
		if (r->has_fd[i] && used == n)
			return false;
		out[i] = r->has_fd[i] ? fds[used++] : -1;
	}
	if (r->has_exe && used == n)
		return false;
	*out_exe = r->has_exe ? fds[used++] : 0;
	return used == n;
}

static int start(char *message, size_t len, const int *fds, size_t n, struct answer *a)
{
	static char *argv[WORDS_MAX + 1], *envp[WORDS_MAX + 1];
	int placed[SPAWN_FDS_MAX];
	struct words w = { message + sizeof(struct request), message + len };
	struct spawn s = { .argv = argv, .envp = envp, .fds = placed, .for_parent = true };
	struct request r;

	if (len < sizeof(r))
		return err_say(&a->err, EPROTO, "a start that is none");
	memcpy(&r, message, sizeof(r));
	if (!(s.path = next_word(&w)) || !(s.cwd = next_word(&w)) ||
		!read_words(&w, r.argc, argv) || !read_words(&w, r.envc, envp) ||
		!place_fds(&r, fds, n, placed, &s.exe_fd))
		return err_say(&a->err, EPROTO, "a start that is none");
	s.cwd = *s.cwd ? s.cwd : NULL;
	s.nfds = r.nfds;
	s.dies_with_us = r.dies_with_us;
	s.is_expendable = r.is_expendable;
	return spawn_process(&s, &a->pid, &a->err);
}

static _Noreturn void serve(void)
{
	static char message[MESSAGE_MAX];

	for (;;) {
		int fds[SPAWN_FDS_MAX + 1];
		size_t n = SPAWN_FDS_MAX + 1;
		ssize_t len = fd_recv(SOCKET_FD, message, sizeof(message), fds, &n);
		struct answer a = { 0 };
		int pidfd;

		if (len == -EINTR)
			continue;
		if (len <= 0)
			_exit(0);
		pidfd = start(message, (size_t)len, fds, n, &a);
		for (size_t i = 0; i < n; i++)
			(void)close(fds[i]);
		a.rc = pidfd < 0 ? pidfd : 0;
		len = fd_send(SOCKET_FD, &a, sizeof(a), &pidfd, pidfd < 0 ? 0 : 1);
		if (pidfd >= 0)
			(void)close(pidfd);
		if (len < 0)
			_exit(0);
	}
}

/* Signals that a terminal or an operator gives to all of us are for the asker to act on: this ends
 * after it. */
static _Noreturn void become_starter(int sock, pid_t asker)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != asker ||
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || dup3(sock, SOCKET_FD, O_CLOEXEC) < 0)
		_exit(1);
	if (syscall(SYS_close_range, SOCKET_FD + 1, ~0U, 0) < 0) {
		log_err("the starter: close_range: %s", strerror(errno));
		_exit(1);
	}
	(void)prctl(PR_SET_NAME, "carpel-start", 0, 0, 0);
	serve();
}

int starter_open(pid_t *out_pid, struct err *e)
{
	int pair[2];
	pid_t asker = getpid(), pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a socket pair");
	pid = fork();
	if (pid == 0)
		become_starter(pair[1], asker);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return err_set(e, errno, "fork the starter");
	}
	*out_pid = pid;
	return pair[0];
}
