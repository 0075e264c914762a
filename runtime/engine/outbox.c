#include "engine/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

struct outbox_message {
	struct outbox_message *next;
	struct buf text;
	int *fds; /* ours */
	size_t n;
};

static void message_free(struct outbox_message *m)
{
	for (size_t i = 0; i < m->n; i++)
		close(m->fds[i]);
	free(m->fds);
	buf_free(&m->text);
	free(m);
}

void outbox_init(struct outbox *o)
{
	o->first = NULL;
	o->end = &o->first;
}

bool outbox_is_empty(const struct outbox *o)
{
	return o->first == NULL;
}

static int keep(
	struct outbox *o, const void *bytes, size_t len, const int *fds, size_t n, struct err *e)
{
	struct outbox_message *m = mem_zalloc(sizeof(*m));

	buf_add(&m->text, bytes, len);
	m->fds = mem_resize(NULL, n ? n : 1, sizeof(*m->fds));
	for (; m->n < n; m->n++) {
		m->fds[m->n] = fcntl(fds[m->n], F_DUPFD_CLOEXEC, 0);
		if (m->fds[m->n] < 0) {
			int rc = err_set(e, errno, "keep a descriptor for later");

			message_free(m);
			return rc;
		}
	}
	*o->end = m;
	o->end = &m->next;
	return 0;
}

int outbox_send(struct outbox *o, int sock, const void *bytes, size_t len, const int *fds, size_t n,
	struct err *e)
{
	ssize_t sent = o->first ? -EAGAIN : fd_send(sock, bytes, len, fds, n);

	if (sent == -EAGAIN)
		return keep(o, bytes, len, fds, n, e);
	return sent < 0 ? err_set(e, (int)-sent, "send a message") : 0;
}

static void drop_first(struct outbox *o)
{
	struct outbox_message *m = o->first;

	o->first = m->next;
	if (!o->first)
		o->end = &o->first;
	message_free(m);
}

int outbox_flush(struct outbox *o, int sock, struct err *e)
{
	int rc = 0;

	while (o->first) {
		const struct outbox_message *m = o->first;
		ssize_t n = fd_send(sock, m->text.data, m->text.len, m->fds, m->n);

		if (n == -EAGAIN)
			break;
		if (n < 0 && rc == 0)
			rc = err_set(e, (int)-n, "send a message");
		drop_first(o);
	}
	return rc;
}

void outbox_drop(struct outbox *o)
{
	while (o->first)
		drop_first(o);
}
