/* Nothing that matters is kept here.  Every stream set is in its pod's descriptor store until
 * carpeld has read LOG_DONE of it, and a carpeld that connects hands its whole store over again.
 * So a message that is lost with a connection, or a set that we could not take, comes again.
 *
 * At the limit of descriptors new sets are refused while those that are read go on.  As soon as one
 * of these has ended we hang up, which makes carpeld connect and hand over all again.
 */
#include "log/control.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "log/wire.h"

enum {
	MESSAGES_A_TURN = 64,
	UNSENT_MAX = 4 << 20, /* bytes; the only peer is carpeld, which reads */
	FDS_SPARE = 32,       /* that no set may take: for who is attached, and ... */
	FDS_OWN = 8,          /* for the loop, connections and scratch pipes */
	REFUSED_RETRY_MS = 5000,
	FDS_ROOM = 64, /* more than any message has: what is cut, our table had no room for */
};

struct control {
	struct loop *loop;
	struct streams *streams;
	struct loop_io listening, peer_io;
	struct loop_timer idle, retry;
	uid_t peer_uid;
	int sock; /* the connected carpeld, -1 */
	int fds_max;
	struct buf unsent; /* whole messages that the connection had no room for */
	bool has_refused;
	size_t count_at_refusal; /* of the sets that were read then */
};

static void on_message(struct loop_io *io, unsigned events);

/* ---- telling ---- */

/* Only LOG_DONE is of use to the next carpeld. */
static void keep_done(struct buf *unsent)
{
	struct buf kept = { 0 };

	for (size_t at = 0; at < unsent->len; at += sizeof(struct log_msg)) {
		struct log_msg m;

		memcpy(&m, unsent->data + at, sizeof(m));
		if (m.op == LOG_DONE)
			buf_add(&kept, &m, sizeof(m));
	}
	buf_free(unsent);
	*unsent = kept;
}

static void on_idle(struct loop_timer *t)
{
	struct control *c = t->arg;

	if (c->sock < 0 && streams_count(c->streams) == 0)
		loop_stop(c->loop);
	else if (c->sock < 0)
		loop_timer_start(c->loop, &c->idle, CONTROL_IDLE_MS, on_idle, c);
}

static void hang_up(struct control *c)
{
	if (c->sock < 0)
		return;
	loop_io_stop(&c->peer_io);
	close(c->sock);
	c->sock = -1;
	keep_done(&c->unsent);
	loop_timer_start(c->loop, &c->idle, CONTROL_IDLE_MS, on_idle, c);
}

