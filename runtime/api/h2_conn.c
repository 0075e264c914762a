#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/h2_session.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

/* Sockets and time.  A connection reads one buffer a turn, so a busy one cannot starve the rest,
 * and writes at most TURN_BYTES.  It stops reading while its own answers do not get away and many
 * wait: a client that only asks pays with its own speed.  Connections end only here, never below
 * nghttp2. */

enum {
	READ_BYTES = 32 * 1024,
	TURN_BYTES = 1024 * 1024,
	ACCEPTS_A_TURN = 16,
	QUEUE_MAX = 256, /* frames that may wait while the socket is full before we stop reading */
	CONNECTIONS_MAX = 512,
	DESCRIPTORS_KEPT = 128, /* of the daemon's limit: for everything that is not a connection */
	GOODBYE_MS = 200,       /* for a client to hear that no new streams are wanted */
};

static const char http1_text[] =
	"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
	"Connection: close\r\n\r\n"
	"this socket speaks HTTP/2 with prior knowledge only: curl --http2-prior-knowledge "
	"--unix-socket SOCKET http://localhost/api/v1/pods\n";

struct h2_limits h2_limits_default(void)
{
	struct h2_limits l = {
		.connections = CONNECTIONS_MAX,
		.handshake_ms = 10 * 1000,
		.request_ms = 30 * 1000,
		.idle_ms = 5 * 60 * 1000,
		.ping_ms = 60 * 1000,
		.ping_wait_ms = 20 * 1000,
		.conn_bytes = 64 * 1024 * 1024,
		.all_bytes = 128 * 1024 * 1024,
	};
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
		files.rlim_cur < CONNECTIONS_MAX + DESCRIPTORS_KEPT)
		l.connections = files.rlim_cur > 2 * DESCRIPTORS_KEPT
					? files.rlim_cur - DESCRIPTORS_KEPT
					: files.rlim_cur / 2;
	return l;
}

static void stop_due(struct loop_timer *t);

static void conn_free(struct h2_conn *c)
{
	struct h2_server *srv = c->srv;

	loop_io_stop(&c->io);
	h2_session_close(c);
	loop_timer_stop(&c->timer);
	buf_free(&c->out);
	close(c->fd);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	srv->conns_len--;
	free(c);
	/* The last one out ends a server that stops. */
	if (srv->drained && srv->conns_len == 0)
		loop_timer_start(srv->loop, &srv->stop, 0, stop_due, srv);
}

/* What the socket takes now: 0, or a negative errno when the connection is over. */
static int conn_send(struct h2_conn *c)
{
	while (c->out_sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EINTR ? 0 : -errno;
		c->out_sent += (size_t)n;
	}
	buf_free(&c->out);
	c->out_sent = 0;
	return 0;
}

static void conn_want(struct h2_conn *c, bool is_blocked)
{
	unsigned events = LOOP_READ;

	if (is_blocked) {
		events |= LOOP_WRITE;
		if (nghttp2_session_get_outbound_queue_size(c->session) > QUEUE_MAX)
			events = LOOP_WRITE;
	}
	loop_io_want(&c->io, events);
}

/* Writes what there is.  Returns false when the connection has ended and is freed. */
static bool conn_flush(struct h2_conn *c)
{
	size_t written = 0;

	/* An HTTP/1.1 client must find our words for it first, not a SETTINGS frame. */
	if (!c->has_preface)
		return true;
	for (;;) {
		int rc = 0;

		if (c->out_sent == c->out.len)
			rc = h2_session_take(c);
		if (rc == 0 && c->out_sent == c->out.len)
			break;
		written += c->out.len - c->out_sent;
		if (rc == 0)
			rc = conn_send(c);
		if (rc == -EAGAIN && !c->is_doomed) {
			conn_want(c, true);
			return true;
		}
		if (rc < 0) {
			conn_free(c);
			return false;
		}
		if (written > TURN_BYTES) {
			h2_conn_touch(c);
			break;
		}
	}
	if (c->is_doomed || (!nghttp2_session_want_read(c->session) &&
				    !nghttp2_session_want_write(c->session))) {
		conn_free(c);
		return false;
	}
	conn_want(c, false);
	return true;
}

static void flush_due(struct loop_timer *t)
{
	struct h2_server *srv = t->arg;
	struct h2_conn *next;

	for (struct h2_conn *c = srv->conns; c; c = next) {
		next = c->next;
		if (!c->is_dirty)
			continue;
		c->is_dirty = false;
		h2_tell_cut(c);
		(void)conn_flush(c);
	}
}

