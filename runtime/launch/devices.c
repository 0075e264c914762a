/* Nodes are made, not bound from the host's /dev: one call each instead of four, in a file system
 * that is ours alone, so nobody can have exchanged what we bind.
 */
#include "launch/devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { DEPTH_MAX = 4, DEVICES_MAX = 8192 };

static const struct {
	const char *name;
	unsigned major, minor;
} common[] = {
	{ "null", 1, 3 }, /* also what hides files: see tree.c */
	{ "zero", 1, 5 },
	{ "full", 1, 7 },
	{ "random", 1, 8 },
	{ "urandom", 1, 9 },
	{ "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
	{ "core", "/proc/kcore" },
};

/* What the container has of its own, or what is no device of the machine. */
static bool is_own(const char *path)
{
	static const char *const names[] = { "pts", "shm", "fd", "mqueue", "console", "ptmx",
		"core", "stdin", "stdout", "stderr" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(path, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (str_eq(path, common[i].name))
			return true;
	return false;
}

static int list_below(struct job *j, int parent, const char *dir, int depth, struct err *e);

static int note(
	struct job *j, int dir, const char *path, const char *name, int depth, struct err *e)
{
	struct stat st;

	/* Nodes come and go while we look. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "stat /dev/%s", path);
	if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		return list_below(j, dir, path, depth + 1, e);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return 0;
	if (j->devices_len == DEVICES_MAX)
		return err_say(e, E2BIG, "more than %d devices in /dev", DEVICES_MAX);
	j->devices = mem_resize(j->devices, j->devices_len + 1, sizeof(*j->devices));
	j->devices[j->devices_len++] = (struct job_device){ .path = str_dup(path),
		.mode = st.st_mode,
		.number = st.st_rdev,
		.uid = st.st_uid,
		.gid = st.st_gid };
	return 0;
}

static int list_below(struct job *j, int parent, const char *dir, int depth, struct err *e)
{
	const char *last = strrchr(dir, '/');
	int fd = openat(parent, *dir ? (last ? last + 1 : dir) : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!d) {
		rc = err_set(e, errno, "list /dev/%s", dir);
		cleanup_fd(&fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(d))) {
		CLEANUP(cleanup_free)
		char *path = *dir ? str_fmt("%s/%s", dir, entry->d_name) : str_dup(entry->d_name);

		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") && !is_own(path))
			rc = note(j, fd, path, entry->d_name, depth, e);
	}
	closedir(d);
	return rc;
}

int devices_list(struct job *j, struct err *e)
{
	CLEANUP(cleanup_fd) int dev = -1;

	if (!j->plan->privileged)
		return 0;
	dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dev < 0 ? err_set(e, errno, "open /dev") : list_below(j, dev, "", 0, e);
}

static int make_parents(int dev, char *path, struct err *e)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(dev, path, 0755) < 0 && errno != EEXIST)
			return err_set(e, errno, "make /dev/%s", path);
		*slash = '/';
	}
	return 0;
}

static int make_host_device(int dev, const struct job_device *d, struct err *e)
{
	int rc = make_parents(dev, d->path, e);

	if (rc < 0)
		return rc;
	if (mknodat(dev, d->path, d->mode, d->number) < 0 ||
		fchownat(dev, d->path, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "make /dev/%s", d->path);
	return 0;
}

int devices_make(struct job *j, int dev, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (mknodat(dev, common[i].name, S_IFCHR | 0666,
			    makedev(common[i].major, common[i].minor)) < 0)
			return err_set(e, errno, "make /dev/%s", common[i].name);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return err_set(e, errno, "make /dev/%s", links[i].name);
	for (size_t i = 0; rc == 0 && i < j->devices_len; i++)
		rc = make_host_device(dev, &j->devices[i], e);
	return rc;
}
