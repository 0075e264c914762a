#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube_status.h"
#include "api/rest.h"
#include "base/cleanup.h"

/* What Kubernetes has no word for: the daemon answers it, at once or later.  Health and version
 * too. */

struct api_call {
	struct h2_stream *stream; /* NULL once the client has left */
	char *method, *path;
	struct query query; /* taken from the request */
	struct json *body;
	bool is_pretty;
};

static void call_left(void *arg)
{
	struct api_call *c = arg;

	c->stream = NULL; /* the daemon still holds c until it replies */
}

static void call_free(struct api_call *c)
{
	free(c->method);
	free(c->path);
	query_free(&c->query);
	json_free(c->body);
	free(c);
}

void carpel_call(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *body = NULL;
	struct api_call *c;

	if (h2_request_body(r->stream)->len > 0 && rest_read_body(r, "object", NULL, &body) < 0)
		return;
	c = mem_zalloc(sizeof(*c));
	c->stream = r->stream;
	c->method = str_dup(r->method);
	c->path = TAKE(r->rest);
	c->query = r->query;
	r->query = (struct query){ 0 };
	c->body = TAKE(body);
	c->is_pretty = r->is_pretty;
	h2_on_gone(r->stream, call_left, c);
	r->backend->call(r->backend->ctx, c);
}

const char *api_call_method(const struct api_call *c)
{
	return c->method;
}

const char *api_call_path(const struct api_call *c)
{
	return c->path;
}

const char *api_call_query(const struct api_call *c, const char *key)
{
	return query_get(&c->query, key);
}

const struct json *api_call_body(const struct api_call *c)
{
	return c->body;
}

void api_call_reply(struct api_call *c, int code, struct json *answer)
{
	const struct rest_request r = { .stream = c->stream, .is_pretty = c->is_pretty };

	if (c->stream)
		rest_answer_json(&r, code, answer, NULL);
	json_free(answer);
	call_free(c);
}

void api_call_fail(struct api_call *c, int rc, const struct err *e)
{
	const char *reason = NULL;
	int code = kube_code_of_errno(rc, &reason);
	const char *text = e && e->text[0] ? e->text : strerror(-rc);

	api_call_reply(c, code, kube_status(code, reason, NULL, text));
}

/* ---- health, version ---- */

/* That this is answered at all is the one check: the loop turns and the store is there. */
static const char check_name[] = "ping";

static bool is_excluded(const struct rest_request *r)
{
	for (size_t i = 0; i < r->query.len; i++) {
		if (str_eq(r->query.at[i].key, "exclude") &&
			str_eq(r->query.at[i].value, check_name))
			return true;
	}
	return false;
}

void carpel_health(struct rest_request *r)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	if (r->rest && !str_eq(r->rest, check_name)) {
		rest_answer_plain(r, 404, "404 page not found\n");
		return;
	}
	if (!query_is_true(&r->query, "verbose")) {
		rest_answer_plain(r, 200, "ok");
		return;
	}
	buf_addf(&text, "[+]%s %sok\n%s check passed\n", check_name,
		is_excluded(r) ? "excluded: " : "", r->path.at[0]);
	rest_answer_plain(r, 200, text.data);
}

/* gitVersion must parse as a semantic version: clients choose their requests by it.  Its numbers
 * are of the Kubernetes whose API this is; ours stand behind the plus. */
void carpel_version(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *v = json_new_object();

	json_set_str(v, "major", "1");
	json_set_str(v, "minor", "37");
	json_set_str(v, "gitVersion", "v1.37.0+carpel-" CARPEL_VERSION);
	json_set_str(v, "gitCommit", "");
	json_set_str(v, "gitTreeState", "");
	json_set_str(v, "buildDate", "1970-01-01T00:00:00Z");
	json_set_str(v, "goVersion", "");
	json_set_str(v, "compiler", "gcc");
	json_set_str(v, "platform", "linux/amd64");
	rest_answer_json(r, 200, v, NULL);
}
