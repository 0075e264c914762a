#include "api/server.h"

#include <stdlib.h>

#include "api/rest.h"
#include "api/state.h"
#include "base/str.h"

/* The faces of the socket: chosen by content type, so that CRI joins by its own handler. */
struct face {
	const char *content_type; /* a prefix; NULL: everything else */
	void (*handle)(struct api_server *api, const struct api_backend *b, struct h2_stream *s);
};

/* gRPC clients expect its way of saying no: 200, and the status in the trailers (here: the only
 * head). */
static void grpc_refuse(struct api_server *api, const struct api_backend *b, struct h2_stream *s)
{
	const struct h2_head head = {
		.status = 200,
		.content_type = "application/grpc",
		.grpc_status = "12", /* UNIMPLEMENTED */
		.grpc_message = "this server has no gRPC service",
	};

	(void)api;
	(void)b;
	h2_answer(s, &head, NULL);
}

static const struct face faces[] = {
	{ "application/grpc", grpc_refuse }, /* CRI */
	{ NULL, rest_handle },               /* Kubernetes' REST */
};

static void handle(void *ctx, struct h2_stream *s)
{
	struct api_server *api = ctx;
	const char *type = h2_header(s, H2_CONTENT_TYPE);
	const struct face *f = faces;

	while (f->content_type && !(type && str_starts(type, f->content_type)))
		f++;
	f->handle(api, api->backend, s);
}

static void changed(struct store_watch *w, enum object_kind kind)
{
	watch_changed(w->arg, kind);
}

int api_server_start(struct loop *l, int listen_fd, const struct api_backend *b,
	struct api_server **out, struct err *e)
{
	const struct h2_limits limits = h2_limits_default();
	struct api_server *api = mem_zalloc(sizeof(*api));
	const struct h2_handler handler = { .request = handle, .ctx = api };
	int rc;

	api->loop = l;
	api->backend = b;
	rc = h2_server_start(l, listen_fd, &limits, &handler, &api->h2, e);
	if (rc < 0) {
		free(api);
		return rc;
	}
	api->changes.changed = changed;
	api->changes.arg = api;
	store_watch_start(b->store, &api->changes);
	*out = api;
	return 0;
}

void api_server_shutdown(
	struct api_server *s, int64_t grace_ms, void (*drained)(void *arg), void *arg)
{
	h2_server_stop(s->h2, grace_ms, drained, arg);
}

void api_server_free(struct api_server *s)
{
	if (!s)
		return;
	h2_server_free(s->h2); /* ends every watch and follower */
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
