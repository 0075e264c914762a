/* Mounts are attached by name only inside trees that we have just made or that the kernel fills.
 * In the image's own tree a single component is named, and its last link is never followed: where
 * /proc is a link or a file, the start fails.
 */
#include "launch/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "launch/mask.h"
#include "launch/userns.h"
#include "sys/mount.h"
#include "sys/ns.h"

static const uint64_t harmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

static const char cgroup_top[] = "/sys/fs/cgroup/";

/* A bundle shows its cgroups only where its plan says so. */
static bool shows_cgroups(const struct plan *p)
{
	for (size_t i = 0; i < p->mounts_len; i++)
		if (str_eq(p->mounts[i].type, "cgroup"))
			return true;
	return p->kind != PLAN_BUNDLE;
}

int tree_copy_views(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	struct job_mounts *m = &j->mounts;

	if (p->tty_fd >= 0 && (m->console = mount_copy(p->tty_fd, "", MOUNT_ONE, e)) < 0)
		return m->console;
	if (!shows_cgroups(p))
		return 0;
	if (p->privileged) {
		m->host_cgroups = mount_copy(AT_FDCWD, "/sys/fs/cgroup", MOUNT_WITH_BELOW, e);
		return m->host_cgroups < 0
			       ? m->host_cgroups
			       : mount_restrict(m->host_cgroups, harmless, MOUNT_WITH_BELOW, e);
	}
	for (size_t i = 0; i < p->cgroups.len; i++) {
		m->cgroup[i] = mount_copy(AT_FDCWD, p->cgroups.at[i], MOUNT_ONE, e);
		if (m->cgroup[i] < 0)
			return m->cgroup[i];
	}
	if (!p->cgroup_v2)
		return 0;
	m->cgroup_v2 = mount_copy(AT_FDCWD, p->cgroup_v2, MOUNT_ONE, e);
	return m->cgroup_v2 < 0 ? m->cgroup_v2 : 0;
}

/* On top of pause's empty root; process by process the root changes only with the pivot. */
int tree_attach_root(struct job *j, struct err *e)
{
	return mount_attach_at(j->mounts.root, AT_FDCWD, "/", e);
}

/* name: one component of the image's root; made when the image lacks it. */
static int attach_in_image(struct job *j, int mount, const char *name, struct err *e)
{
	int rc = mount_attach_at(mount, j->mounts.root, name, e);

	if (rc == -EINVAL || rc == -ENOTDIR)
		return err_say(e, ENOTDIR, "/%s of the image is no directory", name);
	if (rc != -ENOENT)
		return rc;
	if (mkdirat(j->mounts.root, name, 0755) < 0)
		return err_set(e, errno, "make /%s", name);
	return mount_attach_at(mount, j->mounts.root, name, e);
}

/* dir/name, made and mounted on; dir is a tree of ours. */
static int attach_in_ours(int mount, int dir, const char *name, struct err *e)
{
	if (mkdirat(dir, name, 0755) < 0)
		return err_set(e, errno, "make %s", name);
	return mount_attach_at(mount, dir, name, e);
}

/* Read-only until its parts have been copied, so that these are born read-only. */
int tree_make_proc(struct job *j, struct err *e)
{
	bool is_default = mask_is_default(j->plan);
	uint64_t read_only = is_default ? MOUNT_ATTR_RDONLY : 0;
	CLEANUP(cleanup_fd) int proc = mount_new("proc", NULL, 0, harmless | read_only, e);
	int rc = proc < 0 ? proc : attach_in_image(j, proc, "proc", e);

	if (rc < 0 || !is_default)
		return rc;
	rc = mask_keep_read_only(proc, e);
	return rc < 0 ? rc : mount_permit(proc, MOUNT_ATTR_RDONLY, e);
}

static int new_sys(const struct job *j, struct err *e)
{
	uint64_t read_only = j->plan->privileged ? 0 : MOUNT_ATTR_RDONLY;

	return mount_new("sysfs", NULL, 0, harmless | read_only, e);
}

