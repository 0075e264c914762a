/* A part of a path that is not in the layer itself may be in one below: then the walk makes the
 * same directory here (overlayfs shows the attributes of the topmost one), or follows the same
 * link.  So an entry "lib/x" lands in "usr/lib/x" when a layer below has the link "lib", as it
 * would if all layers were unpacked into one directory.
 */
#include "image/tree_walk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "image/path.h"

enum { LINKS_MAX = 40 };

void tree_begin(struct tree *t, int fd, const struct stack *below, struct budget *budget)
{
	*t = (struct tree){ .fd = fd, .below = below, .budget = budget, .near_fd = -1 };
}

void tree_forget_near(struct tree *t)
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
	tree_forget_near(t);
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

void tree_keep_time(struct tree *t, const char *path, const struct timespec *mtime)
{
	if (t->times_len == t->times_cap) {
		t->times_cap = t->times_cap ? 2 * t->times_cap : 64;
		t->times = mem_resize(t->times, t->times_cap, sizeof(*t->times));
	}
	t->times[t->times_len++] = (struct tree_times){ str_dup(path), *mtime };
}

/* A real path of directories below the root, none of them a link. */
int tree_open_real(const struct tree *t, const char *path, struct err *e)
{
	struct open_how how = { .flags = TREE_DIR_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

	return fd_openat2(t->fd, *path ? path : ".", &how, e);
}

int tree_set_opaque(struct tree *t, int dir, struct err *e)
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
	int fd = tree_open_real(w->t, up, e);

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
	if (mkdirat(w->dir, name, TREE_DIR_MODE) < 0)
		return err_set(e, errno, "make directory %s", name);
	fd = openat(w->dir, name, TREE_DIR_FLAGS);
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
		int fd = tree_open_real(w->t, "", e);

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
		tree_keep_time(w->t, path, &m.mtime);
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
	rc = tree_set_opaque(w->t, fd, e);
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
	fd = openat(w->dir, name, TREE_DIR_FLAGS);
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
int tree_walk(struct tree *t, const char *path, struct err *e)
{
	CLEANUP(walk_free) struct walk w = { .t = t, .dir = -1, .is_hidden = t->hides_all };
	int rc;

	if (str_eq(t->near, path))
		return 0;
	tree_forget_near(t);
	w.rest = str_dup(path);
	w.dir = tree_open_real(t, "", e);
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
	int rc = tree_walk(t, parent, e);

	if (rc < 0)
		return rc;
	assert(t->near_path);
	out->dir = t->near_fd;
	out->name = path_last(path);
	out->path = *t->near_path ? str_fmt("%s/%s", t->near_path, out->name) : str_dup(out->name);
	return 0;
}
