#include "image/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "image/bytes.h"
#include "image/folder.h"

enum { DEPTH_MAX = 512, CHUNK = 256 * 1024 };

/* The first name of a file that has several. */
struct inode {
	ino_t number;
	char *path;
};

struct copy {
	struct tree *tree;
	dev_t device; /* of the source */
	struct stat avoid;
	struct sha256_ctx hash;
	void *inodes; /* tsearch(3) tree */
	size_t skipped;
};

static int by_number(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void inode_free(void *node)
{
	struct inode *i = node;

	free(i->path);
	free(i);
}

/* The path under which this inode came before; NULL when this is the first. */
static const char *seen_before(struct copy *c, ino_t number, const char *path)
{
	struct inode *mine = mem_zalloc(sizeof(*mine)), **found;

	*mine = (struct inode){ number, str_dup(path) };
	found = tsearch(mine, &c->inodes, by_number);
	if (!found)
		abort(); /* out of memory, as everywhere */
	if (*found == mine)
		return NULL;
	inode_free(mine);
	return (*found)->path;
}

static void hash_text(struct copy *c, const char *text)
{
	sha256_update(&c->hash, strlen(text) + 1, (const uint8_t *)text);
}

static void hash_meta(struct copy *c, char kind, const char *path, const struct meta *m)
{
	CLEANUP(cleanup_free)
	char *text = str_fmt("%c %o %u %u %" PRId64 ".%09ld %zu", kind, (unsigned)m->mode,
		(unsigned)m->uid, (unsigned)m->gid, (int64_t)m->mtime.tv_sec, m->mtime.tv_nsec,
		m->xattrs_len);

	hash_text(c, path);
	hash_text(c, text);
	for (size_t i = 0; i < m->xattrs_len; i++) {
		CLEANUP(cleanup_free) char *len = str_fmt("%zu", m->xattrs[i].len);

		hash_text(c, m->xattrs[i].name);
		hash_text(c, len);
		sha256_update(&c->hash, m->xattrs[i].len, m->xattrs[i].value);
	}
}

/* What is in the layer, not what is in the source: that may change at any time. */
static int hash_bytes(struct copy *c, int fd, struct err *e)
{
	CLEANUP(cleanup_free) uint8_t *chunk = mem_zalloc(CHUNK);
	off_t at = 0;
	CLEANUP(cleanup_free) char *size = NULL;

	for (;;) {
		ssize_t n = pread(fd, chunk, CHUNK, at);

		if (n < 0)
			return err_set(e, errno, "read");
		if (n == 0)
			break;
		sha256_update(&c->hash, (size_t)n, chunk);
		at += n;
	}
	size = str_fmt("%" PRId64, (int64_t)at);
	hash_text(c, size);
	return 0;
}

static int copy_file(
	struct copy *c, int dir, const struct place *p, const char *path, struct err *e)
{
	CLEANUP(meta_free) struct meta m = { 0 };
	CLEANUP(cleanup_fd) int from = -1;
	CLEANUP(cleanup_fd) int to = -1;
	const char *first = NULL;
	struct stat st;
	int rc;

	/* It was a file a moment ago; should it be a pipe now, the open does not wait. */
	from = openat(dir, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return err_set(e, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EAGAIN, "%s is being changed", path);
	if (st.st_nlink > 1)
		first = seen_before(c, st.st_ino, path);
	if (first) {
		hash_text(c, path);
		hash_text(c, first);
		return tree_make_hard_link(c->tree, path, first, e);
	}
	if ((rc = meta_read(from, &m, e)) < 0)
		return rc;
	to = tree_make_file(p, e);
	if (to < 0)
		return to;
	rc = bytes_copy(from, to, c->tree->budget, e);
	hash_meta(c, 'f', path, &m);
	if (rc == 0)
		rc = hash_bytes(c, to, e);
	if (rc == 0)
		rc = meta_apply(to, &m, e);
	return rc;
}

static int copy_other(
	struct copy *c, int dir, const struct place *p, const struct stat *st, struct err *e)
{
	const struct meta m = { .mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim };
	char target[PATH_MAX];
	ssize_t len;

	if (S_ISLNK(st->st_mode)) {
		len = readlinkat(dir, p->name, target, sizeof(target) - 1);
		if (len < 0)
			return err_set(e, errno, "read link %s", p->path);
		target[len] = '\0';
		hash_meta(c, 'l', p->path, &m);
		hash_text(c, target);
		return tree_make_link(p, target, &m, e);
	}
	if (S_ISFIFO(st->st_mode)) {
		hash_meta(c, 'p', p->path, &m);
		return tree_make_pipe(p, &m, e);
	}
	c->skipped++;
	return 0;
}

static int copy_names(struct copy *c, int dir, const char *path, int depth, struct err *e);

static int copy_dir(struct copy *c, int parent, const char *path, int depth, struct err *e)
{
	CLEANUP(meta_free) struct meta m = { 0 };
	CLEANUP(place_free) struct place p = { 0 };
	CLEANUP(cleanup_fd)
	int dir = openat(parent, strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc;

	if (dir < 0 || fstat(dir, &st) < 0)
		return err_set(e, errno, "open %s", path);
	if ((rc = meta_read(dir, &m, e)) < 0 || (rc = tree_reach(c->tree, path, &p, e)) < 0)
		return rc;
	hash_meta(c, 'd', path, &m);
	rc = tree_make_dir(c->tree, &p, &m, e);
	if (rc < 0 || st.st_dev != c->device ||
		(st.st_dev == c->avoid.st_dev && st.st_ino == c->avoid.st_ino))
		return rc; /* a mount point stays, empty */
	return copy_names(c, dir, path, depth + 1, e);
}

static int copy_entry(struct copy *c, int dir, const char *path, int depth, struct err *e)
{
	CLEANUP(place_free) struct place p = { 0 };
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct stat st;
	int rc = budget_take_entry(c->tree->budget, e);

	if (rc < 0)
		return rc;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, dir, path, depth, e);
	if ((rc = tree_reach(c->tree, path, &p, e)) < 0)
		return rc;
	return S_ISREG(st.st_mode) ? copy_file(c, dir, &p, path, e)
				   : copy_other(c, dir, &p, &st, e);
}

static int copy_names(struct copy *c, int dir, const char *path, int depth, struct err *e)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	size_t max = (size_t)c->tree->budget->entries;
	int rc = depth > DEPTH_MAX ? err_say(e, ELOOP, "more than %d directories deep", DEPTH_MAX)
				   : folder_names(dir, ".", max, &names, e);

	for (size_t i = 0; rc == 0 && i < names.len; i++) {
		CLEANUP(cleanup_free)
		char *below = *path ? str_fmt("%s/%s", path, names.at[i]) : str_dup(names.at[i]);

		rc = copy_entry(c, dir, below, depth, e);
	}
	return rc;
}

int copy_directory(int from, int avoid, struct tree *to, struct copy_result *out, struct err *e)
{
	CLEANUP(meta_free) struct meta m = { 0 };
	struct copy c = { .tree = to };
	struct stat st;
	int rc;

	if (fstat(from, &st) < 0 || fstat(avoid, &c.avoid) < 0)
		return err_set(e, errno, "stat");
	c.device = st.st_dev;
	sha256_init(&c.hash);
	rc = meta_read(from, &m, e);
	if (rc == 0) {
		hash_meta(&c, 'd', "", &m);
		rc = copy_names(&c, from, "", 0, e);
	}
	if (rc == 0)
		rc = tree_root(to, &m, e);
	tdestroy(c.inodes, inode_free);
	if (rc < 0)
		return rc;
	*out = (struct copy_result){ digest_end(&c.hash), c.skipped };
	return 0;
}