void h2_conn_touch(struct h2_conn *c)
{
	struct h2_server *srv = c->srv;

	c->is_dirty = true;
	if (!loop_timer_is_set(&srv->flush))
		loop_timer_start(srv->loop, &srv->flush, 0, flush_due, srv);
}

static void conn_ready(struct loop_io *io, unsigned events)
{
	struct h2_conn *c = io->arg;
	char bytes[READ_BYTES];
	ssize_t n;
	int rc;

	if (!(events & LOOP_READ)) {
		(void)conn_flush(c);
		return;
	}
	n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_free(c);
		return;
	}
	c->heard_ms = clock_now().boot_ms;
	rc = h2_session_feed(c, bytes, (size_t)n);
	if (rc == -EPROTO)
		(void)send(c->fd, http1_text, strlen(http1_text), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (rc < 0)
		c->is_doomed = true; /* after a last flush: a GOAWAY says why */
	if (rc < 0 && !c->has_preface)
		conn_free(c);
	else
		(void)conn_flush(c);
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
	return !a_ms || (b_ms && b_ms < a_ms) ? b_ms : a_ms;
}

/* Of the connection itself. */
static int64_t conn_deadline(const struct h2_conn *c)
{
	const struct h2_limits *limits = &c->srv->limits;
	int64_t next_ms = c->goodbye_ms;

	if (!c->has_settings)
		return sooner(next_ms, c->opened_ms + limits->handshake_ms);
	if (c->streams_len == 0)
		next_ms = sooner(next_ms, c->idle_since_ms + limits->idle_ms);
	if (c->pinged_ms)
		return sooner(next_ms, c->pinged_ms + limits->ping_wait_ms);
	if (c->kept_streams && limits->ping_ms)
		next_ms = sooner(next_ms, c->heard_ms + limits->ping_ms);
	return next_ms;
}

static void conn_ping(struct h2_conn *c)
{
	(void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
	h2_conn_touch(c);
}

/* Streams that came before the client knew are served; from here on they are its to repeat. */
static void conn_say_goodbye(struct h2_conn *c)
{
	c->goodbye_ms = 0;
	(void)nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR, NULL, 0);
	h2_conn_touch(c);
}

void h2_conn_heard_ping(struct h2_conn *c)
{
	c->pinged_ms = 0;
	if (c->goodbye_ms)
		conn_say_goodbye(c);
	h2_conn_arm(c);
}

/* What is due and does not end the connection. */
static void conn_act(struct h2_conn *c, int64_t now_ms)
{
	const struct h2_limits *limits = &c->srv->limits;

	if (c->goodbye_ms && c->goodbye_ms <= now_ms)
		conn_say_goodbye(c);
	if (c->has_settings && c->kept_streams && limits->ping_ms && !c->pinged_ms &&
		c->heard_ms + limits->ping_ms <= now_ms) {
		c->pinged_ms = now_ms;
		conn_ping(c);
	}
}

static void conn_due(struct loop_timer *t)
{
	struct h2_conn *c = t->arg;
	int64_t now_ms = clock_now().boot_ms;
	int64_t next_ms;

	h2_session_expire(c, now_ms);
	conn_act(c, now_ms);
	next_ms = conn_deadline(c);
	if (next_ms && next_ms <= now_ms) {
		(void)nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
		c->is_doomed = true;
	}
	if (c->is_doomed && !c->has_preface) {
		conn_free(c);
		return;
	}
	if (conn_flush(c))
		h2_conn_arm(c);
}

void h2_conn_arm(struct h2_conn *c)
{
	int64_t now_ms = clock_now().boot_ms;
	int64_t next_ms = conn_deadline(c);

	for (const struct h2_stream *s = c->streams; s; s = s->next)
		next_ms = sooner(next_ms, s->deadline_ms);
	if (next_ms)
		loop_timer_start(c->srv->loop, &c->timer, next_ms - now_ms, conn_due, c);
	else
		loop_timer_stop(&c->timer);
}

/* ---- the server ---- */

/* A refusal that an HTTP/2 client can show: empty SETTINGS, then GOAWAY with ENHANCE_YOUR_CALM. */
static void refuse(int fd, const char *why)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	const unsigned char settings[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };
	const unsigned char goaway[] = { 0, 0, (unsigned char)(8 + strlen(why)), 7, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, NGHTTP2_ENHANCE_YOUR_CALM };

	buf_add(&out, settings, sizeof(settings));
	buf_add(&out, goaway, sizeof(goaway));
	buf_adds(&out, why);
	(void)send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Modes of the socket's file say the same; this holds also for a socket that systemd made too open.
 */
static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

