#include "pod/env.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

const char *env_lookup(const struct strv *env, const char *name, size_t name_len)
{
	if (memchr(name, '=', name_len))
		return NULL; /* else the name would reach into a value */
	for (size_t i = env->len; i-- > 0;)
		if (strncmp(env->at[i], name, name_len) == 0 && env->at[i][name_len] == '=')
			return env->at[i] + name_len + 1;
	return NULL;
}

void env_set(struct strv *env, const char *name, const char *value)
{
	CLEANUP(cleanup_free) char *entry = str_fmt("%s=%s", name, value);
	size_t len = strlen(name);

	for (size_t i = 0; i < env->len; i++) {
		if (strncmp(env->at[i], name, len) != 0 || env->at[i][len] != '=')
			continue;
		free(env->at[i]);
		env->at[i] = TAKE(entry);
		return;
	}
	strv_add(env, entry);
}

/* One syntax, two tables of names: lookup says what a name stands for, NULL leaves the text. */
static char *expand(const char *text,
	const char *(*lookup)(const void *ctx, const char *name, size_t len), const void *ctx)
{
	struct buf out = { 0 };

	for (const char *p = text; *p;) {
		const char *end = p[0] == '$' && p[1] == '(' ? strchr(p + 2, ')') : NULL;
		const char *value = end ? lookup(ctx, p + 2, (size_t)(end - p - 2)) : NULL;

		if (p[0] == '$' && p[1] == '$') {
			buf_addc(&out, '$');
			p += 2;
		} else if (value) {
			buf_adds(&out, value);
			p = end + 1;
		} else if (end) {
			buf_add(&out, p, (size_t)(end + 1 - p));
			p = end + 1;
		} else {
			buf_addc(&out, *p++);
		}
	}
	return buf_take(&out);
}

static const char *lookup_env(const void *ctx, const char *name, size_t len)
{
	return env_lookup(ctx, name, len);
}

char *env_expand(const char *text, const struct strv *env)
{
	return expand(text, lookup_env, env);
}

static const char *lookup_literal(const void *ctx, const char *name, size_t len)
{
	const struct container_spec *c = ctx;

	for (size_t i = c->env_len; i-- > 0;)
		if (strncmp(c->env[i].name, name, len) == 0 && c->env[i].name[len] == '\0')
			return c->env[i].value ? c->env[i].value : "";
	return NULL;
}

char *env_expand_probe(const char *text, const struct container_spec *c)
{
	return expand(text, lookup_literal, c);
}

/* metadata.labels['k'] and metadata.annotations['k']: the key between the quotes. */
static char *subscript_value(const char *path, const char *prefix, const struct labels *l)
{
	size_t skip = strlen(prefix) + 2, len = strlen(path);
	CLEANUP(cleanup_free) char *key = NULL;
	const char *value;

	if (!str_starts(path, prefix) || len < skip + 2)
		return NULL;
	key = str_ndup(path + skip, len - skip - 2);
	value = labels_get(l, key);
	return str_dup(value ? value : "");
}

static int field_value(const struct pod_spec *pod, const struct env_facts *f, const char *path,
	char **out, struct err *e)
{
	const struct {
		const char *path, *value;
	} plain[] = {
		{ "metadata.name", pod->name },
		{ "metadata.namespace", pod->namespace },
		{ "metadata.uid", pod->uid },
		{ "spec.nodeName", f->node_name },
		{ "spec.serviceAccountName", pod->service_account ? pod->service_account : "" },
		{ "status.hostIP", f->host_ip },
		{ "status.hostIPs", f->host_ip },
		{ "status.podIP", f->pod_ip },
		{ "status.podIPs", f->pod_ip },
	};

	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (!str_eq(plain[i].path, path))
			continue;
		if (!plain[i].value)
			return err_say(e, ENODATA,
				"%s: the pod has no address but its loopback (a hostNetwork pod "
				"has the node's)",
				path);
		*out = str_dup(plain[i].value);
		return 0;
	}
	*out = subscript_value(path, "metadata.labels", &pod->labels);
	if (!*out)
		*out = subscript_value(path, "metadata.annotations", &pod->annotations);
	return *out ? 0 : err_say(e, ENODATA, "%s: unknown field", path);
}

static const struct container_spec *named_container(const struct pod_spec *pod, const char *name)
{
	for (size_t i = 0; i < pod->containers_len; i++)
		if (str_eq(pod->containers[i].name, name))
			return &pod->containers[i];
	return NULL;
}

/* A missing limit is the node's, a missing request none. */
static int64_t given_or(int64_t amount, bool is_limit, int64_t node)
{
	return amount >= 0 ? amount : is_limit ? node : 0;
}

/* Thousandths for cpu, bytes for the rest. */
static int64_t resource_amount(const struct container_spec *c, const struct env_facts *f,
	const char *resource, bool *out_is_cpu)
{
	bool is_limit = str_starts(resource, "limits.");
	const struct resource_spec *r = is_limit ? &c->limits : &c->requests;
	const char *what = strchr(resource, '.') + 1;

	*out_is_cpu = str_eq(what, "cpu");
	if (*out_is_cpu)
		return given_or(r->cpu_milli, is_limit, f->node_cpu_milli);
	if (str_eq(what, "memory"))
		return given_or(r->memory_bytes, is_limit, f->node_memory_bytes);
	return given_or(r->ephemeral_bytes, is_limit, f->node_ephemeral_bytes);
}

static int resource_value(const struct pod_spec *pod, const struct container_spec *c,
	const struct env_spec *v, const struct env_facts *f, char **out, struct err *e)
{
	const struct container_spec *of =
		v->resource_container ? named_container(pod, v->resource_container) : c;
	int64_t divisor = v->divisor_milli > 0 ? v->divisor_milli : 1000, amount;
	bool is_cpu;

	if (!of)
		return err_say(e, ENODATA, "container %s not found", v->resource_container);
	amount = resource_amount(of, f, v->resource, &is_cpu);
	if (!is_cpu) /* a whole number of bytes, as validation has checked */
		divisor = divisor < 1000 ? 1 : divisor / 1000;
	*out = str_fmt("%" PRId64, amount / divisor + (amount % divisor != 0)); /* rounded up */
	return 0;
}

int env_build(const struct pod_spec *pod, const struct container_spec *c, const struct env_facts *f,
	struct strv *out, struct err *e)
{
	for (size_t i = 0; i < c->env_len; i++) {
		const struct env_spec *v = &c->env[i];
		CLEANUP(cleanup_free) char *value = NULL;
		int rc = 0;

		if (v->field_path)
			rc = field_value(pod, f, v->field_path, &value, e);
		else if (v->resource)
			rc = resource_value(pod, c, v, f, &value, e);
		else if (c->is_literal)
			value = str_dup(v->value ? v->value : "");
		else
			value = env_expand(v->value ? v->value : "", out);
		if (rc < 0)
			return err_wrap(e, rc, "env %s", v->name);
		env_set(out, v->name, value);
	}
	return 0;
}
