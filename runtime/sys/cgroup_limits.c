/* Limits as files: which file holds what on v1 and v2, in the order that the kernel accepts.  All
 * is decided first, as a list of what to write, and written then.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cgroup_stats.h"
#include "sys/cgroup_tree.h"

enum { SHARES_MIN = 2, SHARES_MAX = 262144, WEIGHT_MAX = 10000 };
enum { HUGEPAGES_MAX = 32, SIZE_TEXT_MAX = 16, CPUSET_TEXT_MAX = 4096 };

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

void cgroup_limits_release(struct cgroup_limits *l)
{
	free(TAKE(l->hugepages));
	free(TAKE(l->unified));
	l->hugepages_len = l->unified_len = 0;
}

/* A number, or what says that there is none. */
static void add_number(struct cgroup_writes *w, const char *dir, const char *file,
	enum cgroup_missing missing, int64_t value, const char *unlimited)
{
	if (value == CGROUP_UNLIMITED)
		cgroup_writes_add(w, dir, file, missing, "%s", unlimited);
	else
		cgroup_writes_add(w, dir, file, missing, "%" PRId64, value);
}

static int check_swap(int64_t memory, int64_t both, struct err *e)
{
	if (memory == CGROUP_UNLIMITED)
		return err_say(e, EINVAL,
			"a limit of memory and swap (%" PRId64 ") needs one of memory", both);
	if (both < memory)
		return err_say(e, EINVAL,
			"the limit of memory and swap (%" PRId64
			") is less than that of memory (%" PRId64 ")",
			both, memory);
	return 0;
}

/* ---- v2 ---- */

static int add_v2_cpu(
	struct cgroup_writes *w, const char *dir, const struct cgroup_limits *l, struct err *e)
{
	CLEANUP(buf_free) struct buf now = { 0 };
	CLEANUP(cleanup_free) char *file = str_fmt("%s/cpu.max", dir);
	CLEANUP(cleanup_free) char *quota = NULL;
	int rc;

	if (l->cpu_shares >= 0)
		cgroup_writes_add(w, dir, "cpu.weight", MISSING_IS_ERROR, "%" PRIu64,
			cgroup_weight(l->cpu_shares, l->cpu_scale));
	if (l->cpu_quota_us < 0 && l->cpu_period_us <= 0)
		return 0;
	if (l->cpu_quota_us == CGROUP_UNLIMITED) {
		quota = str_dup("max");
	} else if (l->cpu_quota_us >= 0) {
		quota = str_fmt("%" PRId64, l->cpu_quota_us);
	} else { /* A period needs the quota beside it; a quota alone keeps the period. */
		if ((rc = fd_read_file(AT_FDCWD, file, 256, &now, e)) < 0)
			return rc;
		quota = str_ndup(
			now.data ? now.data : "", strcspn(now.data ? now.data : "", " \n"));
	}
	if (l->cpu_period_us > 0)
		cgroup_writes_add(w, dir, "cpu.max", MISSING_IS_ERROR, "%s %" PRId64, quota,
			l->cpu_period_us);
	else
		cgroup_writes_add(w, dir, "cpu.max", MISSING_IS_ERROR, "%s", quota);
	return 0;
}

/* Before memory.max.  The kernel counts swap alone; a kernel without swap has no file. */
static int add_v2_swap(
	struct cgroup_writes *w, const char *dir, const struct cgroup_limits *l, struct err *e)
{
	int64_t memory = l->memory_bytes, both = l->memory_swap_bytes, swap = 0;
	int rc;

	if (both == CGROUP_UNLIMITED || (both <= 0 && memory == CGROUP_UNLIMITED)) {
		swap = CGROUP_UNLIMITED;
	} else if (both > 0) {
		if (memory < 0 && (rc = cgroup_read_number(dir, "memory.max", &memory)) < 0)
			return err_set(e, -rc, "read %s/memory.max", dir);
		if ((rc = check_swap(memory, both, e)) < 0)
			return rc;
		swap = both - memory;
	}
	if (l->never_swapped)
		swap = 0;
	if (l->never_swapped || memory >= 0 || both > 0)
		add_number(w, dir, "memory.swap.max",
			swap == 0 || swap == CGROUP_UNLIMITED ? MISSING_IS_FINE : MISSING_IS_ERROR,
			swap, "max");
	return 0;
}

