/* A hidden file is our own /dev/null, a hidden directory an empty read-only file system.  The usual
 * targets are names in file systems that the kernel alone fills, so they cannot be redirected.  The
 * plan's may lie in the image or in a volume: each is resolved once, below the root, and what it is
 * then is covered.
 */
#include "launch/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/mount.h"

enum { CPUS_MAX = 8192, NULL_MAJOR = 1, NULL_MINOR = 3 };

static const char *const read_only[] = { "bus", "fs", "irq", "sys", "sysrq-trigger" };

struct hidden {
	const char *path; /* in the container's root */
	bool is_dir;
};

static const struct hidden hidden[] = {
	{ "proc/acpi", true },
	{ "proc/asound", true },
	{ "proc/scsi", true },
	{ "proc/interrupts", false },
	{ "proc/kcore", false },
	{ "proc/keys", false },
	{ "proc/latency_stats", false },
	{ "proc/sched_debug", false },
	{ "proc/timer_list", false },
	{ "proc/timer_stats", false },
	{ "sys/devices/virtual/powercap", true },
	{ "sys/firmware", true },
	{ "sys/fs/selinux", true },
};

int mask_keep_read_only(int proc, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(read_only); i++) {
		CLEANUP(cleanup_fd) int copy = mount_copy(proc, read_only[i], MOUNT_ONE, e);
		int rc = copy == -ENOENT ? 0 : copy;

		if (copy >= 0)
			rc = mount_attach_at(copy, proc, read_only[i], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

bool mask_is_default(const struct plan *p)
{
	return !p->privileged && p->masks == PLAN_MASKS_DEFAULT;
}

struct covers {
	int root;
	int null; /* -1: by its name in root, where no volume is yet; else the first, detached */
	bool has_file; /* null is attached, and further ones are copied from it */
	int first_dir; /* what further directory covers are copied from; attached; -1: none yet */
};

static int make_cover(const struct covers *c, bool is_dir, struct err *e)
{
	static const struct mount_option options[] = { { "nr_blocks", "1" }, { "nr_inodes", "1" } };

	if (!is_dir)
		return c->null >= 0 ? mount_copy(c->null, "", MOUNT_ONE, e)
				    : mount_copy(c->root, "dev/null", MOUNT_ONE, e);
	if (c->first_dir >= 0)
		return mount_copy(c->first_dir, "", MOUNT_ONE, e);
	return mount_new("tmpfs", options, ARRAY_LEN(options),
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
}

/* 1: there is no such path here.  Looked at first, since a mount that was made and never attached
 * is dear: when its descriptor is closed the kernel waits for all processors. */
static int cover(struct covers *c, const char *path, bool is_dir, struct err *e)
{
	CLEANUP(cleanup_fd) int mount = -1;
	int rc;

	if (faccessat(c->root, path, F_OK, 0) < 0)
		return errno == ENOENT ? 1 : err_set(e, errno, "look for %s", path);
	mount = make_cover(c, is_dir, e);
	if (mount < 0)
		return err_wrap(e, mount, "hide %s", path);
	if ((rc = mount_attach_at(mount, c->root, path, e)) < 0)
		return rc;
	if (is_dir && c->first_dir < 0)
		c->first_dir = take_fd(&mount);
	return 0;
}

/* Temperatures show what neighbours do.  Processors are numbered without large holes; most machines
 * have no such directory at all, and the first look tells. */
static int hide_throttle(struct covers *c, struct err *e)
{
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		char path[80];
		int rc, n;

		n = snprintf(
			path, sizeof(path), "sys/devices/system/cpu/cpu%d/thermal_throttle", cpu);
		if ((rc = cover(c, path, true, e)) < 0)
			return rc;
		if (rc == 0)
			continue;
		path[n - (int)sizeof("thermal_throttle")] = '\0';
		if (cpu == 0 || faccessat(c->root, path, F_OK, 0) < 0)
			return 0;
	}
	return 0;
}

/* A mount of its own: hooks may put another tree in the place of the one that it is in. */
int mask_keep_null(struct job *j, struct err *e)
{
	CLEANUP(cleanup_fd) int null = -1;
	struct stat st;

	if (!j->plan->masked.len)
		return 0;
	null = openat(j->mounts.root, "dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (null < 0 || fstat(null, &st) < 0)
		return err_set(e, errno, "open /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(NULL_MAJOR, NULL_MINOR))
		return err_say(e, EINVAL, "/dev/null is something else");
	j->mounts.null = mount_copy(null, "", MOUNT_ONE, e);
	return j->mounts.null < 0 ? j->mounts.null : 0;
}

int mask_hide_default(struct job *j, struct err *e)
{
	struct covers c = { .root = j->mounts.root, .null = -1, .first_dir = -1 };
	int rc = 0;

	if (!mask_is_default(j->plan))
		return mask_keep_null(j, e);
	for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(hidden); i++)
		rc = cover(&c, hidden[i].path, hidden[i].is_dir, e);
	if (rc >= 0)
		rc = hide_throttle(&c, e);
	cleanup_fd(&c.first_dir);
	return rc;
}

/* ---- the plan's lists ---- */

/* -ENOENT: there is no such path, or a link to nothing. */
static int find(int root, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int place = fd_walk(root, path, O_PATH, 0, e);
	int is_root;

	if (place < 0)
		return place == -ENOTDIR ? -ENOENT : place;
	if ((is_root = mount_is_root(place, root, e)) < 0)
		return is_root;
	/* A cover would lie where nobody looks. */
	return is_root ? err_say(e, EPERM, "it is the root itself") : take_fd(&place);
}

static int cover_given(struct covers *c, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int place = find(c->root, path, e);
	CLEANUP(cleanup_fd) int mount = -1;
	struct stat st;
	int rc;

	if (place < 0)
		return place == -ENOENT ? 0 : place;
	if (fstat(place, &st) < 0)
		return err_set(e, errno, "stat");
	if (!S_ISDIR(st.st_mode) && c->null >= 0 && !c->has_file) {
		rc = mount_attach(c->null, place, e);
		c->has_file = rc == 0;
		return rc;
	}
	mount = make_cover(c, S_ISDIR(st.st_mode), e);
	if (mount < 0)
		return mount;
	if ((rc = mount_attach(mount, place, e)) < 0)
		return rc;
	if (S_ISDIR(st.st_mode) && c->first_dir < 0)
		c->first_dir = take_fd(&mount);
	return 0;
}

/* With all that is mounted below it: what is read-only holds nothing that is not. */
static int keep_read_only_given(int root, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int place = find(root, path, e);
	CLEANUP(cleanup_fd) int copy = -1;
	int rc;

	if (place < 0)
		return place == -ENOENT ? 0 : place;
	copy = mount_copy(place, "", MOUNT_WITH_BELOW, e);
	if (copy < 0)
		return copy;
	/* Peers stay peers: what the host mounts into a volume below still comes. */
	rc = mount_restrict_peers(copy, MOUNT_ATTR_RDONLY, 0, MOUNT_WITH_BELOW, e);
	return rc < 0 ? rc : mount_attach(copy, place, e);
}

/* Read-only first, so that no cover is copied. */
int mask_apply_given(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	struct covers c = { .root = j->mounts.root, .null = j->mounts.null, .first_dir = -1 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->readonly_paths.len; i++)
		if ((rc = keep_read_only_given(c.root, p->readonly_paths.at[i], e)) < 0)
			(void)err_wrap(e, rc, "make %s read-only", p->readonly_paths.at[i]);
	for (size_t i = 0; rc == 0 && i < p->masked.len; i++)
		if ((rc = cover_given(&c, p->masked.at[i], e)) < 0)
			(void)err_wrap(e, rc, "hide %s", p->masked.at[i]);
	cleanup_fd(&c.first_dir);
	return rc;
}
