/* The nodes that everybody gets are made, not bound from the host's /dev: one call each instead of
 * four, in a file system that is ours alone, so nobody can have exchanged what we bind.  That is
 * done before we are in the container's cgroup, which would forbid it.
 *
 * What the plan asks for is the host's node itself, opened once: what was looked at is what
 * appears. Its mount is read-only, which for a device only means that its owner, mode and times
 * stay what they are; data goes through.  A node of our own is made where the plan wants it to
 * differ.
 */
#include "launch/devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "launch/filesystem.h"
#include "launch/target.h"
#include "launch/userns.h"
#include "sys/mount.h"

enum { DEPTH_MAX = 4, HOST_DEVICES_MAX = 8192 };

static const char dev_prefix[] = "/dev/";

static const struct {
	const char *name;
	unsigned major, minor;
} common[] = {
	{ "null", 1, 3 }, /* also what hides files: see tree.c */
	{ "zero", 1, 5 },
	{ "full", 1, 7 },
	{ "random", 1, 8 },
	{ "urandom", 1, 9 },
	{ "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
	{ "core", "/proc/kcore" },
};

/* ---- nodes of our own ---- */

struct node {
	mode_t mode; /* and type */
	dev_t number;
	uid_t uid;
	gid_t gid;
};

/* There may be one of the same name: then it must be the same device. */
static int make_node(int dir, const char *name, const struct node *n, struct err *e)
{
	struct stat st;

	if (mknodat(dir, name, n->mode, n->number) < 0) {
		if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(e, errno, "make it");
		if ((st.st_mode & S_IFMT) != (n->mode & S_IFMT) || st.st_rdev != n->number)
			return err_say(e, EEXIST, "something else has its name");
		if (fchmodat(dir, name, n->mode & 07777, 0) < 0)
			return err_set(e, errno, "set its mode");
	}
	if ((n->uid || n->gid) && fchownat(dir, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "set its owner");
	return 0;
}

/* path: below /dev.  Parents are found and made as a container would see them: some are links. */
static int make_below(int dev, const char *path, const struct node *n, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(cleanup_free) char *dir = slash ? str_ndup(path, (size_t)(slash - path)) : NULL;
	CLEANUP(cleanup_fd) int parent = -1;

	if (!slash)
		return make_node(dev, path, n, e);
	parent = target_open(dev, dir, TARGET_DIRECTORY, e);
	return parent < 0 ? parent : make_node(parent, slash + 1, n, e);
}

/* ---- lists of the host's ---- */

/* What the container has of its own, or what is no device of the machine. */
static bool is_own(const char *path)
{
	static const char *const names[] = { "pts", "shm", "fd", "mqueue", "console", "ptmx",
		"core", "stdin", "stdout", "stderr" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(path, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (str_eq(path, common[i].name))
			return true;
	return false;
}

struct walk {
	struct job *j;
	/* dir: what holds the node; path: below where the walk began. */
	int (*found)(
		struct walk *w, int dir, const char *path, const struct stat *st, struct err *e);
	const struct plan_device *wanted; /* NULL: all, for privileged ones */
	size_t count;
};

static int list_below(struct walk *w, int parent, const char *dir, int depth, struct err *e);

static int look_at(
	struct walk *w, int dir, const char *path, const char *name, int depth, struct err *e)
{
	struct stat st;

	/* Nodes come and go while we look. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "stat %s", path);
	if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		return list_below(w, dir, path, depth + 1, e);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return 0;
	if (w->count++ == HOST_DEVICES_MAX)
		return err_say(e, E2BIG, "more than %d devices", HOST_DEVICES_MAX);
	return w->found(w, dir, path, &st, e);
}

static int list_below(struct walk *w, int parent, const char *dir, int depth, struct err *e)
{
	const char *last = strrchr(dir, '/');
	int fd = openat(parent, *dir ? (last ? last + 1 : dir) : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!d) {
		rc = err_set(e, errno, "list %s", dir);
		cleanup_fd(&fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(d))) {
		CLEANUP(cleanup_free)
		char *path = *dir ? str_fmt("%s/%s", dir, entry->d_name) : str_dup(entry->d_name);

		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") && !is_own(path))
			rc = look_at(w, fd, path, entry->d_name, depth, e);
	}
	closedir(d);
	return rc;
}

static int copy_node(
	struct walk *w, int dir, const char *path, const struct stat *st, struct err *e)
{
	const struct node n = { st->st_mode, st->st_rdev, st->st_uid, st->st_gid };
	int rc = make_below(w->j->mounts.dev, path, &n, e);

	(void)dir;
	return rc < 0 ? err_wrap(e, rc, "/dev/%s", path) : 0;
}

static int copy_host(struct job *j, struct err *e)
{
	struct walk w = { .j = j, .found = copy_node };
	CLEANUP(cleanup_fd) int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dev < 0 ? err_set(e, errno, "open /dev") : list_below(&w, dev, "", 0, e);
}

/* ---- what the plan asks for ---- */

static char type_of(mode_t mode)
{
	return S_ISBLK(mode) ? 'b' : S_ISCHR(mode) ? 'c' : 'p';
}

/* mount: -1: a node of our own. */
static int note(struct job *j, const struct plan_device *d, const struct node *n, int mount,
	const char *target, struct err *e)
{
	if (j->devices_len == PLAN_DEVICES_MAX)
		return err_say(e, E2BIG, "more than %d devices", PLAN_DEVICES_MAX);
	j->devices = mem_resize(j->devices, j->devices_len + 1, sizeof(*j->devices));
	j->devices[j->devices_len++] = (struct job_device){ .mount = mount,
		.target = str_dup(target),
		.type = type_of(n->mode),
		.number = n->number,
		.access = d->access };
	return 0;
}

/* The plan's are the container's, as all ids in it.  The host's own nodes keep the host's, and in a
 * user namespace they are nobody's; of a copy, what is not given is its root's there, or root in
 * there could not open it. */
static int own_ids(const struct job *j, const struct plan_device *d, struct node *n, struct err *e)
{
	const int64_t uid = plan_host_id(&j->plan->uid_map, (uint32_t)d->uid);
	const int64_t gid = plan_host_id(&j->plan->gid_map, (uint32_t)d->gid);

	if ((d->uid >= 0 && uid < 0) || (d->gid >= 0 && gid < 0))
		return err_say(e, EINVAL, "its owner is not in the user namespace");
	if (j->plan->uid_map.len) {
		n->uid = userns_root_uid(j);
		n->gid = userns_root_gid(j);
	}
	if (d->uid >= 0)
		n->uid = (uid_t)uid;
	if (d->gid >= 0)
		n->gid = (gid_t)gid;
	return 0;
}

static int make_own(struct job *j, const struct plan_device *d, const char *target, struct node *n,
	struct err *e)
{
	int rc;

	if (!str_starts(target, dev_prefix) || str_ends(target, "/"))
		return err_say(e, EINVAL, "%s: a node of its own is made below /dev only", target);
	if (d->mode >= 0)
		n->mode = (n->mode & S_IFMT) | (mode_t)d->mode;
	if ((rc = own_ids(j, d, n, e)) < 0)
		return rc;
	rc = note(j, d, n, -1, target, e);
	return rc < 0 ? rc : make_below(j->mounts.dev, target + strlen(dev_prefix), n, e);
}

/* node: open by O_PATH. */
static int take_host(struct job *j, const struct plan_device *d, int node, const struct stat *st,
	const char *target, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NOEXEC,
		.attr_clr = MOUNT_ATTR_NODEV,
		.propagation = MS_PRIVATE };
	struct node n = { st->st_mode, st->st_rdev, st->st_uid, st->st_gid };
	int mount;

	if (d->mode >= 0 || d->uid >= 0 || d->gid >= 0)
		return make_own(j, d, target, &n, e);
	if ((mount = mount_copy(node, "", MOUNT_ONE, e)) < 0)
		return mount;
	if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_set(e, errno, "set the mount's attributes: mount_setattr");
	return note(j, d, &n, mount, target, e); /* released with the process, see job.h */
}

static int found_below(
	struct walk *w, int dir, const char *path, const struct stat *st, struct err *e)
{
	const char *last = strrchr(path, '/');
	CLEANUP(cleanup_free) char *target = str_fmt("%s/%s", w->wanted->target, path);
	CLEANUP(cleanup_fd)
	int node = openat(dir, last ? last + 1 : path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat now;

	if (node < 0 || fstat(node, &now) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "open %s", path);
	if (now.st_rdev != st->st_rdev || (now.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
		return err_say(e, ESTALE, "%s: it has changed", path);
	return take_host(w->j, w->wanted, node, &now, target, e);
}

static int take_path(struct job *j, const struct plan_device *d, struct err *e)
{
	struct walk w = { .j = j, .found = found_below, .wanted = d };
	CLEANUP(cleanup_fd) int node = open(d->source, O_PATH | O_CLOEXEC);
	struct stat st;
	int rc;

	if (node < 0 || fstat(node, &st) < 0)
		return err_set(e, errno, "open it");
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return take_host(j, d, node, &st, d->target, e);
	if (!S_ISDIR(st.st_mode))
		return err_say(e, ENODEV, "it is no device and no directory of devices");
	rc = list_below(&w, node, "", 0, e);
	return rc == 0 && !w.count ? err_say(e, ENODEV, "the directory has no devices") : rc;
}

/* "c10.229", "b7.0", "p": the plan's reader has checked them. */
static int take_number(struct job *j, const struct plan_device *d, struct err *e)
{
	unsigned major = 0, minor = 0;
	struct node n = {
		.mode = S_IFIFO | 0666, .uid = userns_root_uid(j), .gid = userns_root_gid(j)
	};

	if (*d->source != 'p') {
		if (sscanf(d->source + 1, "%u.%u", &major, &minor) != 2)
			return err_say(e, EINVAL, "it is no number");
		n.mode = (*d->source == 'b' ? S_IFBLK : S_IFCHR) | 0666;
		n.number = makedev(major, minor);
	}
	return make_own(j, d, d->target, &n, e);
}

static int give_to_root(const struct job *j, const char *name, struct err *e)
{
	if (!j->plan->uid_map.len)
		return 0;
	return fchownat(j->mounts.dev, name, userns_root_uid(j), userns_root_gid(j),
		       AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0
		       ? err_set(e, errno, "give /dev/%s to the pod's root", name)
		       : 0;
}

/* A bundle may say how, or bring one of its own: then nodes are made in one that nobody sees. */
static int make_dev(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	const struct mount_option options[] = {
		{ "mode", "755" },                                        /**/
		{ "size", "65536k" },                                     /**/
		{ p->selinux_mount ? "context" : NULL, p->selinux_mount } /**/
	};
	const struct plan_mount *m = p->kind == PLAN_BUNDLE ? plan_mount_at(p, "/dev") : NULL;

	if (m && m->type)
		j->mounts.dev = filesystem_new_outside(p, m, e);
	else
		j->mounts.dev =
			mount_new("tmpfs", options, ARRAY_LEN(options), MOUNT_ATTR_NOSUID, e);
	if (j->mounts.dev < 0)
		return j->mounts.dev;
	return m && m->type ? 0 : give_to_root(j, "", e);
}

int devices_make(struct job *j, struct err *e)
{
	int rc = make_dev(j, e), dev = j->mounts.dev;

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (mknodat(dev, common[i].name, S_IFCHR | 0666,
			    makedev(common[i].major, common[i].minor)) < 0)
			return err_set(e, errno, "make /dev/%s", common[i].name);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(common); i++)
		rc = give_to_root(j, common[i].name, e);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(links); i++) {
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return err_set(e, errno, "make /dev/%s", links[i].name);
		rc = give_to_root(j, links[i].name, e);
	}
	if (rc == 0 && j->plan->privileged)
		rc = copy_host(j, e);
	for (size_t i = 0; rc == 0 && i < j->plan->devices_len; i++) {
		const struct plan_device *d = &j->plan->devices[i];

		rc = *d->source == '/' ? take_path(j, d, e) : take_number(j, d, e);
		if (rc < 0)
			return err_wrap(e, rc, "device %s", d->source);
	}
	return rc;
}

int devices_attach(struct job *j, struct err *e)
{
	for (size_t i = 0; i < j->devices_len; i++) {
		const struct job_device *d = &j->devices[i];
		int rc = d->mount < 0 ? 0
				      : target_attach(j->mounts.root, d->mount, d->target,
						TARGET_FILE, e);

		if (rc < 0)
			return err_wrap(e, rc, "device %s", d->target);
	}
	return 0;
}
