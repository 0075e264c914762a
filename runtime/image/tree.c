/* What is made and hidden at the places that the walk leads to. */
#include "image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "image/bytes.h"
#include "image/folder.h"
#include "image/tree_walk.h"

/* ---- making ------------------------------------------------------------------------------ */

/* Returns 1 when something was removed. */
static int clear(const struct place *p, struct err *e)
{
	struct stat st;
	int rc;

	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "stat %s", p->path);
	rc = fd_remove_tree(p->dir, p->name, e);
	return rc < 0 ? rc : 1;
}

int tree_make_dir(struct tree *t, const struct place *p, const struct meta *m, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = openat(p->dir, p->name, TREE_DIR_FLAGS);
	int removed = 0, rc;

	if (fd < 0) {
		removed = clear(p, e);
		if (removed < 0)
			return removed;
		if (mkdirat(p->dir, p->name, TREE_DIR_MODE) < 0)
			return err_set(e, errno, "make directory %s", p->path);
		fd = openat(p->dir, p->name, TREE_DIR_FLAGS);
		if (fd < 0)
			return err_set(e, errno, "open directory %s", p->path);
	}
	/* What was there hid whatever the layers below have here, and so must the directory. */
	if (removed && (rc = tree_set_opaque(t, fd, e)) < 0)
		return rc;
	rc = meta_apply(fd, m, e);
	if (rc == 0)
		tree_keep_time(t, p->path, &m->mtime);
	return rc < 0 ? err_wrap(e, rc, "%s", p->path) : 0;
}

