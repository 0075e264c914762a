/* A part of a path that is not in the layer itself may be in one below: then the walk makes the
 * same directory here (overlayfs shows the attributes of the topmost one), or follows the same
 * link.  So an entry "lib/x" lands in "usr/lib/x" when a layer below has the link "lib", as it
 * would if all layers were unpacked into one directory.
 */
#include "image/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "image/copy.h"
#include "image/path.h"

enum {
	LINKS_MAX = 40,
	DIR_MODE = 0755,
	DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

void tree_begin(struct tree *t, int fd, const struct stack *below, struct budget *budget)
{
	*t = (struct tree){ .fd = fd, .below = below, .budget = budget, .near_fd = -1 };
}

static void forget_near(struct tree *t)
{
	if (t->near)
		close(t->near_fd);
	free(t->near);
	free(t->near_path);
	t->near = t->near_path = NULL;
	t->near_fd = -1;
}

void tree_free(struct tree *t)
{
	forget_near(t);
	for (size_t i = 0; i < t->times_len; i++)
		free(t->times[i].path);
	free(t->times);
	if (t->fd >= 0)
		close(t->fd);
	*t = (struct tree){ .fd = -1, .near_fd = -1 };
}

void place_free(struct place *p)
{
	free(p->path);
	p->path = NULL;
}

static void keep_time(struct tree *t, const char *path, const struct timespec *mtime)
{
	if (t->times_len == t->times_cap) {
		t->times_cap = t->times_cap ? 2 * t->times_cap : 64;
		t->times = mem_resize(t->times, t->times_cap, sizeof(*t->times));
	}
	t->times[t->times_len++] = (struct tree_times){ str_dup(path), *mtime };
}

/* A real path of directories below the root, none of them a link. */
static int open_real(const struct tree *t, const char *path, struct err *e)
{
	struct open_how how = { .flags = DIR_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, t->fd, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? err_set(e, errno, "open %s", path) : fd;
}

static int set_opaque(struct tree *t, int dir, struct err *e)
{
	t->has_opaque = true;
	return fsetxattr(dir, OVERLAY_OPAQUE, "y", 1, 0) < 0
		       ? err_set(e, errno, "set attribute " OVERLAY_OPAQUE)
		       : 0;
}

/* ---- the walk ---------------------------------------------------------------------------- */

struct walk {
	struct tree *t;
	int dir;        /* where we are; owned */
	struct buf at;  /* the real path of dir */
	char *rest;     /* what is still to walk; owned */
	bool is_hidden; /* an opaque directory is on the way: nothing below counts */
	int links;      /* followed so far */
};

static void walk_free(struct walk *w)
{
	if (w->dir >= 0)
		close(w->dir);
	buf_free(&w->at);
	free(w->rest);
}

static int go_up(struct walk *w, struct err *e)
{
	CLEANUP(cleanup_free) char *up = path_parent(w->at.data ? w->at.data : "");
	int fd = open_real(w->t, up, e);

	if (fd < 0)
		return fd;
	close(w->dir);
	w->dir = fd;
	buf_clear(&w->at);
	buf_adds(&w->at, up);
	return 0;
}

static void enter(struct walk *w, int fd, const char *name)
{
	close(w->dir);
	w->dir = fd;
	if (w->at.len)
		buf_addc(&w->at, '/');
	buf_adds(&w->at, name);
	if (w->t->has_opaque && stack_is_opaque(fd))
		w->is_hidden = true;
}

static int make_dir(struct walk *w, const char *name, struct err *e)
{
	int rc = budget_take_entry(w->t->budget, e), fd;

	if (rc < 0)
		return rc;
	if (mkdirat(w->dir, name, DIR_MODE) < 0)
		return err_set(e, errno, "make directory %s", name);
	fd = openat(w->dir, name, DIR_FLAGS);
	return fd < 0 ? err_set(e, errno, "open directory %s", name) : fd;
}

/* Links lead on from the directory they stand in, absolute ones from the root of the image. */
static int follow(struct walk *w, int link, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t len = name ? readlinkat(link, name, target, sizeof(target))
			   : readlinkat(link, "", target, sizeof(target));
	char *rest;

	if (len < 0)
		return err_set(e, errno, "read link");
	if (++w->links > LINKS_MAX || (size_t)len + strlen(w->rest) + 1 >= sizeof(target))
		return err_say(e, ELOOP, "too many links on the way to %s", w->rest);
	rest = str_fmt("%.*s/%s", (int)len, target, w->rest);
	free(w->rest);
	w->rest = rest;
	if (target[0] == '/') {
		int fd = open_real(w->t, "", e);

		if (fd < 0)
			return fd;
		close(w->dir);
		w->dir = fd;
		buf_clear(&w->at);
		w->is_hidden = w->t->hides_all;
	}
	return 0;
}

/* name is not in the layer: it is made as it is below. */
static int step_missing(struct walk *w, const char *name, struct err *e)
{
	CLEANUP(cleanup_free)
	char *path = w->at.len ? str_fmt("%s/%s", w->at.data, name) : str_dup(name);
	CLEANUP(meta_free) struct meta m = { 0 };
	CLEANUP(cleanup_fd) int found = -1;
	int kind = w->is_hidden ? STACK_NOTHING : stack_find(w->t->below, path, &found, e), fd, rc;

	if (kind == STACK_LINK)
		return follow(w, found, NULL, e);
	if (kind < 0 || (fd = make_dir(w, name, e)) < 0)
		return kind < 0 ? kind : fd;
	enter(w, fd, name);
	if (kind != STACK_DIR)
		return 0;
	rc = meta_read(found, &m, e);
	if (rc == 0)
		rc = meta_apply(w->dir, &m, e);
	if (rc == 0)
		keep_time(w->t, path, &m.mtime);
	return rc < 0 ? err_wrap(e, rc, "%s", path) : 0;
}

/* name is there and no directory. */
static int step_odd(struct walk *w, const char *name, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "stat %s", name);
	if (S_ISLNK(st.st_mode))
		return follow(w, w->dir, name, e);
	if (!stack_is_whiteout(&st))
		return err_say(e, ENOTDIR, "%s is a file, and something is below it", name);
	if (unlinkat(w->dir, name, 0) < 0)
		return err_set(e, errno, "remove %s", name);
	if ((fd = make_dir(w, name, e)) < 0)
		return fd;
	rc = set_opaque(w->t, fd, e);
	enter(w, fd, name);
	return rc;
}

static int step(struct walk *w, const char *name, struct err *e)
{
	int fd;

	if (!*name || str_eq(name, "."))
		return 0;
	if (str_eq(name, "..")) /* out of a link's target only */
		return go_up(w, e);
	fd = openat(w->dir, name, DIR_FLAGS);
	if (fd >= 0) {
		enter(w, fd, name);
		return 0;
	}
	if (errno == ENOENT)
		return step_missing(w, name, e);
	if (errno == ENOTDIR || errno == ELOOP)
		return step_odd(w, name, e);
	return err_set(e, errno, "open %s", name);
}

static int walk_all(struct walk *w, struct err *e)
{
	int rc = 0;

	while (rc == 0 && *w->rest) {
		size_t len = strcspn(w->rest, "/");
		CLEANUP(cleanup_free) char *name = str_ndup(w->rest, len);
		size_t skip = len + strspn(w->rest + len, "/");

		memmove(w->rest, w->rest + skip, strlen(w->rest + skip) + 1);
		rc = step(w, name, e);
	}
	return rc;
}

/* The directory at the clean path becomes the near one. */
static int walk_to(struct tree *t, const char *path, struct err *e)
{
	CLEANUP(walk_free) struct walk w = { .t = t, .dir = -1, .is_hidden = t->hides_all };
	int rc;

	if (str_eq(t->near, path))
		return 0;
	forget_near(t);
	w.rest = str_dup(path);
	w.dir = open_real(t, "", e);
	if (w.dir < 0)
		return w.dir;
	rc = walk_all(&w, e);
	if (rc < 0)
		return err_wrap(e, rc, "%s", path);
	t->near = str_dup(path);
	t->near_path = str_dup(w.at.data ? w.at.data : "");
	t->near_fd = take_fd(&w.dir);
	return 0;
}

int tree_reach(struct tree *t, const char *path, struct place *out, struct err *e)
{
	CLEANUP(cleanup_free) char *parent = path_parent(path);
	int rc = walk_to(t, parent, e);

	if (rc < 0)
		return rc;
	out->dir = t->near_fd;
	out->name = path_last(path);
	out->path = *t->near_path ? str_fmt("%s/%s", t->near_path, out->name) : str_dup(out->name);
	return 0;
}

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
	CLEANUP(cleanup_fd) int fd = openat(p->dir, p->name, DIR_FLAGS);
	int removed = 0, rc;

