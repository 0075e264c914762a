/* SO_PEEK_OFF moves a peeking reader from message to message (socket(7)); descriptors in a peeked
 * message are duplicated by the kernel and stay in the queue.
 */
#include "pod/fdstore.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

void fdstore_close(struct fdstore *s)
{
	if (s->read_fd >= 0)
		close(s->read_fd);
	if (s->write_fd >= 0)
		close(s->write_fd);
	s->read_fd = s->write_fd = -1;
}

int fdstore_put(const struct fdstore *s, const char *tag, const int *fds, size_t n, struct err *e)
{
	char message[FDSTORE_TAG_MAX] = { 0 };
	ssize_t sent;
	int rc = fd_set_nonblock(s->write_fd); /* when full it refuses, and never blocks carpeld */

	if (rc < 0 || n > FDSTORE_FDS_MAX)
		return err_set(e, rc < 0 ? -rc : EINVAL, "store descriptors of %s", tag);
	(void)snprintf(message, sizeof(message), "%s", tag);
	sent = fd_send(s->write_fd, message, sizeof(message), fds, n);
	return sent < 0 ? err_set(e, (int)-sent, "store descriptors of %s", tag) : 0;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

struct entry {
	char tag[FDSTORE_TAG_MAX];
	int fds[FDSTORE_FDS_MAX];
	size_t n;
};

/* 1: *out is the next message, 0: there is none. */
static int receive(int sock, int flags, struct entry *out, struct err *e)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * FDSTORE_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { out->tag, sizeof(out->tag) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(sock, &m, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	out->n = 0;
	if (got < 0)
		return errno == EAGAIN ? 0 : err_set(e, errno, "read the descriptor store");
	if (got == 0)
		return 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		out->n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(out->fds, CMSG_DATA(h), out->n * sizeof(int));
	}
	out->tag[sizeof(out->tag) - 1] = '\0';
	if (m.msg_flags & MSG_CTRUNC) {
		/* We have no room for all of them, and some would be taken for all. */
		close_all(out->fds, out->n);
		return err_say(e, EMFILE, "read the descriptor store: too many open files");
	}
	return 1;
}

static int set_peek_offset(int sock, int offset, struct err *e)
{
	if (setsockopt(sock, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) < 0)
		return err_set(e, errno, "set SO_PEEK_OFF");
	return 0;
}

int fdstore_each(const struct fdstore *s,
	int (*item)(void *arg, const char *tag, const int *fds, size_t n), void *arg, struct err *e)
{
	struct entry entry;
	int rc = set_peek_offset(s->read_fd, 0, e);

	if (rc < 0)
		return rc;
	while ((rc = receive(s->read_fd, MSG_PEEK, &entry, e)) > 0) {
		rc = item(arg, entry.tag, entry.fds, entry.n);
		if (rc != 0)
			break;
	}
	(void)set_peek_offset(s->read_fd, -1, NULL);
	return rc;
}

static int count_one(void *arg, const char *tag, const int *fds, size_t n)
{
	(void)tag;
	close_all(fds, n);
	++*(size_t *)arg;
	return 0;
}

int fdstore_cut(const struct fdstore *s, const char *tag, size_t keep, struct err *e)
{
	struct entry head;
	size_t count = 0;
	int rc = fdstore_each(s, count_one, &count, e);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		bool is_dropped;
		size_t kept;

		rc = receive(s->read_fd, MSG_PEEK, &head, e);
		if (rc <= 0)
			break;
		kept = str_eq(head.tag, tag) && head.n > keep ? keep : head.n;
		is_dropped = keep == 0 && str_eq(head.tag, tag);
		rc = is_dropped ? 0 : fdstore_put(s, head.tag, head.fds, kept, e);
		close_all(head.fds, head.n);
		if (rc < 0)
			break;
		rc = receive(s->read_fd, 0, &head, e);
		close_all(head.fds, head.n);
		rc = rc < 0 ? rc : 0;
	}
	return rc;
}

int fdstore_drop(const struct fdstore *s, const char *tag, struct err *e)
{
	return fdstore_cut(s, tag, 0, e);
}
