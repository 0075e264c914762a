#include "oci/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

enum { FIRST_PRESERVED = 3, PRESERVED_MAX = 12 };

void streams_close(struct streams *s)
{
	cleanup_fd(&s->master);
	cleanup_fd(&s->slave);
}

int streams_check(const struct stream_options *o, bool has_terminal, struct err *e)
{
	if (has_terminal && !o->console_socket)
		return err_say(e, EINVAL, "process.terminal=true: it needs --console-socket");
	if (!has_terminal && o->console_socket)
		return err_say(e, EINVAL, "--console-socket %s: process.terminal is not true",
			o->console_socket);
	return 0;
}

static int open_terminal(const struct config *c, struct streams *s, struct err *e)
{
	const struct winsize size = { .ws_row = (unsigned short)c->rows,
		.ws_col = (unsigned short)c->columns };
	int unlocked = 0;

	s->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->master < 0 || ioctl(s->master, TIOCSPTLCK, &unlocked) < 0)
		return err_set(e, errno, "open a pseudoterminal");
	s->slave = ioctl(s->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->slave < 0)
		return err_set(e, errno, "open a pseudoterminal's other end");
	if (size.ws_row && size.ws_col && ioctl(s->master, TIOCSWINSZ, &size) < 0)
		return err_set(e, errno, "set the terminal's size");
	return 0;
}

/* One that our caller has closed is left out. */
static int add_stream(struct launch *l, int fd, int32_t *out, struct err *e)
{
	return fcntl(fd, F_GETFD) < 0 ? 0 : launch_fd(l, fd, out, e);
}

static int add_preserved(int64_t n, struct launch *l, struct plan *p, struct err *e)
{
	int rc = 0;

	if (n > PRESERVED_MAX)
		return err_say(
			e, E2BIG, "--preserve-fds %" PRId64 ": more than %d", n, PRESERVED_MAX);
	for (int i = 0; rc == 0 && i < n; i++) {
		CLEANUP(cleanup_free) char *text = NULL;
		int32_t number;

		if (fcntl(FIRST_PRESERVED + i, F_GETFD) < 0)
			return err_set(e, errno, "--preserve-fds %" PRId64 ": descriptor %d", n,
				FIRST_PRESERVED + i);
		rc = launch_fd(l, FIRST_PRESERVED + i, &number, e);
		text = str_fmt("%d", number);
		strv_add(&p->kept_fds, text);
	}
	return rc;
}

int streams_prepare(const struct stream_options *o, const struct config *c, struct launch *l,
	struct plan *p, struct streams *out, struct err *e)
{
	int rc;

	if (c->has_terminal) {
		if ((rc = open_terminal(c, out, e)) < 0)
			return rc;
		rc = launch_fd(l, out->slave, &p->tty_fd, e);
	} else if ((rc = add_stream(l, STDIN_FILENO, &p->stdin_fd, e)) == 0 &&
		   (rc = add_stream(l, STDOUT_FILENO, &p->stdout_fd, e)) == 0) {
		rc = add_stream(l, STDERR_FILENO, &p->stderr_fd, e);
	}
	return rc < 0 ? rc : add_preserved(o->preserved, l, p, e);
}

/* Its path may be longer than a socket's name can be: then by its directory's descriptor. */
static int connect_to(const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *slash = strrchr(path, '/');
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_fd) int dir = -1;
	int len;

	if (sock < 0)
		return err_set(e, errno, "make a socket");
	len = snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (len >= (int)sizeof(name.sun_path) && slash) {
		CLEANUP(cleanup_free) char *parent = str_ndup(path, (size_t)(slash - path));

		dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
		len = snprintf(
			name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d%s", dir, slash);
	}
	if (len >= (int)sizeof(name.sun_path))
		return err_set(e, ENAMETOOLONG, "--console-socket %s", path);
	if (connect(sock, (const struct sockaddr *)&name, sizeof(name)) < 0)
		return err_set(e, errno, "--console-socket %s", path);
	return take_fd(&sock);
}

int streams_send(const struct stream_options *o, const struct streams *s, struct err *e)
{
	CLEANUP(cleanup_fd) int sock = -1;
	char name[64] = "/dev/ptmx";
	ssize_t n;

	if (s->master < 0)
		return 0;
	if ((sock = connect_to(o->console_socket, e)) < 0)
		return sock;
	(void)ptsname_r(s->master, name, sizeof(name));
	n = fd_send(sock, name, strlen(name), &s->master, 1);
	return n < 0 ? err_set(e, (int)-n, "--console-socket %s", o->console_socket) : 0;
}

int streams_write_pid(const struct stream_options *o, int64_t pid, struct err *e)
{
	CLEANUP(cleanup_free) char *text = str_fmt("%" PRId64, pid);
	CLEANUP(cleanup_free) char *parent = NULL;
	CLEANUP(cleanup_fd) int dir = -1;
	const char *slash;

	if (!o->pid_file)
		return 0;
	slash = strrchr(o->pid_file, '/');
	parent = slash ? str_ndup(o->pid_file, (size_t)(slash - o->pid_file) + 1) : str_dup(".");
	dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "--pid-file %s", o->pid_file);
	return fd_replace_file(
		dir, slash ? slash + 1 : o->pid_file, text, strlen(text), FD_SURVIVES_CRASH, e);
}
