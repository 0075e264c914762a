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
};
/* 512 connections or what RLIMIT_NOFILE leaves, 10 s, 30 s, 5 min. */
struct h2_limits h2_limits_default(void);

struct h2_handler {
	/* The request is whole (of CONNECT: its head).  Must answer now or later. */
	void (*request)(void *ctx, struct h2_stream *s);
	void *ctx;
};

/* listen_fd is borrowed. */
int h2_server_start(struct loop *l, int listen_fd, const struct h2_limits *limits,
	const struct h2_handler *handler, struct h2_server **out, struct err *e);
/* No new connections and streams; long answers should end (h2_is_stopping); the rest is cut after
 * grace_ms.  drained is called from the loop. */
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

struct h2_head {
	int status;
	const char *content_type;               /* NULL: none */
	const char *ws_protocol;                /* NULL: none */
	const char *grpc_status, *grpc_message; /* NULL: none */
	const struct strv *warnings;            /* texts, quoted here; NULL: none */
	int retry_after_seconds;                /* 0: none */
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
	/* Bytes of a CONNECT stream; NULL and 0: the client's half has ended.  May be NULL. */
	void (*input)(void *arg, const char *bytes, size_t len);
	void (*gone)(void *arg); /* the last call: the stream is over, by whatever reason */
	void *arg;
};
enum { H2_CHUNK = 16 * 1024 };

void h2_answer_stream(struct h2_stream *s, const struct h2_head *head, const struct h2_body *body);
void h2_wake(struct h2_stream *s);
/* For a request that waits for its answer: called when the client leaves before it. */
void h2_on_gone(struct h2_stream *s, void (*gone)(void *arg), void *arg);
/* While held, the client's window does not grow, so it stops sending; input() may still get the
 * rest of the window. */
void h2_hold_input(struct h2_stream *s);
void h2_release_input(struct h2_stream *s);
