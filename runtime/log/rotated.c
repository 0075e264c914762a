#include "log/rotated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	STAMP_LEN = sizeof("20261126-073000") - 1,
	NUMBER_LEN = sizeof("-000001") - 1,
	NUMBER_MAX = 999999,
};

static const char *base_of(const char *file)
{
	return strrchr(file, '/') + 1;
}

static char *beside(const char *file, const char *name)
{
	return str_fmt("%.*s%s", (int)(base_of(file) - file), file, name);
}

/* ---- names ---- */

static bool is_like(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return *text == '\0';
}

/* What another program has made of one, compressed it say, is not ours to count or remove. */
static bool is_rotated(const char *name, const char *base)
{
	size_t len = strlen(base);

	return str_starts(name, base) && name[len] == '.' &&
	       (is_like(name + len + 1, "00000000-000000") ||
		       is_like(name + len + 1, "00000000-000000-000000"));
}

/* The bytes' order is that of age: a name is the beginning of those of the same second. */
int rotated_list(const char *file, struct strv *out, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = beside(file, "");
	DIR *d = opendir(dir);
	const struct dirent *entry;

	if (!d)
		return errno == ENOENT ? 0 : err_set(e, errno, "open %s", dir);
	while ((entry = readdir(d)))
		if (is_rotated(entry->d_name, base_of(file)))
			strv_add(out, entry->d_name);
	(void)closedir(d);
	strv_sort(out);
	return 0;
}

char *rotated_name(const char *base, const struct strv *names, time_t now)
{
	const char *last = names->len ? names->at[names->len - 1] + strlen(base) + 1 : "";
	char stamp[STAMP_LEN + 1];
	struct tm tm;
	int64_t number = 0;

	if (!gmtime_r(&now, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm) == 0)
		return NULL;
	if (strncmp(stamp, last, STAMP_LEN) > 0)
		return str_fmt("%s.%s", base, stamp);
	if (strlen(last) == STAMP_LEN + NUMBER_LEN &&
		str_to_i64(last + STAMP_LEN + 1, 0, NUMBER_MAX, &number) < 0)
		return NULL;
	return number == NUMBER_MAX
		       ? NULL
		       : str_fmt("%s.%.*s-%06d", base, STAMP_LEN, last, (int)number + 1);
}

size_t rotated_excess(size_t n, unsigned max)
{
	size_t keep = max - 2; /* beside the next one and the one being written */

	return n > keep ? n - keep : 0;
}

/* ---- files ---- */

void rotated_remove(const char *file, const struct strv *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEANUP(cleanup_free) char *path = beside(file, names->at[i]);

		(void)unlink(path);
	}
}

void rotated_remove_all(const char *file)
{
	struct strv names = { 0 };

	if (rotated_list(file, &names, NULL) == 0)
		rotated_remove(file, &names, names.len);
	strv_free(&names);
}

static int open_beside(const char *file, const char *name)
{
	CLEANUP(cleanup_free) char *path = beside(file, name);

	return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int rotated_open(const char *file, struct err *e)
{
	struct strv names = { 0 };
	int fd = open_beside(file, base_of(file)), cause = errno;

	if (fd < 0 && cause == ENOENT && rotated_list(file, &names, NULL) == 0 && names.len)
		fd = open_beside(file, names.at[names.len - 1]);
	strv_free(&names);
	return fd < 0 ? err_set(e, cause, "open %s", file) : fd;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_newer(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
						      : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

int rotated_open_next(const char *file, int fd)
{
	struct strv names = { 0 };
	struct stat own, other;
	int next = -1, first = -1;
	bool is_behind = false;

	if (fstat(fd, &own) < 0 || (stat(file, &other) == 0 && is_same(&own, &other)) ||
		rotated_list(file, &names, NULL) < 0)
		return -1;
	strv_add(&names, base_of(file));
	for (size_t i = 0; i < names.len && next < 0; i++) {
		CLEANUP(cleanup_fd) int one = open_beside(file, names.at[i]);

		if (one < 0 || fstat(one, &other) < 0)
			continue;
		if (is_behind)
			next = take_fd(&one);
		else if (is_same(&own, &other))
			is_behind = true;
		else if (own.st_nlink == 0 && first < 0 && is_newer(&other, &own))
			first = take_fd(&one);
	}
	strv_free(&names);
	return is_behind ? next : first;
}