/* A new procfs is given only to who sees one already, in full.  So our last mount namespace before
 * the pod's user namespace has one, over what was the pod's shared memory; the container's first
 * process leaves it with pause's root. */
int tree_prepare_inside(struct job *j, struct err *e)
{
	struct job_mounts *m = &j->mounts;
	CLEANUP(cleanup_fd) int proc = -1;
	int rc;

	if (!j->plan->uid_map.len)
		return 0;
	if ((rc = ns_leave(CLONE_NEWNS, e)) < 0 || (rc = mount_leave_peers(e)) < 0)
		return rc;
	if ((m->sys = new_sys(j, e)) < 0)
		return m->sys;
	if ((m->shm = mount_copy(AT_FDCWD, "/shm", MOUNT_ONE, e)) < 0)
		return m->shm;
	if ((rc = mount_permit(m->shm, MOUNT_ATTR_RDONLY, e)) < 0)
		return rc;
	/* It belongs to whoever made the IPC namespace: carpel-launch, on its way into the pod. */
	if ((m->mqueue = mount_new("mqueue", NULL, 0, harmless, e)) < 0)
		return m->mqueue;
	if (fchownat(m->mqueue, "", userns_root_uid(j), userns_root_gid(j), AT_EMPTY_PATH) < 0)
		return err_set(e, errno, "give /dev/mqueue to the pod's root");
	proc = mount_new("proc", NULL, 0, harmless, e);
	return proc < 0 ? proc : mount_attach_at(proc, AT_FDCWD, "/shm", e);
}

static int make_pts(const char *label, int dev, struct err *e)
{
	const struct mount_option options[] = {
		{ "ptmxmode", "0666" },
		{ "mode", "0620" },
		{ "gid", "5" },
		{ label ? "context" : NULL, label },
	};
	CLEANUP(cleanup_fd)
	int pts = mount_new(
		"devpts", options, ARRAY_LEN(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, e);

	return pts < 0 ? pts : attach_in_ours(pts, dev, "pts", e);
}

/* Our namespace is a copy of pause's: its mount of the pod's shared memory is taken from there, and
 * made writable. */
static int make_shm(const struct job *j, int dev, struct err *e)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (j->mounts.shm >= 0)
		return attach_in_ours(j->mounts.shm, dev, "shm", e);
	if (mkdirat(dev, "shm", 0755) < 0)
		return err_set(e, errno, "make /dev/shm");
	if (move_mount(AT_FDCWD, "/shm", dev, "shm", 0) < 0)
		return err_set(e, errno, "take the pod's shared memory");
	return mount_setattr(dev, "shm", 0, &attr, sizeof(attr)) < 0
		       ? err_set(e, errno, "make /dev/shm writable: mount_setattr")
		       : 0;
}

/* The kernel has one such file system for each IPC namespace, so this is the pod's. */
static int make_mqueue(const struct job *j, int dev, struct err *e)
{
	const int prepared = j->mounts.mqueue;
	CLEANUP(cleanup_fd)
	int made = prepared >= 0 ? -1 : mount_new("mqueue", NULL, 0, harmless, e);
	const int mqueue = prepared >= 0 ? prepared : made;

	return mqueue < 0 ? mqueue : attach_in_ours(mqueue, dev, "mqueue", e);
}

static int make_console(const struct job *j, int dev, struct err *e)
{
	if (j->mounts.console < 0)
		return 0;
	if (mknodat(dev, "console", S_IFREG | 0600, 0) < 0)
		return err_set(e, errno, "make /dev/console");
	return mount_attach_at(j->mounts.console, dev, "console", e);
}

int tree_make_dev(struct job *j, struct err *e)
{
	int dev = j->mounts.dev, rc = attach_in_image(j, dev, "dev", e);

	if (rc == 0)
		rc = make_pts(j->plan->selinux_mount, dev, e);
	if (rc == 0)
		rc = make_shm(j, dev, e);
	if (rc == 0)
		rc = make_mqueue(j, dev, e);
	if (rc == 0)
		rc = make_console(j, dev, e);
	return rc;
}

