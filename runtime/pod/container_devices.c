/* The devices of a container in its plan: what it asks for by path, and what CDI's files say for
 * the names that it asks for.  CDI comes last, as in other runtimes: it replaces a variable, a
 * mount or a node of the same name.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "pod/container_parts.h"

static void drop_device(struct plan *p, const char *target)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->devices_len; i++)
		if (str_eq(p->devices[i].target, target)) {
			free(p->devices[i].source);
			free(p->devices[i].target);
		} else {
			p->devices[kept++] = p->devices[i];
		}
	p->devices_len = kept;
}

/* Takes the source. */
static int add_device(
	struct plan *p, char *source, const char *target, struct plan_device d, struct err *e)
{
	drop_device(p, target);
	if (p->devices_len == PLAN_DEVICES_MAX) {
		free(source);
		return err_say(e, E2BIG, "more than %d devices", PLAN_DEVICES_MAX);
	}
	d.source = source;
	d.target = str_dup(target);
	p->devices = mem_resize(p->devices, p->devices_len + 1, sizeof(*p->devices));
	p->devices[p->devices_len++] = d;
	return 0;
}

static int plan_asked(const struct devices_asked *asked, struct plan *p, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < asked->len; i++) {
		const struct device_spec *d = &asked->at[i];

		rc = add_device(p, str_dup(d->host_path), d->path,
			(struct plan_device){
				.access = d->access, .mode = -1, .uid = -1, .gid = -1 },
			e);
	}
	return rc;
}

/* CDI gives a node that names no owner to whom the container runs as, where that is not root.  Here
 * that is said by digits only: names are resolved inside. */
static void own_by_user(const struct plan *p, struct plan_device *d)
{
	CLEANUP(cleanup_free) char *user = str_ndup(p->user, strcspn(p->user, ":"));
	const char *group = strchr(p->user, ':');
	int64_t id;

	if (d->uid < 0 && str_to_i64(user, 1, INT32_MAX, &id) == 0)
		d->uid = (int32_t)id;
	if (d->gid < 0 && group && str_to_i64(group + 1, 1, INT32_MAX, &id) == 0)
		d->gid = (int32_t)id;
}

static int plan_node(const struct cdi_node *n, struct plan *p, struct err *e)
{
	struct plan_device d = {
		.access = n->access, .mode = n->mode, .uid = n->uid, .gid = n->gid
	};
	char *source = n->host_path     ? str_dup(n->host_path)
		       : n->type == 'p' ? str_dup("p")
					: str_fmt("%c%lld.%lld", n->type, (long long)n->major,
						  (long long)n->minor);

	if (str_starts(n->path, "/dev/"))
		own_by_user(p, &d);
	return add_device(p, source, n->path, d, e);
}

static int plan_mount(const struct cdi_mount *m, struct plan *p, struct err *e)
{
	struct plan_mount *out = NULL;
	struct stat st;

	if (stat(m->host_path, &st) < 0)
		return err_set(e, errno, "CDI mount %s", m->host_path);
	for (size_t i = 0; i < p->mounts_len; i++)
		if (str_eq(p->mounts[i].target, m->container_path))
			out = &p->mounts[i];
	if (out) {
		free(out->source);
		free(out->target);
	} else {
		p->mounts = mem_resize(p->mounts, p->mounts_len + 1, sizeof(*p->mounts));
		out = &p->mounts[p->mounts_len++];
	}
	*out = (struct plan_mount){ .source = str_dup(m->host_path),
		.target = str_dup(m->container_path),
		.read_only = m->read_only,
		.recursive_read_only = m->recursive_read_only,
		.is_file = !S_ISDIR(st.st_mode),
		.no_exec = m->no_exec,
		.no_dev = m->no_dev,
		.no_suid = m->no_suid,
		.propagation = m->is_shared  ? PLAN_SHARED
			       : m->is_slave ? PLAN_SLAVE
					     : PLAN_PRIVATE };
	return 0;
}

void container_plan_cdi_identity(const struct container_request *q, struct plan *p)
{
	for (size_t i = 0; i < q->cdi_len; i++) {
		const struct cdi_edits *x = &q->cdi[i];

		for (size_t k = 0; k < x->env.len; k++) {
			CLEANUP(cleanup_free)
			char *name = str_ndup(x->env.at[k], strcspn(x->env.at[k], "="));

			env_set(&p->env, name, x->env.at[k] + strlen(name) + 1);
		}
		for (size_t k = 0; k < x->gids_len; k++)
			if (x->gids[k]) /* CDI: 0 is not given */
				container_add_group(p, x->gids[k]);
	}
}

static int plan_hook(
	const struct container_request *q, const struct cdi_hook *h, struct plan *p, struct err *e)
{
	struct plan_hook out = {
		.kind = h->kind, .timeout_s = (int32_t)h->timeout_s, .path = str_dup(h->path)
	};

	if (p->hooks_len == PLAN_HOOKS_MAX) {
		free(out.path);
		return err_say(e, E2BIG, "more than %d hooks of CDI devices", PLAN_HOOKS_MAX);
	}
	for (size_t i = 0; i < h->args.len; i++)
		strv_add(&out.args, h->args.at[i]);
	for (size_t i = 0; i < h->env.len; i++)
		strv_add(&out.env, h->env.at[i]);
	p->hooks = mem_resize(p->hooks, p->hooks_len + 1, sizeof(*p->hooks));
	p->hooks[p->hooks_len++] = out;
	if (!p->bundle) /* there is nothing in it that a hook needs */
		p->bundle = str_dup(q->dir);
	return 0;
}

int container_plan_devices(const struct container_request *q, struct plan *p, struct err *e)
{
	int rc = plan_asked(&q->spec->devices, p, e);

	for (size_t i = 0; rc == 0 && i < q->cdi_len; i++) {
		const struct cdi_edits *x = &q->cdi[i];

		for (size_t k = 0; rc == 0 && k < x->nodes_len; k++)
			rc = plan_node(&x->nodes[k], p, e);
		for (size_t k = 0; rc == 0 && k < x->mounts_len; k++)
			rc = plan_mount(&x->mounts[k], p, e);
		for (size_t k = 0; rc == 0 && k < x->hooks_len; k++)
			rc = plan_hook(q, &x->hooks[k], p, e);
	}
	container_plan_cdi_identity(q, p);
	return rc;
}
