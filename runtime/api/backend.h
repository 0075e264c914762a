/* What the API asks of whoever runs the pods.  The API layer parses, checks and answers; it reads
 * objects from the store; everything that changes the world goes through these calls.  carpeld
 * fills the table; the API's tests fill it with a fake.  All calls return at once; what takes time
 * answers by callback.  Errors: negative errno, e holds the message that v1.Status shows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "pod/store.h"
#include "spec/manifest.h"

struct api_call; /* a request under /apis/carpel/v1/ that the daemon answers itself */

struct exec_request {
	const char *ns, *pod, *container;
	struct strv command; /* empty: attach to the container itself */
	bool has_stdin, has_stdout, has_stderr, tty;
};

/* The API's half of a running exec or attach. */
struct exec_peer {
	/* channel 1 stdout, 2 stderr; bytes are borrowed. Returns how much is queued for a slow
	 * client: above EXEC_QUEUE_HIGH the backend stops reading until resume() is called. */
	size_t (*output)(struct exec_peer *p, int channel, const char *bytes, size_t len);
	/* The end: exit_code 0-255, or e->code != 0 when it could not run. The last call. */
	void (*done)(struct exec_peer *p, int exit_code, const struct err *e);
};
enum { EXEC_QUEUE_HIGH = 256 * 1024 };

struct exec_session; /* the backend's half */

struct delete_options {
	int64_t grace_seconds;        /* -1: the pod's own */
	const char *uid;              /* precondition, NULL none */
	const char *resource_version; /* precondition, NULL none */
	bool dry_run;
};

struct log_request {
	const char *ns, *pod, *container;
	bool previous;
};
struct log_opened {
	int fd;
	char id[65]; /* of the container's instance, to ask log_is_over */
	char *file;  /* to ask log_next; the caller frees it */
};

struct api_backend {
	void *ctx;
	struct store *store;
	const char *node_name;

	/* Takes over *r's object and spec on success. The object gets uid, creationTimestamp,
	 * nodeName, status. Errors: -EEXIST, -ENOSPC (refused before anything exists), -EBADMSG
	 * with r->causes filled, … */
	int (*pod_create)(void *ctx, struct manifest_result *r, bool dry_run,
		struct json **out_object, struct err *e);
	/* New labels and annotations (whole maps; NULL: none). */
	int (*pod_set_meta)(void *ctx, const char *ns, const char *name, const struct json *labels,
		const struct json *annotations, struct err *e);
	/* Other resources, and carpel/ annotations, for the containers of a pod: asked is the pod
	 * as it is to be, checked against the one in the store (spec/resize.h). */
	int (*pod_resize)(void *ctx, const char *ns, const char *name,
		struct manifest_result *asked, struct err *e);
	/* Begins the deletion; the object in the store shows it, or is gone already. -ENOENT,
	 * -EEXIST never. */
	int (*pod_delete)(void *ctx, const char *ns, const char *name,
		const struct delete_options *o, struct err *e);

	/* Clients may keep events too: stored, persisted and expired like ours. */
	int (*event_put)(void *ctx, const struct json *event, struct err *e);
	int (*event_delete)(void *ctx, const char *ns, const char *name, struct err *e);

	/* Opens the log file of a container's instance.  -ENODATA: never started (e: Kubernetes'
	 * text), -ENOENT: no previous one / file gone. */
	int (*log_open)(
		void *ctx, const struct log_request *q, struct log_opened *out, struct err *e);
	/* Opens the file in which that log goes on behind the one that fd has open.  -1: none, or
	 * that one is not complete yet. */
	int (*log_next)(void *ctx, const struct log_opened *log, int fd);
	/* True once that instance has ended and its log is complete. */
	bool (*log_is_over)(void *ctx, const char *container_id);

	int (*exec_start)(void *ctx, const struct exec_request *q, struct exec_peer *p,
		struct exec_session **out, struct err *e);
	void (*exec_input)(struct exec_session *s, const char *bytes,
		size_t len); /* copied or written at once */
	size_t (*exec_input_queued)(
		const struct exec_session *s); /* bytes the process has not read yet */
	void (*exec_close_input)(struct exec_session *s);
	void (*exec_resize)(struct exec_session *s, int columns, int rows);
	void (*exec_resume)(struct exec_session *s); /* the client has caught up */
	void (*exec_cancel)(
		struct exec_session *s); /* the client is gone: no callback comes any more */

	/* /apis/carpel/v1/…: info, images, stop, probe, shutdown. Answers now or later with
	 * api_call_reply(). */
	void (*call)(void *ctx, struct api_call *c);
};

/* A daemon-answered request (rest.c keeps it alive until the reply, also when the client leaves).
 */
const char *api_call_method(const struct api_call *c); /* "GET" … */
const char *api_call_path(
	const struct api_call *c); /* behind "/apis/carpel/v1/", percent-decoded */
const char *api_call_query(
	const struct api_call *c, const char *key);         /* decoded, NULL when absent */
const struct json *api_call_body(const struct api_call *c); /* NULL without one */
void api_call_reply(struct api_call *c, int code, struct json *answer); /* takes answer; c ends */
/* A v1.Status failure: code from the errno (ENOENT 404, EEXIST 409, EINVAL 400, ENOSPC 507, EBUSY
 * 409, else 500). */
void api_call_fail(struct api_call *c, int rc, const struct err *e);
