/* LinuxContainerResources, see cri.h.  Amounts are for the kernel: what it would refuse is refused
 * here, so that a container is not made to fail at its start.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cri_parts.h"

enum {
	PERIOD_MIN_US = 1000,
	PERIOD_MAX_US = 1000000,
	QUOTA_MIN_US = 1000,
	SHARES_MIN = 2,
	SHARES_MAX = 262144,
	OOM_SCORE_MAX = 1000,
};
#define QUOTA_MAX_US (INT64_C(1) << 40) /* ten million CPUs; the kernel refuses 2^44 */

/* ---- numbers ---- */

static int check_cpu(const Runtime__V1__LinuxContainerResources *r, const char *at, struct err *e)
{
	if (r->cpu_period && (r->cpu_period < PERIOD_MIN_US || r->cpu_period > PERIOD_MAX_US))
		return cri_bad_number(e, at, "cpu_period", r->cpu_period,
			"must be between 1000 and 1000000 microseconds, or 0");
	if (r->cpu_quota && r->cpu_quota != -1 &&
		(r->cpu_quota < QUOTA_MIN_US || r->cpu_quota > QUOTA_MAX_US))
		return cri_bad_number(e, at, "cpu_quota", r->cpu_quota,
			"must be at least 1000 microseconds, 0, or -1 for no limit");
	if (r->cpu_shares && (r->cpu_shares < SHARES_MIN || r->cpu_shares > SHARES_MAX))
		return cri_bad_number(
			e, at, "cpu_shares", r->cpu_shares, "must be between 2 and 262144, or 0");
	return 0;
}

static int check_memory(
	const Runtime__V1__LinuxContainerResources *r, const char *at, struct err *e)
{
	if (r->memory_limit_in_bytes < 0)
		return cri_bad_number(e, at, "memory_limit_in_bytes", r->memory_limit_in_bytes,
			"must not be negative");
	if (r->memory_swap_limit_in_bytes < -1)
		return cri_bad_number(e, at, "memory_swap_limit_in_bytes",
			r->memory_swap_limit_in_bytes, "must not be negative, but for -1");
	if (r->oom_score_adj < -OOM_SCORE_MAX || r->oom_score_adj > OOM_SCORE_MAX)
		return cri_bad_number(
			e, at, "oom_score_adj", r->oom_score_adj, "must be between -1000 and 1000");
	return 0;
}

/* -1 and 0 bind nothing. */
int cri_check_swap(const char *at, int64_t memory, int64_t swap, struct err *e)
{
	if (swap <= 0 || (memory > 0 && swap >= memory))
		return 0;
	return cri_bad_number(e, at, "memory_swap_limit_in_bytes", swap,
		"counts memory too: needs a memory_limit_in_bytes and must not be below it");
}

/* ---- texts ---- */

/* "0-3,7": the kernel has the last word. */
static int read_cpuset(
	const char *at, const char *name, const char *text, char **out, struct err *e)
{
	enum { CPUSET_MAX = 4095 };
	int rc = cri_check_text(at, name, text, CPUSET_MAX, e);

	if (rc < 0 || !*text)
		return rc;
	if (strspn(text, "0123456789,-") != strlen(text))
		return cri_bad(e, at, name, text, "must be numbers and ranges, as 0-3,7");
	*out = str_dup(text);
	return 0;
}

/* "2MB", "1GB": how the kernel names the file hugetlb.<size>.max. */
static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 8 && text[digits] && strchr("KMG", text[digits]) &&
	       str_eq(text + digits + 1, "B");
}

static void put_hugepages(struct linux_resources *r, const char *size, uint64_t limit)
{
	for (size_t i = 0; i < r->hugepages_len; i++) {
		if (!str_eq(r->hugepages[i].page_size, size))
			continue;
		r->hugepages[i].limit_bytes = limit;
		return;
	}
	r->hugepages = mem_resize(r->hugepages, r->hugepages_len + 1, sizeof(*r->hugepages));
	r->hugepages[r->hugepages_len++] = (struct hugepage_limit){ str_dup(size), limit };
}

static int read_hugepages(const Runtime__V1__LinuxContainerResources *r, const char *at,
	struct linux_resources *out, struct err *e)
{
	enum { SIZES_MAX = 16 };
	static const char name[] = "hugepage_limits";
	int rc = cri_check_count(at, name, r->n_hugepage_limits, SIZES_MAX, e);

	for (size_t i = 0; rc == 0 && i < r->n_hugepage_limits; i++) {
		const Runtime__V1__HugepageLimit *h = r->hugepage_limits[i];

		if (!is_page_size(h->page_size))
			return cri_bad(e, at, name, h->page_size,
				"must be a size of pages, as 2MB or 1GB");
		put_hugepages(out, h->page_size, h->limit);
	}
	return rc;
}

