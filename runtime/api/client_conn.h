/* What client.c (the connection and its requests) and client_stream.c share.  Nobody else includes
 * it.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "api/client.h"

/* One request on its way, or one stream. */
struct exchange {
	int32_t id;
	struct api_answer answer; /* of a stream: what its refusal says */
	bool has_end;             /* the answer is whole */
	bool is_over;             /* by whatever reason */
	uint32_t code;            /* HTTP/2's reason, once it is over */
	struct buf pending;       /* body bytes that came and were not handed on yet */
	/* The next bytes to send, as nghttp2_data_source_read_callback; NULL: none. */
	ssize_t (*fill)(struct exchange *x, uint8_t *room, size_t length, uint32_t *flags);
	void *arg;
};

struct api_client {
	int fd;
	nghttp2_session *session;
	struct buf out; /* frames, from out_sent on not written yet */
	size_t out_sent;
	bool has_settings, is_write_closed;
	int unsent_rc; /* nghttp2's reason not to send a request, not told yet; 0: none */
	char why[128]; /* the server's words for leaving */
};

/* A header line; name and value are borrowed. */
nghttp2_nv client_line(const char *name, const char *value);
int client_begin(struct api_client *c, struct exchange *x, const nghttp2_nv *lines,
	size_t lines_len, struct err *e);
/* Lets go of the exchange; one that is not over is cancelled.  What came of its answer is freed. */
void client_end(struct api_client *c, struct exchange *x);
/* Writes what waits and reads what has come, after at most wait_ms (-1: no limit).  Fills the
 * exchanges; calls nobody. */
int client_turn(struct api_client *c, int wait_ms, struct err *e);
int client_flush(struct api_client *c, struct err *e);
/* -ECONNRESET when the exchange ended before its answer did, else 0. */
int client_check(const struct api_client *c, const struct exchange *x, struct err *e);
