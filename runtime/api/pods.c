#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/delete_query.h"
#include "api/kube_status.h"
#include "api/rest.h"
#include "api/write.h"
#include "base/cleanup.h"

/* The writing verbs of pods.  The spec of a running pod never changes here: labels and annotations
 * may, anything else is for a new pod. */

static const char forbidden_text[] =
	"Forbidden: pod updates may not change fields other than "
	"`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
	"`spec.tolerations` (only additions to existing tolerations),"
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
	"negative)\ncarpel changes no field of a spec in place, delete the pod and create it "
	"again: ";

int write_read_pod(const struct rest_request *r, const char *options_kind, const struct json *doc,
	const struct strv *dups, struct manifest_result *out)
{
	const char *name = json_str(json_path(doc, "metadata.name"));
	const struct kube_subject subject = { "Pod", NULL, name ? name : "" };
	enum field_validation fv = FIELDS_WARN;
	struct err e = { 0 };
	int rc;

	if (rest_field_validation(r, options_kind, &fv) < 0)
		return -1;
	rc = manifest_read(doc, fv, dups, out, &e);
	if (rc == -EBADMSG)
		kube_invalid(r, &subject, &out->causes);
	else if (rc < 0)
		kube_bad_request(r, "%s", out->refusal ? out->refusal : e.text);
	return rc < 0 ? -1 : 0;
}

/* ---- create ---- */

static void create(const struct rest_request *r, struct manifest_result *pod, bool dry_run)
{
	CLEANUP(cleanup_free) char *name = str_dup(pod->spec->name);
	CLEANUP(cleanup_json) struct json *made = NULL;
	const struct object *o = store_get(r->backend->store, OBJECT_POD, r->ns, name);
	struct err e = { 0 };
	int rc;

	if (o) {
		kube_already_exists(r, o);
		return;
	}
	rc = r->backend->pod_create(r->backend->ctx, pod, dry_run, &made, &e);
	if (rc == -EBADMSG) {
		kube_invalid(r, &(struct kube_subject){ "Pod", NULL, name }, &pod->causes);
		return;
	}
	if (rc < 0) {
		kube_fail_errno(r, rc, &e);
		return;
	}
	o = dry_run ? NULL : store_get(r->backend->store, OBJECT_POD, r->ns, name);
	if (o)
		rest_answer_object(r, 201, o, &pod->warnings);
	else
		write_answer_dry(r, 201, made, &pod->warnings);
}

void pod_create(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *doc = NULL;
	CLEANUP(strv_free) struct strv dups = { 0 };
	CLEANUP(manifest_result_free) struct manifest_result pod = { 0 };
	bool dry_run = false;

	if (rest_dry_run(r, "CreateOptions", &dry_run) < 0 ||
		rest_read_body(r, "Pod", &dups, &doc) < 0 || write_prepare_create(r, doc) < 0 ||
		write_read_pod(r, "CreateOptions", doc, &dups, &pod) < 0)
		return;
	create(r, &pod, dry_run);
}

/* ---- replace and patch ---- */

/* Where two values differ first: "spec.containers[0].image". */
static void first_difference(const struct json *a, const struct json *b, struct buf *path)
{
	size_t a_len = json_len(a), b_len = json_len(b);

	if (json_type(a) == JSON_OBJECT && json_type(b) == JSON_OBJECT) {
		const struct json *more = a_len >= b_len ? a : b, *other = more == a ? b : a;

		for (size_t i = 0; i < json_len(more); i++) {
			const char *key = NULL;
			const struct json *value = json_member(more, i, &key);

			if (json_equal(value, json_get(other, key)))
				continue;
			buf_addf(path, ".%s", key);
			first_difference(value, json_get(other, key), path);
			return;
		}
	}
	if (json_type(a) != JSON_ARRAY || json_type(b) != JSON_ARRAY || a_len != b_len)
		return;
	for (size_t i = 0; i < a_len; i++) {
		if (json_equal(json_at(a, i), json_at(b, i)))
			continue;
		buf_addf(path, "[%zu]", i);
		first_difference(json_at(a, i), json_at(b, i), path);
		return;
	}
}

/* A manifest names no node, a stored pod does; that is no change. */
static int check_spec(
	const struct rest_request *r, const struct json *stored, const struct json *asked)
{
	const struct kube_subject subject = { "Pod", NULL, r->name };
	CLEANUP(cleanup_json) struct json *old = json_copy(json_get(stored, "spec"));
	CLEANUP(cleanup_json) struct json *new = json_copy(json_get(asked, "spec"));
	CLEANUP(buf_free) struct buf path = { 0 };

	if (!json_get(new, "nodeName"))
		(void)json_remove(old, "nodeName");
	if (json_equal(old, new))
		return 0;
	buf_adds(&path, "spec");
	first_difference(old, new, &path);
	kube_invalid_field(
		r, &subject, "FieldValueForbidden", "spec", "%s%s", forbidden_text, path.data);
	return -1;
}

static bool same_map(const struct json *a, const struct json *b)
{
	return (json_len(a) == 0 && json_len(b) == 0) || (a && b && json_equal(a, b));
}

/* The first of carpel's own annotations that is not in other as it is in map; NULL: none. */
static const char *other_annotation(const struct json *map, const struct json *other)
{
	for (size_t i = 0; i < json_len(map); i++) {
		const char *key = NULL;
		const struct json *value = json_member(map, i, &key);

		if (str_starts(key, "carpel/") &&
			!str_eq(json_str(value), json_get_str(other, key)))
			return key;
	}
	return NULL;
}