	if (fd < 0) {
		removed = clear(p, e);
		if (removed < 0)
			return removed;
		if (mkdirat(p->dir, p->name, DIR_MODE) < 0)
			return err_set(e, errno, "make directory %s", p->path);
		fd = openat(p->dir, p->name, DIR_FLAGS);
		if (fd < 0)
			return err_set(e, errno, "open directory %s", p->path);
	}
	/* What was there hid whatever the layers below have here, and so must the directory. */
	if (removed && (rc = set_opaque(t, fd, e)) < 0)
		return rc;
	rc = meta_apply(fd, m, e);
	if (rc == 0)
		keep_time(t, p->path, &m->mtime);
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
		keep_time(t, "", &m->mtime);
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
	rc = copy_bytes(from, to, t->budget, e);
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
		fd = openat(p->dir, p->name, DIR_FLAGS);
		return fd < 0 ? err_set(e, errno, "open %s", p->path) : set_opaque(t, fd, e);
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
	rc = walk_to(t, dir, e);
	return rc < 0 ? rc : set_opaque(t, t->near_fd, e);
}

/* overlayfs merges the roots of layers whatever they say, so each name is hidden by itself. */
static int hide_names(struct tree *t, int lower, struct err *e)
{
	int fd = openat(lower, ".", DIR_FLAGS), rc = 0;
	struct dirent *entry;
	DIR *d;

	if (fd < 0)
		return err_set(e, errno, "open a layer below");
	d = fdopendir(fd);
	while (rc == 0 && (entry = readdir(d))) {
		struct place p = { t->fd, entry->d_name, entry->d_name };

		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		rc = budget_take_entry(t->budget, e);
		if (rc == 0)
			rc = tree_hide(t, &p, e);
	}
	closedir(d);
	return rc;
}

/* A directory that has gone or turned into something else since is none of ours any more. */
static int set_time(struct tree *t, const struct tree_times *time, struct err *e)
{
	const struct timespec times[] = { time->mtime, time->mtime };
	CLEANUP(cleanup_fd) int fd = open_real(t, time->path, NULL);

	return fd >= 0 && futimens(fd, times) < 0 ? err_set(e, errno, "set time of %s", time->path)
						  : 0;
}

int tree_finish(struct tree *t, struct err *e)
{
	int rc = 0;

	forget_near(t);
	for (size_t i = 0; rc == 0 && t->hides_all && i < t->below->len; i++)
		rc = hide_names(t, t->below->fds[i], e);
	for (size_t i = 0; rc == 0 && i < t->times_len; i++)
		rc = set_time(t, &t->times[i], e);
	return rc;
}
