#include "sys/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int mount_new(const char *type, const struct mount_option *options, size_t len, uint64_t attributes,
	struct err *e)
{
	CLEANUP(cleanup_fd) int fs = fsopen(type, FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return err_set(e, errno, "new %s", type);
	for (size_t i = 0; i < len; i++) {
		const struct mount_option *o = &options[i];
		unsigned command = o->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (o->key && fsconfig(fs, command, o->key, o->value, 0) < 0)
			return err_set(
				e, errno, "new %s: %s=%s", type, o->key, o->value ? o->value : "");
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(e, errno, "new %s", type);
	mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
	return mount < 0 ? err_set(e, errno, "mount new %s", type) : mount;
}

int mount_copy(int dir, const char *path, enum mount_depth depth, struct err *e)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_NO_AUTOMOUNT;
	int mount;

	if (depth == MOUNT_WITH_BELOW)
		flags |= AT_RECURSIVE;
	mount = open_tree(dir, path, flags);
	return mount < 0 ? err_set(e, errno, "copy mount %s", path) : mount;
}

static int set(
	int dir, const char *path, struct mount_attr *attr, enum mount_depth depth, struct err *e)
{
	unsigned flags = AT_EMPTY_PATH | (depth == MOUNT_WITH_BELOW ? AT_RECURSIVE : 0U);

	return mount_setattr(dir, path, flags, attr, sizeof(*attr)) < 0
		       ? err_set(e, errno, "mount_setattr")
		       : 0;
}

int mount_restrict(int mount, uint64_t attributes, enum mount_depth depth, struct err *e)
{
	return mount_restrict_peers(mount, attributes, MS_PRIVATE, depth, e);
}

int mount_restrict_peers(
	int mount, uint64_t attributes, uint64_t propagation, enum mount_depth depth, struct err *e)
{
	struct mount_attr attr = { .attr_set = attributes, .propagation = propagation };

	return set(mount, "", &attr, depth, e);
}

int mount_permit(int mount, uint64_t attributes, struct err *e)
{
	return set(mount, "", &(struct mount_attr){ .attr_clr = attributes }, MOUNT_ONE, e);
}

int mount_map(int mount, int userns, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns };

	return mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0
		       ? err_set(e, errno, "map the ids of the mount: mount_setattr")
		       : 0;
}

int mount_leave_peers(struct err *e)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	return set(AT_FDCWD, "/", &attr, MOUNT_WITH_BELOW, e);
}

int mount_attach(int mount, int target, struct err *e)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

	return move_mount(mount, "", target, "", flags) < 0 ? err_set(e, errno, "attach mount") : 0;
}

int mount_attach_at(int mount, int dir, const char *path, struct err *e)
{
	return move_mount(mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH) < 0
		       ? err_set(e, errno, "attach mount to %s", path)
		       : 0;
}

int mount_is_root(int place, int root, struct err *e)
{
	struct statx a, b;

	if (statx(place, "", AT_EMPTY_PATH, STATX_MNT_ID, &a) < 0)
		return err_set(e, errno, "look at the mount");
	if (!(a.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	if (statx(root, "", AT_EMPTY_PATH, STATX_MNT_ID, &b) < 0)
		return err_set(e, errno, "look at the root");
	return a.stx_mnt_id == b.stx_mnt_id;
}

int mount_pivot(int mount, struct err *e)
{
	if (fchdir(mount) < 0)
		return err_set(e, errno, "enter the new root");
	/* man 2 pivot_root: with "." for both, the old root ends up on top of the new one at "/".
	 */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(e, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_set(e, errno, "detach the old root");
	return chdir("/") < 0 ? err_set(e, errno, "enter /") : 0;
}
