#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { READ_CHUNK = 16 * 1024, FDS_MAX = 64 };

/* EPERM: what a filter of an outer container may say of a call that it does not know. */
static bool is_call_denied(int code)
{
	return code == ENOSYS || code == EPERM;
}

int fd_openat2(int dir, const char *path, const struct open_how *how, struct err *e)
{
	int fd = (int)syscall(SYS_openat2, dir, path, how, sizeof(*how));

	return fd < 0 ? err_set(e, errno, "%s %s", is_call_denied(errno) ? "openat2" : "open", path)
		      : fd;
}

int fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_read_all(int fd, size_t max, struct buf *out, struct err *e)
{
	char chunk[READ_CHUNK];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read");
		if (n == 0)
			return 0;
		total += (size_t)n;
		if (total > max)
			return err_say(e, EFBIG, "more than %zu bytes", max);
		buf_add(out, chunk, (size_t)n);
	}
}

int fd_read_file(int dir, const char *name, size_t max, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return err_set(e, errno, "open %s", name);
	rc = fd_read_all(fd, max, out, e);
	return rc < 0 ? err_wrap(e, rc, "%s", name) : 0;
}

static int write_temporary(
	int dir, const char *temporary, const void *bytes, size_t len, enum fd_durability d)
{
	CLEANUP(cleanup_fd)
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = fd_write_all(fd, bytes, len);
	if (rc == 0 && d == FD_SURVIVES_POWER_CUT && fsync(fd) < 0)
		rc = -errno;
	return rc;
}

static int sync_dir(int dir)
{
	CLEANUP(cleanup_fd) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int fd_replace_file(int dir, const char *name, const void *bytes, size_t len, enum fd_durability d,
	struct err *e)
{
	static atomic_uint
		counter; /* tells calls of one process apart; the pid tells processes apart */
	CLEANUP(cleanup_free)
	char *temporary = str_fmt(".%s.%d.%u", name, (int)getpid(), atomic_fetch_add(&counter, 1));
	int rc = write_temporary(dir, temporary, bytes, len, d);

	if (rc == -EEXIST &&
		unlinkat(dir, temporary, 0) == 0) /* of a dead process that had our pid */
		rc = write_temporary(dir, temporary, bytes, len, d);
	if (rc == 0 && renameat(dir, temporary, dir, name) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlinkat(dir, temporary, 0);
		return err_set(e, -rc, "write %s", name);
	}
	if (d == FD_SURVIVES_POWER_CUT && (rc = sync_dir(dir)) < 0)
		return err_set(e, -rc, "sync the directory of %s", name);
	return 0;
}

static int require_dir(int dir, const char *path, struct err *e)
{
	struct stat st;

	if (fstatat(dir, path, &st, 0) < 0)
		return err_set(e, errno, "stat %s", path);
	return S_ISDIR(st.st_mode) ? 0 : err_set(e, ENOTDIR, "make directory %s", path);
}

int fd_mkdir_all(int dir, const char *path, mode_t mode, struct err *e)
{
	CLEANUP(cleanup_free) char *part = str_dup(path);

	/* The last one first: those above it are mostly there. */
	if (mkdirat(dir, path, mode) == 0)
		return 0;
	if (errno == EEXIST)
		return require_dir(dir, path, e);
	for (char *slash = part + 1; *part; slash++) {
		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		if (mkdirat(dir, part, slash ? 0755 : mode) < 0 && errno != EEXIST)
			return err_set(e, errno, "make directory %s", part);
		if (!slash)
			return require_dir(dir, part, e);
		*slash = '/';
	}
	return 0;
}

/* Component by component, each prefix resolved anew from root: a link in it cannot lead out, and
 * what is missing is made where the prefix really leads. */
int fd_make_below(int root, const char *path, mode_t mode, struct err *e)
{
	CLEANUP(cleanup_fd) int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);

	if (dir < 0)
		return err_set(e, errno, "copy a descriptor");
	for (size_t end = 0; path[end];) {
		size_t start = end + (path[end] == '/');
		int next;

		end = start + strcspn(path + start, "/");

		CLEANUP(cleanup_free) char *name = str_ndup(path + start, end - start);
		CLEANUP(cleanup_free) char *prefix = str_ndup(path, end);

		if (*name && mkdirat(dir, name, mode) < 0 && errno != EEXIST)
			return err_set(e, errno, "make sub path %s", prefix);
		if ((next = fd_walk(root, prefix, O_PATH, 0, e)) < 0)
			return next;
		close(dir);
		dir = next;
	}
	return take_fd(&dir);
}

int fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int fd_pipe(int *out_read, int *out_write, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	*out_read = ends[0];
	*out_write = ends[1];
	return 0;
}

union control {
	char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	struct cmsghdr align;
};

ssize_t fd_send(int sock, const void *bytes, size_t len, const int *fds, size_t nfds)
{
	union control control = { 0 };
	struct iovec iov = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (nfds > FDS_MAX)
		return -EINVAL;
	memcpy(&iov.iov_base, &bytes, sizeof(bytes)); /* sendmsg(2) only reads it */
	iov.iov_len = len;
	if (nfds) {
		struct cmsghdr *h = &control.align;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(h), fds, sizeof(int) * nfds);
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void take_fds(struct msghdr *m, int *fds, size_t room, size_t *got, bool *is_cut)
{
	*got = 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (*got < room) {
				fds[(*got)++] = fd;
			} else {
				close(fd);
				*is_cut = true;
			}
		}
	}
}

ssize_t fd_recv(int sock, void *bytes, size_t room, int *fds, size_t *nfds)
{
	union control control = { 0 };
	struct iovec iov = { bytes, room };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	size_t max = nfds ? *nfds : 0, got;
	bool is_cut = false;
	ssize_t n;

	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (nfds)
		*nfds = 0;
	if (n < 0)
		return -errno;
	take_fds(&m, fds, max, &got, &is_cut);
	if (is_cut || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < got; i++)
			close(fds[i]);
		return -EMSGSIZE;
	}
	if (nfds)
		*nfds = got;
	return n;
}