/* They are part of what the pod was made from, as its spec is. */
static int check_annotations(
	const struct rest_request *r, const struct json *stored, const struct json *asked)
{
	const struct kube_subject subject = { "Pod", NULL, r->name };
	const struct json *old = json_path(stored, "metadata.annotations");
	const struct json *new = json_path(asked, "metadata.annotations");
	const char *key = other_annotation(old, new);

	if (!key && !(key = other_annotation(new, old)))
		return 0;
	kube_invalid_field(r, &subject, "FieldValueForbidden", "metadata.annotations",
		"Forbidden: pod updates may not change %s", key);
	return -1;
}

static void set_map(struct json *metadata, const char *key, const struct json *map)
{
	if (json_len(map) > 0)
		json_set(metadata, key, json_copy(map));
	else
		(void)json_remove(metadata, key);
}

static void update(const struct rest_request *r, struct json *doc, const struct strv *dups,
	const char *options_kind)
{
	CLEANUP(manifest_result_free) struct manifest_result pod = { 0 };
	CLEANUP(cleanup_json) struct json *stored = NULL;
	struct object *old = rest_find(r);
	const struct json *labels, *annotations;
	struct json *metadata;
	struct err e = { 0 };
	bool dry_run = false, is_same;
	int rc;

	if (!old || rest_dry_run(r, options_kind, &dry_run) < 0 ||
		write_prepare_update(r, doc, old) < 0 ||
		write_read_pod(r, options_kind, doc, dups, &pod) < 0)
		return;
	stored = rest_object_json(old);
	if (check_spec(r, stored, pod.object) < 0 || check_annotations(r, stored, pod.object) < 0)
		return;
	metadata = json_get(stored, "metadata");
	labels = json_path(pod.object, "metadata.labels");
	annotations = json_path(pod.object, "metadata.annotations");
	is_same = same_map(labels, json_get(metadata, "labels")) &&
		  same_map(annotations, json_get(metadata, "annotations"));
	if (is_same) {
		rest_answer_object(r, 200, old, &pod.warnings);
		return;
	}
	if (dry_run) {
		set_map(metadata, "labels", labels);
		set_map(metadata, "annotations", annotations);
		write_answer_dry(r, 200, stored, &pod.warnings);
		return;
	}
	rc = r->backend->pod_set_meta(r->backend->ctx, r->ns, r->name, labels, annotations, &e);
	if (rc < 0) {
		kube_fail_errno(r, rc, &e);
		return;
	}
	old = rest_find(r);
	if (old)
		rest_answer_object(r, 200, old, &pod.warnings);
}

void pod_replace(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *doc = NULL;
	CLEANUP(strv_free) struct strv dups = { 0 };

	if (rest_read_body(r, "Pod", &dups, &doc) == 0)
		update(r, doc, &dups, "UpdateOptions");
}

void pod_patch(struct rest_request *r)
{
	const struct object *old = rest_find(r);
	CLEANUP(cleanup_json) struct json *doc = old ? write_patched(r, old) : NULL;

	if (doc)
		update(r, doc, NULL, "PatchOptions");
}

/* ---- delete ---- */

/* The pod as it is after the call: being deleted, or, gone already, as it was last. */
static struct object *delete_one(const struct rest_request *r, struct object *o,
	const struct delete_options *options, struct err *e)
{
	CLEANUP(cleanup_free) char *uid = str_dup(o->uid);
	struct object *before = object_ref(o), *after;
	int rc = 0;

	if (!options->dry_run)
		rc = r->backend->pod_delete(
			r->backend->ctx, before->namespace, before->name, options, e);
	if (rc < 0) {
		e->code = -rc;
		object_unref(before);
		return NULL;
	}
	after = store_get(r->backend->store, OBJECT_POD, before->namespace, before->name);
	if (!after || !str_eq(after->uid, uid))
		return before;
	object_unref(before);
	return object_ref(after);
}

void pod_delete(struct rest_request *r)
{
	CLEANUP(delete_query_free) struct delete_query q = { 0 };
	struct object *o = rest_find(r);
	struct err e = { 0 };

	if (!o || delete_query_read(r, &q) < 0 || delete_query_check(r, &q, o) < 0)
		return;
	o = delete_one(r, o, &q.options, &e);
	if (!o) {
		kube_fail_errno(r, -e.code, &e);
		return;
	}
	rest_answer_object(r, 200, o, NULL);
	object_unref(o);
}

static void delete_matching(const struct rest_request *r, const struct selectors *s,
	const struct delete_options *options)
{
	size_t len, deleted = 0;
	struct object **at = store_list(r->backend->store, OBJECT_POD, r->ns, &len);
	CLEANUP(buf_free) struct buf text = { 0 };

	buf_addf(&text, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
	for (size_t i = 0; i < len; i++) {
		struct err e = { 0 };
		struct object *o = NULL;

		/* One that another client takes away meanwhile is no failure of this request. */
		if (selectors_match(s, at[i]))
			o = delete_one(r, at[i], options, &e);
		if (o)
			buf_addf(&text, "%s%s", deleted++ ? "," : "", o->text);
		object_unref(o);
		object_unref(at[i]);
	}
	free(at);
	buf_adds(&text, "]}");
	rest_answer_text(r, 200, &text, NULL);
}

void pod_delete_collection(struct rest_request *r)
{
	CLEANUP(delete_query_free) struct delete_query q = { 0 };
	CLEANUP(selectors_free) struct selectors s = { 0 };

	if (delete_query_read(r, &q) == 0 && rest_selectors(r, &s) == 0)
		delete_matching(r, &s, &q.options);
}
