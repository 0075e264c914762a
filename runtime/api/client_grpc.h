/* gRPC's client half, over protobuf-c messages: one call at a time on the connection of
 * api/client.h, unary or a stream from the server.  Knows no service.  Called by `carpel cri`;
 * rules: gRPC over HTTP/2 and spec/cri.md §2.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "api/client.h"
#include "api/grpc.h" /* enum grpc_code, GRPC_MESSAGE_MAX */

struct api_call {
	const ProtobufCServiceDescriptor *service;
	const ProtobufCMethodDescriptor *method;
	const ProtobufCMessage *request;
	int64_t timeout_ms; /* <= 0: none; the server is told it */
	/* Each answer, borrowed.  Non-zero return ends the call with -ECANCELED, e is left alone.
	 */
	int (*on_message)(void *arg, const ProtobufCMessage *m);
	/* NULL, or called about every 100 ms while waiting; non-zero return ends the call likewise.
	 */
	int (*on_idle)(void *arg);
	void *arg;
};

/* How the server ended it. */
struct api_call_end {
	int code;           /* enum grpc_code, or one that a later gRPC adds */
	struct buf message; /* empty when nothing was said; any bytes but NUL */
};
void api_call_end_free(struct api_call_end *end);

/* 0: *out says how the call ended.  A deadline that passes here ends it with
 * GRPC_DEADLINE_EXCEEDED, an answer above GRPC_MESSAGE_MAX with GRPC_RESOURCE_EXHAUSTED, as if the
 * server had said so.  Else a failure that no server spoke of: -ECONNRESET, -ECANCELED, -EPROTO (no
 * gRPC, or no message of that type). */
int api_call_run(
	struct api_client *c, const struct api_call *call, struct api_call_end *out, struct err *e);

const char *api_call_code_name(int code); /* "NOT_FOUND"; NULL for an unknown one */

/* For tests: grpc-timeout's value, never shorter than asked; and grpc-message's text, decoded. */
enum { API_CALL_TIMEOUT_TEXT = 24 };
void api_call_timeout_text(int64_t timeout_ms, char out[API_CALL_TIMEOUT_TEXT]);
void api_call_unescape(const char *text, struct buf *out);
