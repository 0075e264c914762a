/* Where the hierarchies are mounted is read once from /proc/self/mountinfo.  On a hybrid machine
 * each controller we use is a tree of its own, and the v2 tree tracks processes: cgroup.kill works
 * there although limits live elsewhere.
 */
#include "sys/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup_tree.h"
#include "sys/systemd.h"

const char *const cgroup_controllers[CGROUP_ALL] = { "cpu", "cpuacct", "memory", "pids", "cpuset",
	"blkio", "hugetlb" };

/* "36 35 0:31 / /sys/fs/cgroup/cpu rw,… - cgroup cgroup rw,cpu": the mount point is field 5, the
 * type and the super options follow the lone dash. */
static void note_mount(struct cgroups *c, char *line)
{
	char *dash = strstr(line, " - "), *save = NULL, *point = NULL, *type, *options;

	if (!dash)
		return;
	*dash = '\0';
	for (int i = 0; i < 5; i++)
		point = strtok_r(i ? NULL : line, " ", &save);
	type = strtok_r(dash + 3, " ", &save);
	(void)strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	if (!point || !type || !options)
		return;
	if (str_eq(type, "cgroup2") && !c->v2)
		c->v2 = str_dup(point);
	if (!str_eq(type, "cgroup"))
		return;
	for (char *o = strtok_r(options, ",", &save); o; o = strtok_r(NULL, ",", &save))
		for (size_t i = 0; i < CGROUP_ALL; i++)
			if (str_eq(o, cgroup_controllers[i]) && !c->v1[i])
				c->v1[i] = str_dup(point);
}

static int find_mounts(struct cgroups *c, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	char *save = NULL;
	int rc = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, e);

	if (rc < 0)
		return rc;
	for (char *line = strtok_r(text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		note_mount(c, line);
	if (!c->v2)
		return err_say(e, ENOTSUP, "no cgroup v2 hierarchy is mounted");
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		c->is_hybrid |= c->v1[i] != NULL;
	return 0;
}

void cgroup_enable(const char *dir, const char *controller)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.subtree_control", dir);
	CLEANUP(cleanup_fd) int fd = open(file, O_WRONLY | O_CLOEXEC);

	/* What is missing for it is missed where it is needed. */
	if (fd >= 0)
		(void)dprintf(fd, "+%s", controller);
}

/* One controller at a time, so that a missing one does not spoil the rest: check_controllers tells.
 */
static void enable_controllers(const char *dir)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.subtree_control", dir);
	CLEANUP(cleanup_fd) int fd = open(file, O_WRONLY | O_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CGROUP_CONTROLLERS; i++) {
		char word[16];
		int len = snprintf(word, sizeof(word), "+%s", cgroup_controllers[i]);

		if (write(fd, word, (size_t)len) < 0)
			continue;
	}
	/* For what it counts, so where there is none nothing is lost but that. */
	if (fd >= 0)
		(void)dprintf(fd, "+io");
}

bool cgroup_has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || at[-1] == ' ') && strchr(" \n", at[len]))
			return true;
	return false;
}

/* Pure v2: a limit that no controller keeps would be a word only, so carpeld does not start there.
 * In a container the top is a cgroup like others, and one that holds processes gives its children
 * no controllers. */
static int check_controllers(const struct cgroups *c, struct err *e)
{
	CLEANUP(cleanup_free) char *controllers = str_fmt("%s/cgroup.controllers", c->v2_root);
	CLEANUP(cleanup_free) char *procs = str_fmt("%s/cgroup.procs", c->v2);
	CLEANUP(cleanup_free) char *type = str_fmt("%s/cgroup.type", c->v2);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf pids = { 0 };
	int rc = fd_read_file(AT_FDCWD, controllers, 4096, &text, e);
	bool is_busy;

	if (rc < 0)
		return rc;
	/* The machine's own top has no type, and is exempt. */
	is_busy = access(type, F_OK) == 0 &&
		  fd_read_file(AT_FDCWD, procs, 1 << 20, &pids, NULL) == 0 && pids.len > 0;
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		if (i != CGROUP_CPUACCT &&
			!cgroup_has_word(text.len ? text.data : "", cgroup_controllers[i]))
			return err_say(e, ENOTSUP, "no %s controller in cgroup %s%s%s",
				cgroup_controllers[i], c->v2_root,
				is_busy ? ": processes live in " : "", is_busy ? c->v2 : "");
	return 0;
}

int cgroup_make_dir(const char *dir, struct err *e)
{
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_set(e, errno, "make cgroup %s", dir);
	return 0;
}

/* systemd makes and removes it. */
static bool is_unit(const struct cgroups *c, const char *path)
{
	return c->has_units && (!*path || systemd_is_scope(path));
}

