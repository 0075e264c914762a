#include "cli/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/request.h"

/* How long a carpeld that went away may take to come back, and how often we look. */
enum { RETURN_MS = 10 * 1000, RETURN_LOOK_MS = 50, LINE_BYTES_MAX = 16 << 20 };

/* One stream. */
struct stream {
	struct cli *cli;
	const struct watch *watch;
	struct buf line;
	char *version;   /* to go on after, when from_version was given; NULL: from what exists */
	int result;      /* of a callback, or our own failure; 0 while it runs */
	bool is_expired; /* 410: begin again from what exists */
	bool has_begun;  /* something came: the connection was good */
	struct err *e;
};

void watch_pod_path(struct buf *out, const char *ns, const char *name)
{
	CLEANUP(cleanup_free) char *selector = str_fmt("metadata.name=%s", name);

	path_list(out, ns, "pods");
	path_query(out, "fieldSelector", selector);
}

struct deadline deadline_in(int64_t timeout_ms)
{
	return (struct deadline){ timeout_ms > 0 ? clock_now().boot_ms + timeout_ms : 0 };
}

int64_t deadline_left(const struct deadline *d)
{
	int64_t left = d->at_boot_ms - clock_now().boot_ms;

	if (d->at_boot_ms == 0)
		return 0;
	return left > 0 ? left : 1;
}

static int64_t time_left(const struct watch *w)
{
	int64_t left;

	if (w->deadline_boot_ms == 0)
		return INT64_MAX;
	left = w->deadline_boot_ms - clock_now().boot_ms;
	return left > 0 ? left : 0;
}

static int on_error(struct stream *s, const struct json *status)
{
	int64_t code;

	if (json_i64(json_get(status, "code"), 0, 999, &code) == 0 &&
		(code == 410 || code == 504)) {
		s->is_expired = true;
		return -ESTALE;
	}
	return request_refused(s->cli, 500, status, s->e);
}

/* Whoever began behind a list goes on behind the last event, so that nothing is told twice. */
static void note_version(struct stream *s, const struct json *object)
{
	const char *version = json_get_str(json_get(object, "metadata"), "resourceVersion");

	if (!s->watch->from_version || !version)
		return;
	free(s->version);
	s->version = str_dup(version);
}

static int on_line(struct stream *s)
{
	static const struct {
		const char *name;
		enum watch_type type;
	} types[] = {
		{ "ADDED", WATCH_ADDED },       /* */
		{ "MODIFIED", WATCH_MODIFIED }, /* */
		{ "DELETED", WATCH_DELETED },   /* */
	};
	struct json_options opt = { .max_bytes = LINE_BYTES_MAX };
	CLEANUP(cleanup_json) struct json *event = NULL;
	const struct json *object;
	const char *type;
	int rc = json_parse(s->line.data, s->line.len, &opt, &event, s->e);

	if (rc < 0)
		return err_wrap(s->e, rc, "watch");
	type = json_get_str(event, "type");
	object = json_get(event, "object");
	if (!type) /* a refusal's Status, where events were expected */
		return on_error(s, event);
	s->has_begun = true;
	note_version(s, object);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(type, types[i].name) == 0)
			return s->watch->on_event(s->watch->arg, types[i].type, object, s->e);
	if (strcmp(type, "ERROR") == 0)
		return on_error(s, object);
	if (json_get(json_path(object, "metadata.annotations"), "k8s.io/initial-events-end"))
		return s->watch->on_event(s->watch->arg, WATCH_SYNCED, NULL, s->e);
	return 0; /* another bookmark */
}

static int on_data(void *arg, const char *bytes, size_t len)
{
	struct stream *s = arg;

	while (len > 0 && s->result == 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end ? (size_t)(end - bytes) : len;

		buf_add(&s->line, bytes, part);
		if (s->line.len > LINE_BYTES_MAX)
			s->result = err_say(s->e, E2BIG, "an event of a watch is too large");
		if (end && s->result == 0) {
			s->result = on_line(s);
			buf_clear(&s->line);
		}
		part += end != NULL;
		bytes += part;
		len -= part;
	}
	return s->result;
}