int tree_make_bare_dev(struct job *j, struct err *e)
{
	return plan_mount_at(j->plan, "/dev") ? 0 : attach_in_image(j, j->mounts.dev, "dev", e);
}

int tree_finish_dev(struct job *j, struct err *e)
{
	const struct plan_mount *m = plan_mount_at(j->plan, "/dev");
	CLEANUP(cleanup_fd) int dev = -1;
	int rc = 0;

	dev = openat(j->mounts.root, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dev < 0)
		return err_set(e, errno, "open /dev");
	/* Nothing is made in a /dev that is somebody else's. */
	if (!m || m->type)
		rc = make_console(j, dev, e);
	return rc < 0 ? rc : mask_keep_null(j, e);
}

/* "/sys/fs/cgroup/memory/a/b" -> "memory".  false: it is mounted elsewhere, and not shown. */
static bool controller_of(const char *path, char out[NAME_MAX + 1])
{
	size_t len;

	if (strncmp(path, cgroup_top, strlen(cgroup_top)) != 0)
		return false;
	path += strlen(cgroup_top);
	len = strcspn(path, "/");
	if (len == 0 || len > NAME_MAX)
		return false;
	(void)snprintf(out, NAME_MAX + 1, "%.*s", (int)len, path);
	return true;
}

static int attach_view(int mount, const char *path, int top, struct err *e)
{
	char name[NAME_MAX + 1];

	return mount >= 0 && controller_of(path, name) ? attach_in_ours(mount, top, name, e) : 0;
}

/* One directory for each hierarchy, as the host has it; each shows the container's own part. */
static int attach_v1_views(struct job *j, int target, struct err *e)
{
	static const struct mount_option options[] = {
		{ "mode", "755" },
		{ "size", "4k" },
		{ "nr_inodes", "64" },
	};
	const struct plan *p = j->plan;
	CLEANUP(cleanup_fd) int top = mount_new("tmpfs", options, ARRAY_LEN(options), harmless, e);
	int rc = top < 0 ? top : mount_attach(top, target, e);

	for (size_t i = 0; rc == 0 && i < p->cgroups.len; i++)
		rc = attach_view(j->mounts.cgroup[i], p->cgroups.at[i], top, e);
	if (rc == 0)
		rc = attach_view(j->mounts.cgroup_v2, p->cgroup_v2, top, e);
	return rc < 0 ? rc : mount_restrict(top, harmless | MOUNT_ATTR_RDONLY, MOUNT_WITH_BELOW, e);
}

int tree_attach_cgroups(struct job *j, int target, struct err *e)
{
	const struct job_mounts *m = &j->mounts;
	int rc;

	if (m->host_cgroups >= 0)
		return mount_attach(m->host_cgroups, target, e);
	if (j->plan->cgroups.len)
		return attach_v1_views(j, target, e);
	if (m->cgroup_v2 < 0)
		return 0;
	rc = mount_restrict(m->cgroup_v2, harmless | MOUNT_ATTR_RDONLY, MOUNT_ONE, e);
	return rc < 0 ? rc : mount_attach(m->cgroup_v2, target, e);
}

int tree_make_sys(struct job *j, struct err *e)
{
	CLEANUP(cleanup_fd) int made = j->mounts.sys >= 0 ? -1 : new_sys(j, e);
	const int sys = j->mounts.sys >= 0 ? j->mounts.sys : made;
	int rc = sys < 0 ? sys : attach_in_image(j, sys, "sys", e);
	CLEANUP(cleanup_fd) int target = -1;

	if (rc < 0)
		return rc;
	target = openat(sys, "fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return target < 0 ? err_set(e, errno, "open /sys/fs/cgroup")
			  : tree_attach_cgroups(j, target, e);
}
