#include "api/grpc_call.h"
#include "base/cleanup.h"
#include "spec/health.pb-c.h"

/* grpc.health.v1: what is listened for is served, until the server stops. */

static Grpc__Health__V1__HealthCheckResponse__ServingStatus status_of(
	const struct grpc_server *g, const char *service)
{
	if (service[0] && !grpc_server_has(g, service))
		return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
	return g->is_stopping ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
			      : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

static const char *asked(const struct grpc_call *c)
{
	return ((const Grpc__Health__V1__HealthCheckRequest *)grpc_request(c))->service;
}

static void check(void *ctx, struct grpc_call *c)
{
	Grpc__Health__V1__HealthCheckResponse answer =
		GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	answer.status = status_of(ctx, asked(c));
	if (answer.status ==
		GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN)
		grpc_fail(c, GRPC_NOT_FOUND, "unknown service");
	else
		grpc_reply(c, &answer.base);
}

static void watcher_gone(void *arg, enum grpc_gone why)
{
	(void)arg;
	(void)why; /* nothing is kept for it */
}

/* The status does not change before the stop, which ends the stream. */
static void watch(void *ctx, struct grpc_call *c)
{
	Grpc__Health__V1__HealthCheckResponse answer =
		GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	grpc_on_gone(c, watcher_gone, NULL);
	answer.status = status_of(ctx, asked(c));
	(void)grpc_send(c, &answer.base); /* fails only with the stream */
}

struct grpc_service grpc_health_service(void)
{
	static const struct grpc_method methods[] = {
		{ "Check", check, .is_stream = false }, /* */
		{ "Watch", watch, .is_stream = true },  /* */
	};

	return (struct grpc_service){
		.descriptor = &grpc__health__v1__health__descriptor,
		.methods = methods,
		.methods_len = ARRAY_LEN(methods),
	};
}
