#include "pod/object.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

/* Metadata members in the order of Kubernetes' struct.  That everything a client may fill with text
 * of its own choice comes behind the version is what lets version_span() find it. */
static const char *const metadata_order[] = {
	"name",
	"generateName",
	"namespace",
	"uid",
	"resourceVersion",
	"generation",
	"creationTimestamp",
	"deletionTimestamp",
	"deletionGracePeriodSeconds",
	"labels",
	"annotations",
};

static const char version_key[] = "\"resourceVersion\":\"";

struct field_rule {
	const char *field, *path; /* path: where the value stands, "a.b.c" */
};

static const struct field_rule pod_fields[] = {
	{ "metadata.name", "metadata.name" },
	{ "metadata.namespace", "metadata.namespace" },
	{ "spec.nodeName", "spec.nodeName" },
	{ "spec.host", "spec.nodeName" }, /* its old name, still asked for */
	{ "spec.restartPolicy", "spec.restartPolicy" },
	{ "spec.schedulerName", "spec.schedulerName" },
	{ "spec.serviceAccountName", "spec.serviceAccountName" },
	{ "status.phase", "status.phase" },
	{ "status.podIP", "status.podIP" },
	{ "status.nominatedNodeName", "status.nominatedNodeName" },
};

static const struct field_rule event_fields[] = {
	{ "metadata.name", "metadata.name" },
	{ "metadata.namespace", "metadata.namespace" },
	{ "involvedObject.kind", "involvedObject.kind" },
	{ "involvedObject.namespace", "involvedObject.namespace" },
	{ "involvedObject.name", "involvedObject.name" },
	{ "involvedObject.uid", "involvedObject.uid" },
	{ "involvedObject.apiVersion", "involvedObject.apiVersion" },
	{ "involvedObject.resourceVersion", "involvedObject.resourceVersion" },
	{ "involvedObject.fieldPath", "involvedObject.fieldPath" },
	{ "reason", "reason" },
	{ "reportingComponent", "reportingComponent" },
	{ "type", "type" },
};

static void labels_add(struct labels *l, const char *key, const char *value)
{
	l->at = mem_resize(l->at, l->len + 1, sizeof(*l->at));
	l->at[l->len].key = str_dup(key);
	l->at[l->len].value = str_dup(value);
	l->len++;
}

/* All in one piece of memory: there may be thousands of objects, and a dozen fields in each.
 * Returns its size. */
static size_t labels_pack(struct labels *l)
{
	size_t size = l->len * sizeof(*l->at);
	struct labels packed = { 0 };
	char *text;

	if (!l->len)
		return 0;
	for (size_t i = 0; i < l->len; i++)
		size += strlen(l->at[i].key) + strlen(l->at[i].value) + 2;
	packed.at = mem_zalloc(size);
	text = (char *)(packed.at + l->len);
	for (; packed.len < l->len; packed.len++) {
		struct label *from = &l->at[packed.len], *to = &packed.at[packed.len];

		to->key = text;
		to->value = text = stpcpy(text, from->key) + 1;
		text = stpcpy(text, from->value) + 1;
	}
	labels_free(l);
	*l = packed;
	return size;
}

/* The last step of making one: gives back what it was made with. */
static struct object *object_finish(struct object *o)
{
	size_t text_size = strlen(o->text) + 1;

	o->refs = 1;
	o->text = mem_resize(o->text, text_size, 1);
	o->bytes = sizeof(*o) + text_size + labels_pack(&o->labels) + labels_pack(&o->fields);
	return o;
}

/* Selectors take a missing field as "", so empty ones need no memory. */
static void field_add(struct object *o, const char *field, const char *value)
{
	if (value && *value)
		labels_add(&o->fields, field, value);
}

static void fields_by_rule(
	struct object *o, const struct json *json, const struct field_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		field_add(o, rules[i].field, json_str(json_path(json, rules[i].path)));
}

static void pod_fields_set(struct object *o, const struct json *json)
{
	const struct json *ips = json_path(json, "status.podIPs");
	CLEANUP(buf_free) struct buf all = { 0 };

	fields_by_rule(o, json, pod_fields, ARRAY_LEN(pod_fields));
	field_add(o, "spec.hostNetwork",
		json_is_true(json_path(json, "spec.hostNetwork")) ? "true" : "false");
	for (size_t i = 0; i < json_len(ips); i++) {
		const char *ip = json_get_str(json_at(ips, i), "ip");

		buf_addf(&all, "%s%s", i ? "," : "", ip ? ip : "");
	}
	field_add(o, "status.podIPs", all.data);
}

static void event_fields_set(struct object *o, const struct json *json)
{
	const char *source = json_str(json_path(json, "source.component"));

	fields_by_rule(o, json, event_fields, ARRAY_LEN(event_fields));
	/* The older name of the same thing; new-style events carry only the newer one. */
	field_add(
		o, "source", source && *source ? source : json_get_str(json, "reportingComponent"));
}

static void labels_set(struct object *o, const struct json *map)
{
	for (size_t i = 0; i < json_len(map); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(map, i, &key));

		if (value)
			labels_add(&o->labels, key, value);
	}
}

