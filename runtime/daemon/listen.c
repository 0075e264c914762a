#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { BACKLOG = 512, SYSTEMD_FD = 3 };

int listen_lock(const struct layout *l, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/lock", l->run);
	CLEANUP(cleanup_fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set(e, errno, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_say(e, EBUSY, "another carpeld serves %s", l->run)
					    : err_set(e, errno, "lock %s", path);
	return take_fd(&fd);
}

int listen_open(const struct layout *l, struct err *e)
{
	CLEANUP(cleanup_fd)
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t old;
	int rc;

	if (strlen(l->socket) >= sizeof(address.sun_path))
		return err_say(e, ENAMETOOLONG,
			"%s: a socket's path has at most %zu bytes, choose a shorter --root",
			l->socket, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, l->socket, strlen(l->socket) + 1);
	if (sock < 0)
		return err_set(e, errno, "make a socket");
	(void)unlink(l->socket);
	old = umask(0177); /* 0600 from the first moment */
	rc = bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0
		     ? err_set(e, errno, "bind %s", l->socket)
		     : 0;
	(void)umask(old);
	if (rc < 0)
		return rc;
	if (listen(sock, BACKLOG) < 0)
		return err_set(e, errno, "listen on %s", l->socket);
	return take_fd(&sock);
}

int listen_from_systemd(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int64_t n = 0;
	bool is_ours = pid && count && str_to_i64(pid, 1, INT32_MAX, &n) == 0 && n == getpid() &&
		       str_to_i64(count, 1, 1, &n) == 0;

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (!is_ours || fcntl(SYSTEMD_FD, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return SYSTEMD_FD;
}

void listen_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	CLEANUP(cleanup_fd) int sock = -1;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract name */
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock >= 0)
		(void)sendto(sock, state, strlen(state), 0, (struct sockaddr *)&address, len);
}
