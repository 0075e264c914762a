/* The path of a gRPC request: frames become messages, messages are checked and unpacked, calls are
 * answered, streamed, cancelled.  Each input gets a server of its own in front of a fake face; when
 * it has been read, the client leaves.  Beyond not crashing, nothing may be held any more then.
 *
 * An input is a connection's bytes behind the preface, or, when it begins with 'R', a list of calls
 * with 0x1e between them, which are framed here: "PATH\nTIMEOUT\nMESSAGE".  A path with '!' in
 * front sends its message without a prefix (its own are in it), one with '+' does not end its
 * stream.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/h2_session.h"
#include "api/state.h"
#include "base/cleanup.h"
#include "tests/bin/fake_backend.h"
#include "tests/bin/fake_grpc.h"
#include "tests/fuzz/h2_peer.h"

enum {
	CALL_END = 0x1e,
	FRAME_MAX = 700,          /* messages are cut into frames of this, wherever that is */
	CONN_BYTES = 64 * 1024,   /* small, so that inputs meet them */
	STREAM_BYTES = 32 * 1024, /* no message may be larger */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take_mark(struct piece *path, char mark)
{
	if (path->len == 0 || path->at[0] != mark)
		return false;
	path->at++;
	path->len--;
	return true;
}

static void add_call(struct buf *out, struct piece text, unsigned stream)
{
	CLEANUP(buf_free) struct buf head = { 0 }, body = { 0 };
	struct piece path = peer_take(&text, '\n'), timeout = peer_take(&text, '\n');
	bool is_raw = take_mark(&path, '!'), is_open = take_mark(&path, '+');
	const char prefix[] = { 0, 0, (char)(text.len >> 16), (char)(text.len >> 8),
		(char)text.len };

	peer_add_line(&head, ":method", "POST", 4);
	peer_add_line(&head, ":scheme", "http", 4);
	peer_add_line(&head, ":authority", "x", 1);
	peer_add_line(&head, ":path", path.at, path.len);
	peer_add_line(&head, "content-type", "application/grpc", 16);
	if (timeout.len)
		peer_add_line(&head, "grpc-timeout", timeout.at, timeout.len);
	if (head.len > PEER_DATA_MAX)
		return;
	peer_add_frame(out, PEER_HEADERS, PEER_END_HEADERS, stream, head.data, head.len);
	if (!is_raw)
		buf_add(&body, prefix, sizeof(prefix));
	buf_add(&body, text.at, text.len);
	peer_add_data(out, stream, (struct piece){ body.data, body.len }, FRAME_MAX, !is_open);
}

static void add_connection(struct buf *out, const char *bytes, size_t len)
{
	struct piece text = { bytes + 1, len - 1 };

	peer_add_hello(out);
	if (bytes[0] != 'R') {
		buf_add(out, bytes, len);
		return;
	}
	for (unsigned stream = 1; text.len > 0; stream += 2)
		add_call(out, peer_take(&text, CALL_END), stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_free) struct buf bytes = { 0 };
	struct h2_limits limits = h2_limits_default();
	struct api_server *server = NULL;
	static struct loop *loop;
	static struct fake *rest;
	struct fake_grpc *grpc;

	if (size == 0 || size > STREAM_BYTES)
		return 0;
	if (!loop) {
		loop = loop_new();
		rest = fake_new(loop, NULL, 1);
	}
	limits.conn_bytes = CONN_BYTES;
	grpc = fake_grpc_new(loop);
	const struct api_faces faces = { fake_backend(rest), fake_grpc_face(grpc), 1, &limits };

	if (api_server_start(loop, -1, &faces, &server, NULL) < 0)
		abort();
	add_connection(&bytes, (const char *)data, size);
	peer_talk(loop, server->h2, &bytes);
	if (server->h2->has_bytes != 0)
		abort();
	api_server_free(server);
	fake_grpc_free(grpc);
	return 0;
}
