#include "image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "image/path.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

enum { XATTRS_MAX = 64, XATTR_VALUE_MAX = 64 * 1024, MODE_BITS = 07777 };

static int read_xattrs(struct archive_entry *entry, struct meta *m, struct err *e)
{
	const char *name;
	const void *value;
	size_t len;

	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK) {
		if (!name)
			continue;
		if (meta_is_overlay(name))
			return err_say(e, EPERM, "attribute %.64s comes from outside", name);
		if (!meta_keeps(name))
			continue;
		if (m->xattrs_len == XATTRS_MAX || len > XATTR_VALUE_MAX)
			return err_say(e, E2BIG, "too many or too large extended attributes");
		meta_add_xattr(m, name, value, len);
	}
	return 0;
}

static int read_meta(struct archive_entry *entry, struct meta *out, struct err *e)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	/* The last id means "unchanged" to chown(2). */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_say(e, ERANGE, "owner %lld:%lld", (long long)uid, (long long)gid);
	out->mode = archive_entry_perm(entry) & MODE_BITS;
	out->uid = (uid_t)uid;
	out->gid = (gid_t)gid;
	out->mtime.tv_sec = archive_entry_mtime(entry);
	out->mtime.tv_nsec = archive_entry_mtime_nsec(entry);
	if (out->mtime.tv_nsec < 0 || out->mtime.tv_nsec > 999999999)
		out->mtime.tv_nsec = 0;
	return read_xattrs(entry, out, e);
}

static int write_at(int fd, const char *bytes, size_t len, int64_t at, struct err *e)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "write");
		bytes += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Holes of a sparse file stay holes. */
static int write_file(struct stream *s, int fd, int64_t size, struct err *e)
{
	const void *bytes;
	size_t len;
	int64_t at;
	int rc;

	while ((rc = stream_block(s, &bytes, &len, &at, e)) > 0) {
		if (at < 0 || at > size || len > (uint64_t)(size - at))
			return err_say(e, EBADMSG, "more bytes than its size");
		if ((rc = write_at(fd, bytes, len, at, e)) < 0)
			return rc;
	}
	if (rc == 0 && ftruncate(fd, size) < 0)
		rc = err_set(e, errno, "set size");
	return rc;
}

static int put_file(struct stream *s, struct archive_entry *entry, struct tree *t,
	const struct place *p, const struct meta *m, struct err *e)
{
	int64_t size = archive_entry_size(entry);
	CLEANUP(cleanup_fd) int fd = -1;
	int rc = budget_take_bytes(t->budget, size, e);

	if (rc < 0)
		return rc;
	fd = tree_make_file(p, e);
	if (fd < 0)
		return fd;
	rc = write_file(s, fd, size, e);
	if (rc == 0)
		rc = meta_apply(fd, m, e);
	return rc;
}

static int put_hard_link(struct tree *t, const char *path, const char *given, struct err *e)
{
	CLEANUP(cleanup_free) char *target = NULL;
	int rc = path_clean(given, &target, e);

	if (rc < 0)
		return rc;
	if (!*target)
		return err_say(e, EINVAL, "hard link to the root");
	return tree_make_hard_link(t, path, target, e);
}

static int put_whiteout(struct tree *t, const char *path, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = path_parent(path);
	CLEANUP(cleanup_free) char *hidden = NULL;
	CLEANUP(place_free) struct place p = { 0 };
	const char *name = path_last(path);
	int rc;

	if (str_eq(name, OPAQUE))
		return tree_hide_below(t, dir, e);
	if (str_starts(name, WHITEOUT WHITEOUT))
		return 0; /* what aufs kept for itself */
	name += strlen(WHITEOUT);
	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return err_say(e, EINVAL, "a whiteout of nothing");
	hidden = *dir ? str_fmt("%s/%s", dir, name) : str_dup(name);
	rc = tree_reach(t, hidden, &p, e);
	return rc < 0 ? rc : tree_hide(t, &p, e);
}

static int put_by_type(struct stream *s, struct archive_entry *entry, struct tree *t,
	const struct place *p, const struct meta *m, struct err *e)
{
	const char *target = archive_entry_symlink(entry);

	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return put_file(s, entry, t, p, m, e);
	case AE_IFDIR:
		return tree_make_dir(t, p, m, e);
	case AE_IFLNK:
		return target && *target ? tree_make_link(p, target, m, e)
					 : err_say(e, EINVAL, "a link to nothing");
	case AE_IFIFO:
		return tree_make_pipe(p, m, e);
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFSOCK:
		return 1; /* skipped */
	default:
		return err_say(e, EINVAL, "of an unknown type");
	}
}

/* 1 when it was skipped. */
static int put(struct stream *s, struct archive_entry *entry, struct tree *t, const char *path,
	struct err *e)
{
	const char *hard_link = archive_entry_hardlink(entry);
	CLEANUP(place_free) struct place p = { 0 };
	CLEANUP(meta_free) struct meta m = { 0 };
	int rc;

	if (str_starts(path_last(path), WHITEOUT))
		return put_whiteout(t, path, e);
	if (hard_link)
		return *path ? put_hard_link(t, path, hard_link, e)
			     : err_say(e, EINVAL, "the root is a link");
	if ((rc = read_meta(entry, &m, e)) < 0)
		return rc;
	if (!*path)
		return archive_entry_filetype(entry) == AE_IFDIR
			       ? tree_root(t, &m, e)
			       : err_say(e, ENOTDIR, "the root is no directory");
	rc = tree_reach(t, path, &p, e);
	return rc < 0 ? rc : put_by_type(s, entry, t, &p, &m, e);
}

static int put_entry(struct stream *s, struct archive_entry *entry, struct tree *t, struct err *e)
{
	const char *given = archive_entry_pathname(entry);
	CLEANUP(cleanup_free) char *path = NULL;
	int rc;

	if (!given)
		return err_say(e, EILSEQ, "an entry without a readable name");
	if ((rc = budget_take_entry(t->budget, e)) < 0 || (rc = path_clean(given, &path, e)) < 0)
		return rc;
	rc = put(s, entry, t, path, e);
	if (rc < 0) {
		CLEANUP(cleanup_free) char *shown = str_utf8(path, strnlen(path, 100));

		return err_wrap(e, rc, "entry \"%s\"", shown);
	}
	return rc;
}

int unpack(int fd, struct tree *to, struct unpack_result *out, struct err *e)
{
	CLEANUP(cleanup_stream) struct stream *s = NULL;
	struct unpack_result r = { 0 };
	struct budget stream_budget = *to->budget;
	struct archive_entry *entry;
	int rc = stream_open(fd, &stream_budget, &s, e);

	if (rc < 0)
		return rc;
	while ((rc = stream_next(s, &entry, e)) > 0) {
		rc = put_entry(s, entry, to, e);
		if (rc < 0)
			return rc;
		r.entries++;
		r.skipped += (size_t)rc;
	}
	if (rc == 0)
		rc = stream_finish(s, &r.digests, e);
	if (rc < 0)
		return rc;
	*out = r;
	return 0;
}
