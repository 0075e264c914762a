/* The client's half of a fuzzed connection: frames with literal HPACK lines, and the turns in which
 * a server reads and answers them. */
#pragma once

#include <stddef.h>

#include "api/h2.h"
#include "base/buf.h"
#include "base/loop.h"

enum {
	PEER_DATA_MAX = 16 * 1024, /* of one frame */
	PEER_DATA = 0,
	PEER_HEADERS = 1,
	PEER_SETTINGS = 4,
	PEER_END_STREAM = 1,
	PEER_END_HEADERS = 4,
};

struct piece {
	const char *at;
	size_t len;
};
/* Up to the first end of that kind, which is skipped. */
struct piece peer_take(struct piece *from, char end);

void peer_add_hello(struct buf *out); /* the preface and SETTINGS */
void peer_add_frame(
	struct buf *out, int type, int flags, unsigned stream, const char *bytes, size_t len);
/* A line of a head: HPACK without index or Huffman code. */
void peer_add_line(struct buf *out, const char *name, const char *value, size_t len);
/* Frames of at most max bytes; the last one, maybe empty, ends the stream if asked to. */
void peer_add_data(struct buf *out, unsigned stream, struct piece data, size_t max, bool is_end);

/* Says these bytes to the server and reads what it answers, until it had its turns; then leaves.
 * The server has seen that when this returns. */
void peer_talk(struct loop *l, struct h2_server *srv, const struct buf *bytes);
