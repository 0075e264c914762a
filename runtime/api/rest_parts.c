#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/kube_status.h"
#include "api/rest.h"
#include "base/cleanup.h"
#include "spec/selector.h"

/* What several verbs need of a request: its body, its object, its options. */

static bool is_json_type(const char *type)
{
	static const char json[] = "application/json";
	size_t len = type ? strcspn(type, "; ") : 0;

	return len == strlen(json) && strncasecmp(type, json, len) == 0;
}

/* The reference shows the head of what it could not read. */
static void write_head_of(const struct buf *body, struct buf *out)
{
	enum { SHOWN = 30 };

	if (!body->data || body->len == 0) {
		buf_adds(out, "<empty>");
		return;
	}
	for (size_t i = 0; i < body->len && i < SHOWN; i++) {
		char c = body->data[i];

		buf_addc(out, c >= ' ' && c < 0x7f ? c : '.');
	}
	if (body->len > SHOWN)
		buf_adds(out, " ...");
}

int rest_read_body(
	const struct rest_request *r, const char *kind, struct strv *dups, struct json **out)
{
	const struct buf *body = h2_request_body(r->stream);
	const struct json_options opt = { .max_bytes = H2_BODY_MAX, .dups = dups };
	CLEANUP(buf_free) struct buf head = { 0 };
	struct err e = { 0 };
	int rc;

	if (!is_json_type(h2_header(r->stream, H2_CONTENT_TYPE))) {
		kube_fail(r, 415, "UnsupportedMediaType", NULL,
			"the body of the request was in an unknown format - accepted media types "
			"include: application/json");
		return -1;
	}
	rc = json_parse(body->data ? body->data : "", body->len, &opt, out, &e);
	if (rc == 0 && json_type(*out) == JSON_OBJECT)
		return 0;
	if (rc == 0) {
		json_free(*out);
		*out = NULL;
		err_say(&e, EINVAL, "the value is no object");
	}
	write_head_of(body, &head);
	kube_bad_request(r,
		"the object provided is unrecognized (must be of type %s): couldn't get "
		"version/kind; json parse error: %s (%s)",
		kind, e.text, head.data);
	return -1;
}

struct object *rest_find(const struct rest_request *r)
{
	struct object *o = store_get(r->backend->store, r->resource->kind, r->ns, r->name);

	if (!o)
		kube_not_found(r);
	return o;
}

struct json *rest_object_json(const struct object *o)
{
	const struct json_options opt = { .max_bytes = SIZE_MAX };
	CLEANUP(buf_free) struct buf text = { 0 };
	struct json *json = NULL;

	object_write(o, &text);
	/* The store wrote it from a tree, so it parses. */
	if (json_parse(text.data, text.len, &opt, &json, NULL) < 0)
		abort();
	return json;
}

static void answer_unsupported(const struct rest_request *r, const char *options_kind,
	const char *field, const char *value, const char *supported)
{
	const struct kube_subject subject = { options_kind, "meta.k8s.io", "" };

	kube_invalid_field(r, &subject, "FieldValueNotSupported", field,
		"Unsupported value: \"%s\": supported values: %s", value, supported);
}

int rest_dry_run(const struct rest_request *r, const char *options_kind, bool *out)
{
	const char *value = query_get(&r->query, "dryRun");

	*out = value && *value;
	if (!*out || str_eq(value, "All"))
		return 0;
	answer_unsupported(r, options_kind, "dryRun", value, "\"All\"");
	return -1;
}

int rest_field_validation(
	const struct rest_request *r, const char *options_kind, enum field_validation *out)
{
	const char *value = query_get(&r->query, "fieldValidation");

	if (!value || !*value || str_eq(value, "Warn"))
		*out = FIELDS_WARN;
	else if (str_eq(value, "Strict"))
		*out = FIELDS_STRICT;
	else if (str_eq(value, "Ignore"))
		*out = FIELDS_IGNORE;
	else {
		answer_unsupported(r, options_kind, "fieldValidation", value,
			"\"\", \"Ignore\", \"Strict\", \"Warn\"");
		return -1;
	}
	return 0;
}

int rest_selectors(const struct rest_request *r, struct selectors *out)
{
	const char *labels = query_get(&r->query, "labelSelector");
	const char *fields = query_get(&r->query, "fieldSelector");
	struct err e = { 0 };

	if (selector_parse_labels(labels, &out->labels, &e) < 0 ||
		selector_parse_fields(fields, r->resource->fields, &out->fields, &e) < 0) {
		kube_bad_request(r, "%s", e.text);
		selectors_free(out);
		return -1;
	}
	out->is_set = (labels && *labels) || (fields && *fields);
	return 0;
}

static const char *field_of(const void *ctx, const char *field)
{
	const struct object *o = ctx;
	const char *value = labels_get(&o->fields, field);

	return value ? value : "";
}

bool selectors_match(const struct selectors *s, const struct object *o)
{
	return !s->is_set || (selector_matches_labels(s->labels, &o->labels) &&
				     selector_matches_fields(s->fields, field_of, o));
}

void selectors_free(struct selectors *s)
{
	selector_free(s->labels);
	selector_free(s->fields);
	*s = (struct selectors){ 0 };
}
