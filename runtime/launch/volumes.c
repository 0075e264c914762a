#include "launch/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/mount.h"

/* ---- sandbox ---- */

static const uint64_t held = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY;

/* As the kubelet makes it: the sticky root of a tmpfs, and setgid with a group.  Not idmapped: its
 * files have the ids of the pod as the host sees them. */
static int make_one(const struct plan *p, const struct plan_volume *v, struct err *e)
{
	const int64_t group = plan_host_id(&p->gid_map, v->gid >= 0 ? (uint32_t)v->gid : 0);
	char size[24], uid[24], gid[24];
	const struct mount_option options[] = {
		{ "size", size },                          /**/
		{ "mode", v->gid >= 0 ? "3777" : "1777" }, /**/
		{ "uid", uid },                            /**/
		{ "gid", gid },                            /**/
		{ p->selinux_mount ? "context" : NULL, p->selinux_mount },
		{ "noswap", NULL }, /* the last: see below */
	};
	int fd;

	if (group < 0)
		return err_say(e, EINVAL, "group %" PRId64 " is not in the user namespace", v->gid);
	(void)snprintf(size, sizeof(size), "%" PRId64, v->size_bytes);
	(void)snprintf(uid, sizeof(uid), "%" PRId64, plan_host_id(&p->uid_map, 0));
	(void)snprintf(gid, sizeof(gid), "%" PRId64, group);
	fd = mount_new("tmpfs", options, ARRAY_LEN(options), held, e);
	/* KERNEL 6.4: those before cannot keep a tmpfs from being swapped. */
	return fd == -EINVAL ? mount_new("tmpfs", options, ARRAY_LEN(options) - 1, held, e) : fd;
}

int volumes_make(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;

	if (p->volumes_len)
		j->volumes = mem_resize(NULL, p->volumes_len, sizeof(int));
	for (size_t i = 0; i < p->volumes_len; i++)
		if ((j->volumes[i] = make_one(p, &p->volumes[i], e)) < 0)
			return err_wrap(e, j->volumes[i], "volume %s", p->volumes[i].name);
	return 0;
}

int volumes_make_places(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	CLEANUP(cleanup_fd) int top = -1;

	if (!p->volumes_len)
		return 0;
	if (mkdirat(j->mounts.root, "volumes", 0555) < 0)
		return err_set(e, errno, "make /volumes");
	top = openat(j->mounts.root, "volumes", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_set(e, errno, "open /volumes");
	for (size_t i = 0; i < p->volumes_len; i++)
		if (mkdirat(top, p->volumes[i].name, 0555) < 0)
			return err_set(e, errno, "make /volumes/%s", p->volumes[i].name);
	return 0;
}

int volumes_attach(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	char path[80]; /* names are short */
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->volumes_len; i++) {
		(void)snprintf(path, sizeof(path), "volumes/%s", p->volumes[i].name);
		rc = mount_attach_at(j->volumes[i], j->mounts.root, path, e);
	}
	return rc;
}

/* ---- container ---- */

/* What is missing is made with the mode of the volume's root, as it is for volumes on a disk; by a
 * copy of the mount, since pause's is read-only. */
static int make_sub_path(int root, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int copy = mount_copy(root, "", MOUNT_ONE, e);
	CLEANUP(cleanup_fd) int made = -1;
	struct stat st;
	int rc;

	if (copy < 0)
		return copy;
	if ((rc = mount_permit(copy, MOUNT_ATTR_RDONLY, e)) < 0)
		return rc;
	if (fstat(copy, &st) < 0)
		return err_set(e, errno, "look at the volume");
	made = fd_make_below(copy, path, st.st_mode & 07777, e);
	return made < 0 ? made : 0;
}

/* "/NAME/PATH" in pause's own mount, which alone can be copied again.  Who changes the path
 * meanwhile gets something else of that volume. */
static int open_source(const char *source, struct err *e)
{
	size_t len = 1 + strcspn(source + 1, "/");
	char path[80];
	CLEANUP(cleanup_fd) int root = -1;
	int rc;

	(void)snprintf(path, sizeof(path), "/volumes%.*s", (int)len, source);
	root = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return err_set(e, errno, "open the pod's volume %.*s", (int)len - 1, source + 1);
	if (!source[len + strspn(source + len, "/")])
		return take_fd(&root);
	rc = make_sub_path(root, source + len, e);
	if (rc == 0)
		rc = fd_walk(root, source + len, O_PATH, 0, e);
	return rc < 0 ? err_wrap(e, rc, "volume %.*s", (int)len - 1, source + 1) : rc;
}

static int copy_one(const struct plan_mount *m, struct err *e)
{
	const bool is_read_only = m->read_only || m->recursive_read_only;
	uint64_t all = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (m->no_exec ? MOUNT_ATTR_NOEXEC : 0);
	CLEANUP(cleanup_fd) int source = open_source(m->source, e);
	CLEANUP(cleanup_fd) int fd = source < 0 ? source : mount_copy(source, "", MOUNT_ONE, e);
	int rc;

	if (fd < 0)
		return fd;
	rc = mount_restrict(fd, all, MOUNT_ONE, e);
	if (rc == 0 && !is_read_only)
		rc = mount_permit(fd, MOUNT_ATTR_RDONLY, e);
	return rc < 0 ? rc : take_fd(&fd);
}

int volumes_copy(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < p->mounts_len; i++) {
		if (!p->mounts[i].is_volume)
			continue;
		rc = j->mounts.binds[i] = copy_one(&p->mounts[i], e);
		if (rc < 0)
			return err_wrap(e, rc, "mount %s", p->mounts[i].target);
	}
	return 0;
}
