/* Reading CDI's files, see cdi.h.  Each object has a table of its fields: a field that is in none
 * is an error, since it might be a restriction.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cdi_parts.h"
#include "spec/devices.h"

enum {
	MODE_MAX = 07777,
	MAJOR_MAX = (1 << 12) - 1,
	MINOR_MAX = (1 << 20) - 1,
	TIMEOUT_MAX_S = 24 * 3600
};

static const char *const versions[] = { "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0",
	"1.0.0" };

/* ---- parts of containerEdits ---- */

static int read_env(
	const struct json *list, const struct cdi_place *at, struct strv *out, struct err *e)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *value = json_at(list, i);
		const char *text = json_type(value) == JSON_STRING ? json_str(value) : NULL;
		struct cdi_place here = cdi_element(at, "env", i);

		if (!text || !strchr(text, '=') || *text == '=' ||
			strlen(text) != json_str_len(value))
			return cdi_bad(&here, "", text ? text : "", "must be NAME=VALUE", e);
		strv_add(out, text);
	}
	return 0;
}

static int read_args(
	const struct json *list, const struct cdi_place *at, struct strv *out, struct err *e)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *value = json_at(list, i);
		const char *text = json_type(value) == JSON_STRING ? json_str(value) : NULL;
		struct cdi_place here = cdi_element(at, "args", i);

		if (!text || strlen(text) != json_str_len(value))
			return cdi_bad(
				&here, "", text ? text : "", "must be a text without NUL", e);
		strv_add(out, text);
	}
	return 0;
}

static int read_gids(
	const struct json *list, const struct cdi_place *at, struct cdi_edits *x, struct err *e)
{
	for (size_t i = 0; i < json_len(list); i++) {
		struct cdi_place here = cdi_element(at, "additionalGids", i);
		int64_t gid;

		if (json_i64(json_at(list, i), 0, INT32_MAX, &gid) < 0)
			return cdi_bad(&here, "", "", "must be a number from 0 to 2147483647", e);
		x->gids = mem_resize(x->gids, x->gids_len + 1, sizeof(*x->gids));
		x->gids[x->gids_len++] = gid;
	}
	return 0;
}

static const struct cdi_field node_fields[] = {
	{ "path", JSON_STRING, true },         /**/
	{ "hostPath", JSON_STRING, false },    /**/
	{ "type", JSON_STRING, false },        /**/
	{ "major", JSON_NUMBER, false },       /**/
	{ "minor", JSON_NUMBER, false },       /**/
	{ "fileMode", JSON_NUMBER, false },    /**/
	{ "permissions", JSON_STRING, false }, /**/
	{ "uid", JSON_NUMBER, false },         /**/
	{ "gid", JSON_NUMBER, false },         /**/
};

static int read_node_ids(
	const struct json *j, const struct cdi_place *at, struct cdi_node *n, struct err *e)
{
	int64_t mode = -1, uid = -1, gid = -1;
	int rc;

	if ((rc = cdi_number(j, "fileMode", MODE_MAX, at, &mode, e)) < 0 ||
		(rc = cdi_number(j, "uid", INT32_MAX, at, &uid, e)) < 0 ||
		(rc = cdi_number(j, "gid", INT32_MAX, at, &gid, e)) < 0 ||
		(rc = cdi_number(j, "major", MAJOR_MAX, at, &n->major, e)) < 0 ||
		(rc = cdi_number(j, "minor", MINOR_MAX, at, &n->minor, e)) < 0)
		return rc;
	n->mode = (int32_t)mode;
	n->uid = (int32_t)uid;
	n->gid = (int32_t)gid;
	return 0;
}

/* With a type and a number (or for a FIFO) it is made by these; else it is the host's. */
static int read_node(
	const struct json *j, const struct cdi_place *at, struct cdi_node *n, struct err *e)
{
	const char *type = cdi_text(j, "type"), *access = cdi_text(j, "permissions");
	int rc = cdi_check_fields(j, node_fields, ARRAY_LEN(node_fields), at, e);

	if (rc < 0 || (rc = cdi_path(j, "path", true, at, &n->path, e)) < 0 ||
		(rc = cdi_path(j, "hostPath", false, at, &n->host_path, e)) < 0 ||
		(rc = read_node_ids(j, at, n, e)) < 0)
		return rc;
	if (*type && (!strchr("bcup", *type) || type[1]))
		return cdi_bad(at, "type", type, "must be b, c, u or p", e);
	n->type = *type == 'u' ? 'c' : *type;
	if (!devices_read_access(*access ? access : "rwm", &n->access))
		return cdi_bad(at, "permissions", access, "must be some of r, w and m", e);
	if (n->type == 'p' || (n->type && n->major))
		free(TAKE(n->host_path));
	else if (!n->host_path)
		n->host_path = str_dup(n->path);
	return 0;
}

