/* What is mounted into a container, in which order, see container.h. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "pod/container_parts.h"
#include "pod/volume.h"

static struct plan_mount *add_mount(struct plan *p)
{
	p->mounts = mem_resize(p->mounts, p->mounts_len + 1, sizeof(*p->mounts));
	p->mounts[p->mounts_len] = (struct plan_mount){ 0 };
	return &p->mounts[p->mounts_len++];
}

static bool mounts_over(const struct container_spec *c, const char *path)
{
	for (size_t i = 0; i < c->mounts_len; i++)
		if (str_eq(c->mounts[i].path, path))
			return true;
	return false;
}

/* /etc files and the termination message, unless the pod mounts something there itself.  Of a
 * read-only root, Kubernetes leaves /etc/hosts and the message writable. */
static void plan_own(const struct container_request *q, struct plan *p)
{
	static const struct {
		const char *name;
		bool follows_root;
	} files[] = { { "hosts", false }, { "hostname", true }, { "resolv.conf", true } };
	const char *message = q->spec->message_path;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(cleanup_free) char *target = str_fmt("/etc/%s", files[i].name);

		if (!mounts_over(q->spec, target))
			*add_mount(p) = (struct plan_mount){ .source = str_fmt("%s/etc/%s",
								     q->at->dir, files[i].name),
				.target = TAKE(target),
				.read_only =
					files[i].follows_root && q->spec->security.read_only_root,
				.is_mapped = true,
				.is_file = true };
	}
	if (message && *message && !mounts_over(q->spec, message))
		*add_mount(p) = (struct plan_mount){ .source = container_message_path(q->dir),
			.target = *message == '/' ? str_dup(message) : str_fmt("/%s", message),
			.is_mapped = true,
			.is_file = true };
}

static size_t depth_of(const char *path)
{
	size_t depth = 0;

	for (; *path; path++)
		depth += path[0] == '/' && path[1] != '/' && path[1] != '\0';
	return depth;
}

/* Parents before what is mounted below them, whatever the pod's order was; else the order stays. */
void container_sort_mounts(struct plan *p)
{
	for (size_t i = 1; i < p->mounts_len; i++) {
		const struct plan_mount m = p->mounts[i];
		size_t at = i;

		for (; at > 0 && depth_of(p->mounts[at - 1].target) > depth_of(m.target); at--)
			p->mounts[at] = p->mounts[at - 1];
		p->mounts[at] = m;
	}
}

static enum plan_propagation propagation_of(enum mount_propagation propagation)
{
	static const enum plan_propagation kinds[] = {
		[MOUNT_PRIVATE] = PLAN_PRIVATE,
		[MOUNT_SLAVE] = PLAN_SLAVE,
		[MOUNT_SHARED] = PLAN_SHARED,
	};

	return kinds[propagation];
}

/* false: it is none.  The sandbox holds it, and carpel-launch finds it there. */
static bool plan_memory(
	const struct container_request *q, const struct mount_spec *m, struct plan *p)
{
	const struct volume_spec *v = m->volume ? volume_find(q->pod, m->volume) : NULL;

	if (!v || !v->in_memory)
		return false;
	*add_mount(p) = (struct plan_mount){ .is_volume = true,
		.source = str_fmt(
			"/%s%s%s", v->name, m->sub_path ? "/" : "", m->sub_path ? m->sub_path : ""),
		.target = *m->path == '/' ? str_dup(m->path) : str_fmt("/%s", m->path),
		.read_only = m->read_only };
	return true;
}

static int plan_one(const struct container_request *q, const struct mount_spec *m, int first_fd,
	struct plan *p, struct container_fds *fds, struct err *e)
{
	struct plan_mount *out;
	char *source;
	bool is_file;
	int fd, rc;

	if (plan_memory(q, m, p))
		return 0;
	if (m->sub_path && fds->len == CONTAINER_FDS_MAX)
		return err_say(e, E2BIG, "container %s: more than %d sub paths", q->spec->name,
			CONTAINER_FDS_MAX);
	rc = volume_source(q->at, q->pod, m, first_fd + (int)fds->len, &fd, &source, &is_file, e);
	if (rc < 0)
		return err_wrap(e, rc, "container %s", q->spec->name);
	if (fd >= 0)
		fds->at[fds->len++] = fd;
	out = add_mount(p);
	*out = (struct plan_mount){ .source = source,
		.target = *m->path == '/' ? str_dup(m->path) : str_fmt("/%s", m->path),
		.read_only = m->read_only,
		/* A manifest cannot tell the two apart, and what is read-only is all of it. */
		.recursive_read_only = m->host_path ? m->recursive_read_only : m->read_only,
		.is_mapped = !m->keeps_ids,
		.is_file = is_file,
		.no_exec = m->no_exec,
		.no_dev = m->no_dev,
		.no_suid = m->no_suid,
		.propagation = propagation_of(m->propagation) };
	return 0;
}

int container_plan_mounts(const struct container_request *q, int first_fd, struct plan *p,
	struct container_fds *fds, struct err *e)
{
	int rc = 0;

	plan_own(q, p);
	for (size_t i = 0; rc == 0 && i < q->spec->mounts_len; i++)
		rc = plan_one(q, &q->spec->mounts[i], first_fd, p, fds, e);
	for (size_t i = 0; i < p->mounts_len; i++)
		p->mounts[i].is_mapped &= q->pod->own_users;
	return rc;
}
