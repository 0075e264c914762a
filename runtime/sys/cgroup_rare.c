/* Controllers that few containers ask for: cpuset, blkio and hugetlb.  A directory in one more v1
 * hierarchy, or one more controller on v2, costs every container; so they come when limits name
 * them, even while the container runs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup_tree.h"

enum { ROUNDS_MAX = 32, PIDS_TEXT_MAX = 1 << 20, SET_TEXT_MAX = 4096 };

static bool has_controller(const char *dir, const char *controller)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.controllers", dir);

	return fd_read_file(AT_FDCWD, file, 4096, &text, NULL) == 0 && text.len &&
	       cgroup_has_word(text.data, controller);
}

int cgroup_need(const struct cgroups *c, const char *path, const char *controller, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);

	if (has_controller(dir, controller))
		return 0;
	/* From the top down: each can hand on only what it was given. */
	for (char *slash = dir + strlen(c->v2); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		cgroup_enable(dir, controller);
		*slash = '/';
	}
	return has_controller(dir, controller)
		       ? 0
		       : err_say(e, ENOTSUP, "no %s controller in cgroup %s", controller, dir);
}

/* A v1 cpuset starts empty, and an empty one takes no process: it gets what is above it.  That is
 * also done to one that somebody else left empty, who loses nothing by it. */
static int fill_from_parent(const char *dir, const char *file, struct err *e)
{
	CLEANUP(cleanup_free) char *own = str_fmt("%s/%s", dir, file);
	CLEANUP(cleanup_free) char *above = str_fmt("%s/../%s", dir, file);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = -1;
	int rc = fd_read_file(AT_FDCWD, own, SET_TEXT_MAX, &text, e);

	if (rc < 0 || (text.len && text.data[0] != '\n'))
		return rc;
	buf_clear(&text);
	if ((rc = fd_read_file(AT_FDCWD, above, SET_TEXT_MAX, &text, e)) < 0)
		return rc;
	fd = open(own, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text.data, text.len) < 0)
		return err_set(e, errno, "write %s", own);
	return 0;
}

static int make_v1(const struct cgroups *c, int controller, char *dir, struct err *e)
{
	int rc = 0;

	for (char *slash = dir + strlen(c->v1[controller]); rc == 0 && slash;) {
		if ((slash = strchr(slash + 1, '/')))
			*slash = '\0';
		rc = cgroup_make_dir(dir, e);
		if (rc == 0 && controller == CGROUP_CPUSET)
			rc = fill_from_parent(dir, "cpuset.cpus", e);
		if (rc == 0 && controller == CGROUP_CPUSET)
			rc = fill_from_parent(dir, "cpuset.mems", e);
		if (slash)
			*slash = '/';
	}
	return rc;
}

static void add_pids(const char *dir, struct strv *pids)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.procs", dir);
	CLEANUP(buf_free) struct buf text = { 0 };
	char *save = NULL;

	if (fd_read_file(AT_FDCWD, file, PIDS_TEXT_MAX, &text, NULL) < 0 || !text.len)
		return;
	for (char *line = strtok_r(text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		strv_add(pids, line);
}

/* Of dir and what is below it, where execs are. */
static void add_pids_below(const char *dir, int depth, struct strv *pids)
{
	DIR *d = depth <= CGROUP_DEPTH_MAX ? opendir(dir) : NULL;
	struct dirent *entry;

	add_pids(dir, pids);
	while (d && (entry = readdir(d))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;

		CLEANUP(cleanup_free) char *below = str_fmt("%s/%s", dir, entry->d_name);

		add_pids_below(below, depth + 1, pids); /* bounded by depth */
	}
	if (d)
		closedir(d);
}

/* Returns how many were not there yet. */
static int move_round(const char *from, const char *to, struct err *e)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.procs", to);
	CLEANUP(cleanup_fd) int fd = open(file, O_WRONLY | O_CLOEXEC);
	struct strv all = { 0 }, there = { 0 };
	int moved = 0, rc = fd < 0 ? err_set(e, errno, "open %s", file) : 0;

	add_pids_below(from, 0, &all);
	add_pids(to, &there);
	strv_sort(&there);
	for (size_t i = 0; rc == 0 && i < all.len; i++) {
		if (strv_has_sorted(&there, all.at[i]))
			continue;
		moved++;
		if (write(fd, all.at[i], strlen(all.at[i])) < 0 && errno != ESRCH)
			rc = err_set(e, errno, "move process %s into %s", all.at[i], to);
	}
	strv_free(&all);
	strv_free(&there);
	return rc < 0 ? rc : moved;
}

/* A child is born where its parent is, so what appears meanwhile is found in the next round. */
static int move_processes(const char *from, const char *to, struct err *e)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		int rc = move_round(from, to, e);

		if (rc <= 0)
			return rc;
	}
	return err_say(e, EAGAIN, "processes start faster than they move into %s", to);
}

int cgroup_rare_dir(
	const struct cgroups *c, const char *path, int controller, char **out_dir, struct err *e)
{
	CLEANUP(cleanup_free) char *v2 = cgroup_dir(c, c->v2, path);
	CLEANUP(cleanup_free) char *v1 = NULL;
	int rc;

	if (!c->v1[controller]) {
		rc = cgroup_need(c, path,
			controller == CGROUP_BLKIO ? "io" : cgroup_controllers[controller], e);
		if (rc == 0)
			*out_dir = TAKE(v2);
		return rc;
	}
	v1 = cgroup_dir(c, c->v1[controller], path);
	rc = make_v1(c, controller, v1, e);
	if (rc == 0)
		rc = move_processes(v2, v1, e);
	if (rc == 0)
		*out_dir = TAKE(v1);
	return rc;
}
