/* Limits and counters: which file holds what on v1 and v2, in the order the kernel accepts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup.h"
#include "sys/cgroup_tree.h"

enum { CPU_PERIOD_US = 100000, SHARES_MIN = 2, SHARES_MAX = 262144, WEIGHT_MAX = 10000 };

uint64_t cgroup_weight(int64_t shares, enum cgroup_scale scale)
{
	if (shares <= SHARES_MIN)
		return 1;
	if (shares >= SHARES_MAX)
		return WEIGHT_MAX;
	if (scale == CGROUP_LINEAR)
		return 1 + (uint64_t)(shares - 2) * 9999 / 262142;

	/* The curve that maps 2, 1024, 262144 to 1, 100, 10000; kubernetes/kubernetes#131216. */
	double l = log2((double)shares);

	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

enum missing { MISSING_IS_ERROR = 1, MISSING_IS_FINE };

static int write_value(
	const char *dir, const char *file, enum missing missing, const char *value, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", dir, file);
	CLEANUP(cleanup_fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT && missing == MISSING_IS_FINE
			       ? 0
			       : err_set(e, errno, "open %s", path);
	if (write(fd, value, strlen(value)) < 0)
		return err_set(e, errno, "write %s to %s", value, path);
	return 0;
}

static int write_number(
	const char *dir, const char *file, enum missing missing, int64_t value, struct err *e)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return write_value(dir, file, missing, text, e);
}

static int set_v2(const char *dir, const struct cgroup_limits *l, struct err *e)
{
	char quota[48];
	int rc = 0;

	if (l->cpu_shares >= 0)
		rc = write_number(dir, "cpu.weight", MISSING_IS_ERROR,
			(int64_t)cgroup_weight(l->cpu_shares, l->cpu_scale), e);
	if (rc == 0 && l->cpu_quota_us >= 0) {
		(void)snprintf(
			quota, sizeof(quota), "%" PRId64 " %d", l->cpu_quota_us, CPU_PERIOD_US);
		rc = write_value(dir, "cpu.max", MISSING_IS_ERROR, quota, e);
	}
	if (rc == 0 && (l->memory_bytes >= 0 || l->never_swapped)) /* before memory.max */
		rc = write_value(dir, "memory.swap.max", MISSING_IS_FINE, "0", e);
	if (rc == 0 && l->memory_bytes >= 0)
		rc = write_number(dir, "memory.max", MISSING_IS_ERROR, l->memory_bytes, e);
	if (rc == 0 && l->oom_kills_all)
		rc = write_value(dir, "memory.oom.group", MISSING_IS_FINE, "1", e);
	if (rc == 0 && l->pids >= 0)
		rc = write_number(dir, "pids.max", MISSING_IS_ERROR, l->pids, e);
	return rc;
}

static int set_v1_memory(const char *dir, int64_t bytes, struct err *e)
{
	int rc = write_number(dir, "memory.limit_in_bytes", MISSING_IS_ERROR, bytes, e);

	/* Memory plus swap equals memory: no swap.  Missing without swap accounting. */
	return rc < 0 ? rc
		      : write_number(dir, "memory.memsw.limit_in_bytes", MISSING_IS_FINE, bytes, e);
}

static int set_v1(
	const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	char *dir[CGROUP_CONTROLLERS];
	int rc = 0;

	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		dir[i] = c->v1[i] ? str_fmt("%s/%s/%s", c->v1[i], c->name, path) : NULL;
	if (l->cpu_shares >= 0 && dir[CGROUP_CPU])
		rc = write_number(
			dir[CGROUP_CPU], "cpu.shares", MISSING_IS_ERROR, l->cpu_shares, e);
	if (rc == 0 && l->cpu_quota_us >= 0 && dir[CGROUP_CPU]) {
		rc = write_number(
			dir[CGROUP_CPU], "cpu.cfs_period_us", MISSING_IS_ERROR, CPU_PERIOD_US, e);
		if (rc == 0)
			rc = write_number(dir[CGROUP_CPU], "cpu.cfs_quota_us", MISSING_IS_ERROR,
				l->cpu_quota_us, e);
	}
	if (rc == 0 && l->memory_bytes >= 0 && dir[CGROUP_MEMORY])
		rc = set_v1_memory(dir[CGROUP_MEMORY], l->memory_bytes, e);
	if (rc == 0 && l->pids >= 0 && dir[CGROUP_PIDS])
		rc = write_number(dir[CGROUP_PIDS], "pids.max", MISSING_IS_ERROR, l->pids, e);
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		free(dir[i]);
	return rc;
}

int cgroup_set_limits(
	const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/%s", c->v2_root, path);

	return c->is_hybrid ? set_v1(c, path, l, e) : set_v2(dir, l, e);
}

uint64_t cgroup_oom_kills(const struct cgroups *c, const char *path)
{
	CLEANUP(cleanup_free)
	char *file = !c->is_hybrid          ? str_fmt("%s/%s/memory.events", c->v2_root, path)
		     : c->v1[CGROUP_MEMORY] ? str_fmt("%s/%s/%s/memory.oom_control",
						      c->v1[CGROUP_MEMORY], c->name, path)
					    : NULL;
	CLEANUP(buf_free) struct buf text = { 0 };
	char *save = NULL;

	if (!file || fd_read_file(AT_FDCWD, file, 4096, &text, NULL) < 0 || !text.len)
		return 0;
	for (char *line = strtok_r(text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		uint64_t n;

		if (str_starts(line, "oom_kill ") &&
			str_to_u64(line + strlen("oom_kill "), UINT64_MAX, &n) == 0)
			return n;
	}
	return 0;
}

/* A container cannot make cgroups (its view is read-only), so the depth is ours: three at most. */
int cgroup_remove_tree(const char *dir, struct err *e)
{
	struct dirent *entry;
	int rc = 0;
	DIR *d;

	/* Mostly there is nothing below. */
	if (rmdir(dir) == 0 || errno == ENOENT)
		return 0;
	d = errno == EBUSY ? opendir(dir) : NULL;
	if (!d)
		return errno == ENOENT ? 0 : err_set(e, errno, "remove cgroup %s", dir);
	while (rc == 0 && (entry = readdir(d))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;

		CLEANUP(cleanup_free) char *below = str_fmt("%s/%s", dir, entry->d_name);

		rc = cgroup_remove_tree(below, e); /* bounded: see above */
	}
	closedir(d);
	if (rc == 0 && rmdir(dir) < 0 && errno != ENOENT)
		rc = err_set(e, errno, "remove cgroup %s", dir);
	return rc;
}
