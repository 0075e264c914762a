/* The file of a log, opened where others may have put something in its way. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/logs_parts.h"

static int open_in(int dir, const char *name, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd)
	int fd = openat(
		dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "%s is no regular file", path);
	(void)lseek(fd, 0, SEEK_END); /* the committed end; see log/wire.h */
	return take_fd(&fd);
}

/* The directory that the owner vouches for, as the host sees it. */
static int open_log_dir(const struct ctr *c, size_t len, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = len ? str_ndup(c->log_file, len) : str_dup("/");
	int rc = fd_mkdir_all(AT_FDCWD, dir, 0755, e), fd;

	if (rc < 0)
		return rc;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open %s", dir) : fd;
}

/* Whatever stands below it may be a container's work: no link is followed there. */
int log_file_open(const struct ctr *c, struct err *e)
{
	const char *file = c->log_file;
	size_t last = (size_t)(strrchr(file, '/') - file), at = last;
	CLEANUP(cleanup_fd) int dir = -1;

	if (c->log_dir_len)
		at = c->log_dir_len;
	dir = open_log_dir(c, at, e);
	while (dir >= 0 && at < last) {
		size_t len = strcspn(file + at + 1, "/");
		CLEANUP(cleanup_free) char *name = str_ndup(file + at + 1, len);
		int next;

		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return err_set(e, errno, "make a directory for %s", file);
		next = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return err_set(e, errno, "open a directory of %s", file);
		close(dir);
		dir = next;
		at += len + 1;
	}
	return dir < 0 ? dir : open_in(dir, file + last + 1, file, e);
}