static int add_v2(
	struct cgroup_writes *w, const char *dir, const struct cgroup_limits *l, struct err *e)
{
	int rc = add_v2_cpu(w, dir, l, e);

	if (rc == 0)
		rc = add_v2_swap(w, dir, l, e);
	if (rc < 0)
		return rc;
	if (l->memory_bytes >= 0)
		add_number(w, dir, "memory.max", MISSING_IS_ERROR, l->memory_bytes, "max");
	if (l->oom_kills_all)
		cgroup_writes_add(w, dir, "memory.oom.group", MISSING_IS_FINE, "1");
	if (l->pids >= 0)
		add_number(w, dir, "pids.max", MISSING_IS_ERROR, l->pids, "max");
	return 0;
}

/* ---- v1 ---- */

/* A new period changes the ratio for an instant, which the kernel compares with that of the group
 * above: without a quota in that instant it has nothing to refuse. */
static void add_v1_cpu(struct cgroup_writes *w, const char *dir, const struct cgroup_limits *l)
{
	bool has_quota = l->cpu_quota_us >= 0, has_period = l->cpu_period_us > 0;

	if (l->cpu_shares >= 0)
		cgroup_writes_add(
			w, dir, "cpu.shares", MISSING_IS_ERROR, "%" PRId64, l->cpu_shares);
	if (has_quota && has_period)
		cgroup_writes_add(w, dir, "cpu.cfs_quota_us", MISSING_IS_ERROR, "-1");
	if (has_period)
		cgroup_writes_add(w, dir, "cpu.cfs_period_us", MISSING_IS_ERROR, "%" PRId64,
			l->cpu_period_us);
	if (has_quota)
		add_number(w, dir, "cpu.cfs_quota_us", MISSING_IS_ERROR, l->cpu_quota_us, "-1");
}

/* The limit of memory may at no time be above that of both; without swap accounting there is no
 * file for both, and what needs none is content. */
static int add_v1_memory(
	struct cgroup_writes *w, const char *dir, const struct cgroup_limits *l, struct err *e)
{
	static const char limit[] = "memory.limit_in_bytes", both[] = "memory.memsw.limit_in_bytes";
	int64_t memory = l->memory_bytes, now = CGROUP_UNLIMITED,
		sum = l->memory_swap_bytes > 0 ? l->memory_swap_bytes : memory;
	enum cgroup_missing missing = MISSING_IS_FINE;
	int rc;

	if (sum < 0)
		return 0;
	if (l->memory_swap_bytes > 0 && sum != CGROUP_UNLIMITED) {
		if (memory < 0 && (rc = cgroup_read_number(dir, limit, &memory)) < 0)
			return err_set(e, -rc, "read %s/%s", dir, limit);
		if ((rc = check_swap(memory, sum, e)) < 0)
			return rc;
		missing = sum == memory ? MISSING_IS_FINE : MISSING_IS_ERROR;
	}
	(void)cgroup_read_number(dir, both, &now);
	if (l->memory_bytes < 0 || sum > now)
		add_number(w, dir, both, missing, sum, "-1");
	if (l->memory_bytes >= 0)
		add_number(w, dir, limit, MISSING_IS_ERROR, memory, "-1");
	if (l->memory_bytes >= 0 && sum <= now)
		add_number(w, dir, both, missing, sum, "-1");
	return 0;
}

