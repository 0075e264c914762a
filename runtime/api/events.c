#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/delete_query.h"
#include "api/kube_status.h"
#include "api/rest.h"
#include "api/write.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/uid.h"
#include "spec/names.h"

/* The writing verbs of events: clients may keep events too, and may change all of one. */

enum event_type { TEXT = 1, NUMBER, OBJECT };

static const struct {
	const char *name;
	enum event_type type;
} members[] = {
	{ "kind", TEXT },               /* checked before */
	{ "apiVersion", TEXT },         /* likewise */
	{ "metadata", OBJECT },         /* names, labels, annotations */
	{ "involvedObject", OBJECT },   /* what it is about */
	{ "reason", TEXT },             /* one word */
	{ "message", TEXT },            /* for people */
	{ "source", OBJECT },           /* component and host */
	{ "firstTimestamp", TEXT },     /* RFC 3339 */
	{ "lastTimestamp", TEXT },      /* RFC 3339 */
	{ "count", NUMBER },            /* how often it was seen */
	{ "type", TEXT },               /* Normal, Warning */
	{ "eventTime", TEXT },          /* of new-style events */
	{ "series", OBJECT },           /* of new-style events */
	{ "action", TEXT },             /* of new-style events */
	{ "related", OBJECT },          /* a second object */
	{ "reportingComponent", TEXT }, /* who says it */
	{ "reportingInstance", TEXT },  /* which one of these */
};

static const char *go_type(enum event_type type)
{
	return type == TEXT ? "string" : type == NUMBER ? "int32" : "object";
}

static bool has_type(const struct json *value, enum event_type type)
{
	enum json_type is = json_type(value);

	return is == JSON_NULL || (type == TEXT && is == JSON_STRING) ||
	       (type == NUMBER && is == JSON_NUMBER) || (type == OBJECT && is == JSON_OBJECT);
}

/* Answers and returns -1 for a wrong type; notes unknown members in *unknown. */
static int check_members(const struct rest_request *r, const struct json *doc, struct strv *unknown)
{
	for (size_t i = 0; i < json_len(doc); i++) {
		const char *key = NULL;
		const struct json *value = json_member(doc, i, &key);
		size_t m = 0;

		while (m < ARRAY_LEN(members) && !str_eq(members[m].name, key))
			m++;
		if (m == ARRAY_LEN(members)) {
			CLEANUP(cleanup_free) char *text = str_fmt("unknown field \"%s\"", key);

			strv_add(unknown, text);
		} else if (!has_type(value, members[m].type)) {
			kube_bad_request(r,
				"Event in version \"v1\" cannot be handled as a Event: json: "
				"cannot "
				"unmarshal %s into Go struct field Event.%s of type %s",
				json_type_name(value), key, go_type(members[m].type));
			return -1;
		}
	}
	return 0;
}

static int check_kind(const struct rest_request *r, const struct json *doc)
{
	const char *kind = json_get_str(doc, "kind"), *version = json_get_str(doc, "apiVersion");

	if (str_eq(kind, "Event") && str_eq(version, "v1"))
		return 0;
	kube_bad_request(r,
		"Event in version \"v1\" cannot be handled as a Event: no kind \"%s\" is "
		"registered "
		"for version \"%s\"",
		kind ? kind : "", version ? version : "");
	return -1;
}