/* In dir, "…/a/b", what is above b. */
static void enable_in_parent(char *dir)
{
	char *slash = strrchr(dir, '/');

	*slash = '\0';
	enable_controllers(dir);
	*slash = '/';
}

static bool has_controllers(const char *dir)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.controllers", dir);
	CLEANUP(buf_free) struct buf text = { 0 };

	if (fd_read_file(AT_FDCWD, file, 4096, &text, NULL) < 0 || !text.len)
		return false;
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		if (i != CGROUP_CPUACCT && !cgroup_has_word(text.data, cgroup_controllers[i]))
			return false;
	return true;
}

/* In dir, "…/a/b", which is not ours: whoever made what is above b may have left it to us to have
 * controllers handed down to there, by each from the top on. */
static void enable_above(const char *top, char *dir)
{
	char *last = strrchr(dir, '/');
	char *slash = last;

	*last = '\0';
	if (!has_controllers(dir))
		slash = dir + strlen(top);
	*last = '/';
	for (; slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		enable_controllers(dir);
		*slash = '/';
	}
}

/* Makes every directory of path below top; in the v2 tree of pure v2, each hands controllers down
 * before something is made in it, so that after a crash whatever exists was made below such a one.
 * The last one first: whoever asks for it has mostly asked for those above it before. */
static int make_path(const struct cgroups *c, const char *top, const char *path,
	enum cgroup_use use, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, top, path);
	bool hands_down = top == c->v2 && !c->is_hybrid && use != CGROUP_TRACKING;
	int rc;

	if (is_unit(c, path))
		return access(dir, F_OK) < 0 ? err_set(e, errno, "systemd's %s", dir) : 0;
	if (hands_down && *path == '/')
		enable_above(top, dir);
	rc = cgroup_make_dir(dir, NULL);
	/* Above our scopes nothing is ours to make. */
	if (rc != -ENOENT || (c->has_units && *path == '/'))
		return rc < 0 ? cgroup_make_dir(dir, e) : 0;
	rc = 0;

	for (char *slash = dir + strlen(top); rc == 0 && slash;) {
		if ((slash = strchr(slash + 1, '/')))
			*slash = '\0';
		if (access(dir, F_OK) < 0) {
			if (hands_down)
				enable_in_parent(dir);
			rc = cgroup_make_dir(dir, e);
		}
		if (slash)
			*slash = '/';
	}
	return rc;
}

int cgroups_have_units(struct cgroups *c, struct err *e)
{
	c->has_units = true;
	return c->is_hybrid ? err_say(e, ENOTSUP,
				      "systemd's units are taken on pure cgroup v2 only, "
				      "and v1 controllers are mounted here")
			    : 0;
}

static int make_v2_root(struct cgroups *c, struct err *e)
{
	int rc;

	if (c->has_units)
		return cgroups_have_units(c, e);
	if (c->is_hybrid)
		return cgroup_make_dir(c->v2_root, e);
	enable_controllers(c->v2);
	if ((rc = cgroup_make_dir(c->v2_root, e)) < 0)
		return rc;
	if ((rc = check_controllers(c, e)) < 0) {
		(void)rmdir(c->v2_root); /* unless an earlier carpeld left pods in it */
		return rc;
	}
	enable_controllers(c->v2_root);
	return 0;
}

int cgroups_open(const char *name, struct cgroups **out, struct err *e)
{
	struct cgroups *c = mem_zalloc(sizeof(*c));
	int rc = find_mounts(c, e);

	if (rc == 0) {
		c->name = str_dup(name);
		c->has_units = systemd_is_scope(name);
		c->v2_root = str_fmt("%s/%s", c->v2, name);
		rc = make_v2_root(c, e);
	}
	for (size_t i = 0; rc == 0 && i < CGROUP_CONTROLLERS; i++)
		if (c->v1[i])
			rc = make_path(c, c->v1[i], "", CGROUP_INNER, e);
	if (rc < 0) {
		cgroups_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

int cgroups_enter(struct cgroups *c, struct err *e)
{
	int rc = check_controllers(c, e);

	return rc == 0 ? cgroup_make(c, "", CGROUP_INNER, NULL, e) : rc;
}

int cgroups_find(struct cgroups **out, struct err *e)
{
	struct cgroups *c = mem_zalloc(sizeof(*c));
	int rc = find_mounts(c, e);

	if (rc < 0) {
		cgroups_free(c);
		return rc;
	}
	c->name = str_dup("");
	c->v2_root = str_dup(c->v2);
	*out = c;
	return 0;
}

void cgroups_free(struct cgroups *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CGROUP_ALL; i++)
		free(c->v1[i]);
	free(c->v2);
	free(c->v2_root);
	free(c->name);
	free(c);
}

enum cgroup_layout cgroups_layout(const struct cgroups *c)
{
	return c->is_hybrid ? CGROUP_HYBRID : CGROUP_V2;
}

const char *cgroups_root(const struct cgroups *c)
{
	return c->v2_root;
}

int cgroup_make(struct cgroups *c, const char *path, enum cgroup_use use,
	const struct cgroup_limits *l, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);
	int rc = cgroup_check_path(path, e);

	if (rc == 0)
		rc = make_path(c, c->v2, path, use, e);
	if (rc == 0 && use == CGROUP_INNER && !c->is_hybrid)
		enable_controllers(dir);
	for (size_t i = 0; rc == 0 && use != CGROUP_TRACKING && i < CGROUP_CONTROLLERS; i++)
		if (c->v1[i])
			rc = make_path(c, c->v1[i], path, use, e);
	if (rc == 0 && l)
		rc = cgroup_set_first_limits(c, path, l, e);
	return rc;
}

