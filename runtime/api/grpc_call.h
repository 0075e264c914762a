/* What the files of gRPC share: one call from its head to its end.  Nobody else includes it.
 *
 * A call has two users: the stream (h2 calls back while it is open) and, once handle() was called,
 * the handler.  It is freed when both have let go.  What the client learns is decided once, by the
 * handler, by the deadline, or by a fault of the request. */
#pragma once

#include "api/grpc.h"
#include "api/h2.h"
#include "base/buf.h"
#include "base/loop.h"

enum { GRPC_PREFIX = 5 }; /* flag and length in front of each message */

struct grpc_call {
	struct grpc_server *g; /* NULL: the server was freed */
	struct grpc_call *next, **link;
	struct h2_stream *stream; /* NULL: over, or answered by a head alone */
	const struct grpc_method *method;
	const ProtobufCMethodDescriptor *type;
	void *ctx;

	/* grpc_request.c: of the message that comes */
	unsigned char prefix[GRPC_PREFIX];
	size_t prefix_len, want;
	struct buf body;
	char *encoding;      /* grpc-encoding; NULL: none */
	int64_t whole_by_ms; /* for the request, or a message that has begun; 0: none */
	bool has_message, has_ended;
	ProtobufCMessage *request;
	size_t request_bytes;

	struct loop_timer timer;
	int64_t deadline_ms; /* the client's; 0: none */
	bool is_with_handler, is_decided, is_head_sent;
	bool is_left; /* with its handler, but without a client */

	/* grpc_answer.c: messages, from queue_sent on not handed to h2 yet */
	struct buf queue;
	size_t queue_sent;

	void (*gone)(void *arg, enum grpc_gone why);
	void *gone_arg;
	void (*room)(void *arg);
	void *room_arg;
	void (*message)(void *arg, const ProtobufCMessage *m);
	void *message_arg;
};

struct grpc_server {
	const struct grpc_face *faces;
	size_t faces_len;
	struct grpc_service own[3]; /* health, reflection twice */
	struct grpc_face own_face;
	struct grpc_call *calls;
	struct grpc_call *running;     /* in handle() */
	struct grpc_call *cursor;      /* the next one of a walk; moves on when that one goes */
	size_t left_calls, left_bytes; /* still with their handlers, without a client */
	bool is_stopping;
};

/* grpc.c */
void grpc_call_run(struct grpc_call *c); /* the handler's turn; c may be dead afterwards */
/* The handler, or the stream, has no more use for it; c may be dead afterwards. */
void grpc_call_let_go(struct grpc_call *c);
void grpc_call_leave_stream(struct grpc_call *c);
void grpc_call_arm(struct grpc_call *c);
/* One after the other, our own last; NULL behind it. */
const struct grpc_face *grpc_server_face(const struct grpc_server *g, size_t i);

/* grpc_request.c */
void grpc_input(void *arg, const char *bytes, size_t len); /* for h2_on_input() */

/* grpc_answer.c */
/* A stream that has no call (yet). */
void grpc_refuse(struct h2_stream *s, int status, enum grpc_code code, const char *message);
/* Decides a call that its handler, if it has begun, did not end; that one is told by gone().
 * Nothing when it was decided already.  c may be dead afterwards. */
void grpc_call_end(
	struct grpc_call *c, enum grpc_code code, const char *message, enum grpc_gone why);
/* The same for a fault of the request. */
void grpc_call_fault(struct grpc_call *c, enum grpc_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void grpc_call_open(struct grpc_call *c); /* sends the head of a stream */
void grpc_gone(void *arg);                /* for h2_on_input() */

bool grpc_server_has(const struct grpc_server *g, const char *service);

/* grpc_health.c, grpc_reflection.c: our own services; the server is their ctx. */
struct grpc_service grpc_health_service(void);
struct grpc_service grpc_reflection_service(void);
struct grpc_service grpc_reflection_old_service(void);
void grpc_reflection_files(struct grpc_face *own); /* which describe them */
