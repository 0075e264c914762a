#include "api/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "api/kube_status.h"
#include "base/cleanup.h"

/* Dropped from what a client sends; of an update, the stored ones hold. */
static const char *const server_owned[] = { "uid", "resourceVersion", "generation",
	"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
	"managedFields" };

static struct json *metadata_of(struct json *doc)
{
	if (!json_get(doc, "metadata"))
		json_set(doc, "metadata", json_new_object());
	/* Of another type: the reader names it. */
	return json_type(json_get(doc, "metadata")) == JSON_OBJECT ? json_get(doc, "metadata")
								   : NULL;
}

static void drop_server_owned(struct json *doc, struct json *metadata)
{
	for (size_t i = 0; i < ARRAY_LEN(server_owned); i++)
		(void)json_remove(metadata, server_owned[i]);
	(void)json_remove(doc, "status");
}

static void set_missing(struct json *object, const char *key, const char *text)
{
	const char *old = json_get_str(object, key);

	if (!json_get(object, key) || (old && !*old))
		json_set_str(object, key, text);
}

/* Kubernetes' alphabet: no vowels, so no words. */
static void random_suffix(char out[6])
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char bytes[5];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort(); /* never for so few bytes, see man 2 getrandom */
	for (size_t i = 0; i < sizeof(bytes); i++)
		out[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
	out[5] = '\0';
}

static int generate_name(const struct rest_request *r, struct json *metadata)
{
	enum { TRIES = 8, BASE_MAX = 58 };
	const char *base = json_get_str(metadata, "generateName");
	const char *name = json_get_str(metadata, "name");

	if ((name && *name) || !base || !*base)
		return 0;
	for (int i = 0; i < TRIES; i++) {
		char suffix[6];
		CLEANUP(cleanup_free) char *made = NULL;

		random_suffix(suffix);
		made = str_fmt("%.*s%s", BASE_MAX, base, suffix);
		if (store_get(r->backend->store, r->resource->kind, r->ns, made))
			continue;
		json_set_str(metadata, "name", made);
		return 0;
	}
	kube_fail(r, 409, "AlreadyExists", NULL,
		"%s \"%s\" already exists, the server was not able to generate a unique name for "
		"the object",
		r->resource->plural, base);
	return -1;
}

int write_prepare_create(const struct rest_request *r, struct json *doc)
{
	struct json *metadata = metadata_of(doc);
	const char *ns, *rv;

	set_missing(doc, "kind", r->resource->kind_name);
	set_missing(doc, "apiVersion", "v1");
	if (!metadata)
		return 0;
	set_missing(metadata, "namespace", r->ns);
	ns = json_get_str(metadata, "namespace");
	rv = json_get_str(metadata, "resourceVersion");
	if (ns && !str_eq(ns, r->ns)) {
		kube_bad_request(r, "the namespace of the provided object does not match the "
				    "namespace sent on the request");
		return -1;
	}
	if (rv && *rv) {
		kube_fail(r, 500, NULL, NULL,
			"resourceVersion should not be set on objects to be created");
		return -1;
	}
	drop_server_owned(doc, metadata);
	return generate_name(r, metadata);
}

static int check_names(const struct rest_request *r, const struct json *metadata)
{
	const char *name = json_get_str(metadata, "name");
	const char *ns = json_get_str(metadata, "namespace");

	if (!name || !*name) {
		kube_bad_request(r,
			"the name of the object (%s based on URL) was undeterminable: name must be "
			"provided",
			r->name);
		return -1;
	}
	if (!str_eq(name, r->name)) {
		kube_bad_request(r,
			"the name of the object (%s) does not match the name on the URL (%s)", name,
			r->name);
		return -1;
	}
	if (ns && !str_eq(ns, r->ns)) {
		kube_bad_request(r,
			"the namespace of the object (%s) does not match the namespace on the "
			"request (%s)",
			ns, r->ns);
		return -1;
	}
	return 0;
}

static int check_version(
	const struct rest_request *r, const struct json *metadata, const struct object *old)
{
	const char *rv_text = json_get_str(metadata, "resourceVersion");
	const char *uid = json_get_str(metadata, "uid");
	struct err e = { 0 };
	uint64_t rv = 0;

	if (rv_text && *rv_text && query_parse_u64(rv_text, &rv, &e) < 0) {
		kube_fail(r, 500, NULL, NULL, "%s", e.text);
		return -1;
	}
	if (rv && rv != old->rv) {
		kube_conflict(r, old->name,
			"the object has been modified; please apply your changes to the latest "
			"version and try again");
		return -1;
	}
	if (uid && *uid && !str_eq(uid, old->uid)) {
		kube_conflict(r, old->name,
			"Precondition failed: UID in precondition: %s, UID in object meta: %s", uid,
			old->uid);
		return -1;
	}
	return 0;
}

static int check_deletion(
	const struct rest_request *r, const struct json *metadata, const struct object *old)
{
	const struct kube_subject subject = { r->resource->kind_name, NULL, r->name };
	CLEANUP(cleanup_json) struct json *stored = rest_object_json(old);
	const char *asked = json_get_str(metadata, "deletionTimestamp");

	if (!asked || str_eq(asked, json_str(json_path(stored, "metadata.deletionTimestamp"))))
		return 0;
	kube_invalid_field(r, &subject, "FieldValueInvalid", "metadata.deletionTimestamp",
		"Invalid value: \"%s\": field is immutable", asked);
	return -1;
}

