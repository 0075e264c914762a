#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/containers.h"
#include "api/kube_status.h"
#include "api/rest.h"
#include "api/state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "log/reader.h"

/* pods/NAME/log.  The file is read as the client takes it.  A follower belongs to one instance of
 * the container and ends with it.  Whether that has ended is asked before the read that finds
 * nothing more, else lines written between the two would be lost. */

enum { FOLLOW_POLL_MS = 100 };

struct follower {
	struct follower *next, **link; /* the server's; link is NULL for who does not follow */
	struct api_server *api;
	struct h2_stream *stream;
	struct log_reader *reader;
	struct log_opened log; /* its fd is the reader's */
	int next_file;         /* the one behind the reader's, which is complete; -1: none */
	bool is_following, is_waiting;
};

static void follow_due(struct loop_timer *t)
{
	struct api_server *api = t->arg;

	if (!api->followers)
		return;
	log_poke(api);
	loop_timer_start(api->loop, &api->follow_timer, FOLLOW_POLL_MS, follow_due, api);
}

void log_poke(struct api_server *api)
{
	for (struct follower *f = api->followers; f; f = f->next) {
		if (f->is_waiting)
			h2_wake(f->stream);
	}
}

/* What a file got before it was known to be complete is read before the next one. */
static int read_on(struct follower *f, struct buf *out, struct err *e)
{
	const struct api_backend *b = f->api->backend;
	int rc;

	while ((rc = log_reader_read(f->reader, H2_CHUNK, out, e)) == 0 && f->is_following) {
		if (f->next_file >= 0) {
			log_reader_go_on(f->reader, take_fd(&f->next_file));
			continue;
		}
		f->next_file = b->log_next(b->ctx, &f->log, log_reader_fd(f->reader));
		if (f->next_file < 0)
			return 0;
	}
	return rc;
}

static enum h2_fill follower_fill(void *arg, struct buf *out)
{
	struct follower *f = arg;
	const struct api_backend *b = f->api->backend;
	bool is_over =
		!f->is_following || h2_is_stopping(f->stream) || b->log_is_over(b->ctx, f->log.id);
	struct err e = { 0 };
	int rc;

	f->is_waiting = false;
	rc = read_on(f, out, &e);
	if (rc > 0)
		return H2_FILL_MORE;
	if (rc < 0 || is_over) /* -ENODATA: limitBytes is used up */
		return H2_FILL_END;
	f->is_waiting = true;
	return H2_FILL_WAIT;
}

static void release(struct follower *f)
{
	cleanup_fd(&f->next_file);
	free(f->log.file);
	free(f);
}

static void follower_free(void *arg)
{
	struct follower *f = arg;

	if (f->link) {
		*f->link = f->next;
		if (f->next)
			f->next->link = f->link;
	}
	log_reader_free(f->reader);
	release(f);
}

static void follower_join(struct follower *f)
{
	struct api_server *api = f->api;

	f->next = api->followers;
	if (f->next)
		f->next->link = &f->next;
	f->link = &api->followers;
	api->followers = f;
	if (!loop_timer_is_set(&api->follow_timer))
		loop_timer_start(api->loop, &api->follow_timer, FOLLOW_POLL_MS, follow_due, api);
}

/* ---- queries ---- */

static void invalid(
	const struct rest_request *r, const char *reason, const char *field, const char *message)
{
	const struct kube_subject subject = { "PodLogOptions", NULL, r->name };

	kube_invalid_field(r, &subject, reason, field, "%s", message);
}

/* A number that must be at least `least`; answers and returns -1.  Absent: *out stays. */
static int read_number(const struct rest_request *r, const char *key, int64_t least, int64_t *out)
{
	CLEANUP(cleanup_free) char *message = NULL;
	const char *text = query_get(&r->query, key);
	struct err e = { 0 };

	if (query_i64(&r->query, key, out, &e) < 0) {
		kube_bad_request(r, "%s", e.text);
		return -1;
	}
	if (!text || !*text || *out >= least)
		return 0;
	message = str_fmt("Invalid value: %" PRIi64 ": must be %s 0", *out,
		least == 0 ? "greater than or equal to" : "greater than");
	invalid(r, "FieldValueInvalid", key, message);
	return -1;
}

