#include "launch/binds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "launch/filesystem.h"
#include "launch/tree.h"
#include "launch/userns.h"
#include "sys/mount.h"
#include "sys/mountinfo.h"

/* A neighbour may change what is resolved while it is: each time that shows costs a turn. */
enum { LINKS_MAX = 40, TURNS_MAX = 128 };

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
		rc = userns_map_mount(j, fd, e);
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

/* What is left to resolve: the first missing component starts at next. */
struct walk {
	char path[PATH_MAX]; /* relative to root, no leading '/' */
	unsigned links;
	int code; /* why the last turn did not make it */
};

/* The link at path[0…end) leads nowhere yet: put its target in its place, so that the walk goes on
 * to make what it names. */
static int follow_link(struct walk *w, size_t start, size_t end, const char *target, struct err *e)
{
	char rest[PATH_MAX];
	int len;

	if (++w->links > LINKS_MAX)
		return err_say(e, ELOOP, "too many links");
	(void)snprintf(rest, sizeof(rest), "%s", w->path + end);
	len = target[0] == '/'
		      ? snprintf(w->path, sizeof(w->path), "%s%s", target, rest)
		      : snprintf(w->path + start, sizeof(w->path) - start, "%s%s", target, rest) +
				(int)start;
	return len >= (int)sizeof(w->path) ? err_say(e, ENAMETOOLONG, "link to %s", target) : 0;
}

/* Makes the component path[start…end) in parent.  1: it is a link with no target, now replaced, or
 * a neighbour was quicker: the path is to be walked again.  First asked whether it is a link: that
 * waits for nobody, while who makes a name waits for a neighbour's changes, and comes right after
 * one each time. */
static int make_component(
	struct walk *w, int parent, size_t start, size_t end, bool is_file, struct err *e)
{
	char name[NAME_MAX + 1], target[PATH_MAX];
	ssize_t n;
	int rc;

	if (end - start > NAME_MAX)
		return err_set(e, ENAMETOOLONG, "make %s", w->path);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(end - start), w->path + start);
	n = readlinkat(parent, name, target, sizeof(target) - 1);
	if (n >= 0) {
		target[n] = '\0';
		rc = follow_link(w, start, end, target, e);
		return rc < 0 ? rc : 1;
	}
	if (errno == EINVAL)
		return 1;
	if (errno != ENOENT)
		return err_set(e, errno, "read link %s", w->path);
	rc = is_file ? mknodat(parent, name, S_IFREG | 0644, 0) : mkdirat(parent, name, 0755);
	if (rc == 0)
		return 0;
	w->code = errno; /* ENOENT: parent was removed, or its file system has no such thing */
	return errno == EEXIST || errno == ENOENT ? 1 : err_set(e, errno, "make %s", w->path);
}

/* Makes the missing components, up to the first that is a link.  Each prefix is resolved anew from
 * root by the kernel, so a link in it counts as the container would see it. */
static int make_missing(int root, struct walk *w, enum target_kind kind, struct err *e)
{
	CLEANUP(cleanup_fd) int parent = fcntl(root, F_DUPFD_CLOEXEC, 0);
	char prefix[PATH_MAX];
	size_t start = strspn(w->path, "/");

	while (w->path[start]) {
		size_t end = start + strcspn(w->path + start, "/");
		bool is_last = !w->path[end + strspn(w->path + end, "/")];
		int next, rc;

		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)end, w->path);
		next = fd_walk(root, prefix, O_PATH, 0, e);
		if (next == -ENOENT) {
			rc = make_component(
				w, parent, start, end, is_last && kind == TARGET_FILE, e);
			if (rc != 0)
				return rc < 0 ? rc : 0;
			next = fd_walk(root, prefix, O_PATH, 0, e);
		}
		if (next < 0)
			return next == -ENOENT ? 0 : next;
		close(parent);
		parent = next;
		start = end + strspn(w->path + end, "/");
	}
	return 0;
}

