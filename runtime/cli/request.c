#include "cli/request.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/start.h"

/* Lists of thousands of pods are long; what carpeld says is not hostile to its own client. */
enum { ANSWER_BYTES_MAX = 256 << 20 };

int request_connect(struct cli *c, enum request_start start, struct err *e)
{
	int rc;

	if (c->client)
		return 0;
	rc = api_client_open(c->socket, &c->client, e);
	if (rc == -EACCES)
		return err_say(e, EACCES, "%s is for root: Permission denied", c->socket);
	if (rc != -ENOENT && rc != -ECONNREFUSED)
		return rc;
	if (start == REQUEST_NO_START)
		return rc;
	if (c->is_socket_given)
		return err_say(e, -rc, "nothing answers on %s", c->socket);
	return start_carpeld(c, e);
}

void request_disconnect(struct cli *c)
{
	api_client_close(c->client);
	c->client = NULL;
}

int request_refused(struct cli *c, int http_status, const struct json *status, struct err *e)
{
	const char *message = json_get_str(status, "message");
	const char *reason = json_get_str(status, "reason");

	buf_clear(&c->refusal);
	if (message)
		buf_adds(&c->refusal, message);
	else
		buf_addf(&c->refusal, "carpeld answered %d", http_status);
	if (http_status == 404)
		return err_say(e, ENOENT, "%s", c->refusal.data);
	if (http_status == 409 && str_eq(reason, "AlreadyExists"))
		return err_say(e, EEXIST, "%s", c->refusal.data);
	return err_say(e, EPROTO, "%s", c->refusal.data);
}

static int read_answer(struct cli *c, const struct api_answer *a, struct json **out, struct err *e)
{
	struct json_options opt = { .max_bytes = ANSWER_BYTES_MAX };
	CLEANUP(cleanup_json) struct json *answer = NULL;
	bool is_success = a->status >= 200 && a->status < 300;
	int rc = 0;

	if (a->body.len > 0)
		rc = json_parse(a->body.data, a->body.len, &opt, &answer, e);
	if (!is_success)
		return request_refused(c, a->status, answer, e);
	if (rc < 0)
		return err_wrap(e, rc, "the answer of carpeld");
	*out = TAKE(answer);
	return a->status;
}

int request_json(struct cli *c, const struct request *q, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf body = { 0 };
	CLEANUP(api_answer_free) struct api_answer answer = { 0 };
	struct api_request r = {
		.method = q->method,
		.path = q->path,
		.content_type = q->content_type,
		.timeout_ms = q->timeout_ms,
	};
	int rc = request_connect(c, REQUEST_STARTS, e);

	buf_clear(&c->refusal);
	if (rc < 0)
		return rc;
	if (q->body) {
		json_write(q->body, JSON_COMPACT, &body);
		r.body = body.data;
		r.body_len = body.len;
	}
	rc = api_request(c->client, &r, &answer, e);
	if (rc < 0) {
		request_disconnect(c); /* its state is unknown: the next request gets a new one */
		return rc;
	}
	for (size_t i = 0; !q->is_silent && i < answer.warnings.len; i++)
		cli_warn("%s", answer.warnings.at[i]);
	return read_answer(c, &answer, out, e);
}

int request_get(struct cli *c, const char *path, struct json **out, struct err *e)
{
	return request_json(c, &(struct request){ .method = "GET", .path = path }, out, e);
}

void path_list(struct buf *out, const char *ns, const char *plural)
{
	buf_adds(out, "/api/v1/");
	if (ns) {
		buf_adds(out, "namespaces/");
		api_escape(out, ns);
		buf_addc(out, '/');
	}
	buf_adds(out, plural);
}

void path_pod(struct buf *out, const char *ns, const char *name, const char *sub)
{
	path_list(out, ns, "pods");
	if (name) {
		buf_addc(out, '/');
		api_escape(out, name);
	}
	if (sub)
		buf_addf(out, "/%s", sub);
}

void path_carpel_pod(struct buf *out, const char *ns, const char *name, const char *sub)
{
	buf_adds(out, "/apis/carpel/v1/namespaces/");
	api_escape(out, ns);
	buf_adds(out, "/pods/");
	api_escape(out, name);
	buf_addf(out, "/%s", sub);
}

void path_query(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_addf(out, "%c%s=", strchr(out->data, '?') ? '&' : '?', key);
	api_escape(out, value);
}

int request_pod(struct cli *c, const char *ns, const char *name, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };

	path_pod(&path, ns, name, NULL);
	return request_get(c, path.data, out, e);
}
