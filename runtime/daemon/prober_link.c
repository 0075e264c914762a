#include "daemon/prober_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "engine/helper.h"
#include "spec/probe_wire.h"

enum { RESTART_MAX_MS = 5000 };

static void on_ready(struct loop_io *io, unsigned events);

static void on_restart(struct loop_timer *t);

static void lose(struct prober_link *l)
{
	loop_io_stop(&l->io);
	cleanup_fd(&l->sock);
	outbox_drop(&l->out);
	l->lost(l);
	log_warn("carpel-probe went away, starting another");
	loop_timer_start(l->d->engine.loop, &l->restart, l->restart_ms, on_restart, l);
	l->restart_ms = l->restart_ms ? l->restart_ms * 2 : 50;
	if (l->restart_ms > RESTART_MAX_MS)
		l->restart_ms = RESTART_MAX_MS;
}

/* ---- sending ---- */

static void flush(struct prober_link *l)
{
	struct err e = { 0 };

	if (outbox_flush(&l->out, l->sock, &e) < 0)
		log_warn("carpel-probe: %s", e.text);
	loop_io_want(&l->io, LOOP_READ | (outbox_is_empty(&l->out) ? 0U : LOOP_WRITE));
}

void prober_link_tell(struct prober_link *l, struct json *m, int fd)
{
	CLEANUP(cleanup_json) struct json *owned = m;
	CLEANUP(buf_free) struct buf text = { 0 };
	struct err e = { 0 };

	if (l->sock < 0)
		return;
	json_write(owned, JSON_COMPACT, &text);
	if (outbox_send(&l->out, l->sock, text.data, text.len, &fd, fd >= 0, &e) < 0)
		log_warn("carpel-probe: %s", e.text);
	else if (!outbox_is_empty(&l->out))
		loop_io_want(&l->io, LOOP_READ | LOOP_WRITE);
}

/* ---- hearing ---- */

static void on_ready(struct loop_io *io, unsigned events)
{
	struct prober_link *l = io->arg;
	CLEANUP(cleanup_json) struct json *m = NULL;
	struct err e = { 0 };
	ssize_t n;

	if (events & LOOP_WRITE)
		flush(l);
	if (!(events & LOOP_READ))
		return;
	n = fd_recv(l->sock, l->message, PROBE_WIRE_MAX, NULL, NULL);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		lose(l);
		return;
	}
	if (json_parse(l->message, (size_t)n, NULL, &m, &e) < 0) {
		log_warn("carpel-probe: %s", e.text);
		return;
	}
	l->restart_ms = 0; /* it works */
	l->heard(l, m);
}

/* ---- the process ---- */

static int start(struct prober_link *l, struct err *e)
{
	const struct helper h = { .program = "carpel-probe" };
	int sock = helper_start(&l->d->engine, &h, e);

	if (sock < 0)
		return sock;
	l->sock = sock;
	loop_io_start(l->d->engine.loop, &l->io, l->sock, LOOP_READ, on_ready, l);
	return 0;
}

static void on_restart(struct loop_timer *t)
{
	struct prober_link *l = t->arg;
	struct err e = { 0 };

	if (start(l, &e) < 0) {
		log_err("carpel-probe cannot be started: %s", e.text);
		loop_timer_start(l->d->engine.loop, &l->restart, RESTART_MAX_MS, on_restart, l);
		return;
	}
	l->started(l);
}

int prober_link_open(struct prober_link *l, struct err *e)
{
	int rc;

	l->sock = -1;
	l->message = mem_zalloc(PROBE_WIRE_MAX);
	outbox_init(&l->out);
	rc = start(l, e);
	if (rc == 0)
		l->started(l);
	return rc;
}

void prober_link_close(struct prober_link *l)
{
	loop_timer_stop(&l->restart);
	loop_io_stop(&l->io);
	cleanup_fd(&l->sock);
	outbox_drop(&l->out);
	free(l->message);
	l->message = NULL;
}