void h2_server_adopt(struct h2_server *srv, int fd)
{
	CLEANUP(cleanup_fd) int owned = fd;
	struct err e = { 0 };
	struct h2_conn *c;

	c = mem_zalloc(sizeof(*c));
	c->srv = srv;
	c->opened_ms = c->idle_since_ms = c->heard_ms = clock_now().boot_ms;
	if (h2_session_open(c, &e) < 0) {
		log_warn("api: %s", e.text);
		nghttp2_session_del(c->session);
		free(c);
		return;
	}
	c->fd = take_fd(&owned);
	c->next = srv->conns;
	if (c->next)
		c->next->link = &c->next;
	c->link = &srv->conns;
	srv->conns = c;
	srv->conns_len++;
	loop_io_start(srv->loop, &c->io, c->fd, LOOP_READ, conn_ready, c);
	h2_conn_arm(c);
}

static void accept_ready(struct loop_io *io, unsigned events);

static void accept_again(struct loop_timer *t)
{
	struct h2_server *srv = t->arg;

	loop_io_start(srv->loop, &srv->accept_io, srv->listen_fd, LOOP_READ, accept_ready, srv);
}

static void accept_ready(struct loop_io *io, unsigned events)
{
	struct h2_server *srv = io->arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		CLEANUP(cleanup_fd)
		int fd = accept4(srv->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			/* The connection waits in the backlog; asking at once would only spin. */
			log_warn("api: accept: %s, trying again", strerror(errno));
			loop_io_stop(io);
			loop_timer_start(srv->loop, &srv->accept_pause, 100, accept_again, srv);
		}
		if (fd < 0)
			return;
		if (!is_allowed(fd))
			refuse(fd, "permission denied");
		else if (srv->conns_len >= srv->limits.connections)
			refuse(fd, "too many connections");
		else
			h2_server_adopt(srv, take_fd(&fd));
	}
}

int h2_server_start(struct loop *l, int listen_fd, const struct h2_limits *limits,
	const struct h2_handler *handler, struct h2_server **out, struct err *e)
{
	struct h2_server *srv = mem_zalloc(sizeof(*srv));
	int rc;

	srv->loop = l;
	srv->limits = *limits;
	srv->handler = *handler;
	srv->listen_fd = listen_fd;
	rc = h2_server_callbacks(srv);
	if (rc == 0 && listen_fd >= 0)
		rc = fd_set_nonblock(listen_fd);
	if (rc < 0) {
		h2_server_free(srv);
		return err_set(e, -rc, "start the API server");
	}
	if (listen_fd >= 0)
		loop_io_start(l, &srv->accept_io, listen_fd, LOOP_READ, accept_ready, srv);
	*out = srv;
	return 0;
}

static void conns_free(struct h2_server *srv)
{
	struct h2_conn *next;

	for (struct h2_conn *c = srv->conns; c; c = next) {
		next = c->next;
		conn_free(c);
	}
}

static void stop_due(struct loop_timer *t)
{
	struct h2_server *srv = t->arg;
	void (*drained)(void *arg) = TAKE(srv->drained);
	void *arg = srv->drained_arg;

	conns_free(srv);
	if (drained)
		drained(arg); /* may free the server */
}

/* Clients of gRPC take the last stream id of a GOAWAY literally and may have sent a request that
 * has not come yet, so the first one names the highest; the true one follows when the client has
 * shown by its answer to a PING that it knows, or soon (as gRPC's own servers do). */
void h2_server_stop(struct h2_server *srv, int64_t grace_ms, void (*drained)(void *arg), void *arg)
{
	srv->is_stopping = true;
	srv->drained = drained;
	srv->drained_arg = arg;
	loop_io_stop(&srv->accept_io);
	loop_timer_stop(&srv->accept_pause);
	for (struct h2_conn *c = srv->conns; c; c = c->next) {
		c->goodbye_ms = clock_now().boot_ms + GOODBYE_MS;
		(void)nghttp2_submit_shutdown_notice(c->session);
		conn_ping(c);
		h2_conn_arm(c);
		for (struct h2_stream *s = c->streams; s; s = s->next)
			s->is_awake = true;
		h2_conn_touch(c);
	}
	loop_timer_start(srv->loop, &srv->stop, srv->conns ? grace_ms : 0, stop_due, srv);
}

void h2_server_free(struct h2_server *srv)
{
	if (!srv)
		return;
	srv->drained = NULL;
	conns_free(srv);
	loop_io_stop(&srv->accept_io);
	loop_timer_stop(&srv->accept_pause);
	loop_timer_stop(&srv->flush);
	loop_timer_stop(&srv->stop);
	nghttp2_session_callbacks_del(srv->callbacks);
	nghttp2_option_del(srv->option);
	free(srv);
}

size_t h2_server_connections(const struct h2_server *srv)
{
	return srv->conns_len;
}
