/* The request path of the socket: bytes of a client become frames, requests, JSON, selectors,
 * WebSocket messages.  Each input gets a server of its own in front of a fake backend with two
 * pods; when it has been read, the client leaves.  Beyond not crashing, nothing may be left behind.
 *
 * An input is a connection's bytes behind the preface.  One that begins with 'P' is a connection
 * from its first byte (the preface itself begins so), and so is one with 'G' (HTTP/1.1).  One that
 * begins with 'R' is a list of requests as text, "METHOD PATH\nCONTENT-TYPE\nBODY" with 0x1e
 * between them, which are framed here: mutations then reach behind HPACK.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/h2.h"
#include "api/state.h"
#include "api/ws.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "tests/bin/fake_backend.h"

enum {
	REQUEST_END = 0x1e,
	TURNS = 4, /* to answer: a socket that is read, programs that are played, frames */
	TURN_BYTES = 32 * 1024, /* what a turn of the server reads */
	DATA_MAX = 16 * 1024,
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_SETTINGS = 4,
	END_STREAM = 1,
	END_HEADERS = 4,
	FIRST_VERSION = 100,
	PODS_VERSION = FIRST_VERSION + 2,
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- requests as text ---- */

static void add_frame(
	struct buf *out, int type, int flags, unsigned stream, const char *bytes, size_t len)
{
	const char head[] = { (char)(len >> 16), (char)(len >> 8), (char)len, (char)type,
		(char)flags, (char)(stream >> 24), (char)(stream >> 16), (char)(stream >> 8),
		(char)stream };

	buf_add(out, head, sizeof(head));
	buf_add(out, bytes, len);
}

/* HPACK strings and literals without index or Huffman code, RFC 7541 §5.2, §6.2.2. */
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

static void add_line(struct buf *out, const char *name, const char *value, size_t len)
{
	buf_addc(out, 0);
	add_string(out, name, strlen(name));
	add_string(out, value, len);
}

struct piece {
	const char *at;
	size_t len;
};

/* Up to the first end of that kind, which is skipped. */
static struct piece take(struct piece *from, char end)
{
	const char *found = from->len ? memchr(from->at, end, from->len) : NULL;
	struct piece p = { from->at, found ? (size_t)(found - from->at) : from->len };

	from->at += p.len + (found != NULL);
	from->len -= p.len + (found != NULL);
	return p;
}

static void add_request(struct buf *out, struct piece text, unsigned stream)
{
	CLEANUP(buf_free) struct buf head = { 0 };
	struct piece method = take(&text, ' '), path = take(&text, '\n'), type = take(&text, '\n');
	bool is_connect = method.len == 7 && memcmp(method.at, "CONNECT", 7) == 0;
	bool has_body = text.len > 0 || is_connect;

	add_line(&head, ":method", method.at, method.len);
	add_line(&head, ":scheme", "http", 4);
	add_line(&head, ":authority", "x", 1);
	add_line(&head, ":path", path.at, path.len);
	if (is_connect) {
		add_line(&head, ":protocol", "websocket", 9);
		add_line(&head, "sec-websocket-protocol", WS_PROTOCOL, strlen(WS_PROTOCOL));
	}
	if (type.len)
		add_line(&head, "content-type", type.at, type.len);
	if (head.len > DATA_MAX)
		return;
	add_frame(out, FRAME_HEADERS, END_HEADERS | (has_body ? 0 : END_STREAM), stream, head.data,
		head.len);
	while (has_body) {
		size_t n = text.len < DATA_MAX ? text.len : DATA_MAX;

		add_frame(out, FRAME_DATA, n == text.len ? END_STREAM : 0, stream, text.at, n);
		text.at += n;
		text.len -= n;
		has_body = text.len > 0;
	}
}

static void add_connection(struct buf *out, const char *bytes, size_t len)
{
	struct piece text = { bytes + 1, len - 1 };

	if (bytes[0] != 'P' && bytes[0] != 'G') {
		buf_adds(out, preface);
		add_frame(out, FRAME_SETTINGS, 0, 0, "", 0);
	}
	if (bytes[0] != 'R') {
		buf_add(out, bytes, len);
		return;
	}
	for (unsigned stream = 1; text.len > 0; stream += 2)
		add_request(out, take(&text, REQUEST_END), stream);
}

/* ---- the server ---- */

struct run {
	struct loop *loop;
	struct loop_timer timer;
	int client;
	struct buf bytes; /* of the client, from sent on not written yet */
	size_t sent;
	int idle_turns; /* since all was written */
};

/* The client's side of a turn: writes what the socket takes and throws away what has come. */
static void turn(struct loop_timer *t)
{
	struct run *r = t->arg;
	static char answer[64 * 1024];
	size_t left = r->bytes.len - r->sent;
	ssize_t n = left > 0 ? send(r->client, r->bytes.data + r->sent,
				       left < TURN_BYTES ? left : TURN_BYTES,
				       MSG_NOSIGNAL | MSG_DONTWAIT)
			     : 0;

	if (n > 0)
		r->sent += (size_t)n;
	while (recv(r->client, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	if (n <= 0)
		r->idle_turns++;
	if (r->idle_turns < TURNS)
		loop_timer_start(r->loop, &r->timer, 0, turn, r);
	else
		loop_stop(r->loop);
}

static void add_pod(const struct api_backend *b, const char *text)
{
	struct json *pod = NULL;

	if (json_parse(text, strlen(text), NULL, &pod, NULL) < 0)
		abort();
	(void)store_put(b->store, OBJECT_POD, pod);
	json_free(pod);
}

/* The backend of the last input, when that has left it as it was: most only read or are refused. */
static struct fake *take_fake(struct loop *l)
{
	static struct fake *fake;

	if (fake && fake_is_at(fake, PODS_VERSION))
		return fake;
	fake_free(fake);
	fake = fake_new(l, NULL, FIRST_VERSION);
	add_pod(fake_backend(fake),
		"{\"metadata\":{\"name\":\"a\",\"namespace\":\"default\",\"uid\":\"u\","
		"\"labels\":{\"app\":\"x\"}},\"spec\":{\"containers\":[{\"name\":"
		"\"c\",\"image\":\"i\"}]},\"status\":{\"phase\":\"Running\"}}");
	add_pod(fake_backend(fake),
		"{\"metadata\":{\"name\":\"b\",\"namespace\":\"default\"},\"spec\":"
		"{\"containers\":[{\"name\":\"x\"},{\"name\":\"y\"}]}}");
	return fake;
}

static void serve(struct run *r, int server_fd)
{
	struct fake *fake = take_fake(r->loop);
	const struct api_faces faces = { .backend = fake_backend(fake) };
	struct api_server *server = NULL;

	if (api_server_start(r->loop, -1, &faces, &server, NULL) < 0)
		abort();
	h2_server_adopt(server->h2, server_fd);
	loop_timer_start(r->loop, &r->timer, 0, turn, r);
	loop_run(r->loop);
	close(r->client); /* the server sees it, or is freed with the connection open */
	api_server_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop *loop;
	struct run r = { 0 };
	int pair[2];

	if (size == 0)
		return 0;
	if (!loop)
		loop = loop_new();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	r.loop = loop;
	r.client = pair[0];
	add_connection(&r.bytes, (const char *)data, size);
	serve(&r, pair[1]);
	buf_free(&r.bytes);
	return 0;
}
