/* What Kubernetes accepts and carpel does not do.  A field that has no effect here is refused by
 * name, so a manifest never promises what is not kept: the tables of manifest_fields.h say which,
 * and the functions below what depends on more than the field.  Fields that choose among nodes are
 * only listed, in one warning.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"
#include "spec/manifest_fields.h"
#include "spec/manifest_parts.h"

static const char not_yet[] = "carpel does not support this field yet";

struct walk {
	struct causes *causes;
	size_t before; /* causes of the validation; a field that it refused is not refused again */
	struct strv scheduling;
};

static bool is_new(const struct walk *w, const char *path)
{
	for (size_t i = 0; i < w->before; i++)
		if (str_eq(w->causes->at[i].field, path))
			return false;
	return true;
}

static void refuse_field(struct walk *w, const char *path)
{
	if (is_new(w, path))
		cause_forbidden(w->causes, path, not_yet);
}

static void refuse_value(struct walk *w, const char *path, const char *raw)
{
	if (is_new(w, path))
		cause_not_yet(w->causes, path, raw);
}

/* only: JSON texts with a blank between two; none of ours holds a blank. */
static bool is_among(const char *only, const char *raw)
{
	size_t len = strlen(raw);

	for (const char *p = only; *p; p += p[0] == ' ') {
		size_t word = strcspn(p, " ");

		if (word == len && memcmp(p, raw, len) == 0)
			return true;
		p += word;
	}
	return false;
}

static void walk_struct(
	struct walk *w, const struct type *t, const struct json *in, const char *path);

static void walk_value(
	struct walk *w, const struct field *f, const struct json *value, const char *path)
{
	struct value_type t;

	value_type_parse(f->type, &t);
	if (t.kind != KIND_STRUCT)
		return;
	if (t.shape == SHAPE_ONE) {
		walk_struct(w, t.of, value, path);
		return;
	}
	for (size_t i = 0; i < json_len(value); i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("%s[%zu]", path, i);

		walk_struct(w, t.of, json_at(value, i), at);
	}
}

static void walk_field(
	struct walk *w, const struct field *f, const struct json *value, const char *path)
{
	CLEANUP(buf_free) struct buf raw = { 0 };

	if (f->only)
		json_write(value, JSON_COMPACT, &raw);
	if (f->only && is_among(f->only, raw.data))
		return;
	switch (f->use) {
	case SCHEDULING:
		strv_add(&w->scheduling, path);
		return;
	case LATER:
		refuse_field(w, path);
		return;
	case SERVER:
		return;
	case HONOURED:
	case WRITTEN:
		break;
	}
	if (f->only)
		refuse_value(w, path, raw.data);
	else
		walk_value(w, f, value, path);
}

static void walk_struct(
	struct walk *w, const struct type *t, const struct json *in, const char *path)
{
	for (size_t i = 0; i < t->len; i++) {
		const struct field *f = &t->fields[i];
		const struct json *value = json_get(in, f->name);
		CLEANUP(cleanup_free)
		char *at = value ? str_fmt("%s%s%s", path, *path ? "." : "", f->name) : NULL;

		/* What is always written says nothing while it is empty. */
		if (value && !(f->use == WRITTEN && json_type(value) == JSON_STRING &&
				     json_str_len(value) == 0))
			walk_field(w, f, value, at);
	}
}

/* ---- what depends on more than the field ---- */

/* cpu and memory become the container's cgroup; disk space is counted.  To ask for some only
 * chooses a node. */
static void walk_limits(struct walk *w, const struct json *limits, const char *path)
{
	for (size_t i = 0; i < json_len(limits); i++) {
		const char *name = NULL;
		CLEANUP(cleanup_free) char *at = NULL;

		(void)json_member(limits, i, &name);
		at = str_fmt("%s.limits[%s]", path, name);
		if (!str_eq(name, "cpu") && !str_eq(name, "memory") &&
			!str_eq(name, "ephemeral-storage"))
			refuse_field(w, at);
	}
}

static void walk_requests(struct walk *w, const struct json *resources, const char *path)
{
	const struct json *requests = json_get(resources, "requests");

	for (size_t i = 0; i < json_len(requests); i++) {
		const char *name = NULL;
		CLEANUP(cleanup_free) char *at = NULL;

		(void)json_member(requests, i, &name);
		at = str_fmt("%s.requests[%s]", path, name);
		/* Defaulting made a request of each limit: one error is enough. */
		if (str_eq(name, "cpu") || str_eq(name, "memory") ||
			json_get(json_get(resources, "limits"), name))
			continue;
		if (str_eq(name, "ephemeral-storage"))
			strv_add(&w->scheduling, at);
		else
			refuse_field(w, at);
	}
}

