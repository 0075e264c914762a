#include "launch/binds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "launch/copy_up.h"
#include "launch/filesystem.h"
#include "launch/target.h"
#include "launch/tree.h"
#include "launch/userns.h"
#include "sys/mount.h"
#include "sys/mountinfo.h"

/* A mount that nobody tells would take part in nothing, silently. */
static int check_peers(int proc, int source, enum plan_propagation wanted, struct err *e)
{
	int peers = mountinfo_peers(proc, source, e);

	if (peers < 0)
		return peers;
	if (wanted == PLAN_SHARED)
		return peers & MOUNT_IS_SHARED
			       ? 0
			       : err_say(e, EINVAL, "the mount that it is on is not shared");
	return peers ? 0 : err_say(e, EINVAL, "the mount that it is on is not shared or slave");
}

/* The source's path is resolved once, whatever is asked of it. */
static int copy_source(const struct job *j, const struct plan_mount *m, struct err *e)
{
	const enum mount_depth depth = m->is_alone ? MOUNT_ONE : MOUNT_WITH_BELOW;
	CLEANUP(cleanup_fd) int source = -1;
	int rc;

	if (m->propagation == PLAN_PRIVATE)
		return mount_copy(AT_FDCWD, m->source, depth, e);
	source = open(m->source, O_PATH | O_CLOEXEC);
	if (source < 0)
		return err_set(e, errno, "open %s", m->source);
	if ((rc = check_peers(j->proc_fd, source, m->propagation, e)) < 0)
		return err_wrap(e, rc, "%s", m->source);
	rc = mount_copy(source, "", depth, e);
	return rc < 0 ? err_wrap(e, rc, "%s", m->source) : rc;
}

/* A bundle is literal: its device cgroup says what opens. */
static bool may_have_devices(const struct plan *p)
{
	return p->privileged || p->kind == PLAN_BUNDLE;
}

/* Detached: what a restriction must keep out never sees it without.  Unless told otherwise a device
 * on a volume is only a file. */
static int copy_one(const struct job *j, const struct plan_mount *m, struct err *e)
{
	static const unsigned propagations[] = {
		[PLAN_PRIVATE] = MS_PRIVATE,
		[PLAN_SLAVE] = MS_SLAVE,
		[PLAN_SHARED] = MS_SHARED,
	};
	uint64_t all = (m->recursive_read_only ? MOUNT_ATTR_RDONLY : 0) |
		       (may_have_devices(j->plan) && !m->no_dev ? 0 : MOUNT_ATTR_NODEV) |
		       (m->no_exec ? MOUNT_ATTR_NOEXEC : 0) | (m->no_suid ? MOUNT_ATTR_NOSUID : 0);
	uint64_t propagation = propagations[m->propagation];
	CLEANUP(cleanup_fd) int fd = copy_source(j, m, e);
	int rc;

	if (fd < 0)
		return fd;
	rc = mount_restrict_peers(fd, all, propagation, MOUNT_WITH_BELOW, e);
	if (rc == 0 && m->read_only && !m->recursive_read_only)
		rc = mount_restrict_peers(fd, MOUNT_ATTR_RDONLY, propagation, MOUNT_ONE, e);
	if (rc == 0 && m->is_mapped)
		rc = m->uids.len ? userns_map_mount_by(j, m, fd, e) : userns_map_mount(j, fd, e);
	return rc < 0 ? err_wrap(e, rc, "%s", m->source) : take_fd(&fd);
}

int binds_copy(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;

	if (!p->mounts_len)
		return 0;
	j->mounts.binds = mem_resize(NULL, p->mounts_len, sizeof(int));
	for (size_t i = 0; i < p->mounts_len; i++)
		j->mounts.binds[i] = -1;
	for (size_t i = 0; i < p->mounts_len; i++)
		if (!p->mounts[i].type && !p->mounts[i].is_volume &&
			(j->mounts.binds[i] = copy_one(j, &p->mounts[i], e)) < 0)
			return j->mounts.binds[i];
	return 0;
}

/* /dev has been made, see devices_make(). */
static int attach_new(struct job *j, size_t i, struct err *e)
{
	const struct plan_mount *m = &j->plan->mounts[i];
	int rc = target_refuse_link(j->mounts.root, m->target, e);

	if (rc < 0)
		return rc;
	if (str_eq(m->type, "cgroup")) {
		CLEANUP(cleanup_fd)
		int target = target_open(j->mounts.root, m->target, TARGET_DIRECTORY, e);

		if (target < 0 || (rc = target_check(target, j->mounts.root, e)) < 0)
			return target < 0 ? target : rc;
		return tree_attach_cgroups(j, target, e);
	}
	j->mounts.binds[i] =
		str_eq(m->target, "/dev") ? take_fd(&j->mounts.dev) : filesystem_new(m, e);
	if (j->mounts.binds[i] >= 0 && m->copies_up &&
		(rc = copy_up(j, m, j->mounts.binds[i], e)) < 0)
		return rc;
	return j->mounts.binds[i] < 0 ? j->mounts.binds[i]
				      : target_attach(j->mounts.root, j->mounts.binds[i], m->target,
						TARGET_DIRECTORY, e);
}

static int attach_one(struct job *j, size_t i, struct err *e)
{
	const struct plan_mount *m = &j->plan->mounts[i];
	bool is_file = m->is_file;
	struct stat st;

	/* Of what is in a volume only who has opened it can tell. */
	if (m->is_volume && fstat(j->mounts.binds[i], &st) == 0)
		is_file = !S_ISDIR(st.st_mode);
	return m->type ? attach_new(j, i, e)
		       : target_attach(j->mounts.root, j->mounts.binds[i], m->target,
				 is_file ? TARGET_FILE : TARGET_DIRECTORY, e);
}

int binds_attach(struct job *j, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < j->plan->mounts_len; i++)
		if ((rc = attach_one(j, i, e)) < 0)
			return err_wrap(e, rc, "mount %s", j->plan->mounts[i].target);
	return rc;
}

int binds_finish(struct job *j, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < j->plan->mounts_len; i++)
		if (j->plan->mounts[i].type && j->plan->mounts[i].read_only &&
			j->mounts.binds[i] >= 0)
			rc = mount_restrict(j->mounts.binds[i], MOUNT_ATTR_RDONLY, MOUNT_ONE, e);
	return rc;
}
