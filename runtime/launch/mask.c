/* A hidden file is our own /dev/null, a hidden directory an empty read-only file system.  The
 * targets are names in file systems that the kernel alone fills, so they cannot be redirected.
 */
#include "launch/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/mount.h"

enum { CPUS_MAX = 8192 };

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

struct covers {
	int root;
	int first_dir; /* what further directory covers are copied from; attached; -1: none yet */
};

static int make_cover(const struct covers *c, bool is_dir, struct err *e)
{
	static const struct mount_option options[] = { { "nr_blocks", "1" }, { "nr_inodes", "1" } };

	if (!is_dir)
		return mount_copy(c->root, "dev/null", MOUNT_ONE, e);
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

int mask_hide(struct job *j, struct err *e)
{
	struct covers c = { .root = j->mounts.root, .first_dir = -1 };
	int rc = 0;

	if (j->plan->privileged)
		return 0;
	for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(hidden); i++)
		rc = cover(&c, hidden[i].path, hidden[i].is_dir, e);
	if (rc >= 0)
		rc = hide_throttle(&c, e);
	cleanup_fd(&c.first_dir);
	return rc;
}
