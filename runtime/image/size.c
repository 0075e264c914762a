#include "image/size.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

static int add(int dir, const char *name, int64_t *sum, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "stat %s", name);
	if (S_ISREG(st.st_mode))
		*sum += st.st_size / (int64_t)st.st_nlink; /* all its names are in this layer */
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "open %s", name);
	rc = size_below(fd, sum, e);
	close(fd);
	return rc;
}

/* Entered once per directory: as deep as copy and unpack let layers be. */
int size_below(int dir, int64_t *sum, struct err *e)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	struct dirent *entry;
	DIR *d;

	if (fd < 0)
		return err_set(e, errno, "open");
	d = fdopendir(fd);
	while (rc == 0 && (entry = readdir(d)))
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			rc = add(fd, entry->d_name, sum, e);
	closedir(d);
	return rc;
}
