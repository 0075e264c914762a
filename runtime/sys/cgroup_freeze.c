/* The freezer of the v2 tree, which every cgroup there has whatever controllers there are.  Frozen
 * processes can be killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup_tree.h"

enum { FREEZE_MS = 10 * 1000, EVENTS_MAX = 4096 };

static char *file_of(const struct cgroups *c, const char *path, const char *name)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);

	return str_fmt("%s/%s", dir, name);
}

bool cgroup_is_frozen(const struct cgroups *c, const char *path)
{
	CLEANUP(cleanup_free) char *file = file_of(c, path, "cgroup.freeze");
	CLEANUP(buf_free) struct buf text = { 0 };

	return fd_read_file(AT_FDCWD, file, EVENTS_MAX, &text, NULL) == 0 && text.len &&
	       text.data[0] == '1';
}

/* The file tells of every change by POLLPRI, from the last read on. */
static int wait_for(int events, const char *line, struct err *e)
{
	struct pollfd p = { .fd = events, .events = POLLPRI };

	for (;;) {
		CLEANUP(buf_free) struct buf text = { 0 };
		int rc = lseek(events, 0, SEEK_SET) < 0
				 ? -errno
				 : fd_read_all(events, EVENTS_MAX, &text, NULL);

		if (rc < 0)
			return err_set(e, -rc, "read cgroup.events");
		if (text.len && strstr(text.data, line))
			return 0;
		if (poll(&p, 1, FREEZE_MS) == 0)
			return err_say(e, ETIMEDOUT, "no \"%s\" in cgroup.events", line);
	}
}

int cgroup_freeze(const struct cgroups *c, const char *path, bool is_frozen, struct err *e)
{
	CLEANUP(cleanup_free) char *file = file_of(c, path, "cgroup.freeze");
	CLEANUP(cleanup_free) char *events = file_of(c, path, "cgroup.events");
	CLEANUP(cleanup_fd) int fd = -1;
	CLEANUP(cleanup_fd) int watched = -1;
	int rc = cgroup_check_path(path, e);

	if (rc < 0)
		return rc;
	fd = open(file, O_WRONLY | O_CLOEXEC);
	watched = open(events, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || watched < 0 || write(fd, is_frozen ? "1" : "0", 1) < 0)
		return err_set(e, errno, "write %s", file);
	return wait_for(watched, is_frozen ? "frozen 1" : "frozen 0", e);
}