static void write_member(struct buf *out, const char *key, const struct json *value, bool *is_first)
{
	if (!*is_first)
		buf_addc(out, ',');
	*is_first = false;
	json_write_string(out, key, strlen(key));
	buf_addc(out, ':');
	json_write(value, JSON_COMPACT, out);
}

static bool is_ordered(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(metadata_order); i++) {
		if (str_eq(metadata_order[i], key))
			return true;
	}
	return false;
}

static void write_metadata(struct buf *out, const struct json *metadata, uint64_t rv)
{
	bool is_first = true;

	buf_adds(out, "\"metadata\":{");
	for (size_t i = 0; i < ARRAY_LEN(metadata_order); i++) {
		const char *key = metadata_order[i];
		const struct json *value = json_get(metadata, key);

		if (str_eq(key, "resourceVersion")) {
			buf_addf(out, "%s%s%" PRIu64 "\"", is_first ? "" : ",", version_key, rv);
			is_first = false;
		} else if (value) {
			write_member(out, key, value, &is_first);
		}
	}
	for (size_t i = 0; i < json_len(metadata); i++) {
		const char *key = NULL;
		const struct json *value = json_member(metadata, i, &key);

		if (!is_ordered(key))
			write_member(out, key, value, &is_first);
	}
	buf_addc(out, '}');
}

static char *object_text(const struct json *json, uint64_t rv)
{
	struct buf out = { 0 };
	bool is_first = false; /* metadata always stands before the rest */

	buf_addc(&out, '{');
	write_metadata(&out, json_get(json, "metadata"), rv);
	for (size_t i = 0; i < json_len(json); i++) {
		const char *key = NULL;
		const struct json *value = json_member(json, i, &key);

		if (!str_eq(key, "metadata") && !str_eq(key, "kind") && !str_eq(key, "apiVersion"))
			write_member(&out, key, value, &is_first);
	}
	buf_addc(&out, '}');
	return buf_take(&out);
}

struct object *object_new(enum object_kind kind, const struct json *json, uint64_t rv)
{
	const struct json *metadata = json_get(json, "metadata");
	const char *ns = json_get_str(metadata, "namespace");
	const char *name = json_get_str(metadata, "name");
	const char *uid = json_get_str(metadata, "uid");
	struct object *o = mem_zalloc(sizeof(*o));

	assert(name);
	o->kind = kind;
	o->namespace = str_dup(ns ? ns : "default");
	o->name = str_dup(name);
	o->uid = str_dup(uid ? uid : "");
	o->rv = rv;
	o->text = object_text(json, rv);
	labels_set(o, json_get(metadata, "labels"));
	if (kind == OBJECT_POD)
		pod_fields_set(o, json);
	else
		event_fields_set(o, json);
	return object_finish(o);
}

struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void object_unref(struct object *o)
{
	if (!o || --o->refs > 0)
		return;
	free(o->namespace);
	free(o->name);
	free(o->uid);
	free(o->text);
	free(o->labels.at);
	free(o->fields.at);
	free(o);
}

/* Where the version's digits stand.  The first match is the right one: before it there are only
 * names, whose quotes would be escaped. */
static void version_span(const char *text, size_t *out_from, size_t *out_to)
{
	const char *key = strstr(text, version_key);

	assert(key);
	*out_from = (size_t)(key - text) + strlen(version_key);
	*out_to = *out_from + strspn(text + *out_from, "0123456789");
}

bool object_same_content(const struct object *a, const struct object *b)
{
	size_t a_from, a_to, b_from, b_to;

	version_span(a->text, &a_from, &a_to);
	version_span(b->text, &b_from, &b_to);
	return a_from == b_from && memcmp(a->text, b->text, a_from) == 0 &&
	       str_eq(a->text + a_to, b->text + b_to);
}

static void write_text_at(const struct object *o, uint64_t rv, struct buf *out)
{
	size_t from, to;

	version_span(o->text, &from, &to);
	buf_add(out, o->text + 1, from - 1);
	buf_addf(out, "%" PRIu64 "%s", rv, o->text + to);
}

static void labels_copy(struct labels *to, const struct labels *from)
{
	for (size_t i = 0; i < from->len; i++)
		labels_add(to, from->at[i].key, from->at[i].value);
}

struct object *object_at_version(const struct object *o, uint64_t rv)
{
	struct object *copy = mem_zalloc(sizeof(*copy));
	struct buf text = { 0 };

	copy->kind = o->kind;
	copy->namespace = str_dup(o->namespace);
	copy->name = str_dup(o->name);
	copy->uid = str_dup(o->uid);
	copy->rv = rv;
	buf_addc(&text, '{');
	write_text_at(o, rv, &text);
	copy->text = buf_take(&text);
	labels_copy(&copy->labels, &o->labels);
	labels_copy(&copy->fields, &o->fields);
	return object_finish(copy);
}

static const char *kind_head(enum object_kind kind)
{
	return kind == OBJECT_POD ? "{\"kind\":\"Pod\",\"apiVersion\":\"v1\","
				  : "{\"kind\":\"Event\",\"apiVersion\":\"v1\",";
}

void object_write(const struct object *o, struct buf *out)
{
	buf_adds(out, kind_head(o->kind));
	buf_adds(out, o->text + 1);
}

void object_write_at(const struct object *o, uint64_t rv, struct buf *out)
{
	buf_adds(out, kind_head(o->kind));
	write_text_at(o, rv, out);
}