static int read_nodes(
	const struct json *list, const struct cdi_place *at, struct cdi_edits *x, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_len(list); i++) {
		struct cdi_place here = cdi_element(at, "deviceNodes", i);

		x->nodes = mem_resize(x->nodes, x->nodes_len + 1, sizeof(*x->nodes));
		x->nodes[x->nodes_len] = (struct cdi_node){ 0 };
		rc = read_node(json_at(list, i), &here, &x->nodes[x->nodes_len++], e);
	}
	return rc;
}

static const struct cdi_field mount_fields[] = {
	{ "hostPath", JSON_STRING, true },      /**/
	{ "containerPath", JSON_STRING, true }, /**/
	{ "type", JSON_STRING, false },         /**/
	{ "options", JSON_ARRAY, false },       /**/
};

/* "": one that says what holds anyway.  All mounts are private and come with what is below. */
static bool apply_option(struct cdi_mount *m, const char *word)
{
	static const char *const usual[] = { "bind", "rbind", "rw", "private", "rprivate", "exec",
		"suid", "relatime" };
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "ro", &m->read_only },
		{ "rro", &m->recursive_read_only },
		{ "noexec", &m->no_exec },
		{ "nodev", &m->no_dev },
		{ "nosuid", &m->no_suid },
		{ "slave", &m->is_slave },
		{ "rslave", &m->is_slave },
		{ "shared", &m->is_shared },
		{ "rshared", &m->is_shared },
	};

	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (str_eq(word, usual[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_eq(word, flags[i].word)) {
			*flags[i].flag = true;
			return true;
		}
	return false;
}

static int read_mount(const struct json *j, const struct cdi_place *at, struct cdi_mount *m,
	struct cdi_edits *x, struct err *e)
{
	const struct json *options;
	const char *type = cdi_text(j, "type");
	int rc = cdi_check_fields(j, mount_fields, ARRAY_LEN(mount_fields), at, e);

	if (rc < 0 || (rc = cdi_path(j, "hostPath", true, at, &m->host_path, e)) < 0 ||
		(rc = cdi_path(j, "containerPath", true, at, &m->container_path, e)) < 0)
		return rc;
	if (*type && !str_eq(type, "bind") && !str_eq(type, "none"))
		cdi_refuse(x, at, type, "carpel makes no mounts of this type for CDI");
	options = json_get(j, "options");
	if ((rc = cdi_count(options, "options", at, e)) < 0)
		return rc;
	for (size_t i = 0; i < json_len(options); i++) {
		const char *word = json_str(json_at(options, i));
		struct cdi_place here = cdi_element(at, "options", i);

		if (!apply_option(m, word ? word : ""))
			cdi_refuse(x, &here, word ? word : "", "carpel does not know this option");
	}
	m->read_only |= m->recursive_read_only;
	if ((m->is_slave && m->is_shared) ||
		(m->recursive_read_only && (m->is_slave || m->is_shared)))
		return cdi_bad(at, "options", "", "exclude each other", e);
	return 0;
}

static int read_mounts(
	const struct json *list, const struct cdi_place *at, struct cdi_edits *x, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_len(list); i++) {
		struct cdi_place here = cdi_element(at, "mounts", i);

		x->mounts = mem_resize(x->mounts, x->mounts_len + 1, sizeof(*x->mounts));
		x->mounts[x->mounts_len] = (struct cdi_mount){ 0 };
		rc = read_mount(json_at(list, i), &here, &x->mounts[x->mounts_len++], x, e);
	}
	return rc;
}

