#include "log/attached.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "log/wire.h"

enum { ATTACHED_MAX = 64 };

struct attached {
	struct loop_io io;
	struct attached *next;
	struct attached_list *list;
	int sock;
};

static void detach(struct attached *a)
{
	struct attached **link = &a->list->first;

	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	a->list->len--;
	loop_io_stop(&a->io);
	close(a->sock);
	free(a);
}

/* Nobody sends us anything there: readable means gone. */
static void on_gone(struct loop_io *io, unsigned events)
{
	(void)events;
	detach(io->arg);
}

static bool tell(int sock, char tag, const char *bytes, size_t len)
{
	struct iovec iov[] = { { &tag, 1 }, { NULL, len } };
	const struct msghdr m = { .msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov) };

	memcpy(&iov[1].iov_base, &bytes, sizeof(bytes)); /* sendmsg(2) only reads it */
	return sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static bool show(const struct attached *a, enum log_stream name, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t part = len < LOG_ATTACH_MAX - 1 ? len : LOG_ATTACH_MAX - 1;

		if (!tell(a->sock, (char)name, bytes, part))
			return false;
		bytes += part;
		len -= part;
	}
	return true;
}

void attached_show(struct attached_list *list, enum log_stream name, const char *bytes, size_t len)
{
	for (struct attached *a = list->first, *next; a; a = next) {
		next = a->next;
		if (!show(a, name, bytes, len))
			detach(a);
	}
}

void attached_add(struct attached_list *list, struct loop *l, int sock)
{
	struct attached *a;

	if (list->len == ATTACHED_MAX || !tell(sock, LOG_ATTACHED, NULL, 0)) {
		close(sock);
		return;
	}
	a = mem_zalloc(sizeof(*a));
	a->list = list;
	a->sock = sock;
	a->next = list->first;
	list->first = a;
	list->len++;
	loop_io_start(l, &a->io, sock, LOOP_READ, on_gone, a);
}

void attached_close(struct attached_list *list)
{
	for (struct attached *a = list->first, *next; a; a = next) {
		next = a->next;
		detach(a);
	}
}
