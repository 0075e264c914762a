/* The image is a stranger's, and a neighbour may change it meanwhile if it is his, too: each entry
 * is opened below its directory's descriptor, without following a link or crossing a mount, and is
 * what it is once opened.  Links are copied as links.  Devices are refused: they would open where
 * the image's never do.
 */
#include "launch/copy_up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

/* The stack holds a list for each level: no heap here. */
enum {
	DEPTH_MAX = 32,
	ENTRIES_MAX = 65536,
	LIST_BYTES = 2048,
	PIECE = 1 << 20,
	ATTRIBUTE_MAX = 4096
};

static const int64_t bytes_max = 1 << 30;

struct copy {
	unsigned depth, entries;
	int64_t bytes;
};

/* Without its ACL a file's group would have what the ACL's mask says.  What file systems cannot
 * have is not there; a capability of another user namespace (EOVERFLOW) means nothing in here.
 * Others are not copied: user., trusted., and labels, which are for security modules to give. */
static int copy_attributes(int from, int to, const struct stat *st, struct err *e)
{
	static const char *const names[] = { "system.posix_acl_access", "security.capability",
		"system.posix_acl_default" };
	const size_t len = ARRAY_LEN(names) - (S_ISDIR(st->st_mode) ? 0 : 1);
	char value[ATTRIBUTE_MAX];

	for (size_t i = 0; i < len; i++) {
		const ssize_t n = fgetxattr(from, names[i], value, sizeof(value));

		if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP && errno != EOVERFLOW)
			return err_set(e, errno, "read %s", names[i]);
		if (n >= 0 && fsetxattr(to, names[i], value, (size_t)n, 0) < 0)
			return err_set(e, errno, "copy %s", names[i]);
	}
	return 0;
}

/* In this order: a new owner takes set-id bits and capabilities away; the mode of a file with an
 * ACL shows its mask. */
static int give(int from, int to, const struct stat *st, mode_t mode, struct err *e)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	int rc;

	if (fchown(to, st->st_uid, st->st_gid) < 0)
		return err_set(e, errno, "give it to its owner");
	if ((rc = copy_attributes(from, to, st, e)) < 0)
		return rc;
	return fchmod(to, mode & 07777) < 0 || futimens(to, times) < 0
		       ? err_set(e, errno, "set its mode and times")
		       : 0;
}

static int copy_file(
	struct copy *c, int from, const struct stat *st, int dir, const char *name, struct err *e)
{
	CLEANUP(cleanup_fd)
	int to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n = 1;
	int rc;

	if (to < 0)
		return err_set(e, errno, "make %s", name);
	while (n > 0) {
		n = sendfile(to, from, NULL, PIECE);
		c->bytes += n > 0 ? n : 0;
		if (n < 0)
			return err_set(e, errno, "copy %s", name);
		if (c->bytes > bytes_max)
			return err_say(e, EFBIG, "copy %s: more than 1 GiB in all", name);
	}
	rc = give(from, to, st, st->st_mode, e);
	return rc < 0 ? err_wrap(e, rc, "copy %s", name) : 0;
}

static int copy_link(int from, const struct stat *st, int to, const char *name, struct err *e)
{
	char target[PATH_MAX];
	const ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_set(e, errno, "read link %s", name);
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ||
			       fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0
		       ? err_set(e, errno, "make link %s", name)
		       : 0;
}

static int copy_fifo(int from, const struct stat *st, int dir, const char *name, struct err *e)
{
	CLEANUP(cleanup_fd) int to = -1;
	int rc;

	if (mknodat(dir, name, S_IFIFO | 0600, 0) < 0 ||
		(to = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return err_set(e, errno, "make FIFO %s", name);
	rc = give(from, to, st, st->st_mode, e);
	return rc < 0 ? err_wrap(e, rc, "copy FIFO %s", name) : 0;
}

static int copy_below(struct copy *c, int from, int to, struct err *e);

static int copy_dir(
	struct copy *c, int from, const struct stat *st, int dir, const char *name, struct err *e)
{
	CLEANUP(cleanup_fd) int to = -1;
	int rc;

	if (c->depth == DEPTH_MAX)
		return err_say(e, ELOOP, "%s: more than %d directories deep", name, DEPTH_MAX);
	if (mkdirat(dir, name, 0700) < 0 ||
		(to = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return err_set(e, errno, "make %s", name);
	c->depth++;
	rc = copy_below(c, from, to, e);
	c->depth--;
	if (rc == 0 && (rc = give(from, to, st, st->st_mode, e)) < 0)
		return err_wrap(e, rc, "copy %s", name);
	return rc;
}

static int copy_entry(struct copy *c, int from, int to, const char *name, struct err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS };
	CLEANUP(cleanup_fd) int fd = -1;
	struct stat st;

	if (c->entries++ == ENTRIES_MAX)
		return err_say(e, E2BIG, "%s: more than %d entries in all", name, ENTRIES_MAX);
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "look at %s", name);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, &st, to, name, e);
	if (S_ISSOCK(st.st_mode))
		return 0; /* nobody listens there */
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_say(e, EPERM, "%s is a device", name);
	if ((fd = fd_openat2(from, name, &how, e)) < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "look at %s", name);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, fd, &st, to, name, e);
	if (S_ISFIFO(st.st_mode))
		return copy_fifo(fd, &st, to, name, e);
	return S_ISREG(st.st_mode) ? copy_file(c, fd, &st, to, name, e)
				   : err_say(e, ESTALE, "%s has changed", name);
}

/* As the kernel writes them; readdir(3) allocates. */
static int copy_below(struct copy *c, int from, int to, struct err *e)
{
	_Alignas(struct dirent64) char list[LIST_BYTES];
	long n;
	int rc = 0;

	while (rc == 0 && (n = syscall(SYS_getdents64, from, list, sizeof(list))) != 0) {
		if (n < 0)
			return err_set(e, errno, "list a directory");
		for (long at = 0; rc == 0 && at < n;) {
			const struct dirent64 *d = (const void *)(list + at);

			if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
				rc = copy_entry(c, from, to, d->d_name, e);
			at += d->d_reclen;
		}
	}
	return rc;
}

static bool gives_mode(const char *options)
{
	return options && (str_starts(options, "mode=") || strstr(options, ",mode="));
}

int copy_up(struct job *j, const struct plan_mount *m, int fs, struct err *e)
{
	CLEANUP(cleanup_fd)
	int from = fd_walk(j->mounts.root, m->target, O_RDONLY | O_DIRECTORY, 0, e);
	CLEANUP(cleanup_fd) int to = -1;
	struct copy c = { 0 };
	struct stat st, own;
	int rc;

	if (from == -ENOENT)
		return 0;
	if (from < 0)
		return from;
	to = openat(fs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0 || fstat(from, &st) < 0 || fstat(to, &own) < 0)
		return err_set(e, errno, "look at what is there");
	if ((rc = copy_below(&c, from, to, e)) < 0)
		return err_wrap(e, rc, "copy what is there");
	rc = give(from, to, &st, gives_mode(m->options) ? own.st_mode : st.st_mode, e);
	return rc < 0 ? err_wrap(e, rc, "copy what is there") : 0;
}