static const struct cdi_field hook_fields[] = {
	{ "hookName", JSON_STRING, true }, /**/
	{ "path", JSON_STRING, true },     /**/
	{ "args", JSON_ARRAY, false },     /**/
	{ "env", JSON_ARRAY, false },      /**/
	{ "timeout", JSON_NUMBER, false }, /**/
};

/* What comes before the container's program, since later its root is only its own; see
 * contrib/adr/0013-devices.md. */
static int read_hook_name(const struct json *j, const struct cdi_place *at, struct cdi_hook *h,
	struct cdi_edits *x, struct err *e)
{
	static const struct {
		const char *name;
		enum plan_hook_kind kind;
	} names[] = {
		{ "prestart", PLAN_HOOK_PRESTART },
		{ "createRuntime", PLAN_HOOK_CREATE_RUNTIME },
		{ "createContainer", PLAN_HOOK_CREATE_CONTAINER },
		{ "startContainer", 0 },
		{ "poststart", 0 },
		{ "poststop", 0 },
	};
	const char *name = cdi_text(j, "hookName");
	struct cdi_place here = cdi_below(at, "hookName");
	size_t i = 0;

	while (i < ARRAY_LEN(names) && !str_eq(names[i].name, name))
		i++;
	if (i == ARRAY_LEN(names))
		return cdi_bad(at, "hookName", name, "there is no such hook", e);
	h->kind = names[i].kind;
	if (!h->kind)
		cdi_refuse(x, &here, name,
			"carpel runs prestart, createRuntime and createContainer hooks only");
	return 0;
}

static int read_hook(const struct json *j, const struct cdi_place *at, struct cdi_hook *h,
	struct cdi_edits *x, struct err *e)
{
	int rc = cdi_check_fields(j, hook_fields, ARRAY_LEN(hook_fields), at, e);

	if (rc < 0 || (rc = read_hook_name(j, at, h, x, e)) < 0 ||
		(rc = cdi_path(j, "path", true, at, &h->path, e)) < 0 ||
		(rc = cdi_number(j, "timeout", TIMEOUT_MAX_S, at, &h->timeout_s, e)) < 0 ||
		(rc = cdi_count(json_get(j, "args"), "args", at, e)) < 0 ||
		(rc = cdi_count(json_get(j, "env"), "env", at, e)) < 0 ||
		(rc = read_args(json_get(j, "args"), at, &h->args, e)) < 0)
		return rc;
	return read_env(json_get(j, "env"), at, &h->env, e);
}

static int read_hooks(
	const struct json *list, const struct cdi_place *at, struct cdi_edits *x, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_len(list); i++) {
		struct cdi_place here = cdi_element(at, "hooks", i);

		x->hooks = mem_resize(x->hooks, x->hooks_len + 1, sizeof(*x->hooks));
		x->hooks[x->hooks_len] = (struct cdi_hook){ 0 };
		rc = read_hook(json_at(list, i), &here, &x->hooks[x->hooks_len++], x, e);
	}
	return rc;
}

static const struct cdi_field edit_fields[] = {
	{ "env", JSON_ARRAY, false },            /**/
	{ "deviceNodes", JSON_ARRAY, false },    /**/
	{ "mounts", JSON_ARRAY, false },         /**/
	{ "hooks", JSON_ARRAY, false },          /**/
	{ "additionalGids", JSON_ARRAY, false }, /**/
	{ "intelRdt", JSON_OBJECT, false },      /**/
	{ "netDevices", JSON_ARRAY, false },     /**/
};

static int read_edits(
	const struct json *j, const struct cdi_place *at, struct cdi_edits *x, struct err *e)
{
	static const char *const cannot[] = { "intelRdt", "netDevices" };
	int rc = cdi_check_fields(j, edit_fields, ARRAY_LEN(edit_fields), at, e);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(edit_fields); i++)
		rc = cdi_count(json_get(j, edit_fields[i].key), edit_fields[i].key, at, e);
	if (rc < 0 || (rc = read_env(json_get(j, "env"), at, &x->env, e)) < 0 ||
		(rc = read_nodes(json_get(j, "deviceNodes"), at, x, e)) < 0 ||
		(rc = read_mounts(json_get(j, "mounts"), at, x, e)) < 0 ||
		(rc = read_hooks(json_get(j, "hooks"), at, x, e)) < 0 ||
		(rc = read_gids(json_get(j, "additionalGids"), at, x, e)) < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(cannot); i++)
		if (json_len(json_get(j, cannot[i])))
			cdi_refuse(x, at, cannot[i], "carpel does not have it");
	return 0;
}

