#include "api/kube_status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct json *kube_status(int code, const char *reason, struct json *details, const char *message)
{
	struct json *s = json_new_object();

	json_set_str(s, "kind", "Status");
	json_set_str(s, "apiVersion", "v1");
	json_set(s, "metadata", json_new_object());
	json_set_str(s, "status", code < 300 ? "Success" : "Failure");
	json_set_str(s, "message", message);
	json_set_str(s, "reason", reason);
	if (details)
		json_set(s, "details", details);
	json_set_i64(s, "code", code);
	return s;
}

static void fail(const struct rest_request *r, int code, const char *reason, struct json *details,
	const char *message)
{
	CLEANUP(cleanup_json) struct json *s = kube_status(code, reason, details, message);

	rest_answer_json(r, code, s, NULL);
}

void kube_fail(const struct rest_request *r, int code, const char *reason, struct json *details,
	const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	fail(r, code, reason, details, text.data);
}

void kube_bad_request(const struct rest_request *r, const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	fail(r, 400, "BadRequest", NULL, text.data);
}

static struct json *details_of(const char *name, const char *kind)
{
	struct json *d = json_new_object();

	json_set_str(d, "name", name);
	json_set_str(d, "kind", kind);
	return d;
}

void kube_not_found(const struct rest_request *r)
{
	kube_fail(r, 404, "NotFound", details_of(r->name, r->resource->plural),
		"%s \"%s\" not found", r->resource->plural, r->name);
}

void kube_no_such_path(const struct rest_request *r)
{
	fail(r, 404, "NotFound", json_new_object(),
		"the server could not find the requested resource");
}

void kube_not_allowed(const struct rest_request *r)
{
	fail(r, 405, "MethodNotAllowed", json_new_object(),
		"the server does not allow this method on the requested resource");
}

void kube_conflict(const struct rest_request *r, const char *name, const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	kube_fail(r, 409, "Conflict", details_of(name, r->resource->plural),
		"Operation cannot be fulfilled on %s \"%s\": %s", r->resource->plural, name,
		text.data);
}

void kube_already_exists(const struct rest_request *r, const struct object *old)
{
	CLEANUP(cleanup_json) struct json *json = rest_object_json(old);
	bool is_ending = json_path(json, "metadata.deletionTimestamp") != NULL;

	kube_fail(r, 409, "AlreadyExists", details_of(old->name, r->resource->plural),
		"%s%s \"%s\" already exists", is_ending ? "object is being deleted: " : "",
		r->resource->plural, old->name);
}

void kube_too_large_version(const struct rest_request *r, uint64_t asked)
{
	struct json *causes = json_new_array(), *cause = json_new_object(),
		    *details = json_new_object();
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_json) struct json *s = NULL;
	struct h2_head head = {
		.status = 504,
		.content_type = "application/json",
		.retry_after_seconds = 1,
	};

	json_set_str(cause, "reason", "ResourceVersionTooLarge");
	json_set_str(cause, "message", "Too large resource version");
	json_push(causes, cause);
	json_set(details, "causes", causes);
	json_set_i64(details, "retryAfterSeconds", 1);
	buf_addf(&text, "Timeout: Too large resource version: %" PRIu64 ", current: %" PRIu64,
		asked, store_rv(r->backend->store));
	s = kube_status(504, "Timeout", details, text.data);
	buf_clear(&text);
	json_write(s, r->is_pretty ? JSON_PRETTY : JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	h2_answer(r->stream, &head, &text);
}

void kube_refuse(const struct rest_request *r, int status)
{
	struct h2_head head = {
		.status = 429,
		.content_type = "text/plain; charset=utf-8",
		.retry_after_seconds = 1,
	};
	CLEANUP(buf_free) struct buf text = { 0 };

	switch (status) {
	case 413:
		kube_fail(r, 413, "RequestEntityTooLarge", NULL,
			"Request entity too large: limit is %d", H2_BODY_MAX);
		return;
	case 431:
		kube_fail(r, 431, NULL, NULL, "request header fields too large: limit is %d",
			H2_HEAD_MAX);
		return;
	case 408:
		kube_fail(r, 408, "Timeout", NULL,
			"Timeout: the request was not complete within the allotted timeout");
		return;
	default:
		buf_adds(&text, "Too many requests, please try again later.\n");
		h2_answer(r->stream, &head, &text);
	}
}

void kube_invalid(const struct rest_request *r, const struct kube_subject *subject,
	const struct causes *causes)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_free)
	char *kind = str_fmt("%s%s%s", subject->kind, subject->group ? "." : "",
		subject->group ? subject->group : "");
	struct json *details = json_new_object(), *list = json_new_array();

	causes_text(causes, kind, subject->name, &text);
	json_set_str(details, "name", subject->name[0] ? subject->name : NULL);
	json_set_str(details, "group", subject->group);
	json_set_str(details, "kind", subject->kind);
	for (size_t i = 0; i < causes->len; i++) {
		struct json *cause = json_new_object();

		json_set_str(cause, "reason", causes->at[i].reason);
		json_set_str(cause, "message", causes->at[i].message);
		json_set_str(cause, "field", causes->at[i].field);
		json_push(list, cause);
	}
	json_set(details, "causes", list);
	fail(r, 422, "Invalid", details, text.data);
}

void kube_invalid_field(const struct rest_request *r, const struct kube_subject *subject,
	const char *reason, const char *field, const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf message = { 0 };
	CLEANUP(cleanup_free) char *field_copy = str_dup(field);
	struct cause cause = { .reason = reason, .field = field_copy };
	const struct causes causes = { .at = &cause, .len = 1 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&message, fmt, ap);
	va_end(ap);
	cause.message = message.data;
	kube_invalid(r, subject, &causes);
}

static const struct {
	int error, code;
	const char *reason;
} errno_codes[] = {
	{ ENOENT, 404, "NotFound" },             /* */
	{ EEXIST, 409, "AlreadyExists" },        /* */
	{ EBUSY, 409, "Conflict" },              /* */
	{ EINVAL, 400, "BadRequest" },           /* */
	{ EBADMSG, 422, "Invalid" },             /* */
	{ EOPNOTSUPP, 405, "MethodNotAllowed" }, /* */
	{ ENOSPC, 507, NULL },                   /* no reason of Kubernetes' says it */
	{ EAGAIN, 503, "ServiceUnavailable" },   /* */
	{ ETIMEDOUT, 504, "Timeout" },           /* */
};

int kube_code_of_errno(int rc, const char **out_reason)
{
	for (size_t i = 0; i < ARRAY_LEN(errno_codes); i++) {
		if (errno_codes[i].error == -rc) {
			*out_reason = errno_codes[i].reason;
			return errno_codes[i].code;
		}
	}
	*out_reason = "InternalError";
	return 500;
}

void kube_fail_errno(const struct rest_request *r, int rc, const struct err *e)
{
	const char *reason = NULL;
	int code = kube_code_of_errno(rc, &reason);

	fail(r, code, reason, NULL, e->text[0] ? e->text : strerror(-rc));
}
