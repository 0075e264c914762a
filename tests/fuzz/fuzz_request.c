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

#include "api/state.h"
#include "api/ws.h"
#include "base/cleanup.h"
#include "tests/bin/fake_backend.h"
#include "tests/fuzz/h2_peer.h"

enum {
	REQUEST_END = 0x1e,
	FIRST_VERSION = 100,
	PODS_VERSION = FIRST_VERSION + 2,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- requests as text ---- */

static void add_request(struct buf *out, struct piece text, unsigned stream)
{
	CLEANUP(buf_free) struct buf head = { 0 };
	struct piece method = peer_take(&text, ' '), path = peer_take(&text, '\n'),
		     type = peer_take(&text, '\n');
	bool is_connect = method.len == 7 && memcmp(method.at, "CONNECT", 7) == 0;
	bool has_body = text.len > 0 || is_connect;

	peer_add_line(&head, ":method", method.at, method.len);
	peer_add_line(&head, ":scheme", "http", 4);
	peer_add_line(&head, ":authority", "x", 1);
	peer_add_line(&head, ":path", path.at, path.len);
	if (is_connect) {
		peer_add_line(&head, ":protocol", "websocket", 9);
		peer_add_line(&head, "sec-websocket-protocol", WS_PROTOCOL, strlen(WS_PROTOCOL));
	}
	if (type.len)
		peer_add_line(&head, "content-type", type.at, type.len);
	if (head.len > PEER_DATA_MAX)
		return;
	peer_add_frame(out, PEER_HEADERS, PEER_END_HEADERS | (has_body ? 0 : PEER_END_STREAM),
		stream, head.data, head.len);
	if (has_body)
		peer_add_data(out, stream, text, PEER_DATA_MAX, true);
}

static void add_connection(struct buf *out, const char *bytes, size_t len)
{
	struct piece text = { bytes + 1, len - 1 };

	if (bytes[0] != 'P' && bytes[0] != 'G')
		peer_add_hello(out);
	if (bytes[0] != 'R') {
		buf_add(out, bytes, len);
		return;
	}
	for (unsigned stream = 1; text.len > 0; stream += 2)
		add_request(out, peer_take(&text, REQUEST_END), stream);
}

/* ---- the server ---- */

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_free) struct buf bytes = { 0 };
	struct api_server *server = NULL;
	struct api_faces faces = { 0 };
	static struct loop *loop;
	struct fake *fake;

	if (size == 0)
		return 0;
	if (!loop)
		loop = loop_new();
	fake = take_fake(loop);
	faces.backend = fake_backend(fake);
	if (api_server_start(loop, -1, &faces, &server, NULL) < 0)
		abort();
	add_connection(&bytes, (const char *)data, size);
	peer_talk(loop, server->h2, &bytes);
	api_server_free(server);
	return 0;
}
