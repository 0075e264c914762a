/* HTTP/2 connections and streams on a Unix socket: flow control, limits, floods, time.  Knows
 * nothing of Kubernetes: a whole request goes to one handler, which answers at once, later, or bit
 * by bit. h2.c and h2_conn.c alone see nghttp2 on the server's side.  Called by the API's
 * resources.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"

struct h2_server;
struct h2_stream;

/* What is kept of a request's head; the rest is counted and dropped. */
enum h2_header {
	H2_METHOD = 0,
	H2_PATH,
	H2_PROTOCOL, /* extended CONNECT, RFC 8441 */
	H2_CONTENT_TYPE,
	H2_ACCEPT,
	H2_USER_AGENT,
	H2_WS_PROTOCOL, /* sec-websocket-protocol */
	H2_IMPERSONATE, /* set when any impersonate-* header is there */
	H2_GRPC_TIMEOUT,
	H2_GRPC_ENCODING,
	H2_HEADERS
};

enum {
	H2_STREAMS_MAX = 100, /* a connection */
	H2_HEAD_MAX = 16 * 1024,
	H2_BODY_MAX = 1024 * 1024,
	H2_BODIES_MAX = 4 * 1024 * 1024, /* unfinished request bodies of one connection */
};

struct h2_limits {
	size_t connections;
	int64_t handshake_ms; /* from accept to the client's SETTINGS */
	int64_t request_ms;   /* from the first header to the end of the body */
	int64_t idle_ms;      /* without any stream */
	int64_t ping_ms;      /* of silence, until a client is asked whether it lives; 0: never */
	int64_t ping_wait_ms; /* for its answer */
	size_t conn_bytes;    /* that h2_hold() lets the streams of one connection have */
	size_t all_bytes;     /* and those of all */
};
/* 512 connections or what RLIMIT_NOFILE leaves, 10 s, 30 s, 5 min; 60 s, 20 s; 64 MiB, 128 MiB. */
struct h2_limits h2_limits_default(void);

struct h2_handler {
	/* The request is whole (of CONNECT: its head).  Must answer now or later. */
	void (*request)(void *ctx, struct h2_stream *s);
	/* Whether a request is wanted at its head already: its handler takes the bytes by
	 * h2_on_input(), with limits of its own.  NULL: none but CONNECT. */
	bool (*is_early)(void *ctx, const struct h2_stream *s);
	void *ctx;
};

/* listen_fd is borrowed. */
int h2_server_start(struct loop *l, int listen_fd, const struct h2_limits *limits,
	const struct h2_handler *handler, struct h2_server **out, struct err *e);
/* No new connections, and no new streams once the clients know; long answers should end
 * (h2_is_stopping); the rest is cut after grace_ms.  drained is called from the loop. */
void h2_server_stop(struct h2_server *srv, int64_t grace_ms, void (*drained)(void *arg), void *arg);
void h2_server_free(struct h2_server *srv);
size_t h2_server_connections(const struct h2_server *srv);
/* Serves one more connected socket, which it takes. */
void h2_server_adopt(struct h2_server *srv, int fd);

const char *h2_header(const struct h2_stream *s, enum h2_header which); /* NULL when absent */
const struct buf *h2_request_body(const struct h2_stream *s);
/* 0, or the status that a request over a limit gets: 408, 413, 429, 431. */
int h2_refusal(const struct h2_stream *s);
bool h2_is_stopping(const struct h2_stream *s);
struct loop *h2_loop(const struct h2_stream *s);
const struct h2_limits *h2_limits_of(const struct h2_stream *s);

struct h2_head {
	int status;
	const char *content_type;                             /* NULL: none */
	const char *ws_protocol;                              /* NULL: none */
	bool is_grpc;                                         /* gRPC's own lines, and no others */
	const char *grpc_status, *grpc_message, *grpc_accept; /* NULL: none */
	const struct strv *warnings;                          /* texts, quoted here; NULL: none */
	int retry_after_seconds;                              /* 0: none */
};

/* Answers with a whole body, which is taken; NULL: none. */
void h2_answer(struct h2_stream *s, const struct h2_head *head, struct buf *body);

enum h2_fill {
	H2_FILL_MORE =
		1, /* call again when these bytes are on their way; none added: in the next turn */
	H2_FILL_WAIT, /* call again after h2_wake() */
	H2_FILL_END,  /* the body ends behind these bytes */
};

/* A body that is made as the client takes it, so nothing piles up for a slow one. */
struct h2_body {
	enum h2_fill (*fill)(void *arg, struct buf *out); /* adds about H2_CHUNK bytes */
	/* Bytes of a CONNECT or an early stream; NULL and 0: the client's half has ended.  May be
	 * NULL. */
	void (*input)(void *arg, const char *bytes, size_t len);
	void (*gone)(void *arg); /* the last call: the stream is over, by whatever reason */
	void *arg;
};
enum { H2_CHUNK = 16 * 1024 };

void h2_answer_stream(struct h2_stream *s, const struct h2_head *head, const struct h2_body *body);
void h2_wake(struct h2_stream *s);
/* For a request that waits for its answer: called when the client leaves before it. */
void h2_on_gone(struct h2_stream *s, void (*gone)(void *arg), void *arg);
/* The bytes of an early request as they come, and its end, until it is answered. */
void h2_on_input(struct h2_stream *s, void (*input)(void *arg, const char *bytes, size_t len),
	void (*gone)(void *arg), void *arg);
/* Lets the client send up to len bytes unasked.  Never for a stream that is held. */
void h2_widen_input(struct h2_stream *s, size_t len);
/* gRPC's trailers, copied: they end the body of h2_answer_stream().  message: escaped, or NULL. */
void h2_set_trailers(struct h2_stream *s, int status, const char *message);
/* While this stream is open, a silent client is pinged and one that does not answer is left. */
void h2_keep_alive(struct h2_stream *s);

/* ---- what streams make us hold ----
 * Their handlers count it here.  A connection above its limit is refused more; above the limit of
 * all, whoever holds most is cut to make room, so hostile clients take nothing from the others. */
int h2_hold(struct h2_stream *s, size_t len); /* -ENOBUFS: must not be held */
void h2_release(
	struct h2_stream *s, size_t len); /* what is left when the stream ends goes by itself */
/* Ends a stream that costs too much, with ENHANCE_YOUR_CALM.  gone() comes from the loop. */
void h2_cut(struct h2_stream *s);

/* While held, the client's window does not grow, so it stops sending; input() may still get the
 * rest of the window. */
void h2_hold_input(struct h2_stream *s);
void h2_release_input(struct h2_stream *s);