/* A pod has no address that a host's port could lead to, unless it has the host's own. */
static void walk_ports(struct walk *w, const struct json *ports, const char *path)
{
	static const char *const fields[] = { "hostPort", "hostIP" };

	for (size_t i = 0; i < json_len(ports); i++)
		for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
			CLEANUP(cleanup_free)
			char *at = str_fmt("%s[%zu].%s", path, i, fields[f]);

			if (json_get(json_at(ports, i), fields[f]))
				refuse_field(w, at);
		}
}

static void walk_containers(struct walk *w, const struct json *spec)
{
	const struct json *containers = json_get(spec, "containers");
	bool is_host_network = json_is_true(json_get(spec, "hostNetwork"));

	for (size_t i = 0; i < json_len(containers); i++) {
		const struct json *c = json_at(containers, i);
		CLEANUP(cleanup_free)
		char *resources = str_fmt("spec.containers[%zu].resources", i);
		CLEANUP(cleanup_free) char *ports = str_fmt("spec.containers[%zu].ports", i);

		walk_limits(w, json_path(c, "resources.limits"), resources);
		walk_requests(w, json_get(c, "resources"), resources);
		if (!is_host_network)
			walk_ports(w, json_get(c, "ports"), ports);
	}
}

/* A relative path would be relative to wherever the daemon stands. */
static void walk_volumes(struct walk *w, const struct json *volumes)
{
	for (size_t i = 0; i < json_len(volumes); i++) {
		const char *path = json_str(json_path(json_at(volumes, i), "hostPath.path"));
		CLEANUP(cleanup_free) char *at = str_fmt("spec.volumes[%zu].hostPath.path", i);

		if (path && *path && *path != '/' && is_new(w, at))
			cause_invalid(w->causes, at, path, "must be an absolute path");
	}
}

/* ---- warnings ---- */

static void warn_scheduling(const struct walk *w, struct strv *warnings)
{
	enum { LISTED_MAX = 32 }; /* a warning travels in a header */
	size_t len = w->scheduling.len;
	CLEANUP(buf_free) struct buf text = { 0 };

	if (!len)
		return;
	buf_adds(&text, "ignored, since they choose among nodes and there is one: ");
	for (size_t i = 0; i < len && i < LISTED_MAX; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", w->scheduling.at[i]);
	if (len > LISTED_MAX)
		buf_addf(&text, " and %zu more", len - LISTED_MAX);
	strv_add(warnings, text.data);
}

/* The name can be read by fieldRef; what Kubernetes would mount for it does not exist here. */
static void warn_account(const struct json *spec, struct strv *warnings)
{
	const char *name = json_get_str(spec, "serviceAccountName");

	if (name && !str_eq(name, "default") && !json_get(spec, "automountServiceAccountToken"))
		strv_add(
			warnings, "spec.serviceAccountName: only a name here, no token is mounted");
}

/* Legal, and an API server warns of it in these words. */
static void warn_hidden_env(const struct json *env, size_t container, struct strv *warnings)
{
	enum { WARNINGS_MAX = 32 };
	CLEANUP(seen_free) struct seen names = { 0 };

	for (size_t i = 0; i < json_len(env) && warnings->len < WARNINGS_MAX; i++) {
		const char *name = text_at(json_at(env, i), "name");
		CLEANUP(cleanup_free)
		char *text = str_fmt("spec.containers[%zu].env[%zu]: hides previous definition of "
				     "\"%s\", which may be dropped when using apply",
			container, i, name);

		if (seen_before(&names, name))
			strv_add(warnings, text);
	}
}

void honour_pod(const struct json *pod, struct causes *c, struct strv *warnings)
{
	const struct json *spec = json_get(pod, "spec");
	struct walk w = { .causes = c, .before = c->len };

	walk_struct(&w, type_find("v1.Pod"), pod, "");
	walk_containers(&w, spec);
	walk_volumes(&w, json_get(spec, "volumes"));
	warn_scheduling(&w, warnings);
	warn_account(spec, warnings);
	for (size_t i = 0; i < json_len(json_get(spec, "containers")); i++)
		warn_hidden_env(
			json_get(json_at(json_get(spec, "containers"), i), "env"), i, warnings);
	strv_free(&w.scheduling);
}