/* A file of a controller, "memory.high", below the container's own cgroup: no path, and none of the
 * files that move, freeze or kill processes. */
static bool is_unified_name(const char *text)
{
	enum { UNIFIED_MAX = 64 };
	size_t len = strlen(text);

	return len <= UNIFIED_MAX && strchr(text, '.') && *text != '.' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._") ==
		       len &&
	       !str_starts(text, "cgroup.") && !strstr(text, "..");
}

static int read_unified(const Runtime__V1__LinuxContainerResources *r, const char *at,
	struct linux_resources *out, struct err *e)
{
	enum { FILES_MAX = 64, TEXT_MAX = 4095 };
	static const char name[] = "unified";
	int rc = cri_check_count(at, name, r->n_unified, FILES_MAX, e);

	for (size_t i = 0; rc == 0 && i < r->n_unified; i++) {
		const char *key = r->unified[i]->key, *value = r->unified[i]->value;

		if (!is_unified_name(key))
			return cri_bad(
				e, at, name, key, "must be a file of a cgroup v2 controller");
		rc = cri_check_text(at, name, value, TEXT_MAX, e);
		for (const char *p = value; rc == 0 && *p; p++)
			if ((*p < ' ' && *p != '\n') || *p > '~')
				rc = cri_bad(e, at, name, value, "must be printable");
		if (rc == 0 && !*value)
			rc = cri_bad(e, at, name, key, "must have a value");
		if (rc == 0)
			labels_put(&out->unified, key, value);
	}
	return rc;
}

/* ---- all of it ---- */

static int read_all(const Runtime__V1__LinuxContainerResources *r, const char *at,
	struct linux_resources *out, struct err *e)
{
	int rc;

	if ((rc = check_cpu(r, at, e)) < 0 || (rc = check_memory(r, at, e)) < 0)
		return rc;
	out->cpu_period_us = r->cpu_period;
	out->cpu_quota_us = r->cpu_quota;
	out->cpu_shares = r->cpu_shares;
	out->memory_bytes = r->memory_limit_in_bytes;
	out->memory_swap_bytes = r->memory_swap_limit_in_bytes;
	out->oom_score_adj = (int32_t)r->oom_score_adj;
	if ((rc = read_cpuset(at, "cpuset_cpus", r->cpuset_cpus, &out->cpuset_cpus, e)) < 0 ||
		(rc = read_cpuset(at, "cpuset_mems", r->cpuset_mems, &out->cpuset_mems, e)) < 0 ||
		(rc = read_hugepages(r, at, out, e)) < 0)
		return rc;
	return read_unified(r, at, out, e);
}

int cri_read_resources(const Runtime__V1__LinuxContainerResources *r, const char *at,
	struct linux_resources *out, struct err *e)
{
	CLEANUP(linux_resources_clear) struct linux_resources read = { 0 };
	int rc = read_all(r, at, &read, e);

	if (rc < 0)
		return rc;
	*out = read;
	read = (struct linux_resources){ 0 };
	return 0;
}

/* ---- an update ---- */

static void replace_number(int64_t *to, int64_t from)
{
	*to = from ? from : *to;
}

static void replace_text(char **to, const char *from)
{
	if (!from)
		return;
	free(*to);
	*to = str_dup(from);
}

int cri_merge_resources(
	struct linux_resources *into, const struct linux_resources *update, struct err *e)
{
	int64_t memory = into->memory_bytes, swap = into->memory_swap_bytes;
	int rc;

	replace_number(&memory, update->memory_bytes);
	replace_number(&swap, update->memory_swap_bytes);
	if ((rc = cri_check_swap("linux", memory, swap, e)) < 0)
		return rc;
	into->memory_bytes = memory;
	into->memory_swap_bytes = swap;
	replace_number(&into->cpu_period_us, update->cpu_period_us);
	replace_number(&into->cpu_quota_us, update->cpu_quota_us);
	replace_number(&into->cpu_shares, update->cpu_shares);
	if (update->oom_score_adj)
		into->oom_score_adj = update->oom_score_adj;
	replace_text(&into->cpuset_cpus, update->cpuset_cpus);
	replace_text(&into->cpuset_mems, update->cpuset_mems);
	for (size_t i = 0; i < update->hugepages_len; i++)
		put_hugepages(
			into, update->hugepages[i].page_size, update->hugepages[i].limit_bytes);
	for (size_t i = 0; i < update->unified.len; i++)
		labels_put(&into->unified, update->unified.at[i].key, update->unified.at[i].value);
	return 0;
}