int write_prepare_update(const struct rest_request *r, struct json *doc, const struct object *old)
{
	struct json *metadata = metadata_of(doc);

	set_missing(doc, "kind", r->resource->kind_name);
	set_missing(doc, "apiVersion", "v1");
	if (!metadata)
		return 0;
	set_missing(metadata, "namespace", r->ns);
	if (check_names(r, metadata) < 0 || check_version(r, metadata, old) < 0 ||
		check_deletion(r, metadata, old) < 0)
		return -1;
	drop_server_owned(doc, metadata);
	return 0;
}

static bool is_type(const struct rest_request *r, const char *wanted)
{
	const char *type = h2_header(r->stream, H2_CONTENT_TYPE);
	size_t len = type ? strcspn(type, "; ") : 0;

	return type && len == strlen(wanted) && strncasecmp(type, wanted, len) == 0;
}

/* The body as a patch; answers and returns -1 when it is none. */
static int read_patch(const struct rest_request *r, struct json **out)
{
	const struct buf *body = h2_request_body(r->stream);
	CLEANUP(cleanup_json) struct json *patch = NULL;

	if (json_parse(body->data ? body->data : "", body->len, NULL, &patch, NULL) < 0 ||
		json_type(patch) != JSON_OBJECT) {
		kube_bad_request(r, "invalid JSON patch");
		return -1;
	}
	*out = TAKE(patch);
	return 0;
}

static struct json *refuse_type(const struct rest_request *r, const char *accepted)
{
	kube_fail(r, 415, "UnsupportedMediaType", json_new_object(),
		"the body of the request was in an unknown format - accepted media types "
		"include: %s",
		accepted);
	return NULL;
}

static const char merge_type[] = "application/merge-patch+json";
static const char strategic_type[] = "application/strategic-merge-patch+json";

static struct json *merge(const struct object *old, struct json *patch)
{
	struct json *doc = rest_object_json(old);

	/* A version in the patch is a precondition; the stored one is none. */
	(void)json_remove(json_get(doc, "metadata"), "resourceVersion");
	json_merge_patch(&doc, patch);
	return doc;
}

struct json *write_patched(const struct rest_request *r, const struct object *old)
{
	CLEANUP(cleanup_json) struct json *patch = NULL;

	if (!is_type(r, merge_type))
		return refuse_type(r, merge_type);
	return read_patch(r, &patch) < 0 ? NULL : merge(old, patch);
}

/* Puts the stored container under the patch of the same name. */
static void merge_containers(const struct object *old, struct json *patch)
{
	CLEANUP(cleanup_json) struct json *stored = rest_object_json(old);
	struct json *whole = json_copy(json_path(stored, "spec.containers"));
	const struct json *changes = json_path(patch, "spec.containers");

	for (size_t i = 0; i < json_len(changes); i++) {
		const struct json *change = json_at(changes, i);
		struct json *to = NULL;

		for (size_t k = 0; k < json_len(whole) && !to; k++)
			if (str_eq(json_get_str(json_at(whole, k), "name"),
				    json_get_str(change, "name")))
				to = json_at(whole, k);
		if (to)
			json_merge_patch(&to, change);
		else
			json_push(whole, json_copy(change)); /* refused as a new container */
	}
	json_set(json_get(patch, "spec"), "containers", whole);
}

/* kubectl sends the order of the list beside it, which a resize does not change. */
static int check_strategic(const struct rest_request *r, struct json *spec)
{
	const struct json *changes = json_get(spec, "containers");

	(void)json_remove(spec, "$setElementOrder/containers");
	for (size_t i = 0; i < json_len(changes); i++)
		if (!json_get_str(json_at(changes, i), "name")) {
			kube_bad_request(r,
				"spec.containers[%zu] does not contain declared merge "
				"key: name",
				i);
			return -1;
		}
	return 0;
}

struct json *write_patched_pod(const struct rest_request *r, const struct object *old)
{
	CLEANUP(cleanup_json) struct json *patch = NULL;

	if (is_type(r, merge_type))
		return write_patched(r, old);
	if (!is_type(r, strategic_type))
		return refuse_type(
			r, "application/merge-patch+json, application/strategic-merge-patch+json");
	if (read_patch(r, &patch) < 0 || check_strategic(r, json_get(patch, "spec")) < 0)
		return NULL;
	if (json_type(json_path(patch, "spec.containers")) == JSON_ARRAY)
		merge_containers(old, patch);
	return merge(old, patch);
}

void write_answer_dry(
	const struct rest_request *r, int code, struct json *object, const struct strv *warnings)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf rest = { 0 };

	(void)json_remove(object, "kind");
	(void)json_remove(object, "apiVersion");
	(void)json_remove(json_get(object, "metadata"), "resourceVersion");
	json_write(object, JSON_COMPACT, &rest);
	buf_addf(&text, "{\"kind\":\"%s\",\"apiVersion\":\"v1\",%s", r->resource->kind_name,
		rest.data + 1);
	rest_answer_text(r, code, &text, warnings);
}