static int read_since(const struct rest_request *r, struct log_query *q)
{
	const char *time = query_get(&r->query, "sinceTime");
	int64_t seconds = 0;

	if (read_number(r, "sinceSeconds", 1, &seconds) < 0)
		return -1;
	if (seconds > 0 && time && *time) {
		invalid(r, "FieldValueForbidden", "[]",
			"Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
		return -1;
	}
	if (seconds > 0 && seconds < clock_wall_ns() / 1000000000)
		q->since_wall_ns = clock_wall_ns() - seconds * 1000000000;
	if (!time || !*time || clock_parse_rfc3339(time, &q->since_wall_ns) == 0)
		return 0;
	kube_bad_request(r,
		"parsing time \"%s\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"%s\" as "
		"\"2006\"",
		time, time);
	return -1;
}

static int read_query(const struct rest_request *r, struct log_query *q)
{
	const char *stream = query_get(&r->query, "stream");

	*q = (struct log_query){ .tail_lines = -1, .limit_bytes = -1 };
	q->timestamps = query_is_true(&r->query, "timestamps");
	if (stream && *stream) {
		invalid(r, "FieldValueForbidden", "stream", "Forbidden: may not be specified");
		return -1;
	}
	if (read_number(r, "tailLines", 0, &q->tail_lines) < 0 ||
		read_number(r, "limitBytes", 1, &q->limit_bytes) < 0)
		return -1;
	return read_since(r, q);
}

/* ---- requests ---- */

static void answer_unopened(
	const struct rest_request *r, const struct log_request *q, int rc, const struct err *e)
{
	CLEANUP(cleanup_free) char *text = NULL;

	if (rc == -ENODATA) {
		kube_bad_request(r, "%s", e->text);
	} else if (rc == -ENOENT && q->previous) {
		kube_bad_request(r, "previous terminated container \"%s\" in pod \"%s\" not found",
			q->container, r->name);
	} else if (rc == -ENOENT) {
		text = str_fmt("unable to retrieve container logs for %s", q->container);
		rest_answer_plain(r, 200, text);
	} else {
		kube_fail_errno(r, rc, e);
	}
}

static void open_and_answer(
	struct rest_request *r, const struct log_request *q, const struct log_query *lines)
{
	const struct h2_head head = {
		.status = 200,
		.content_type = "text/plain; charset=utf-8",
	};
	struct follower *f = mem_zalloc(sizeof(*f));
	const struct h2_body body = { .fill = follower_fill, .gone = follower_free, .arg = f };
	struct err e = { 0 };
	int rc = r->backend->log_open(r->backend->ctx, q, &f->log, &e);

	f->next_file = -1;
	if (rc < 0) {
		release(f);
		answer_unopened(r, q, rc, &e);
		return;
	}
	rc = log_reader_open(f->log.fd, lines, &f->reader, &e);
	if (rc < 0) {
		release(f);
		kube_fail_errno(r, rc, &e);
		return;
	}
	f->api = r->api;
	f->stream = r->stream;
	f->is_following = query_is_true(&r->query, "follow");
	if (f->is_following)
		follower_join(f);
	h2_answer_stream(r->stream, &head, &body);
}

void log_get(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *pod = NULL;
	CLEANUP(cleanup_free) char *container = NULL;
	struct log_request q = { .ns = r->ns, .pod = r->name };
	struct log_query lines;
	const struct object *o;

	if (read_query(r, &lines) < 0)
		return;
	o = rest_find(r);
	if (!o)
		return;
	pod = rest_object_json(o);
	container = container_choose(r, pod);
	if (!container)
		return;
	q.container = container;
	q.previous = query_is_true(&r->query, "previous");
	open_and_answer(r, &q, &lines);
}
