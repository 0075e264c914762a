#include "api/server.h"

#include <stdlib.h>

#include "api/rest.h"
#include "api/state.h"
#include "base/str.h"

/* gRPC clients expect its way of saying no: 200, and the status in the trailers (here: the only
 * head). */
static void grpc_is_missing(struct h2_stream *s)
{
	const struct h2_head head = {
		.status = 200,
		.content_type = "application/grpc",
		.is_grpc = true,
		.grpc_status = "12", /* UNIMPLEMENTED */
		.grpc_message = "this server has no gRPC service",
	};

	h2_answer(s, &head, NULL);
}

static void handle(void *ctx, struct h2_stream *s)
{
	struct api_server *api = ctx;

	if (!grpc_is_request(s))
		rest_handle(api, api->backend, s);
	else if (api->grpc)
		grpc_handle(api->grpc, s);
	else
		grpc_is_missing(s);
}

static bool is_early(void *ctx, const struct h2_stream *s)
{
	(void)ctx;
	return grpc_is_request(s);
}

static void changed(struct store_watch *w, enum object_kind kind)
{
	watch_changed(w->arg, kind);
}

int api_server_start(struct loop *l, int listen_fd, const struct api_faces *faces,
	struct api_server **out, struct err *e)
{
	const struct h2_limits limits = faces->limits ? *faces->limits : h2_limits_default();
	struct api_server *api = mem_zalloc(sizeof(*api));
	const struct h2_handler handler = { .request = handle, .is_early = is_early, .ctx = api };
	int rc;

	api->loop = l;
	api->backend = faces->backend;
	rc = h2_server_start(l, listen_fd, &limits, &handler, &api->h2, e);
	if (rc < 0) {
		free(api);
		return rc;
	}
	if (faces->grpc_len > 0)
		api->grpc = grpc_server_new(faces->grpc, faces->grpc_len);
	api->changes.changed = changed;
	api->changes.arg = api;
	store_watch_start(faces->backend->store, &api->changes);
	*out = api;
	return 0;
}

void api_server_shutdown(
	struct api_server *s, int64_t grace_ms, void (*drained)(void *arg), void *arg)
{
	if (s->grpc)
		grpc_server_stop(s->grpc);
	h2_server_stop(s->h2, grace_ms, drained, arg);
}

void api_server_free(struct api_server *s)
{
	if (!s)
		return;
	h2_server_free(s->h2); /* ends every watch, follower and call */
	grpc_server_free(s->grpc);
	store_watch_stop(&s->changes);
	list_forget(s);
	loop_timer_stop(&s->follow_timer);
	free(s);
}

size_t api_server_connections(const struct api_server *s)
{
	return h2_server_connections(s->h2);
}

void api_server_poke_logs(struct api_server *s)
{
	log_poke(s);
}
