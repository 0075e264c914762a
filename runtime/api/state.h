/* The server's own state: what lives longer than a request.  Each list belongs to the file named.
 */
#pragma once

#include "api/backend.h"
#include "api/grpc.h"
#include "api/h2.h"

struct watch;
struct follower;
struct snapshot;

struct api_server {
	struct loop *loop;
	const struct api_backend *backend;
	struct h2_server *h2;
	struct grpc_server *grpc; /* NULL: no gRPC */
	struct store_watch changes;
	struct watch *watches;      /* watch.c */
	struct follower *followers; /* log.c */
	struct loop_timer follow_timer;
	struct snapshot *snapshots; /* list.c */
	struct loop_timer snapshots_timer;
};

void watch_changed(struct api_server *api, enum object_kind kind);
void log_poke(struct api_server *api);
void list_forget(struct api_server *api); /* every snapshot */