int target_open(int root, const char *path, enum target_kind kind, struct err *e)
{
	struct walk w = { .links = 0, .code = 0 };

	if (snprintf(w.path, sizeof(w.path), "%s", path) >= (int)sizeof(w.path))
		return err_set(e, ENAMETOOLONG, "%s", path);
	/* Every turn follows a link or is the last, unless a neighbour changes what we walk on. */
	for (size_t turns = 0; turns < TURNS_MAX; turns++) {
		int fd = fd_walk(root, w.path, O_PATH, 0, e), rc;

		if (fd != -ENOENT)
			return fd;
		if ((rc = make_missing(root, &w, kind, e)) < 0)
			return rc;
	}
	return err_set(e, w.code ? w.code : EAGAIN, "make %s", path);
}

/* What the kernel fills must be where its name says: masks name it so. */
static int refuse_link(int root, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int place = fd_walk(root, path, O_PATH | O_NOFOLLOW, 0, NULL);
	struct stat st;

	return place >= 0 && fstat(place, &st) == 0 && S_ISLNK(st.st_mode)
		       ? err_say(e, ELOOP, "the target is a link")
		       : 0;
}

/* Looked at by its descriptor, which the mount goes onto: what the path leads to by then is moot.
 */
static int check_target(int target, int root, struct err *e)
{
	int is_root = mount_is_root(target, root, e);
	struct statfs fs;

	if (is_root < 0)
		return is_root;
	if (is_root)
		return err_say(e, EPERM, "the target is the root itself");
	/* A mount there would replace what the kernel says by what a volume says, to us as well. */
	if (fstatfs(target, &fs) < 0)
		return err_set(e, errno, "look at the target");
	return fs.f_type == PROC_SUPER_MAGIC ? err_say(e, EPERM, "the target is inside /proc") : 0;
}

static int attach_once(
	struct job *j, int mount, const char *path, enum target_kind kind, struct err *e)
{
	CLEANUP(cleanup_fd) int target = target_open(j->mounts.root, path, kind, e);
	int rc = target < 0 ? target : check_target(target, j->mounts.root, e);

	return rc < 0 ? rc : mount_attach(mount, target, e);
}

/* -ENOENT: a neighbour has removed what we opened. */
int target_attach(struct job *j, int mount, const char *path, enum target_kind kind, struct err *e)
{
	int rc = -ENOENT;

	for (int turns = 0; rc == -ENOENT && turns < TURNS_MAX; turns++)
		rc = attach_once(j, mount, path, kind, e);
	return rc;
}

const struct plan_mount *binds_find_dev(const struct plan *p)
{
	for (size_t i = 0; i < p->mounts_len; i++)
		if (str_eq(p->mounts[i].target, "/dev"))
			return &p->mounts[i];
	return NULL;
}

/* /dev has been made, see devices_make(). */
static int attach_new(struct job *j, size_t i, struct err *e)
{
	const struct plan_mount *m = &j->plan->mounts[i];
	int rc = refuse_link(j->mounts.root, m->target, e);

	if (rc < 0)
		return rc;
	if (str_eq(m->type, "cgroup")) {
		CLEANUP(cleanup_fd)
		int target = target_open(j->mounts.root, m->target, TARGET_DIRECTORY, e);

		if (target < 0 || (rc = check_target(target, j->mounts.root, e)) < 0)
			return target < 0 ? target : rc;
		return tree_attach_cgroups(j, target, e);
	}
	j->mounts.binds[i] =
		str_eq(m->target, "/dev") ? take_fd(&j->mounts.dev) : filesystem_new(m, e);
	return j->mounts.binds[i] < 0
		       ? j->mounts.binds[i]
		       : target_attach(j, j->mounts.binds[i], m->target, TARGET_DIRECTORY, e);
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
		       : target_attach(j, j->mounts.binds[i], m->target,
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
