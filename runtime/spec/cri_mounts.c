/* ContainerConfig.mounts, see cri.h. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cri_parts.h"

static int read_option(const char *at, const char *word, struct mount_spec *out, struct err *e)
{
	const struct {
		const char *word;
		bool *flag;
	} words[] = { { "noexec", &out->no_exec }, { "nodev", &out->no_dev },
		{ "nosuid", &out->no_suid } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!str_eq(words[i].word, word))
			continue;
		*words[i].flag = true;
		return 0;
	}
	return cri_bad(e, at, "mount_options", word, "must be noexec, nodev or nosuid");
}

static int read_options(
	const char *at, const Runtime__V1__Mount *m, struct mount_spec *out, struct err *e)
{
	int rc = cri_check_count(at, "mount_options", m->n_mount_options, CRI_LIST_MAX, e);

	for (size_t i = 0; rc == 0 && i < m->n_mount_options; i++)
		rc = read_option(at, m->mount_options[i], out, e);
	return rc;
}

/* What of a mount carpel cannot do yet. */
static int check_kind(const char *at, const Runtime__V1__Mount *m, struct err *e)
{
	if (m->image && (*m->image->image || *m->image->image_ref))
		return cri_not_yet(e, at, "image", "image volumes are");
	if (*m->image_sub_path)
		return cri_not_yet(e, at, "image_sub_path", "image volumes are");
	return 0;
}

/* The kubelet says the sandbox's ranges again on every mount of a pod with a user namespace. */
static int read_mappings(const char *at, const Runtime__V1__Mount *m,
	const struct cri_users *sandbox, struct mount_spec *out, struct err *e)
{
	struct cri_users users = { .is_own = true };
	int rc;

	out->keeps_ids = !m->n_uidmappings && !m->n_gidmappings;
	if (out->keeps_ids)
		return 0;
	if (!sandbox->is_own)
		return err_say(e, EINVAL, "%s.%s: the sandbox has no user namespace", at,
			m->n_uidmappings ? "uidMappings" : "gidMappings");
	if ((rc = cri_read_idmap(
		     at, "uidMappings", m->uidmappings, m->n_uidmappings, &users.uids, e)) < 0 ||
		(rc = cri_read_idmap(
			 at, "gidMappings", m->gidmappings, m->n_gidmappings, &users.gids, e)) < 0)
		return rc;
	return cri_users_are_same(&users, sandbox)
		       ? 0
		       : err_say(e, EINVAL,
				 "%s.uidMappings, gidMappings: must be what the sandbox has", at);
}

static int read_propagation(
	const char *at, const Runtime__V1__Mount *m, struct mount_spec *out, struct err *e)
{
	static const enum mount_propagation kinds[] = {
		[RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_PRIVATE] = MOUNT_PRIVATE,
		[RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_HOST_TO_CONTAINER] = MOUNT_SLAVE,
		[RUNTIME__V1__MOUNT_PROPAGATION__PROPAGATION_BIDIRECTIONAL] = MOUNT_SHARED,
	};
	int rc = cri_check_enum(at, "propagation", m->propagation, (int)ARRAY_LEN(kinds) - 1, e);

	if (rc < 0)
		return rc;
	out->propagation = kinds[m->propagation];
	if (m->recursive_read_only && !m->readonly)
		return err_say(e, EINVAL, "%s.recursive_read_only: needs readonly", at);
	if (m->recursive_read_only && out->propagation != MOUNT_PRIVATE)
		return err_say(e, EINVAL,
			"%s.recursive_read_only: needs propagation PROPAGATION_PRIVATE (0)", at);
	return 0;
}

static int read_mount(const char *at, const Runtime__V1__Mount *m, const struct cri_users *users,
	struct mount_spec *out, struct err *e)
{
	int rc;

	if ((rc = check_kind(at, m, e)) < 0 ||
		(rc = cri_read_path(at, "container_path", m->container_path, &out->path, e)) < 0 ||
		(rc = cri_read_path(at, "host_path", m->host_path, &out->host_path, e)) < 0 ||
		(rc = read_propagation(at, m, out, e)) < 0 ||
		(rc = read_mappings(at, m, users, out, e)) < 0)
		return rc;
	if (users->is_own && out->propagation == MOUNT_SHARED)
		return err_say(e, EINVAL,
			"%s.propagation: nobody in a user namespace mounts for the node", at);
	if (str_eq(out->path, "/"))
		return cri_bad(e, at, "container_path", m->container_path, "must not be the root");
	out->read_only = m->readonly;
	out->recursive_read_only = m->recursive_read_only;
	/* Without SELinux there is nothing to label, so who starts it decides. */
	out->relabels = m->selinux_relabel;
	return read_options(at, m, out, e);
}

int cri_read_mounts(const Runtime__V1__ContainerConfig *c, const struct cri_users *users,
	struct container_spec *out, struct err *e)
{
	int rc = cri_check_count("config", "mounts", c->n_mounts, CRI_MOUNTS_MAX, e);

	if (rc < 0 || !c->n_mounts)
		return rc;
	out->mounts = mem_zalloc(c->n_mounts * sizeof(*out->mounts));
	out->mounts_len = c->n_mounts;
	for (size_t i = 0; rc == 0 && i < c->n_mounts; i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("config.mounts[%zu]", i);

		rc = read_mount(at, c->mounts[i], users, &out->mounts[i], e);
	}
	return rc;
}