static int add_v1(const struct cgroups *c, const char *path, struct cgroup_writes *w,
	const struct cgroup_limits *l, struct err *e)
{
	char *dir[CGROUP_CONTROLLERS];
	int rc = 0;

	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		dir[i] = c->v1[i] ? cgroup_dir(c, c->v1[i], path) : NULL;
	if (dir[CGROUP_CPU])
		add_v1_cpu(w, dir[CGROUP_CPU], l);
	if (dir[CGROUP_MEMORY])
		rc = add_v1_memory(w, dir[CGROUP_MEMORY], l, e);
	if (rc == 0 && l->pids >= 0 && dir[CGROUP_PIDS])
		add_number(w, dir[CGROUP_PIDS], "pids.max", MISSING_IS_ERROR, l->pids, "max");
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		free(dir[i]);
	return rc;
}

/* ---- both ---- */

static int add_cpuset(const struct cgroups *c, const char *path, struct cgroup_writes *w,
	const struct cgroup_limits *l, struct err *e)
{
	const char *cpus = l->cpuset_cpus ? l->cpuset_cpus : "",
		   *mems = l->cpuset_mems ? l->cpuset_mems : "";
	CLEANUP(cleanup_free) char *dir = NULL;
	int rc;

	if (!*cpus && !*mems)
		return 0;
	if (strlen(cpus) > CPUSET_TEXT_MAX || strlen(mems) > CPUSET_TEXT_MAX)
		return err_say(e, E2BIG, "cpuset: longer than %d bytes", CPUSET_TEXT_MAX);
	if ((rc = cgroup_rare_dir(c, path, CGROUP_CPUSET, &dir, e)) < 0)
		return err_wrap(e, rc, "cpuset");
	if (*cpus)
		cgroup_writes_add(w, dir, "cpuset.cpus", MISSING_IS_ERROR, "%s", cpus);
	if (*mems)
		cgroup_writes_add(w, dir, "cpuset.mems", MISSING_IS_ERROR, "%s", mems);
	return 0;
}

/* "64KB" … "16GB": becomes a part of a file's name. */
static bool is_page_size(const char *size)
{
	size_t len = strlen(size), digits = strspn(size, "0123456789");

	return digits > 0 && len <= SIZE_TEXT_MAX && len == digits + 2 &&
	       strchr("KMG", size[digits]) && size[digits + 1] == 'B';
}

/* Reservations (mmap) beside faults, so that a process hears of it by ENOMEM and not by SIGBUS. */
static int add_hugepage(const struct cgroups *c, const char *path, struct cgroup_writes *w,
	const struct cgroup_hugepages *h, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = NULL;
	const char *name = c->v1[CGROUP_HUGETLB] ? "limit_in_bytes" : "max";
	int rc;

	if (!is_page_size(h->size))
		return err_say(e, EINVAL, "hugepages: \"%.16s\" is no page size", h->size);

	CLEANUP(cleanup_free) char *fault = str_fmt("hugetlb.%s.%s", h->size, name);
	CLEANUP(cleanup_free) char *reserved = str_fmt("hugetlb.%s.rsvd.%s", h->size, name);

	if ((rc = cgroup_rare_dir(c, path, CGROUP_HUGETLB, &dir, h->bytes ? e : NULL)) < 0)
		return rc == -ENOTSUP && !h->bytes ? 0
						   : err_wrap(e, rc, "hugepages of %s", h->size);

	CLEANUP(cleanup_free) char *file = str_fmt("%s/%s", dir, fault);

	if (access(file, F_OK) < 0)
		return h->bytes ? err_say(e, ENOTSUP, "hugepages of %s: the kernel has no such",
					  h->size)
				: 0;
	cgroup_writes_add(w, dir, fault, MISSING_IS_ERROR, "%" PRIu64, h->bytes);
	cgroup_writes_add(w, dir, reserved, MISSING_IS_FINE, "%" PRIu64, h->bytes);
	return 0;
}

int cgroup_limits_list(const struct cgroups *c, const char *path, const struct cgroup_limits *l,
	struct cgroup_writes *w, struct err *e)
{
	CLEANUP(cleanup_free) char *dir = cgroup_dir(c, c->v2, path);
	int rc = cgroup_check_path(path, e);

