/* The way through the tree is a list of levels, each with the place in its directory from where to
 * go on.  Only the upper ones keep their descriptors, too: from deeper ones the way back is "..",
 * which counts only if it leads to the directory that we came from.  If somebody has moved what we
 * are in, the walk goes on at the deepest level that it still holds.
 */
#include "sys/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { DEPTH_DEFAULT = 65536, ENTRIES_DEFAULT = 10000000, BUFFER_SIZE = 1024 };

struct level {
	int fd; /* -1: let go, see above */
	dev_t dev;
	ino_t ino;
	off_t next; /* where the entry after the last one that was looked at is */
};

/* A number with 32 bits after the point. */
struct sum {
	uint64_t whole, part;
};

struct usage_walk {
	struct usage_bounds bounds;
	struct sum bytes, inodes;
	bool is_partial, is_cut;
	uint64_t entries;
	struct level *levels;
	size_t depth, room; /* levels there are, and have room */
	size_t at, len;     /* in entry: of the deepest level */
	_Alignas(struct dirent64) char entry[BUFFER_SIZE];
};

static void add_share(struct sum *s, uint64_t amount, uint64_t names)
{
	s->whole += amount / names;
	s->part += ((amount % names) << 32) / names;
	s->whole += s->part >> 32;
	s->part &= UINT32_MAX;
}

static uint64_t rounded(struct sum s)
{
	return s.whole + (s.part >> 31);
}

static void count(struct usage_walk *w, const struct statx *st)
{
	/* A directory has a name for each directory in it. */
	uint64_t names = S_ISDIR(st->stx_mode) || !st->stx_nlink ? 1 : st->stx_nlink;

	add_share(&w->bytes, st->stx_blocks * 512, names);
	add_share(&w->inodes, 1, names);
}

/* Takes fd. */
static int push(struct usage_walk *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	if (w->depth == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->levels = mem_resize(w->levels, w->room, sizeof(*w->levels));
	}
	w->levels[w->depth++] = (struct level){ .fd = fd, .dev = st.st_dev, .ino = st.st_ino };
	w->at = w->len = 0;
	return 0;
}

static void enter(struct usage_walk *w, const char *name)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS };
	size_t above = w->depth - 1;
	int fd;

	if (w->depth >= w->bounds.depth) {
		w->is_cut = true;
		return;
	}
	fd = (int)syscall(SYS_openat2, w->levels[above].fd, name, &how, sizeof(how));
	/* Gone, something else by now, or mounted upon: not ours to count. */
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV))
		return;
	if (fd < 0 || push(w, fd) < 0) {
		w->is_partial = true;
		return;
	}
	if (above >= USAGE_FDS - 1) {
		close(w->levels[above].fd);
		w->levels[above].fd = -1;
	}
}

static int find_parent(const struct level *l, int child)
{
	CLEANUP(cleanup_fd)
	int fd = openat(child, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino
		       ? take_fd(&fd)
		       : -1;
}

static void leave(struct usage_walk *w)
{
	CLEANUP(cleanup_fd) int child = w->levels[--w->depth].fd;
	struct level *l = w->depth ? &w->levels[w->depth - 1] : NULL;

	if (l && l->fd < 0 && (l->fd = find_parent(l, child)) < 0) {
		w->is_partial = true;
		while (w->levels[w->depth - 1].fd < 0) /* the top holds its own */
			w->depth--;
		l = &w->levels[w->depth - 1];
	}
	w->at = w->len = 0;
	if (l && lseek(l->fd, l->next, SEEK_SET) < 0)
		w->is_partial = true;
}

static void look_at(struct usage_walk *w, const char *name)
{
	struct statx st;
	int fd = w->levels[w->depth - 1].fd;

	if (str_eq(name, ".") || str_eq(name, ".."))
		return;
	if (statx(fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		    STATX_TYPE | STATX_NLINK | STATX_BLOCKS, &st) < 0) {
		w->is_partial |= errno != ENOENT;
		return;
	}
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return;
	count(w, &st);
	if (S_ISDIR(st.stx_mode))
		enter(w, name);
}

/* The next entries of the deepest level; without any, it is left. */
static void refill(struct usage_walk *w)
{
	ssize_t n = getdents64(w->levels[w->depth - 1].fd, w->entry, sizeof(w->entry));

	w->at = 0;
	w->len = n > 0 ? (size_t)n : 0;
	w->is_partial |= n < 0 && errno != ENOENT; /* ENOENT: removed while we are in it */
	if (n <= 0)
		leave(w);
}

static void stop(struct usage_walk *w)
{
	for (; w->depth > 0; w->depth--)
		if (w->levels[w->depth - 1].fd >= 0)
			close(w->levels[w->depth - 1].fd);
}

bool usage_step(struct usage_walk *w, unsigned entries)
{
	for (unsigned i = 0; i < entries && w->depth > 0; i++) {
		/* Both are work, and a tree that grows as we read ends here. */
		if (w->entries++ >= w->bounds.entries) {
			w->is_cut = true;
			stop(w);
			break;
		}
		if (w->at == w->len) {
			refill(w);
			continue;
		}

		const struct dirent64 *d = (const void *)(w->entry + w->at);

		w->at += d->d_reclen;
		w->levels[w->depth - 1].next = d->d_off;
		look_at(w, d->d_name);
	}
	return w->depth > 0;
}

int usage_start(
	int dir, const char *path, struct usage_bounds b, struct usage_walk **out, struct err *e)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct usage_walk *w = NULL;
	struct statx st;
	int rc;

	if (fd < 0)
		return err_set(e, errno, "open %s", path);
	w = mem_zalloc(sizeof(*w));
	w->bounds = (struct usage_bounds){ b.depth ? b.depth : DEPTH_DEFAULT,
		b.entries ? b.entries : ENTRIES_DEFAULT };
	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_NLINK | STATX_BLOCKS, &st) == 0)
		count(w, &st);
	if ((rc = push(w, fd)) < 0) {
		usage_free(w);
		return err_set(e, -rc, "look at %s", path);
	}
	*out = w;
	return 0;
}

struct usage usage_result(const struct usage_walk *w)
{
	return (struct usage){ .bytes = rounded(w->bytes),
		.inodes = rounded(w->inodes),
		.is_partial = w->is_partial || w->is_cut || w->depth > 0,
		.is_cut = w->is_cut };
}

void usage_free(struct usage_walk *w)
{
	if (!w)
		return;
	stop(w);
	free(w->levels);
	free(w);
}

int usage_of_tree(
	int dir, const char *path, struct usage_bounds b, struct usage *out, struct err *e)
{
	enum { MANY = 4096 };
	struct usage_walk *w = NULL;
	int rc = usage_start(dir, path, b, &w, e);

	if (!w)
		return rc;
	while (usage_step(w, MANY))
		continue;
	*out = usage_result(w);
	usage_free(w);
	return 0;
}
