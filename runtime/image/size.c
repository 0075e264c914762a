#include "image/size.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "image/folder.h"

static int add(int dir, const char *name, int64_t *sum, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = -1;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "stat %s", name);
	if (S_ISREG(st.st_mode))
		*sum += st.st_size / (int64_t)st.st_nlink; /* all its names are in this layer */
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open %s", name) : size_below(fd, sum, e);
}

/* Entered once per directory: as deep as copy and unpack let layers be. */
int size_below(int dir, int64_t *sum, struct err *e)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	int rc = folder_names(dir, ".", FOLDER_NAMES_MAX, &names, e);

	for (size_t i = 0; rc == 0 && i < names.len; i++)
		rc = add(dir, names.at[i], sum, e);
	return rc;
}
