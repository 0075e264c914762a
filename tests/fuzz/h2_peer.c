#include "tests/fuzz/h2_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TURNS = 4, /* to answer: a socket that is read, programs that are played, frames */
	TURN_BYTES = 32 * 1024, /* what a turn of the server reads */
};

struct piece peer_take(struct piece *from, char end)
{
	const char *found = from->len ? memchr(from->at, end, from->len) : NULL;
	struct piece p = { from->at, found ? (size_t)(found - from->at) : from->len };

	from->at += p.len + (found != NULL);
	from->len -= p.len + (found != NULL);
	return p;
}

void peer_add_frame(
	struct buf *out, int type, int flags, unsigned stream, const char *bytes, size_t len)
{
	const char head[] = { (char)(len >> 16), (char)(len >> 8), (char)len, (char)type,
		(char)flags, (char)(stream >> 24), (char)(stream >> 16), (char)(stream >> 8),
		(char)stream };

	buf_add(out, head, sizeof(head));
	buf_add(out, bytes, len);
}

void peer_add_hello(struct buf *out)
{
	buf_adds(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	peer_add_frame(out, PEER_SETTINGS, 0, 0, "", 0);
}

/* RFC 7541 §5.2, §6.2.2. */
static void add_string(struct buf *out, const char *text, size_t len)
{
	enum { PREFIX = 127 };
	size_t more = len;

	if (len < PREFIX) {
		buf_addc(out, (char)len);
	} else {
		buf_addc(out, PREFIX);
		for (more -= PREFIX; more >= 128; more >>= 7)
			buf_addc(out, (char)((more & 127) | 128));
		buf_addc(out, (char)more);
	}
	buf_add(out, text, len);
}

void peer_add_line(struct buf *out, const char *name, const char *value, size_t len)
{
	buf_addc(out, 0);
	add_string(out, name, strlen(name));
	add_string(out, value, len);
}

void peer_add_data(struct buf *out, unsigned stream, struct piece data, size_t max, bool is_end)
{
	do {
		size_t n = data.len < max ? data.len : max;
		bool is_last = n == data.len;

		peer_add_frame(out, PEER_DATA, is_last && is_end ? PEER_END_STREAM : 0, stream,
			data.at, n);
		data.at += n;
		data.len -= n;
	} while (data.len > 0);
}

struct talk {
	struct loop *loop;
	struct loop_timer timer;
	struct h2_server *srv;
	int client;
	const struct buf *bytes; /* from sent on not written yet */
	size_t sent;
	int idle_turns; /* since all was written */
};

static void until_it_is_gone(struct loop_timer *t)
{
	struct talk *k = t->arg;

	if (h2_server_connections(k->srv) == 0)
		loop_stop(k->loop);
	else
		loop_timer_start(k->loop, &k->timer, 0, until_it_is_gone, k);
}

/* The client's side of a turn: writes what the socket takes and throws away what has come. */
static void turn(struct loop_timer *t)
{
	struct talk *k = t->arg;
	static char answer[64 * 1024];
	size_t left = k->bytes->len - k->sent;
	ssize_t n = left > 0 ? send(k->client, k->bytes->data + k->sent,
				       left < TURN_BYTES ? left : TURN_BYTES,
				       MSG_NOSIGNAL | MSG_DONTWAIT)
			     : 0;

	if (n > 0)
		k->sent += (size_t)n;
	while (recv(k->client, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	if (n <= 0)
		k->idle_turns++;
	if (k->idle_turns < TURNS) {
		loop_timer_start(k->loop, &k->timer, 0, turn, k);
	} else {
		close(k->client);
		loop_timer_start(k->loop, &k->timer, 0, until_it_is_gone, k);
	}
}

void peer_talk(struct loop *l, struct h2_server *srv, const struct buf *bytes)
{
	struct talk k = { .loop = l, .srv = srv, .bytes = bytes };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	k.client = pair[0];
	h2_server_adopt(srv, pair[1]);
	loop_timer_start(l, &k.timer, 0, turn, &k);
	loop_run(l);
}