/* Sends what there is room for; the rest waits for more. */
static void flush(struct control *c)
{
	size_t sent = 0;
	ssize_t n = 0;

	if (c->sock < 0)
		return;
	while (sent < c->unsent.len && n >= 0) {
		n = fd_send(c->sock, c->unsent.data + sent, sizeof(struct log_msg), NULL, 0);
		if (n >= 0)
			sent += sizeof(struct log_msg);
	}
	buf_drop(&c->unsent, sent);
	if (c->unsent.len == 0)
		buf_free(&c->unsent);
	if (n < 0 && n != -EAGAIN)
		hang_up(c);
	else
		loop_io_want(&c->peer_io, c->unsent.len ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void add_unsent(struct control *c, enum log_op op, const char *id, uint32_t serial)
{
	struct log_msg m = { .version = LOG_WIRE_VERSION, .op = op, .serial = serial };

	memcpy(m.id, id, strnlen(id, LOG_ID_MAX));
	buf_add(&c->unsent, &m, sizeof(m));
}

static void tell_done(void *arg, const char *id)
{
	struct control *c = arg;

	add_unsent(c, LOG_DONE, id, 0);
	flush(c);
}

static void tell_full(void *arg, const char *id)
{
	struct control *c = arg;

	add_unsent(c, LOG_FULL, id, 0);
	flush(c);
}

static void add_item(void *arg, const char *id)
{
	add_unsent(arg, LOG_ITEM, id, 0);
}

static void list(struct control *c)
{
	streams_each(c->streams, add_item, c);
	add_unsent(c, LOG_LIST_END, "", 0);
	flush(c);
}

/* ---- being told ---- */

static void on_retry(struct loop_timer *t)
{
	struct control *c = t->arg;

	if (streams_count(c->streams) >= c->count_at_refusal) {
		loop_timer_start(c->loop, &c->retry, REFUSED_RETRY_MS, on_retry, c);
		return;
	}
	c->has_refused = false;
	log_info("descriptors are free again, asking carpeld for all streams");
	hang_up(c);
}

static void refuse(struct control *c, const char *id)
{
	if (!c->has_refused)
		log_err("ctr=%s is not read, nor are others after it: %zu containers take all of "
			"%d descriptors",
			id, streams_count(c->streams), c->fds_max);
	c->has_refused = true;
	c->count_at_refusal = streams_count(c->streams);
	if (!loop_timer_is_set(&c->retry))
		loop_timer_start(c->loop, &c->retry, REFUSED_RETRY_MS, on_retry, c);
}

/* Descriptors are numbered from below. */
static bool is_near_limit(const struct control *c, int spare, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= c->fds_max - spare)
			return true;
	return false;
}

static void close_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* One that is there already takes nothing more: of its descriptors at most the file stays, in the
 * place of the former one. */
static void add(struct control *c, const struct log_msg *m, const int *fds, size_t n)
{
	struct err e = { 0 };

	if (!streams_has(c->streams, m->id) && is_near_limit(c, FDS_SPARE, fds, n)) {
		close_fds(fds, n);
		refuse(c, m->id);
	} else if (streams_add(c->streams, m, fds, n, &e) < 0) {
		log_err("ctr=%s cannot be read: %s", m->id, e.text);
	} else if (m->op == LOG_REOPEN) {
		add_unsent(c, LOG_REOPENED, m->id, m->serial);
		flush(c);
	}
}

/* After a refusal an unknown id may be one that was refused, and then its bytes are still to be
 * read.  Nothing is lost by waiting: carpeld asks again when we have hung up. */
static void drain(struct control *c, const struct log_msg *m)
{
	if (!c->has_refused || streams_has(c->streams, m->id))
		streams_drain(c->streams, m->id);
}

static void attach(struct control *c, const struct log_msg *m, const int *fds, size_t n)
{
	if (n != 1 || is_near_limit(c, FDS_OWN, fds, n))
		close_fds(fds, n);
	else
		streams_attach(c->streams, m->id, fds[0]);
}

/* Owns fds. */
static void obey(struct control *c, const struct log_msg *m, const int *fds, size_t n)
{
	switch ((enum log_op)m->op) {
	case LOG_ADD:
	case LOG_REOPEN:
		add(c, m, fds, n);
		return;
	case LOG_ATTACH:
		attach(c, m, fds, n);
		return;
	case LOG_LIST:
		list(c);
		break;
	case LOG_DRAIN:
		drain(c, m);
		break;
	case LOG_ITEM:
	case LOG_LIST_END:
	case LOG_DONE:
	case LOG_REOPENED:
	case LOG_FULL:
		break;
	}
	close_fds(fds, n);
}

static bool is_valid(const struct log_msg *m)
{
	bool has_id = m->op != LOG_LIST;

	return m->version == LOG_WIRE_VERSION && strnlen(m->id, sizeof(m->id)) <= LOG_ID_MAX &&
	       (!has_id || m->id[0]);
}

static bool is_set(const struct log_msg *m)
{
	return m->op == LOG_ADD || m->op == LOG_REOPEN;
}

/* Returns whether there may be another one. */
static bool take_message(struct control *c)
{
	struct log_msg m = { 0 };
	int fds[FDS_ROOM];
	size_t nfds = ARRAY_LEN(fds);
	ssize_t n = fd_recv(c->sock, &m, sizeof(m), fds, &nfds);

	if (n == -EAGAIN)
		return false;
	if (n == -EMSGSIZE && is_valid(&m) && is_set(&m)) {
		refuse(c, m.id); /* the kernel found no room for its descriptors */
	} else if (n == (ssize_t)sizeof(m) && is_valid(&m)) {
		obey(c, &m, fds, nfds);
	} else if (n > 0 || n == -EMSGSIZE) {
		log_warn("a message that is none of ours is ignored");
		close_fds(fds, n > 0 ? nfds : 0);
	} else {
		hang_up(c);
	}
	return c->sock >= 0;
}

static void on_message(struct loop_io *io, unsigned events)
{
	struct control *c = io->arg;

	if (events & LOOP_WRITE)
		flush(c);
	if (c->sock < 0 || !(events & LOOP_READ))
		return;
	for (int i = 0; i < MESSAGES_A_TURN && take_message(c); i++)
		;
	if (c->unsent.len > UNSENT_MAX) {
		log_warn("carpeld does not read, hanging up");
		hang_up(c);
	}
}

/* The newest one is the one that lives: an instance has one carpeld. */
static void on_connection(struct loop_io *io, unsigned events)
{
	struct control *c = io->arg;
	CLEANUP(cleanup_fd) int sock = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who = { 0 };
	socklen_t len = sizeof(who);

	(void)events;
	if (sock < 0)
		return;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
		(who.uid != 0 && who.uid != c->peer_uid)) {
		log_warn("user %u may not connect", who.uid);
		return;
	}
	hang_up(c);
	loop_timer_stop(&c->idle);
	c->sock = take_fd(&sock);
	loop_io_start(c->loop, &c->peer_io, c->sock, LOOP_READ, on_message, c);
	flush(c);
}

struct control *control_new(
	struct loop *l, int listening, uid_t peer, int fds_max, const struct streams_tools *tools)
{
	struct control *c = mem_zalloc(sizeof(*c));

	c->loop = l;
	c->sock = -1;
	c->peer_uid = peer;
	c->fds_max = fds_max;
	c->streams = streams_new(l, tools,
		&(struct streams_owner){ .done = tell_done, .full = tell_full, .arg = c });
	loop_io_start(l, &c->listening, listening, LOOP_READ, on_connection, c);
	loop_timer_start(l, &c->idle, CONTROL_IDLE_MS, on_idle, c);
	return c;
}
