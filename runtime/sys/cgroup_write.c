/* Writing limits.  A kernel that refuses one value has taken those before it, so an update reads
 * each file first, and writes the old values back, last one first: what was a valid order one way
 * is one the other way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup_tree.h"

enum { FILE_MAX = 64 << 10, SHOWN_MAX = 64 };

void cgroup_writes_add(struct cgroup_writes *w, const char *dir, const char *file,
	enum cgroup_missing missing, const char *fmt, ...)
{
	struct buf value = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&value, fmt, ap);
	va_end(ap);
	w->at = mem_resize(w->at, w->len + 1, sizeof(*w->at));
	w->at[w->len++] = (struct cgroup_write){
		.path = str_fmt("%s/%s", dir, file), .value = buf_take(&value), .missing = missing
	};
}

void cgroup_writes_free(struct cgroup_writes *w)
{
	for (size_t i = 0; i < w->len; i++) {
		free(w->at[i].path);
		free(w->at[i].value);
		free(w->at[i].before);
	}
	free(w->at);
	*w = (struct cgroup_writes){ 0 };
}

/* The kernel takes one line a call; an empty text is a line, too. */
static int write_lines(int fd, const char *value)
{
	size_t len;

	for (const char *line = value; *line || line == value; line += len) {
		ssize_t n;

		len = strcspn(line, "\n");
		do
			n = len ? write(fd, line, len) : write(fd, "\n", 1);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		len += line[len] == '\n';
	}
	return 0;
}

static int write_one(const struct cgroup_write *w, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = open(w->path, O_WRONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT && w->missing == MISSING_IS_FINE
			       ? 0
			       : err_set(e, errno, "open %s", w->path);
	rc = write_lines(fd, w->value);
	return rc < 0 ? err_set(e, -rc, "write %.*s to %s", SHOWN_MAX, w->value, w->path) : 0;
}

int cgroup_writes_apply(const struct cgroup_writes *w, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->len; i++)
		rc = write_one(&w->at[i], e);
	return rc;
}

static int read_before(struct cgroup_write *w, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = fd_read_file(AT_FDCWD, w->path, FILE_MAX, &text, NULL);

	if (rc == -ENOENT && w->missing == MISSING_IS_FINE)
		return 0;
	if (rc < 0)
		return err_set(e, -rc, "read %s", w->path);
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	free(w->before);
	w->before = buf_take(&text);
	return 0;
}

static void put_back(const struct cgroup_writes *w, size_t count, struct err *e)
{
	while (count-- > 0) {
		const struct cgroup_write *was = &w->at[count];
		const struct cgroup_write back = { .path = was->path, .value = was->before };
		struct err why = { 0 };

		if (was->before && write_one(&back, &why) < 0)
			(void)err_wrap(e, 0, "%s is not what it was", was->path);
	}
}

int cgroup_writes_apply_or_restore(const struct cgroup_writes *w, struct err *e)
{
	for (size_t i = 0; i < w->len; i++) {
		struct cgroup_write *now = &w->at[i];
		int rc = read_before(now, e);

		if (rc == 0 && !(now->before && str_eq(now->before, now->value)))
			rc = write_one(now, e);
		if (rc < 0) {
			put_back(w, i + 1, e); /* of several lines some may have been taken */
			return rc;
		}
	}
	return 0;
}

int cgroup_read_number(const char *dir, const char *file, int64_t *out)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", dir, file);
	CLEANUP(buf_free) struct buf text = { 0 };
	uint64_t n;
	int rc = fd_read_file(AT_FDCWD, path, 64, &text, NULL);

	if (rc < 0 || !text.len)
		return rc < 0 ? rc : -EINVAL;
	text.data[strcspn(text.data, "\n ")] = '\0';
	if (str_eq(text.data, "max") || str_eq(text.data, "-1"))
		*out = CGROUP_UNLIMITED;
	else if ((rc = str_to_u64(text.data, UINT64_MAX, &n)) < 0)
		return rc;
	else
		*out = n >= UINT64_C(1) << 62 ? CGROUP_UNLIMITED : (int64_t)n;
	return 0;
}
