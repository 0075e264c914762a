/* The HTTP/1.1 that a probe speaks: the text of a request, and a reader of answers that is fed
 * bytes as they come.  Pure.  The reader is for hostile bytes: whatever comes, it holds at most 16
 * KiB of head and 10 KiB of body.  Error texts are those of Go's client, which users of Kubernetes
 * know.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "probes/url.h"
#include "spec/probe.h"

enum {
	HTTP_HEAD_MAX = 16 * 1024,
	HTTP_BODY_MAX = 10 * 1024,
	HTTP_REASON_MAX = 320,
	HTTP_REDIRECTS_MAX = 9
};

struct http_request {
	const struct url *url;
	const struct probe_header *headers; /* of the probe */
	size_t headers_len;
	bool has_own_host; /* the Host header among them counts (not after a redirect to an absolute
			      URL) */
	const char *referer; /* NULL: none */
};

/* Fails with -EINVAL when a header cannot be sent. */
int http_request_text(const struct http_request *r, struct buf *out, struct err *e);
bool http_header_name_ok(const char *name);

enum http_stage {
	HTTP_STATUS_LINE = 1,
	HTTP_HEADERS,
	HTTP_BODY_COUNTED, /* by Content-Length: left */
	HTTP_BODY_TO_EOF,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_DATA, /* left */
	HTTP_CHUNK_END,
	HTTP_TRAILER,
	HTTP_COMPLETE, /* or enough of it: the body is cut at HTTP_BODY_MAX */
	HTTP_BROKEN,   /* reason says why */
};

struct http_answer {
	enum http_stage stage;
	int status; /* of the final answer, 1xx are skipped; 0 until known */
	bool is_http_1_0, is_chunked, has_odd_coding, has_bad_length, has_length;
	bool has_head; /* what breaks now breaks in the body */
	int64_t left, length;
	size_t head_bytes;   /* of all heads and trailers so far */
	size_t excess_bytes; /* of chunk lines that carry too little */
	struct buf line, header, body;
	char *location; /* NULL: no such header */
	char reason[HTTP_REASON_MAX];
};

void http_answer_init(struct http_answer *a);
void http_answer_free(struct http_answer *a);
/* Both return the stage.  After HTTP_COMPLETE and HTTP_BROKEN they change nothing. */
enum http_stage http_feed(struct http_answer *a, const char *bytes, size_t len);
enum http_stage http_end(struct http_answer *a); /* the peer has closed */
/* Whether the answer asks to look elsewhere, as Go's client sees it. */
bool http_is_redirect(const struct http_answer *a);
