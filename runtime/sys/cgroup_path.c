/* Names of cgroups.  They come from callers of ours and, by CRI's cgroup_parent, from outside: what
 * is checked here can neither climb out of a tree nor mean a directory above the one that was
 * meant.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/cgroup_tree.h"

enum { SHOWN_MAX = 64 };

char *cgroup_dir(const struct cgroups *c, const char *top, const char *path)
{
	return *path == '/' ? str_fmt("%s%s", top, path)
	       : *path      ? str_fmt("%s/%s/%s", top, c->name, path)
			    : str_fmt("%s/%s", top, c->name);
}

static int check_component(const char *at, size_t len, struct err *e)
{
	if (!len)
		return err_say(e, EINVAL, "cgroup path: a component is empty");
	if (len > NAME_MAX)
		return err_say(e, ENAMETOOLONG, "cgroup path: %.*s… is longer than %d bytes",
			SHOWN_MAX, at, NAME_MAX);
	if ((len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
		return err_say(e, EINVAL, "cgroup path: \"%.*s\" is no name", (int)len, at);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
			return err_say(e, EINVAL, "cgroup path: control character %#04x", at[i]);
	return 0;
}

int cgroup_check_path(const char *path, struct err *e)
{
	const char *at = path + (*path == '/');
	int rc = 0, depth = 0;

	if (!*path)
		return 0;
	if (strnlen(path, CGROUP_PATH_MAX + 1) > CGROUP_PATH_MAX)
		return err_say(
			e, ENAMETOOLONG, "cgroup path: longer than %d bytes", CGROUP_PATH_MAX);
	for (;;) {
		size_t len = strcspn(at, "/");

		if ((rc = check_component(at, len, e)) < 0)
			return rc;
		if (++depth > CGROUP_DEPTH_MAX)
			return err_say(e, ENAMETOOLONG, "cgroup path: more than %d components",
				CGROUP_DEPTH_MAX);
		if (!at[len])
			return 0;
		at += len + 1;
	}
}

/* Containers cannot make cgroups (their view is read-only), so the depth is ours: three at most.  A
 * privileged one can; then the length of a path is the bound. */
int cgroup_remove_tree(const char *dir, struct err *e)
{
	int rc;

	/* Mostly there is nothing below.  ENOTDIR: its parent is a file, as a client may name it.
	 */
	if (rmdir(dir) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	if (errno != EBUSY)
		return err_set(e, errno, "remove cgroup %s", dir);
	rc = cgroup_remove_below(dir, e);
	if (rc == 0 && rmdir(dir) < 0 && errno != ENOENT)
		rc = err_set(e, errno, "remove cgroup %s", dir);
	return rc;
}

int cgroup_remove_below(const char *dir, struct err *e)
{
	struct dirent *entry;
	int rc = 0;
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : err_set(e, errno, "remove cgroup %s", dir);
	while (rc == 0 && (entry = readdir(d))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;

		CLEANUP(cleanup_free) char *below = str_fmt("%s/%s", dir, entry->d_name);

		rc = cgroup_remove_tree(below, e); /* bounded: see above */
	}
	closedir(d);
	return rc;
}