	if (rc == 0)
		rc = c->is_hybrid ? add_v1(c, path, w, l, e) : add_v2(w, dir, l, e);
	if (rc == 0)
		rc = add_cpuset(c, path, w, l, e);
	if (rc == 0 && l->hugepages_len > HUGEPAGES_MAX)
		rc = err_say(e, E2BIG, "hugepages: more than %d sizes", HUGEPAGES_MAX);
	for (size_t i = 0; rc == 0 && i < l->hugepages_len; i++)
		rc = add_hugepage(c, path, w, &l->hugepages[i], e);
	if (rc == 0)
		rc = cgroup_io_add(c, path, &l->io, w, e);
	return rc < 0 ? rc : cgroup_unified_add(c, path, l, w, e);
}

/* A file that is not there mostly means a controller that was not handed down: then that is said.
 */
static int explain(const struct cgroups *c, const char *path, const struct cgroup_limits *l, int rc,
	struct err *e)
{
	const struct {
		int controller;
		bool is_asked_for;
	} rows[] = { { CGROUP_CPU, l->cpu_shares >= 0 || l->cpu_quota_us >= 0 },
		{ CGROUP_MEMORY, l->memory_bytes >= 0 || l->memory_swap_bytes > 0 },
		{ CGROUP_PIDS, l->pids >= 0 } };

	for (size_t i = 0; rc == -ENOENT && !c->is_hybrid && i < ARRAY_LEN(rows); i++)
		if (rows[i].is_asked_for)
			(void)cgroup_need(c, path, cgroup_controllers[rows[i].controller], e);
	return rc;
}

int cgroup_set_first_limits(
	const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	CLEANUP(cgroup_writes_free) struct cgroup_writes w = { 0 };
	int rc = cgroup_limits_list(c, path, l, &w, e);

	return rc < 0 ? rc : explain(c, path, l, cgroup_writes_apply(&w, e), e);
}

static int say_in_use(uint64_t limit, uint64_t used, struct err *e)
{
	return err_say(e, EBUSY,
		"a limit of memory of %" PRIu64 " is less than what is in use (%" PRIu64 ")", limit,
		used);
}

/* v1 refuses a limit that it cannot reclaim its way down to; v2 takes any, and kills.  So what no
 * reclaim gives back is compared here; with swap to go to, much of it may be. */
static int check_memory_v2(
	const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	uint64_t limit = (uint64_t)l->memory_bytes;
	struct cgroup_memory m;
	int rc = cgroup_memory_read(c, path, &m, e);

	if (rc < 0 || l->memory_swap_bytes > l->memory_bytes || m.unreclaimable_bytes < limit)
		return rc;
	return say_in_use(limit, m.unreclaimable_bytes, e);
}

/* The kernel has tried to reclaim and only says "busy". */
static int explain_memory_v1(const struct cgroups *c, const char *path,
	const struct cgroup_limits *l, int rc, struct err *e)
{
	struct cgroup_memory m;

	if (rc == -EBUSY && l->memory_bytes >= 0 && cgroup_memory_read(c, path, &m, NULL) == 0 &&
		m.usage_bytes > (uint64_t)l->memory_bytes)
		(void)say_in_use((uint64_t)l->memory_bytes, m.usage_bytes, e);
	return rc;
}

int cgroup_set_limits(
	const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	CLEANUP(cgroup_writes_free) struct cgroup_writes w = { 0 };
	int rc = cgroup_limits_list(c, path, l, &w, e);

	if (rc == 0 && !c->is_hybrid && l->memory_bytes >= 0 && l->memory_bytes < CGROUP_UNLIMITED)
		rc = check_memory_v2(c, path, l, e);
	if (rc < 0)
		return rc;
	rc = explain(c, path, l, cgroup_writes_apply_or_restore(&w, e), e);
	return c->is_hybrid ? explain_memory_v1(c, path, l, rc, e) : rc;
}
