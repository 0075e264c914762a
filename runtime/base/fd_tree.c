/* Removing a tree that strangers made.  A mount is never entered, be it a bind mount of the very
 * same file system, since what is behind it is somebody else's.  How deep the tree is costs neither
 * descriptors nor stack: what lies deeper than DEPTH_MAX is moved up to the top and taken from
 * there, so no container can make a directory that stays.
 */
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { DEPTH_MAX = 64, MOVED_NAME_MAX = 32 };

struct tree {
	int top;           /* where deep directories are moved to */
	unsigned next;     /* number of the next one, for its name */
	bool has_moved_up; /* since the top was last read */
};

static int open_dir(int parent, const char *name, struct err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS };
	int fd = fd_openat2(parent, name, &how, e);

	if (fd == -EXDEV)
		return err_say(e, EXDEV, "remove %s: something is mounted there", name);
	return fd;
}

/* A name that is taken is no harm: an empty directory is replaced, after anything else the next
 * name is tried, and there are only as many as the tree has entries. */
static int move_up(struct tree *t, int parent, const char *name, struct err *e)
{
	char moved[MOVED_NAME_MAX];

	for (;;) {
		(void)snprintf(moved, sizeof(moved), ".deep-%u", t->next++);
		if (renameat(parent, name, t->top, moved) == 0) {
			t->has_moved_up = true;
			return 0;
		}
		if (errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
			return err_set(e, errno, "move %s", name);
	}
}

static int empty_dir(struct tree *t, int fd, int depth, struct err *e);

static int remove_entry(struct tree *t, int parent, const char *name, int depth, struct err *e)
{
	int fd, rc;

	/* A file, a link, a socket …: what a link leads to is never looked at. */
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_set(e, errno, "remove %s", name);
	if (depth == DEPTH_MAX)
		return move_up(t, parent, name, e);
	fd = open_dir(parent, name, e);
	rc = fd < 0 ? fd : empty_dir(t, fd, depth + 1, e);
	if (rc == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = err_set(e, errno, "remove %s", name);
	return rc;
}

/* Takes fd.  Recursion: DEPTH_MAX frames at most. */
static int empty_dir(struct tree *t, int fd, int depth, struct err *e)
{
	DIR *d = fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!d) {
		rc = err_set(e, errno, "read directory");
		close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(d)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			rc = remove_entry(t, fd, entry->d_name, depth, e);
	closedir(d);
	return rc;
}

static int empty_top(int top, struct err *e)
{
	struct tree t = { .top = top };
	int rc = 0;

	do {
		int again = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (again < 0)
			return err_set(e, errno, "open directory");
		t.has_moved_up = false;
		rc = empty_dir(&t, again, 0, e);
	} while (rc == 0 && t.has_moved_up);
	return rc;
}

int fd_remove_tree(int dir, const char *name, struct err *e)
{
	CLEANUP(cleanup_fd) int top = -1;
	int rc;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_set(e, errno, "remove %s", name);
	if ((top = open_dir(dir, name, e)) < 0)
		return top;
	if ((rc = empty_top(top, e)) < 0)
		return err_wrap(e, rc, "%s", name);
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT
		       ? err_set(e, errno, "remove %s", name)
		       : 0;
}