static int own(const struct place *p, const struct meta *m, struct err *e)
{
	const struct timespec times[] = { m->mtime, m->mtime };

	if (fchownat(p->dir, p->name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "change owner of %s", p->path);
	if (utimensat(p->dir, p->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "set time of %s", p->path);
	return 0;
}

int tree_make_link(const struct place *p, const char *target, const struct meta *m, struct err *e)
{
	int rc = clear(p, e);

	if (rc < 0)
		return rc;
	if (symlinkat(target, p->dir, p->name) < 0)
		return err_set(e, errno, "make link %s", p->path);
	return own(p, m, e);
}

int tree_make_pipe(const struct place *p, const struct meta *m, struct err *e)
{
	int rc = clear(p, e);

	if (rc < 0)
		return rc;
	if (mknodat(p->dir, p->name, S_IFIFO | (m->mode & 0777), 0) < 0)
		return err_set(e, errno, "make pipe %s", p->path);
	return own(p, m, e);
}

int tree_make_file(const struct place *p, struct err *e)
{
	int rc = clear(p, e), fd;

	if (rc < 0)
		return rc;
	fd = openat(p->dir, p->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? err_set(e, errno, "make file %s", p->path) : fd;
}

int tree_root(struct tree *t, const struct meta *m, struct err *e)
{
	int rc = meta_apply(t->fd, m, e);

	if (rc == 0)
		tree_keep_time(t, "", &m->mtime);
	return rc;
}

/* Brings the file at the place up from a layer below.  1 when it was there. */
static int copy_up(struct tree *t, const struct place *p, struct err *e)
{
	CLEANUP(cleanup_fd) int from = -1;
	CLEANUP(cleanup_fd) int to = -1;
	CLEANUP(meta_free) struct meta m = { 0 };
	int kind = t->hides_all ? STACK_NOTHING : stack_find(t->below, p->path, &from, e), rc;

	if (kind != STACK_FILE)
		return kind < 0 ? kind : 0;
	if ((rc = meta_read(from, &m, e)) < 0 || (rc = budget_take_entry(t->budget, e)) < 0)
		return rc;
	to = tree_make_file(p, e);
	if (to < 0)
		return to;
	rc = bytes_copy(from, to, t->budget, e);
	if (rc == 0)
		rc = meta_apply(to, &m, e);
	return rc < 0 ? err_wrap(e, rc, "%s", p->path) : 1;
}

static int open_target(struct tree *t, const char *target, struct place *out, struct err *e)
{
	struct stat st;
	int rc = tree_reach(t, target, out, e);

	if (rc < 0)
		return rc;
	if (fstatat(out->dir, out->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) || stack_is_whiteout(&st)
			       ? err_say(e, EPERM, "hard link to %s, which is no file", target)
			       : 0;
	if (errno != ENOENT)
		return err_set(e, errno, "stat %s", target);
	rc = copy_up(t, out, e);
	return rc == 0 ? err_say(e, ENOENT, "hard link to %s, which does not exist", target)
		       : (rc < 0 ? rc : 0);
}

int tree_make_hard_link(struct tree *t, const char *path, const char *target, struct err *e)
{
	CLEANUP(place_free) struct place to = { 0 };
	CLEANUP(place_free) struct place at = { 0 };
	CLEANUP(cleanup_fd) int to_dir = -1;
	int rc;

	if ((rc = open_target(t, target, &to, e)) < 0)
		return rc;
	to_dir = fcntl(to.dir, F_DUPFD_CLOEXEC, 0); /* the next walk closes the first one's */
	if (to_dir < 0)
		return err_set(e, errno, "hold a directory");
	if ((rc = tree_reach(t, path, &at, e)) < 0)
		return rc;
	if (str_eq(to.path, at.path)) /* two names of one place */
		return 0;
	if ((rc = clear(&at, e)) < 0)
		return rc;
	return linkat(to_dir, to.name, at.dir, at.name, 0) < 0
		       ? err_set(e, errno, "make hard link %s", at.path)
		       : 0;
}

/* ---- hiding ------------------------------------------------------------------------------ */

int tree_hide(struct tree *t, const struct place *p, struct err *e)
{
	CLEANUP(cleanup_fd) int below = -1;
	struct stat st;
	int kind;

	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		CLEANUP(cleanup_fd) int fd = -1;

		if (!S_ISDIR(st.st_mode))
			return 0; /* hides what is below already */
		fd = openat(p->dir, p->name, TREE_DIR_FLAGS);
		return fd < 0 ? err_set(e, errno, "open %s", p->path) : tree_set_opaque(t, fd, e);
	}
	if (errno != ENOENT)
		return err_set(e, errno, "stat %s", p->path);
	kind = stack_find(t->below, p->path, &below, e);
	if (kind <= STACK_NOTHING)
		return kind;
	/* Needs no CAP_MKNOD: 0:0 is no device. */
	return mknodat(p->dir, p->name, S_IFCHR, 0) < 0
		       ? err_set(e, errno, "make whiteout %s", p->path)
		       : 0;
}

int tree_hide_below(struct tree *t, const char *dir, struct err *e)
{
	int rc;

	if (!*dir) {
		t->hides_all = true;
		return 0;
	}
	rc = tree_walk(t, dir, e);
	return rc < 0 ? rc : tree_set_opaque(t, t->near_fd, e);
}

/* overlayfs merges the roots of layers whatever they say, so each name is hidden by itself. */
static int hide_names(struct tree *t, int lower, struct err *e)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	int rc = folder_names(lower, ".", FOLDER_NAMES_MAX, &names, e);

	for (size_t i = 0; rc == 0 && i < names.len; i++) {
		struct place p = { t->fd, names.at[i], names.at[i] };

		rc = budget_take_entry(t->budget, e);
		if (rc == 0)
			rc = tree_hide(t, &p, e);
	}
	return rc;
}

/* A directory that has gone or turned into something else since is none of ours any more. */
static int set_time(struct tree *t, const struct tree_times *time, struct err *e)
{
	const struct timespec times[] = { time->mtime, time->mtime };
	CLEANUP(cleanup_fd) int fd = tree_open_real(t, time->path, NULL);

	return fd >= 0 && futimens(fd, times) < 0 ? err_set(e, errno, "set time of %s", time->path)
						  : 0;
}

int tree_finish(struct tree *t, struct err *e)
{
	int rc = 0;

	tree_forget_near(t);
	for (size_t i = 0; rc == 0 && t->hides_all && i < t->below->len; i++)
		rc = hide_names(t, t->below->fds[i], e);
	for (size_t i = 0; rc == 0 && i < t->times_len; i++)
		rc = set_time(t, &t->times[i], e);
	return rc;
}
