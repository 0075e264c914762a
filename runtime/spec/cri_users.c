/* User namespaces: userns_options, and the mappings of mounts, which say the same again.  The
 * kubelet sends one range of ids from 0 on, and nothing else is taken: see cri.h. */
#include <errno.h>

#include "base/cleanup.h"
#include "spec/cri_parts.h"

int cri_read_idmap(const char *at, const char *name, Runtime__V1__IDMapping *const *list, size_t n,
	struct id_range *out, struct err *e)
{
	CLEANUP(cleanup_free) char *here = str_fmt("%s.%s[0]", at, name);
	const Runtime__V1__IDMapping *m = n ? list[0] : NULL;

	if (n != 1)
		return err_say(e, EINVAL, "%s.%s: %zu mappings: must be exactly one", at, name, n);
	if (m->container_id != 0)
		return cri_bad_number(e, here, "container_id", m->container_id, "must be 0");
	if (m->host_id == 0)
		return cri_bad_number(
			e, here, "host_id", m->host_id, "must not be root's of the node");
	/* The last id there is means nobody. */
	if (m->length == 0 || m->length > UINT32_MAX - m->host_id)
		return cri_bad_number(e, here, "length", m->length,
			"must be at least 1 and end with host id 4294967294 at most");
	*out = (struct id_range){ m->host_id, m->length };
	return 0;
}

int cri_read_users(
	const char *at, const Runtime__V1__UserNamespace *u, struct cri_users *out, struct err *e)
{
	static const char mode[] = "userns_options.mode";
	int rc;

	*out = (struct cri_users){ .is_own = false };
	if (!u)
		return 0;
	rc = cri_check_enum(at, mode, u->mode, RUNTIME__V1__NAMESPACE_MODE__TARGET, e);
	if (rc < 0)
		return rc;
	if (u->mode == RUNTIME__V1__NAMESPACE_MODE__NODE)
		return u->n_uids || u->n_gids
			       ? cri_bad_number(e, at, mode, u->mode, "NODE has no uids and gids")
			       : 0;
	if (u->mode != RUNTIME__V1__NAMESPACE_MODE__POD)
		return cri_bad_number(e, at, mode, u->mode, "must be POD (0) or NODE (2)");
	out->is_own = true;
	rc = cri_read_idmap(at, "userns_options.uids", u->uids, u->n_uids, &out->uids, e);
	return rc < 0 ? rc
		      : cri_read_idmap(
				at, "userns_options.gids", u->gids, u->n_gids, &out->gids, e);
}

bool cri_users_are_same(const struct cri_users *a, const struct cri_users *b)
{
	return a->is_own == b->is_own && a->uids.first == b->uids.first &&
	       a->uids.size == b->uids.size && a->gids.first == b->gids.first &&
	       a->gids.size == b->gids.size;
}

int cri_read_sandbox_users(
	const Runtime__V1__PodSandboxConfig *sandbox, struct cri_users *out, struct err *e)
{
	const Runtime__V1__NamespaceOption *o = cri_sandbox_namespaces(sandbox);

	return cri_read_users("sandbox_config.linux.security_context.namespace_options",
		o ? o->userns_options : NULL, out, e);
}
