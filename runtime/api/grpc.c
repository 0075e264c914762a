#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/grpc_call.h"
#include "api/grpc_text.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

/* Which call is meant, and its life. */

enum {
	/* Work that goes on for clients that have left: beyond this, new calls wait for nobody. */
	LEFT_CALLS_MAX = 4096,
	LEFT_BYTES_MAX = 64 * 1024 * 1024,
};

/* ---- the server ---- */

struct grpc_server *grpc_server_new(const struct grpc_face *faces, size_t faces_len)
{
	struct grpc_server *g = mem_zalloc(sizeof(*g));

	g->faces = faces;
	g->faces_len = faces_len;
	g->own[0] = grpc_health_service();
	g->own[1] = grpc_reflection_service();
	g->own[2] = grpc_reflection_old_service();
	g->own_face.services = g->own;
	g->own_face.services_len = ARRAY_LEN(g->own);
	g->own_face.ctx = g;
	grpc_reflection_files(&g->own_face);
	return g;
}

const struct grpc_face *grpc_server_face(const struct grpc_server *g, size_t i)
{
	return i < g->faces_len ? &g->faces[i] : i == g->faces_len ? &g->own_face : NULL;
}

bool grpc_server_has(const struct grpc_server *g, const char *service)
{
	const struct grpc_face *face;

	for (size_t i = 0; (face = grpc_server_face(g, i)); i++)
		for (size_t j = 0; j < face->services_len; j++)
			if (str_eq(face->services[j].descriptor->name, service))
				return true;
	return false;
}

void grpc_server_stop(struct grpc_server *g)
{
	g->is_stopping = true;
	for (struct grpc_call *c = g->calls; c; c = g->cursor) {
		g->cursor = c->next;
		if (c->method->is_stream || c->method->is_bidi)
			grpc_call_end(c, GRPC_UNAVAILABLE, "the server is shutting down",
				GRPC_GONE_CANCELLED);
	}
}

static void call_unlink(struct grpc_call *c)
{
	if (!c->g)
		return;
	if (c->g->cursor == c)
		c->g->cursor = c->next;
	if (c->g->running == c)
		c->g->running = NULL;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->g = NULL;
}

void grpc_server_free(struct grpc_server *g)
{
	if (!g)
		return;
	while (g->calls)
		call_unlink(g->calls);
	free(g);
}

/* ---- calls ---- */

static void call_free(struct grpc_call *c)
{
	call_unlink(c);
	loop_timer_stop(&c->timer);
	protobuf_c_message_free_unpacked(c->request, NULL);
	buf_free(&c->body);
	buf_free(&c->queue);
	free(c->encoding);
	free(c);
}

void grpc_call_let_go(struct grpc_call *c)
{
	c->is_with_handler = false;
	if (!c->stream) {
		if (c->g && c->is_left) {
			c->g->left_calls--;
			c->g->left_bytes -= c->request_bytes;
		}
		call_free(c);
		return;
	}
	protobuf_c_message_free_unpacked(TAKE(c->request), NULL);
	h2_release(c->stream, c->request_bytes);
	c->request_bytes = 0;
}

void grpc_call_leave_stream(struct grpc_call *c)
{
	h2_release(c->stream, c->request_bytes + c->body.len + c->queue.len - c->queue_sent);
	c->stream = NULL;
	loop_timer_stop(&c->timer);
	buf_free(&c->body);
	buf_free(&c->queue);
	c->queue_sent = 0;
	if (!c->is_with_handler) {
		call_free(c);
	} else if (c->g) {
		c->is_left = true;
		c->g->left_calls++;
		c->g->left_bytes += c->request_bytes;
	}
}

static void call_due(struct loop_timer *t)
{
	struct grpc_call *c = t->arg;
	int64_t now_ms = clock_now().boot_ms;

	if (c->deadline_ms && c->deadline_ms <= now_ms)
		grpc_call_end(c, GRPC_DEADLINE_EXCEEDED, "the deadline of the call has passed",
			GRPC_GONE_DEADLINE);
	else if (c->whole_by_ms && c->whole_by_ms <= now_ms)
		grpc_call_end(c, GRPC_DEADLINE_EXCEEDED, "the request did not come to its end",
			GRPC_GONE_CANCELLED);
	else
		grpc_call_arm(c);
}

void grpc_call_arm(struct grpc_call *c)
{
	int64_t next_ms = c->deadline_ms;

	if (c->whole_by_ms && (!next_ms || c->whole_by_ms < next_ms))
		next_ms = c->whole_by_ms;
	if (!c->stream || !next_ms)
		loop_timer_stop(&c->timer);
	else
		loop_timer_start(
			h2_loop(c->stream), &c->timer, next_ms - clock_now().boot_ms, call_due, c);
}

void grpc_call_run(struct grpc_call *c)
{
	struct grpc_server *g = c->g;
	bool is_stream = c->method->is_stream || c->method->is_bidi;

	c->is_with_handler = true;
	g->running = c;
	c->method->handle(c->ctx, c);
	/* Clients of a stream may wait for its head before they go on. */
	if (g->running == c && is_stream && !c->is_decided)
		grpc_call_open(c);
	g->running = NULL;
}

const ProtobufCMessage *grpc_request(const struct grpc_call *c)
{
	return c->request;
}

void grpc_on_gone(struct grpc_call *c, void (*gone)(void *arg, enum grpc_gone why), void *arg)
{
	c->gone = gone;
	c->gone_arg = arg;
}

void grpc_on_message(
	struct grpc_call *c, void (*message)(void *arg, const ProtobufCMessage *m), void *arg)
{
	c->message = message;
	c->message_arg = arg;
}

/* ---- the head of a request ---- */

