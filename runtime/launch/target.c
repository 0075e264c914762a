#include "launch/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/mount.h"

/* A neighbour may change what is resolved while it is: each time that shows costs a turn. */
enum { LINKS_MAX = 40, TURNS_MAX = 128 };

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

int target_refuse_link(int root, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int place = fd_walk(root, path, O_PATH | O_NOFOLLOW, 0, NULL);
	struct stat st;

	return place >= 0 && fstat(place, &st) == 0 && S_ISLNK(st.st_mode)
		       ? err_say(e, ELOOP, "the target is a link")
		       : 0;
}

int target_check(int target, int root, struct err *e)
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

static int attach_once(int root, int mount, const char *path, enum target_kind kind, struct err *e)
{
	CLEANUP(cleanup_fd) int target = target_open(root, path, kind, e);
	int rc = target < 0 ? target : target_check(target, root, e);

	return rc < 0 ? rc : mount_attach(mount, target, e);
}

/* -ENOENT: a neighbour has removed what we opened. */
int target_attach(int root, int mount, const char *path, enum target_kind kind, struct err *e)
{
	int rc = -ENOENT;

	for (int turns = 0; rc == -ENOENT && turns < TURNS_MAX; turns++)
		rc = attach_once(root, mount, path, kind, e);
	return rc;
}
