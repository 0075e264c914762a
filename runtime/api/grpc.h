/* gRPC on the API's HTTP/2 server: framing, status, deadlines, cancellation; unary calls and server
 * streams over protobuf-c messages.  Knows no service: a face hands over tables of methods, and the
 * handlers answer at once or later.  Called by the CRI face; rules: gRPC over HTTP/2 and
 * spec/cri.md §2.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct grpc_call;
struct h2_stream;

enum grpc_code {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
};

enum { GRPC_MESSAGE_MAX = 16 * 1024 * 1024 }; /* a request's, and an answer's */

struct grpc_method {
	const char *name; /* as in the descriptor */
	/* Must end the call, now or later, by grpc_reply(), grpc_fail() or grpc_finish(). */
	void (*handle)(void *ctx, struct grpc_call *c);
	bool is_stream; /* many answers: grpc_send() … grpc_finish() */
	bool is_bidi;   /* many requests too: called at the head, see grpc_on_message() */
};

struct grpc_service {
	const ProtobufCServiceDescriptor *descriptor; /* names, request and answer types */
	const struct grpc_method *methods;            /* those not listed: UNIMPLEMENTED */
	size_t methods_len;
	/* Why a method of the descriptor is not served, for the message; NULL: no reason known. */
	const char *(*missing)(const char *method);
};

struct grpc_face {
	const struct grpc_service *services;
	size_t services_len;
	void *ctx; /* for every handler */
	/* A FileDescriptorSet in which the services are described, for server reflection; borrowed.
	 * NULL: they are only named. */
	const unsigned char *files;
	size_t files_len;
};

/* The request, unpacked; it lives until the call ends.  Its texts are valid UTF-8 without NUL. NULL
 * for a method with many requests. */
const ProtobufCMessage *grpc_request(const struct grpc_call *c);

/* Each ends a unary call, whose pointer is then dead.  m is borrowed and packed at once; one above
 * GRPC_MESSAGE_MAX becomes RESOURCE_EXHAUSTED.  Bytes of its texts that are no UTF-8 become U+FFFD
 * (Go's clients refuse the whole answer otherwise).  The text is cut and escaped as headers need.
 * grpc_fail() ends a stream too. */
void grpc_reply(struct grpc_call *c, const ProtobufCMessage *m);
void grpc_fail(struct grpc_call *c, enum grpc_code code, const char *message);
/* By errno: ENOENT NOT_FOUND, EEXIST ALREADY_EXISTS, EINVAL/ERANGE/EDOM INVALID_ARGUMENT,
 * EOPNOTSUPP UNIMPLEMENTED, ENOSPC/EDQUOT/E2BIG RESOURCE_EXHAUSTED, EBUSY/ENOTCONN/ESRCH
 * FAILED_PRECONDITION, ETIMEDOUT DEADLINE_EXCEEDED, ECANCELED CANCELLED, EAGAIN UNAVAILABLE, others
 * UNKNOWN. */
void grpc_fail_err(struct grpc_call *c, int rc, const struct err *e);

/* For a call that is answered later: gone is called once, never from within a handler's own calls
 * of these functions, when its client cancels it, leaves or makes us hold too much, when the server
 * stops and it is a stream, or when its deadline passes (which is answered here); the pointer is
 * then dead.  Without it the call stays valid and its late answer goes nowhere. */
enum grpc_gone { GRPC_GONE_CANCELLED = 1, GRPC_GONE_DEADLINE };
void grpc_on_gone(struct grpc_call *c, void (*gone)(void *arg, enum grpc_gone why), void *arg);

/* Server streams.  Sends one message; the queue of a slow client is bounded: -ENOBUFS when it holds
 * GRPC_QUEUE_MAX bytes already (nothing was queued; the caller decides: grpc_on_room() and wait, or
 * end the call).  -EMSGSIZE: above GRPC_MESSAGE_MAX, nothing was queued.  -ECANCELED: the client is
 * gone and nobody was told (no grpc_on_gone()). */
enum { GRPC_QUEUE_MAX = 4 * 1024 * 1024 };
int grpc_send(struct grpc_call *c, const ProtobufCMessage *m);
/* room is called from the loop whenever the queue has run empty, for the first time soon when it is
 * empty now.  It may send, and may end the call.  NULL: no more. */
void grpc_on_room(struct grpc_call *c, void (*room)(void *arg), void *arg);
void grpc_finish(struct grpc_call *c, enum grpc_code code, const char *message); /* NULL: none */
/* Methods with many requests: message is called for each, which lives until it returns, and with
 * NULL when the client has sent its last.  To be set in handle. */
void grpc_on_message(
	struct grpc_call *c, void (*message)(void *arg, const ProtobufCMessage *m), void *arg);

/* The HTTP/2 server's side.  Health and reflection (grpc.health.v1, grpc.reflection.v1 and v1alpha)
 * are served for all faces without their help.  faces is borrowed. */
struct grpc_server;
struct grpc_server *grpc_server_new(const struct grpc_face *faces, size_t faces_len);
/* Streams end with UNAVAILABLE, new ones are refused; unary calls go on. */
void grpc_server_stop(struct grpc_server *g);
/* After the connections are gone.  Calls that their handlers have not ended stay theirs to end. */
void grpc_server_free(struct grpc_server *g);
bool grpc_is_request(const struct h2_stream *s); /* by its content type */
/* At the head of such a request; its bytes are taken as they come. */
void grpc_handle(struct grpc_server *g, struct h2_stream *s);