struct target {
	const struct grpc_face *face;
	const struct grpc_service *service;
	const struct grpc_method *method;
	const ProtobufCMethodDescriptor *type;
};

static const struct grpc_service *find_service(const struct grpc_server *g, const char *name,
	size_t len, const struct grpc_face **out_face)
{
	const struct grpc_face *face;

	for (size_t i = 0; (face = grpc_server_face(g, i)); i++)
		for (size_t j = 0; j < face->services_len; j++) {
			const char *known = face->services[j].descriptor->name;

			if (strlen(known) != len || memcmp(known, name, len) != 0)
				continue;
			*out_face = face;
			return &face->services[j];
		}
	return NULL;
}

static const struct grpc_method *find_method(const struct grpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->methods_len; i++)
		if (str_eq(service->methods[i].name, name))
			return &service->methods[i];
	return NULL;
}

/* False when the path leads nowhere; *out_why, which the caller frees, says why. */
static bool find_target(
	const struct grpc_server *g, const char *path, struct target *out, char **out_why)
{
	const char *slash = path[0] == '/' ? strrchr(path, '/') : NULL, *why;

	if (!slash || slash == path) {
		*out_why = str_fmt("malformed method name: %.200s", path);
		return false;
	}
	out->service = find_service(g, path + 1, (size_t)(slash - path - 1), &out->face);
	if (!out->service) {
		*out_why = str_fmt("unknown service %.*s",
			slash - path > 200 ? 200 : (int)(slash - path - 1), path + 1);
		return false;
	}
	out->type = protobuf_c_service_descriptor_get_method_by_name(
		out->service->descriptor, slash + 1);
	out->method = out->type ? find_method(out->service, out->type->name) : NULL;
	if (out->method)
		return true;
	why = out->type && out->service->missing ? out->service->missing(out->type->name) : NULL;
	if (why)
		*out_why = str_fmt("%s: %s", out->type->name, why);
	else
		*out_why = str_fmt("%s method %.200s for service %s",
			out->type ? "unimplemented" : "unknown", slash + 1,
			out->service->descriptor->name);
	return false;
}

static void call_new(
	struct grpc_server *g, struct h2_stream *s, const struct target *t, int64_t timeout_ms)
{
	enum { ENCODING_MAX = 64 }; /* it is only compared and shown */
	const char *encoding = h2_header(s, H2_GRPC_ENCODING);
	struct grpc_call *c = mem_zalloc(sizeof(*c));
	int64_t now_ms = clock_now().boot_ms;

	c->g = g;
	c->stream = s;
	c->method = t->method;
	c->type = t->type;
	c->ctx = t->face->ctx;
	if (encoding)
		c->encoding = str_ndup(encoding, strnlen(encoding, ENCODING_MAX));
	c->next = g->calls;
	if (c->next)
		c->next->link = &c->next;
	c->link = &g->calls;
	g->calls = c;
	if (timeout_ms >= 0)
		c->deadline_ms = now_ms + timeout_ms;
	if (!t->method->is_bidi)
		c->whole_by_ms = now_ms + h2_limits_of(s)->request_ms;
	h2_on_input(s, grpc_input, grpc_gone, c);
	h2_keep_alive(s);
	grpc_call_arm(c);
	if (t->method->is_bidi)
		grpc_call_run(c);
}

bool grpc_is_request(const struct h2_stream *s)
{
	return grpc_type_suffix(h2_header(s, H2_CONTENT_TYPE)) != NULL;
}

/* What is wrong with the head itself; true when that was answered. */
static bool refuse_head(struct h2_stream *s, int64_t *out_timeout_ms)
{
	const char *suffix = grpc_type_suffix(h2_header(s, H2_CONTENT_TYPE));
	const char *method = h2_header(s, H2_METHOD);
	const char *timeout = h2_header(s, H2_GRPC_TIMEOUT);
	struct err e = { 0 };
	char text[160];

	*out_timeout_ms = -1;
	if (h2_refusal(s)) {
		grpc_refuse(
			s, 200, GRPC_RESOURCE_EXHAUSTED, "the head of the request is too large");
	} else if (suffix && *suffix == '+' && !str_eq(suffix, "+proto") &&
		   !str_starts(suffix, "+proto;")) {
		snprintf(text, sizeof(text), "no codec for content type application/grpc%.100s",
			suffix);
		grpc_refuse(s, 200, GRPC_UNIMPLEMENTED, text);
	} else if (timeout && grpc_timeout_parse(timeout, out_timeout_ms, &e) < 0) {
		grpc_refuse(s, 400, GRPC_INTERNAL, e.text);
	} else if (!str_eq(method, "POST")) {
		snprintf(text, sizeof(text), "the method of a call is POST, not %.100s",
			method ? method : "nothing");
		grpc_refuse(s, 405, GRPC_INTERNAL, text);
	} else {
		return false;
	}
	return true;
}

void grpc_handle(struct grpc_server *g, struct h2_stream *s)
{
	const char *path = h2_header(s, H2_PATH);
	CLEANUP(cleanup_free) char *why = NULL;
	struct target t = { 0 };
	int64_t timeout_ms;

	if (refuse_head(s, &timeout_ms))
		return;
	if (!find_target(g, path ? path : "", &t, &why))
		grpc_refuse(s, 200, GRPC_UNIMPLEMENTED, why);
	else if (g->is_stopping && (t.method->is_stream || t.method->is_bidi))
		grpc_refuse(s, 200, GRPC_UNAVAILABLE, "the server is shutting down");
	else if (g->left_calls >= LEFT_CALLS_MAX || g->left_bytes >= LEFT_BYTES_MAX)
		grpc_refuse(s, 200, GRPC_RESOURCE_EXHAUSTED,
			"too many calls go on whose clients have left");
	else
		call_new(g, s, &t, timeout_ms);
}
