#include "engine/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/helper.h"
#include "spec/plan.h"
#include "sys/mount.h"

/* It says nothing on this socket: what comes is its end. */
static void on_ready(struct loop_io *io, unsigned events)
{
	struct launcher *l = io->arg;
	struct err e = { 0 };
	char byte;

	if ((events & LOOP_WRITE) && outbox_flush(&l->out, l->sock, &e) < 0)
		log_warn("carpel-launch: %s", e.text);
	if ((events & LOOP_READ) && recv(l->sock, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN) {
		log_warn("carpel-launch went away");
		loop_io_stop(&l->io);
		cleanup_fd(&l->sock);
		outbox_drop(&l->out); /* closes the result sockets: each launch hears it */
		return;
	}
	loop_io_want(&l->io, LOOP_READ | (outbox_is_empty(&l->out) ? 0U : LOOP_WRITE));
}

static int start(struct launcher *l, struct err *e)
{
	/* It dies with us: what it was making is then undone by the next supervisor, alone. */
	CLEANUP(cleanup_free) char *pause = layout_program(&l->g->layout, "carpel-pause");
	const struct helper h = { "carpel-launch", "--serve", pause, l->exe, .dies_with_us = true };
	int sock = helper_start(l->g, &h, e);

	if (sock < 0)
		return sock;
	l->sock = sock;
	loop_io_start(l->g->loop, &l->io, l->sock, LOOP_READ, on_ready, l);
	return 0;
}

/* It runs from a read-only mount of itself that exists nowhere: what a container does to
 * /proc/self/exe of a process that joins it changes nothing. */
static int open_program(const struct engine *g, struct err *e)
{
	CLEANUP(cleanup_free) char *path = layout_program(&g->layout, "carpel-launch");
	int fd = mount_copy(AT_FDCWD, path, MOUNT_ONE, e), rc;

	if (fd < 0)
		return err_wrap(e, fd, "%s", path);
	rc = mount_restrict(fd, MOUNT_ATTR_RDONLY, MOUNT_ONE, e);
	if (rc < 0) {
		close(fd);
		return err_wrap(e, rc, "%s", path);
	}
	return fd;
}

int launcher_open(struct engine *g, struct err *e)
{
	struct launcher *l = mem_zalloc(sizeof(*l));

	l->g = g;
	l->sock = -1;
	outbox_init(&l->out);
	g->launcher = l;
	l->exe = open_program(g, e);
	return l->exe < 0 ? l->exe : start(l, e);
}

int launcher_order(struct launcher *l, const int *fds, size_t n, int result_number, struct err *e)
{
	struct launch_order order = { .version = LAUNCH_ORDER_VERSION, .result_fd = result_number };
	int sent[LAUNCH_ORDER_FDS_MAX], rc;

	for (size_t i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		if (order.len == LAUNCH_ORDER_FDS_MAX)
			return err_say(e, E2BIG, "too many descriptors for one launch");
		sent[order.len] = fds[i];
		order.number[order.len++] = (int32_t)i;
	}
	if (l->sock < 0 && (rc = start(l, e)) < 0)
		return err_wrap(e, rc, "start carpel-launch");
	rc = outbox_send(&l->out, l->sock, &order, sizeof(order), sent, order.len, e);
	if (!outbox_is_empty(&l->out))
		loop_io_want(&l->io, LOOP_READ | LOOP_WRITE);
	return rc;
}

void launcher_close(struct engine *g)
{
	struct launcher *l = g->launcher;

	if (!l)
		return;
	loop_io_stop(&l->io);
	cleanup_fd(&l->sock); /* its end of file ends it */
	cleanup_fd(&l->exe);
	outbox_drop(&l->out);
	free(l);
	g->launcher = NULL;
}
