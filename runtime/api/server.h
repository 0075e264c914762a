/* The socket's server half: accepts connections on a listening Unix socket, speaks HTTP/2 with
 * prior knowledge and serves the REST API and gRPC, which a request chooses by its content type.  A
 * slow or hostile client costs only itself.  Peer credentials: root, or the uid the daemon runs as.
 */
#pragma once

#include "api/backend.h"
#include "api/grpc.h"
#include "api/h2.h"
#include "base/loop.h"

struct api_server;

/* What is served; what it points to is borrowed. */
struct api_faces {
	const struct api_backend *backend; /* REST */
	const struct grpc_face *grpc;      /* NULL, 0: none */
	size_t grpc_len;
	const struct h2_limits *limits; /* NULL: h2_limits_default() */
};

/* listen_fd is borrowed. */
int api_server_start(struct loop *l, int listen_fd, const struct api_faces *faces,
	struct api_server **out, struct err *e);
/* Stops accepting, sends GOAWAY, ends watches; drained is called once every stream is over or after
 * grace_ms. */
void api_server_shutdown(
	struct api_server *s, int64_t grace_ms, void (*drained)(void *arg), void *arg);
void api_server_free(struct api_server *s);
size_t api_server_connections(const struct api_server *s);
/* A log file grew or an instance ended: wakes the follow streams (called by the daemon; followers
 * also poll at 100 ms). */
void api_server_poke_logs(struct api_server *s);
