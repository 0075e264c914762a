/* One request of the REST API on its way from the socket to the resource that answers it, and the
 * words for every answer.  The table of routes is in rest.c; a file a resource.  gRPC for CRI joins
 * beside it: server.c chooses by content type.
 */
#pragma once

#include "api/backend.h"
#include "api/h2.h"
#include "api/query.h"
#include "base/json.h"
#include "pod/store.h"

struct api_server;

/* What differs between the kinds that share list, watch and get. */
struct resource {
	enum object_kind kind;
	const char *plural, *kind_name;
	const char *const *fields; /* of field selectors; NULL-closed */
	const char *empty_members; /* of a bookmark, behind its metadata */
};
extern const struct resource rest_pods, rest_events;

struct rest_request {
	struct api_server *api;
	const struct api_backend *backend;
	struct h2_stream *stream;
	const struct resource *resource; /* NULL outside /api/v1 */
	const char *method;
	struct strv path;      /* decoded segments */
	const char *ns, *name; /* of the path; NULL when it has none */
	char *rest;            /* what a route leaves open, without a slash in front */
	struct query query;
	bool is_pretty;
};

/* Routes and answers; all of it happens in this call but for answers that come later or bit by bit.
 */
void rest_handle(struct api_server *api, const struct api_backend *b, struct h2_stream *s);

/* ---- answers; each ends the request ---- */
void rest_answer_json(const struct rest_request *r, int code, const struct json *answer,
	const struct strv *warnings);
/* Compact JSON; made pretty where asked. */
void rest_answer_text(
	const struct rest_request *r, int code, struct buf *json, const struct strv *warnings);
void rest_answer_object(const struct rest_request *r, int code, const struct object *o,
	const struct strv *warnings);
void rest_answer_plain(const struct rest_request *r, int code, const char *text);

/* ---- what several verbs need ---- */
/* The request's body as JSON; answers and returns -1 when it is none. */
int rest_read_body(
	const struct rest_request *r, const char *kind, struct strv *dups, struct json **out);
/* The object that the path names; answers 404 and returns NULL when there is none. */
struct object *rest_find(const struct rest_request *r);
struct json *rest_object_json(const struct object *o); /* parsed; the caller's */
/* dryRun=All; answers 422 and returns -1 for anything else that is set. */
int rest_dry_run(const struct rest_request *r, const char *options_kind, bool *out);
/* fieldValidation; answers 422 and returns -1 for an unknown word. */
int rest_field_validation(
	const struct rest_request *r, const char *options_kind, enum field_validation *out);

struct selectors {
	struct selector *labels, *fields;
	bool is_set; /* at least one was given */
};
/* labelSelector and fieldSelector; answers 400 and returns -1. */
int rest_selectors(const struct rest_request *r, struct selectors *out);
bool selectors_match(const struct selectors *s, const struct object *o);
void selectors_free(struct selectors *s);

/* ---- the resources' verbs ---- */
void list_get(struct rest_request *r); /* list, or watch when the query says so */
void object_get(struct rest_request *r);
void watch_get(struct rest_request *r);
void pod_create(struct rest_request *r);
void pod_replace(struct rest_request *r);
void pod_patch(struct rest_request *r);
void pod_resize_replace(struct rest_request *r);
void pod_resize_patch(struct rest_request *r);
void pod_delete(struct rest_request *r);
void pod_delete_collection(struct rest_request *r);
void event_create(struct rest_request *r);
void event_replace(struct rest_request *r);
void event_patch(struct rest_request *r);
void event_delete(struct rest_request *r);
void event_delete_collection(struct rest_request *r);
void log_get(struct rest_request *r);
void stream_exec(struct rest_request *r);
void stream_attach(struct rest_request *r);
void stream_without_upgrade(struct rest_request *r);
void carpel_call(struct rest_request *r);
void carpel_health(struct rest_request *r);
void carpel_version(struct rest_request *r);