char *cgroup_v2_dir(const struct cgroups *c, const char *path)
{
	return cgroup_dir(c, c->v2, path);
}

void cgroup_dirs(const struct cgroups *c, const char *path, struct strv *v1, char **v2)
{
	for (size_t i = 0; i < CGROUP_ALL; i++) {
		CLEANUP(cleanup_free)
		char *dir = c->v1[i] ? cgroup_dir(c, c->v1[i], path) : NULL;

		if (dir && (i < CGROUP_CONTROLLERS || access(dir, F_OK) == 0))
			strv_add(v1, dir);
	}
	*v2 = cgroup_v2_dir(c, path);
}

int cgroup_join_dir(const char *dir, int32_t pid, struct err *e)
{
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.procs", dir);
	CLEANUP(cleanup_free) char *text = str_fmt("%d", (int)pid);
	CLEANUP(cleanup_fd) int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_set(e, errno, "move process %d into %s", (int)pid, dir);
	return 0;
}

int cgroup_join(const struct cgroups *c, const char *path, int32_t pid, struct err *e)
{
	CLEANUP(cleanup_free) char *v2 = NULL;
	struct strv v1 = { 0 };
	int rc;

	if ((rc = cgroup_check_path(path, e)) < 0)
		return rc;
	cgroup_dirs(c, path, &v1, &v2);
	rc = cgroup_join_dir(v2, pid, e);
	for (size_t i = 0; rc == 0 && i < v1.len; i++)
		rc = cgroup_join_dir(v1.at[i], pid, e);
	strv_free(&v1);
	return rc;
}

int cgroup_kill(const struct cgroups *c, const char *path, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.kill", dir);
	CLEANUP(cleanup_fd) int fd = -1;
	int rc = cgroup_check_path(path, e);

	if (rc < 0)
		return rc;
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_set(e, errno, "open %s", file);
	if (write(fd, "1", 1) < 0)
		return errno == ENODEV ? 0 : err_set(e, errno, "write %s", file);
	cgroup_io_lift(c, path);
	return 0;
}

static int remove_in(const struct cgroups *c, const char *top, const char *path, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, top, path);
	int rc;

	if (!is_unit(c, path))
		return cgroup_remove_tree(dir, e);
	rc = cgroup_remove_below(dir, e);
	return rc < 0 || access(dir, F_OK) < 0
		       ? rc
		       : err_say(e, EBUSY, "systemd has not removed %s yet", dir);
}

int cgroup_remove(const struct cgroups *c, const char *path, struct err *e)
{
	int rc = cgroup_check_path(path, e);

	if (rc == 0)
		rc = remove_in(c, c->v2, path, e);
	for (size_t i = 0; rc == 0 && i < CGROUP_ALL; i++)
		if (c->v1[i])
			rc = remove_in(c, c->v1[i], path, e);
	return rc;
}

void cgroup_remove_tracking(const struct cgroups *c, const char *path)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);

	if (c->is_hybrid && *path && cgroup_check_path(path, NULL) == 0)
		(void)rmdir(dir);
}

int cgroup_pids(const struct cgroups *c, const char *path, int32_t *pids, int max)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cgroup.procs", dir);
	CLEANUP(buf_free) struct buf text = { 0 };
	char *save = NULL;
	int n = 0;

	if (cgroup_check_path(path, NULL) < 0 ||
		fd_read_file(AT_FDCWD, file, 1 << 20, &text, NULL) < 0 || !text.len)
		return 0;
	for (char *line = strtok_r(text.data, "\n", &save); line && n < max;
		line = strtok_r(NULL, "\n", &save)) {
		int64_t pid;

		if (str_to_i64(line, 1, INT32_MAX, &pid) == 0)
			pids[n++] = (int32_t)pid;
	}
	return n;
}
