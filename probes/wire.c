#include "probes/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

enum { MESSAGES_PER_TURN = 32, WAITING_MAX = 100000 };

struct wire_message {
	struct wire_message *next;
	struct buf text;
};

static void drop_first(struct wire *w)
{
	struct wire_message *m = w->first;

	w->first = m->next;
	w->waiting--;
	if (!w->first)
		w->end = &w->first;
	buf_free(&m->text);
	free(m);
}

/* Returns whether there is no more to do: sent, or beyond help. */
static bool try_send(struct wire *w, const struct buf *text)
{
	ssize_t n = fd_send(w->sock, text->data, text->len, NULL, 0);

	if (n == -EAGAIN || n == -ENOBUFS)
		return false;
	if (n < 0 && n != -EPIPE) /* the end is seen by the reader */
		log_err("message to carpeld is lost: %s", strerrordesc_np((int)-n));
	return true;
}

static void flush(struct wire *w)
{
	while (w->first && try_send(w, &w->first->text))
		drop_first(w);
	loop_io_want(&w->io, w->first ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

void wire_send(struct wire *w, struct json *m)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct wire_message *late;

	json_write(m, JSON_COMPACT, &text);
	json_free(m);
	if (!w->first && try_send(w, &text))
		return;
	late = mem_zalloc(sizeof(*late));
	late->text = text;
	text = (struct buf){ 0 };
	*w->end = late;
	w->end = &late->next;
	if (w->first == late)
		loop_io_want(&w->io, LOOP_READ | LOOP_WRITE);
	if (++w->waiting == WAITING_MAX) {
		log_err("carpeld does not listen any more");
		w->got(w->arg, NULL, -1);
	}
}

/* Returns whether there may be more. */
static bool read_one(struct wire *w)
{
	CLEANUP(cleanup_json) struct json *m = NULL;
	CLEANUP(cleanup_fd) int fd = -1;
	size_t nfds = 1;
	ssize_t n = fd_recv(w->sock, w->bytes, PROBE_WIRE_MAX, &fd, &nfds);
	struct err e = { 0 };

	if (n == -EAGAIN)
		return false;
	if (n == -EMSGSIZE) {
		log_warn("message of carpeld is too long");
		return true;
	}
	if (n <= 0) {
		loop_io_stop(&w->io);
		w->got(w->arg, NULL, -1);
		return false;
	}
	if (json_parse(w->bytes, (size_t)n, NULL, &m, &e) < 0)
		log_warn("message of carpeld: %s", e.text);
	else
		w->got(w->arg, m, take_fd(&fd));
	return true;
}

static void on_ready(struct loop_io *io, unsigned events)
{
	struct wire *w = io->arg;

	if (events & LOOP_WRITE)
		flush(w);
	/* Bounded: the sockets of running attempts have their turn in between. */
	for (int i = 0; (events & LOOP_READ) && i < MESSAGES_PER_TURN && read_one(w); i++)
		;
}

int wire_open(struct wire *w, struct loop *l, int sock, struct err *e)
{
	int rc = fd_set_nonblock(sock);

	if (rc < 0)
		return err_set(e, -rc, "descriptor %d", sock);
	w->loop = l;
	w->sock = sock;
	w->bytes = mem_zalloc(PROBE_WIRE_MAX);
	w->first = NULL;
	w->end = &w->first;
	w->waiting = 0;
	loop_io_start(l, &w->io, sock, LOOP_READ, on_ready, w);
	return 0;
}

void wire_close(struct wire *w)
{
	loop_io_stop(&w->io);
	while (w->first)
		drop_first(w);
	free(w->bytes);
	w->bytes = NULL;
}
