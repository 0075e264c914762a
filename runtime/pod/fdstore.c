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

/* What becomes of the entries of one tag. */
struct change {
	const char *tag;
	size_t keep; /* so many descriptors stay, 0: the entry is dropped */
	size_t index;
	int fd; /* in place of number index, -1: none is replaced */
};

/* Queues the entry again as it is to be. Returns whether a descriptor was replaced. */
static int put_again(
	const struct fdstore *s, const struct entry *old, const struct change *c, struct err *e)
{
	int fds[FDSTORE_FDS_MAX], rc;
	bool is_meant = str_eq(old->tag, c->tag);
	bool is_replaced = is_meant && c->fd >= 0 && c->index < old->n;

	if (is_meant && c->keep == 0)
		return 0;
	memcpy(fds, old->fds, old->n * sizeof(int));
	if (is_replaced)
		fds[c->index] = c->fd;
	rc = fdstore_put(s, old->tag, fds, is_meant && old->n > c->keep ? c->keep : old->n, e);
	return rc < 0 ? rc : is_replaced;
}

/* Once around the queue. Returns how many entries got another descriptor. */
static int change_all(const struct fdstore *s, const struct change *c, struct err *e)
{
	struct entry head;
	size_t count = 0;
	int rc = fdstore_each(s, count_one, &count, e), replaced = 0;

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		rc = receive(s->read_fd, MSG_PEEK, &head, e);
		if (rc <= 0)
			break;
		rc = put_again(s, &head, c, e);
		close_all(head.fds, head.n);
		if (rc < 0)
			break;
		replaced += rc;
		rc = receive(s->read_fd, 0, &head, e);
		close_all(head.fds, head.n);
	}
	return rc < 0 ? rc : replaced;
}

int fdstore_drop(const struct fdstore *s, const char *tag, struct err *e)
{
	return fdstore_cut(s, tag, 0, e);
}

int fdstore_cut(const struct fdstore *s, const char *tag, size_t keep, struct err *e)
{
	int rc = change_all(s, &(struct change){ .tag = tag, .keep = keep, .fd = -1 }, e);

	return rc < 0 ? rc : 0;
}

int fdstore_swap(const struct fdstore *s, const char *tag, size_t index, int fd, struct err *e)
{
	const struct change c = { .tag = tag, .keep = FDSTORE_FDS_MAX, .index = index, .fd = fd };
	int rc = change_all(s, &c, e);

	if (rc == 0)
		return err_say(e, ENOENT, "%s has no descriptor %zu in the store", tag, index);
	return rc < 0 ? rc : 0;
}

struct wanted {
	const char *tag;
	int *fds;
	size_t n;
	bool is_found;
};

static int take_wanted(void *arg, const char *tag, const int *fds, size_t n)
{
	struct wanted *w = arg;

	if (!str_eq(tag, w->tag)) {
		close_all(fds, n);
		return 0;
	}
	close_all(w->fds, w->n);
	memcpy(w->fds, fds, n * sizeof(int));
	w->n = n;
	w->is_found = true;
	return 0;
}

int fdstore_get(const struct fdstore *s, const char *tag, int *out_fds, struct err *e)
{
	int fds[FDSTORE_FDS_MAX];
	struct wanted w = { .tag = tag, .fds = fds };
	int rc = fdstore_each(s, take_wanted, &w, e);

	if (rc < 0) {
		close_all(fds, w.n);
		return rc;
	}
	if (!w.is_found)
		return err_say(e, ENOENT, "%s is not in the store", tag);
	memcpy(out_fds, fds, w.n * sizeof(int));
	return (int)w.n;
}
