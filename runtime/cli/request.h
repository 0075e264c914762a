/* Requests to carpeld: connecting (and starting it when nobody answers), paths, JSON both ways, and
 * a refusal's v1.Status as an error.  Knows the REST paths, not what a verb does with the answers.
 */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

/* A verb that must not start a carpeld opens with REQUEST_NO_START. */
enum request_start { REQUEST_STARTS = 1, REQUEST_NO_START };

int request_connect(struct cli *c, enum request_start start, struct err *e);
void request_disconnect(struct cli *c);

struct request {
	const char *method, *path;
	const struct json *body;  /* NULL: none */
	const char *content_type; /* NULL: application/json */
	bool is_silent; /* keep the answer's warnings to itself: the same request follows for real
			 */
	int64_t timeout_ms; /* 0: none */
};

/* Sends it and reads the answer. Connects first.  Returns the HTTP status, 200 to 299, with *out
 * set (NULL for an empty answer); a refusal is -ENOENT (404), -EEXIST (409 AlreadyExists), -EPROTO
 * otherwise, with e and c->refusal telling why; -errno when the connection failed. */
int request_json(struct cli *c, const struct request *q, struct json **out, struct err *e);
int request_get(struct cli *c, const char *path, struct json **out, struct err *e);

/* A v1.Status as a refusal: fills c->refusal and e; returns the errno as above. */
int request_refused(struct cli *c, int http_status, const struct json *status, struct err *e);

/* "/api/v1/namespaces/NS/pods[/NAME[/SUB]]" appended; name and sub may be NULL. */
void path_pod(struct buf *out, const char *ns, const char *name, const char *sub);
/* "/apis/carpel/v1/namespaces/NS/pods/NAME/SUB": what Kubernetes has no word for. */
void path_carpel_pod(struct buf *out, const char *ns, const char *name, const char *sub);
/* The same for a collection: ns NULL is all namespaces; plural "pods" or "events". */
void path_list(struct buf *out, const char *ns, const char *plural);
/* Appends "?key=value" or "&key=value", escaped; a NULL value is left out. */
void path_query(struct buf *out, const char *key, const char *value);

/* One pod. -ENOENT when there is none. */
int request_pod(struct cli *c, const char *ns, const char *name, struct json **out, struct err *e);