static int check_strict(const struct rest_request *r, const char *options_kind,
	const struct strv *dups, struct strv *unknown)
{
	enum field_validation fv = FIELDS_WARN;
	CLEANUP(buf_free) struct buf all = { 0 };

	if (rest_field_validation(r, options_kind, &fv) < 0)
		return -1;
	for (size_t i = 0; dups && i < dups->len; i++) {
		CLEANUP(cleanup_free) char *text = str_fmt("duplicate field \"%s\"", dups->at[i]);

		strv_add(unknown, text);
	}
	if (fv == FIELDS_IGNORE)
		strv_free(unknown);
	if (fv != FIELDS_STRICT || unknown->len == 0)
		return 0;
	for (size_t i = 0; i < unknown->len; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", unknown->at[i]);
	kube_bad_request(r,
		"Event in version \"v1\" cannot be handled as a Event: strict decoding error: %s",
		all.data);
	return -1;
}

static int check_values(const struct rest_request *r, const struct json *doc)
{
	const char *name = json_str(json_path(doc, "metadata.name"));
	const char *about = json_str(json_path(doc, "involvedObject.namespace"));
	const struct kube_subject subject = { "Event", NULL, name ? name : "" };
	const char *wrong = name && *name ? name_check_subdomain(name) : NULL;

	if (!name || !*name) {
		kube_invalid_field(r, &subject, "FieldValueRequired", "metadata.name",
			"Required value: name or generateName is required");
		return -1;
	}
	if (wrong) {
		kube_invalid_field(r, &subject, "FieldValueInvalid", "metadata.name",
			"Invalid value: \"%s\": %s", name, wrong);
		return -1;
	}
	wrong = name_check_label(r->ns);
	if (wrong) {
		kube_invalid_field(r, &subject, "FieldValueInvalid", "metadata.namespace",
			"Invalid value: \"%s\": %s", r->ns, wrong);
		return -1;
	}
	/* Objects without a namespace have their events in "default". */
	if (!str_eq(about && *about ? about : "default", r->ns)) {
		kube_invalid_field(r, &subject, "FieldValueInvalid", "involvedObject.namespace",
			"Invalid value: \"%s\": does not match event.namespace",
			about ? about : "");
		return -1;
	}
	return 0;
}

static int check(const struct rest_request *r, const char *options_kind, const struct json *doc,
	const struct strv *dups, struct strv *unknown)
{
	if (check_kind(r, doc) < 0 || check_members(r, doc, unknown) < 0 ||
		check_strict(r, options_kind, dups, unknown) < 0)
		return -1;
	return check_values(r, doc);
}

static void put(
	const struct rest_request *r, int code, const struct json *doc, const struct strv *warnings)
{
	const char *name = json_str(json_path(doc, "metadata.name"));
	const struct object *o;
	struct err e = { 0 };
	int rc = r->backend->event_put(r->backend->ctx, doc, &e);

	if (rc < 0) {
		kube_fail_errno(r, rc, &e);
		return;
	}
	o = store_get(r->backend->store, OBJECT_EVENT, r->ns, name);
	if (o)
		rest_answer_object(r, code, o, warnings);
	else
		kube_fail(r, 500, "InternalError", NULL,
			"Internal error occurred: the event was not kept");
}

void event_create(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *doc = NULL;
	CLEANUP(strv_free) struct strv dups = { 0 };
	CLEANUP(strv_free) struct strv unknown = { 0 };
	char now[CLOCK_TEXT_MAX], uid[UID_LEN + 1];
	const struct object *old;
	struct json *metadata;
	bool dry_run = false;

	if (rest_dry_run(r, "CreateOptions", &dry_run) < 0 ||
		rest_read_body(r, "Event", &dups, &doc) < 0 || write_prepare_create(r, doc) < 0 ||
		check(r, "CreateOptions", doc, &dups, &unknown) < 0)
		return;
	metadata = json_get(doc, "metadata");
	old = store_get(
		r->backend->store, OBJECT_EVENT, r->ns, json_str(json_get(metadata, "name")));
	if (old) {
		kube_already_exists(r, old);
		return;
	}
	clock_rfc3339(clock_now().wall_ms, now);
	uid_make(uid);
	json_set_str(metadata, "uid", uid);
	json_set_str(metadata, "creationTimestamp", now);
	if (dry_run)
		write_answer_dry(r, 201, doc, &unknown);
	else
		put(r, 201, doc, &unknown);
}

static void update(const struct rest_request *r, struct json *doc, const struct strv *dups,
	const char *options_kind)
{
	struct object *old = rest_find(r);
	CLEANUP(strv_free) struct strv unknown = { 0 };
	CLEANUP(cleanup_json) struct json *stored = NULL;
	struct json *metadata;
	bool dry_run = false;

	if (!old || rest_dry_run(r, options_kind, &dry_run) < 0 ||
		write_prepare_update(r, doc, old) < 0 ||
		check(r, options_kind, doc, dups, &unknown) < 0)
		return;
	stored = rest_object_json(old);
	metadata = json_get(doc, "metadata");
	json_set_str(metadata, "uid", old->uid);
	json_set_str(metadata, "creationTimestamp",
		json_str(json_path(stored, "metadata.creationTimestamp")));
	if (dry_run)
		write_answer_dry(r, 200, doc, &unknown);
	else
		put(r, 200, doc, &unknown);
}

void event_replace(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *doc = NULL;
	CLEANUP(strv_free) struct strv dups = { 0 };

	if (rest_read_body(r, "Event", &dups, &doc) == 0)
		update(r, doc, &dups, "UpdateOptions");
}

void event_patch(struct rest_request *r)
{
	const struct object *old = rest_find(r);
	CLEANUP(cleanup_json) struct json *doc = old ? write_patched(r, old) : NULL;

	if (doc)
		update(r, doc, NULL, "PatchOptions");
}

void event_delete(struct rest_request *r)
{
	CLEANUP(delete_query_free) struct delete_query q = { 0 };
	struct object *o = rest_find(r);
	struct json *answer, *details;
	struct err e = { 0 };
	int rc = 0;

	if (!o || delete_query_read(r, &q) < 0 || delete_query_check(r, &q, o) < 0)
		return;
	details = json_new_object();
	json_set_str(details, "name", o->name);
	json_set_str(details, "kind", "events");
	json_set_str(details, "uid", o->uid);
	if (!q.options.dry_run)
		rc = r->backend->event_delete(r->backend->ctx, r->ns, r->name, &e);
	if (rc < 0) {
		json_free(details);
		kube_fail_errno(r, rc, &e);
		return;
	}
	answer = kube_status(200, NULL, details, NULL);
	(void)json_remove(answer, "code"); /* as the reference writes it */
	rest_answer_json(r, 200, answer, NULL);
	json_free(answer);
}

void event_delete_collection(struct rest_request *r)
{
	CLEANUP(delete_query_free) struct delete_query q = { 0 };
	CLEANUP(selectors_free) struct selectors s = { 0 };
	CLEANUP(buf_free) struct buf text = { 0 };
	struct object **at;
	size_t len, deleted = 0;

	if (delete_query_read(r, &q) < 0 || rest_selectors(r, &s) < 0)
		return;
	at = store_list(r->backend->store, OBJECT_EVENT, r->ns, &len);
	buf_adds(
		&text, "{\"kind\":\"EventList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
	for (size_t i = 0; i < len; i++) {
		struct err e = { 0 };

		if (selectors_match(&s, at[i]) &&
			(q.options.dry_run || r->backend->event_delete(r->backend->ctx,
						      at[i]->namespace, at[i]->name, &e) == 0))
			buf_addf(&text, "%s%s", deleted++ ? "," : "", at[i]->text);
		object_unref(at[i]);
	}
	free(at);
	buf_adds(&text, "]}");
	rest_answer_text(r, 200, &text, NULL);
}
