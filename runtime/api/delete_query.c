#include "api/delete_query.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/kube_status.h"
#include "base/cleanup.h"

static const struct kube_subject subject = { "DeleteOptions", "meta.k8s.io", "" };

/* Accepted for clients' sake: nothing here owns anything else. */
static int check_policy(const struct rest_request *r, const char *policy)
{
	if (!policy || !*policy || str_eq(policy, "Foreground") || str_eq(policy, "Background") ||
		str_eq(policy, "Orphan"))
		return 0;
	kube_invalid_field(r, &subject, "FieldValueNotSupported", "propagationPolicy",
		"Unsupported value: \"%s\": supported values: \"Background\", \"Foreground\", "
		"\"Orphan\"",
		policy);
	return -1;
}

static int read_body_grace(
	const struct rest_request *r, const struct json *body, struct delete_query *out)
{
	const struct json *grace = json_get(body, "gracePeriodSeconds");

	if (!grace || json_type(grace) == JSON_NULL)
		return 0;
	if (json_i64(grace, INT64_MIN, INT64_MAX, &out->options.grace_seconds) == 0 &&
		json_type(grace) == JSON_NUMBER) {
		if (out->options.grace_seconds < 0)
			out->options.grace_seconds = 1; /* as Kubernetes takes it */
		return 0;
	}
	kube_bad_request(r,
		"DeleteOptions in version \"v1\" cannot be handled as a DeleteOptions: json: "
		"cannot "
		"unmarshal %s into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
		json_type_name(grace));
	return -1;
}

static int read_body_dry_run(
	const struct rest_request *r, const struct json *body, struct delete_query *out)
{
	const struct json *list = json_get(body, "dryRun");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *word = json_str(json_at(list, i));

		if (!str_eq(word, "All")) {
			kube_invalid_field(r, &subject, "FieldValueNotSupported", "dryRun",
				"Unsupported value: \"%s\": supported values: \"All\"",
				word ? word : "");
			return -1;
		}
		out->options.dry_run = true;
	}
	return 0;
}

static int read_body(const struct rest_request *r, struct delete_query *out)
{
	const struct json *conditions;

	if (rest_read_body(r, "DeleteOptions", NULL, &out->body) < 0)
		return -1;
	conditions = json_get(out->body, "preconditions");
	out->options.uid = json_get_str(conditions, "uid");
	out->options.resource_version = json_get_str(conditions, "resourceVersion");
	if (read_body_grace(r, out->body, out) < 0 || read_body_dry_run(r, out->body, out) < 0)
		return -1;
	return check_policy(r, json_get_str(out->body, "propagationPolicy"));
}

int delete_query_read(const struct rest_request *r, struct delete_query *out)
{
	int64_t grace = -1;
	struct err e = { 0 };

	*out = (struct delete_query){ .options.grace_seconds = -1 };
	if (h2_request_body(r->stream)->len > 0)
		return read_body(r, out);
	if (query_i64(&r->query, "gracePeriodSeconds", &grace, &e) < 0) {
		kube_bad_request(r, "%s", e.text);
		return -1;
	}
	if (query_get(&r->query, "gracePeriodSeconds"))
		out->options.grace_seconds = grace < 0 ? 1 : grace;
	if (rest_dry_run(r, "DeleteOptions", &out->options.dry_run) < 0)
		return -1;
	return check_policy(r, query_get(&r->query, "propagationPolicy"));
}

void delete_query_free(struct delete_query *q)
{
	json_free(q->body);
	q->body = NULL;
}

static void refuse(const struct rest_request *r, const struct object *o, const char *what,
	const char *asked, const char *stored, const char *why)
{
	struct json *details = json_new_object();

	json_set_str(details, "name", o->name);
	json_set_str(details, "kind", r->resource->kind_name);
	kube_fail(r, 409, "Conflict", details,
		"Operation cannot be fulfilled on %s \"%s\": the %s in the precondition (%s) does "
		"not match the %s in record (%s). The object might have been %s",
		r->resource->kind_name, o->name, what, asked, what, stored, why);
}

int delete_query_check(
	const struct rest_request *r, const struct delete_query *q, const struct object *o)
{
	const char *uid = q->options.uid, *rv = q->options.resource_version;
	char stored[24];

	snprintf(stored, sizeof(stored), "%" PRIu64, o->rv);
	if (uid && !str_eq(uid, o->uid)) {
		refuse(r, o, "UID", uid, o->uid, "deleted and then recreated");
		return -1;
	}
	if (rv && !str_eq(rv, stored)) {
		refuse(r, o, "ResourceVersion", rv, stored, "modified");
		return -1;
	}
	return 0;
}
