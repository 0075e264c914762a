/* The socket's client half: blocking HTTP/2 requests for the command line and tests; one
 * connection.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct api_client;

int api_client_open(const char *socket_path, struct api_client **out,
	struct err *e);                      /* -ENOENT, -ECONNREFUSED: nobody there */
void api_client_close(struct api_client *c); /* NULL is fine */

enum { API_LINES_MAX = 4 };

struct api_line {
	const char *name, *value;
};

struct api_request {
	const char *method, *path; /* path with query, percent-encoded already */
	const char *content_type;  /* NULL: application/json when there is a body */
	const char *body;
	size_t body_len;
	const struct api_line *lines; /* more header lines, at most API_LINES_MAX */
	size_t lines_len;
	int64_t timeout_ms; /* <= 0: none */
	/* When set, body bytes of a success go here as they come instead of into the answer;
	 * non-zero return ends the request with -ECANCELED, e is left alone.  May begin another
	 * request of the same client, but not close it. */
	int (*on_data)(void *arg, const char *bytes, size_t len);
	/* Called about every 100 ms while waiting; non-zero return ends the request likewise. */
	int (*on_idle)(void *arg);
	void *arg;
};

struct api_answer {
	int status; /* HTTP */
	struct buf body;
	struct strv warnings;             /* texts of Warning headers, unquoted */
	char *grpc_status, *grpc_message; /* as they came, in head or trailers; NULL: not there */
};
void api_answer_free(struct api_answer *a);

/* Transport errors only; an HTTP failure is an answer. -ETIMEDOUT, -ECONNRESET, -ECANCELED. */
int api_request(
	struct api_client *c, const struct api_request *q, struct api_answer *out, struct err *e);
void api_escape(
	struct buf *out, const char *text); /* percent-encodes one path segment or query value */

/* A WebSocket stream (extended CONNECT, v5.channel.k8s.io) for exec and attach: poll fd, then step.
 */
struct api_stream;
struct api_stream_peer {
	void (*output)(void *arg, int channel, const char *bytes,
		size_t len); /* 1 stdout, 2 stderr, 3 the final v1.Status JSON */
	void *arg;
	/* Resize JSON or NULL: goes out with the request and not behind its answer, so that the
	 * terminal has its size before the program looks. Not used after opening. */
	const char *size;
};
/* On an HTTP failure: -EPROTO and *out_refusal holds the answer. */
int api_stream_open(struct api_client *c, const char *path, const struct api_stream_peer *peer,
	struct api_stream **out, struct api_answer *out_refusal, struct err *e);
int api_stream_fd(const struct api_stream *s);
bool api_stream_wants_write(const struct api_stream *s);
size_t api_stream_queued(
	const struct api_stream *s); /* input not sent yet: stop reading stdin above 256 KiB */
int api_stream_step(struct api_stream *s,
	struct err *e); /* handles what the socket has; 1 when the stream has ended */
void api_stream_send(struct api_stream *s, int channel, const char *bytes,
	size_t len);                                              /* 0 stdin, 4 resize JSON */
void api_stream_close_channel(struct api_stream *s, int channel); /* v5: end of stdin */
void api_stream_free(struct api_stream *s);
