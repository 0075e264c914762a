/* The small trees first: whoever makes millions of files keeps nobody else waiting.  What is not
 * done after FIRST_ENTRIES is begun again afterwards, without that bound, so there is never more
 * than one walk with its descriptors.
 */
#include "image/count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/lockdown.h"
#include "base/str.h"
#include "sys/usage.h"

enum { LIST_MAX = 16 << 20, FIRST_ENTRIES = 64 * 1024, STEP_ENTRIES = 4096, NICE = 19 };

#define LISTING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | O_DIRECTORY)

/* Directories are opened and their entries looked at; openat2's flags are behind a pointer, so of
 * those Landlock is the judge. */
static const struct lockdown_call calls[] = {
	{ SYS_openat, { { .index = 2, .mask = LISTING, .value = O_DIRECTORY } } },
	{ SYS_openat2, { { 0 } } },
	{ SYS_getdents64, { { 0 } } },
	{ SYS_lseek, { { 0 } } },
	{ SYS_statx, { { 0 } } },
	/* fstat(3) is the one or the other by the C library's version */
	{ SYS_fstat, { { 0 } } },
	{ SYS_newfstatat, { { .index = 3, .mask = AT_EMPTY_PATH, .value = AT_EMPTY_PATH } } },
};

static int say(const char *line, int len, struct err *e)
{
	int rc = fd_write_all(STDOUT_FILENO, line, (size_t)len);

	return rc < 0 ? err_set(e, -rc, "write the result") : 0;
}

static int say_place(size_t index, struct err *e)
{
	char line[32];

	return say(line, snprintf(line, sizeof(line), "%zu\n", index), e);
}

static int say_count(size_t index, const struct usage *u, struct err *e)
{
	char line[96];

	return say(line,
		snprintf(line, sizeof(line), "%zu %llu %llu %d\n", index,
			(unsigned long long)u->bytes, (unsigned long long)u->inodes,
			u->is_cut       ? 2
			: u->is_partial ? 1
					: 0),
		e);
}

static int count_one(
	size_t index, const char *path, uint64_t entries, struct usage *out, struct err *e)
{
	struct usage_walk *w = NULL;
	struct err why = { 0 };
	int rc = say_place(index, e), missing;

	if (rc < 0)
		return rc;
	missing =
		usage_start(AT_FDCWD, path, (struct usage_bounds){ .entries = entries }, &w, &why);
	if (missing < 0) {
		*out = (struct usage){ .is_partial = missing != -ENOENT };
		return 0;
	}
	while (rc == 0 && usage_step(w, STEP_ENTRIES))
		rc = say_place(index, e);
	*out = usage_result(w);
	usage_free(w);
	return rc;
}

/* Pointers into list. */
static size_t split(const struct buf *list, const char ***out)
{
	size_t n = 0;

	for (const char *p = list->data; p && p < list->data + list->len; p += strlen(p) + 1) {
		*out = mem_resize((void *)*out, n + 1, sizeof(**out));
		(*out)[n++] = p;
	}
	return n;
}

static int count_list(const char **paths, size_t n, struct err *e)
{
	struct usage u;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = count_one(i, paths[i], FIRST_ENTRIES, &u, e);
		if (rc < 0 || u.is_cut)
			continue;
		rc = say_count(i, &u, e);
		paths[i] = NULL;
	}
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (paths[i] && (rc = count_one(i, paths[i], 0, &u, e)) == 0)
			rc = say_count(i, &u, e);
	return rc;
}

int count_trees(struct err *e)
{
	CLEANUP(buf_free) struct buf list = { 0 };
	CLEANUP(cleanup_free) const char **paths = NULL;
	size_t n;
	int rc = fd_read_all(STDIN_FILENO, LIST_MAX, &list, e);

	if (rc < 0)
		return err_wrap(e, rc, "list of directories");
	if (list.len && list.data[list.len - 1] != '\0')
		return err_say(e, EINVAL, "list of directories: the last is not closed by NUL");
	(void)setpriority(PRIO_PROCESS, 0, NICE); /* whoever does work comes first */
	if ((rc = lockdown_lister(LOCKDOWN_ID_USAGE, calls, ARRAY_LEN(calls), e)) < 0)
		return rc;
	n = split(&list, &paths);
	return count_list(paths, n, e);
}
