#include "image/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_names(DIR *d, size_t max, struct strv *out, struct err *e)
{
	struct dirent *entry;

	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (!entry)
			return errno ? err_set(e, errno, "read a directory") : 0;
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (out->len >= max)
			return err_say(e, EFBIG, "more than %zu files in a directory", max);
		strv_add(out, entry->d_name);
	}
}

int folder_names(int dir, const char *path, size_t max, struct strv *out, struct err *e)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc;
	DIR *d;

	if (fd < 0)
		return err_set(e, errno, "open %s", path);
	d = fdopendir(fd);
	if (!d) {
		rc = err_set(e, errno, "read %s", path);
		close(fd);
		return rc;
	}
	rc = add_names(d, max, out, e);
	closedir(d);
	if (out->len)
		qsort(out->at, out->len, sizeof(*out->at), by_text);
	return rc;
}
