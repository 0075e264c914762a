/* What of a client's bytes nghttp2 may see: all of them but one frame.
 *
 * gRPC's C core (so python3-grpcio, C++, …) resets a call that is given up before it was sent, on
 * a stream it never opened (github.com/grpc/grpc/issues/19655).  For RFC 9113 §5.1 that is an error
 * of the connection, and nghttp2 ends it with all other calls on it.  Other gRPC servers overlook
 * it, and so do we.  Pure: no sockets, no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	H2_FRAME_HEAD = 9,
};

struct h2_frames {
	unsigned char head[H2_FRAME_HEAD]; /* of the frame that comes, head_len bytes of it */
	size_t head_len;
	size_t left;     /* of the preface, or of the frame whose head was passed on */
	uint32_t opened; /* the highest stream the client has opened */
	bool is_dropped; /* what is left belongs to a frame that is overlooked */
};

void h2_frames_init(struct h2_frames *f);

/* The next piece that nghttp2 may see, of *bytes and *len, which become the rest.  It is part of
 * them or of *f, and stays until the next call.  Its length, 0 when there is nothing more.
 * *dropped counts frames that are overlooked. */
size_t h2_frames_next(struct h2_frames *f, const unsigned char **bytes, size_t *len,
	const unsigned char **piece, size_t *dropped);