static int on_idle(void *arg)
{
	struct stream *s = arg;

	if (time_left(s->watch) == 0)
		s->result = -ETIMEDOUT;
	else if (s->watch->on_idle)
		s->result = s->watch->on_idle(s->watch->arg, s->e);
	return s->result;
}

/* 1 when a callback (or the clock) has decided, 0 when the stream ended and may be begun again. */
static int run_once(struct stream *s, const char *path)
{
	CLEANUP(api_answer_free) struct api_answer answer = { 0 };
	struct api_request q = {
		.method = "GET",
		.path = path,
		.on_data = on_data,
		.on_idle = on_idle,
		.arg = s,
	};
	int rc = request_connect(s->cli, REQUEST_NO_START, s->e);

	if (rc == 0)
		rc = api_request(s->cli->client, &q, &answer, s->e);
	if (s->result != 0 && !s->is_expired) {
		request_disconnect(s->cli); /* a stream that was left in the middle */
		return 1;
	}
	s->result = 0;
	if (rc == 0 && answer.status >= 300) {
		CLEANUP(cleanup_json) struct json *status = NULL;
		const struct buf *text = answer.body.len ? &answer.body : &s->line;

		if (text->len)
			(void)json_parse(text->data, text->len, NULL, &status, NULL);
		s->result = request_refused(s->cli, answer.status, status, s->e);
		return 1;
	}
	buf_clear(&s->line);
	if (rc < 0)
		request_disconnect(s->cli);
	return 0;
}

/* A stream that ends was cut by a restart of carpeld, whose keeper brings it back. */
static int wait_a_little(struct stream *s, int64_t *lost_since)
{
	struct timespec pause = { .tv_nsec = RETURN_LOOK_MS * 1000000L };
	int64_t now = clock_now().boot_ms;

	if (s->has_begun || *lost_since == 0)
		*lost_since = now;
	s->has_begun = false;
	if (time_left(s->watch) == 0)
		return -ETIMEDOUT;
	if (now - *lost_since > RETURN_MS)
		return err_say(s->e, ECONNRESET, "carpeld went away");
	if (s->watch->on_idle) {
		int rc = s->watch->on_idle(s->watch->arg, s->e);

		if (rc != 0)
			return rc;
	}
	(void)nanosleep(&pause, NULL);
	return 0;
}

/* The path with the parameters of the next stream; a beginning is told to the caller. */
static int next_path(struct stream *s, struct buf *out)
{
	const struct watch *w = s->watch;

	buf_clear(out);
	buf_adds(out, w->path);
	path_query(out, "watch", "1");
	path_query(out, "allowWatchBookmarks", "true");
	if (s->is_expired)
		free(TAKE(s->version));
	s->is_expired = false;
	if (s->version) {
		path_query(out, "resourceVersion", s->version);
		return 0;
	}
	path_query(out, "sendInitialEvents", "true");
	path_query(out, "resourceVersionMatch", "NotOlderThan");
	return w->on_event(w->arg, WATCH_BEGUN, NULL, s->e);
}

int watch_run(struct cli *c, const struct watch *w, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	struct stream s = { .cli = c, .watch = w, .e = e, .version = str_dup(w->from_version) };
	int64_t lost_since = 0;
	int rc = request_connect(c, REQUEST_STARTS, e);

	buf_clear(&c->refusal);
	while (rc == 0) {
		rc = next_path(&s, &path);
		if (rc != 0)
			break;
		if (run_once(&s, path.data)) {
			rc = s.result;
			break;
		}
		rc = wait_a_little(&s, &lost_since);
	}
	buf_free(&s.line);
	free(s.version);
	return rc;
}