/* ---- the file ---- */

static const struct cdi_field device_fields[] = {
	{ "name", JSON_STRING, true },           /**/
	{ "annotations", JSON_OBJECT, false },   /**/
	{ "containerEdits", JSON_OBJECT, true }, /**/
};

static int read_device(
	const struct json *j, const struct cdi_place *at, struct cdi_device *d, struct err *e)
{
	struct cdi_place edits = cdi_below(at, "containerEdits");
	int rc = cdi_check_fields(j, device_fields, ARRAY_LEN(device_fields), at, e);

	if (rc < 0)
		return rc;
	d->name = str_dup(cdi_text(j, "name"));
	if (!cdi_is_device(d->name))
		return cdi_bad(at, "name", d->name,
			"must be letters, digits, '_', '-', '.' and ':', with one of the first two "
			"at both ends",
			e);
	return read_edits(json_get(j, "containerEdits"), &edits, &d->edits, e);
}

static int read_devices(const struct json *list, struct cdi_spec *s, struct err *e)
{
	const struct cdi_place top = { "" };
	int rc = cdi_count(list, "devices", &top, e);

	if (rc == 0 && !json_len(list))
		return cdi_bad(&top, "devices", "", "must not be empty", e);
	for (size_t i = 0; rc == 0 && i < json_len(list); i++) {
		struct cdi_place here = cdi_element(&top, "devices", i);
		struct cdi_device d = { 0 };

		rc = read_device(json_at(list, i), &here, &d, e);
		for (size_t k = 0; rc == 0 && k < s->devices_len; k++)
			if (str_eq(s->devices[k].name, d.name))
				rc = cdi_bad(&here, "name", d.name, "is there twice", e);
		s->devices = mem_resize(s->devices, s->devices_len + 1, sizeof(*s->devices));
		s->devices[s->devices_len++] = d;
	}
	return rc;
}

static const struct cdi_field spec_fields[] = {
	{ "cdiVersion", JSON_STRING, true },      /**/
	{ "kind", JSON_STRING, true },            /**/
	{ "annotations", JSON_OBJECT, false },    /**/
	{ "devices", JSON_ARRAY, true },          /**/
	{ "containerEdits", JSON_OBJECT, false }, /**/
};

static int read_spec(const struct json *doc, struct cdi_spec *s, struct err *e)
{
	const struct cdi_place top = { "" };
	const struct cdi_place edits = { "containerEdits" };
	const struct json *all = json_get(doc, "containerEdits");
	const char *version = cdi_text(doc, "cdiVersion");
	int rc = cdi_check_fields(doc, spec_fields, ARRAY_LEN(spec_fields), &top, e);
	size_t i = 0;

	if (rc < 0)
		return rc;
	while (i < ARRAY_LEN(versions) && !str_eq(versions[i], version))
		i++;
	if (i == ARRAY_LEN(versions))
		return cdi_bad(&top, "cdiVersion", version, "must be 0.3.0 to 0.8.0 or 1.0.0", e);
	s->kind = str_dup(cdi_text(doc, "kind"));
	if (!cdi_is_kind(s->kind))
		return cdi_bad(&top, "kind", s->kind, "must be VENDOR/CLASS", e);
	if (json_type(all) == JSON_OBJECT && (rc = read_edits(all, &edits, &s->edits, e)) < 0)
		return rc;
	return read_devices(json_get(doc, "devices"), s, e);
}

int cdi_parse(const struct json *doc, struct cdi_spec *out, struct err *e)
{
	CLEANUP(cdi_spec_free) struct cdi_spec s = { 0 };
	int rc = read_spec(doc, &s, e);

	if (rc < 0)
		return rc;
	*out = s;
	s = (struct cdi_spec){ 0 };
	return 0;
}

int cdi_parse_edits(const struct json *j, struct cdi_edits *out, struct err *e)
{
	const struct cdi_place top = { "containerEdits" };
	struct cdi_edits x = { 0 };
	int rc = read_edits(j, &top, &x, e);

	if (rc < 0)
		cdi_edits_free(&x);
	else
		*out = x;
	return rc;
}
