/* linux.resources: limits for sys/cgroup.  Texts are borrowed from the document. */
#include "oci/config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

enum { LIST_MAX = 64 };

static const struct bounds positive = { 1, INT64_MAX - 1 };
static const struct bounds at_all = { -1, INT64_MAX - 1 };

/* OCI: -1 is no limit; 0 or nothing leaves alone. */
static int64_t limit_of(int64_t value)
{
	return value < 0 ? CGROUP_UNLIMITED : value == 0 ? CGROUP_LEAVE : value;
}

static int memory(const struct part *resources, struct cgroup_limits *out, struct err *e)
{
	static const char *const refused[] = { "reservation", "kernel", "kernelTCP", "swappiness",
		"disableOOMKiller", NULL };
	int64_t limit = 0, swap = 0;
	struct part part;
	int rc = part_get(resources, "memory", JSON_OBJECT, &part, e);

	if (rc < 0 || (rc = read_refused(&part, refused, e)) < 0 ||
		(rc = read_number(&part, "limit", at_all, &limit, e)) < 0 ||
		(rc = read_number(&part, "swap", at_all, &swap, e)) < 0)
		return rc;
	out->memory_bytes = limit_of(limit);
	out->memory_swap_bytes = limit_of(swap);
	/* Without a limit of memory there is none of both to be lifted. */
	if (limit <= 0 && swap < 0)
		out->memory_swap_bytes = CGROUP_LEAVE;
	return 0;
}

static int cpu(const struct part *resources, struct cgroup_limits *out, struct err *e)
{
	static const char *const refused[] = { "burst", "realtimeRuntime", "realtimePeriod", "idle",
		NULL };
	int64_t shares = 0, quota = 0, period = 0;
	struct part part;
	int rc = part_get(resources, "cpu", JSON_OBJECT, &part, e);

	if (rc < 0 || (rc = read_refused(&part, refused, e)) < 0 ||
		(rc = read_number(&part, "shares", (struct bounds){ 0, INT32_MAX }, &shares, e)) <
			0 ||
		(rc = read_number(&part, "quota", at_all, &quota, e)) < 0 ||
		(rc = read_number(&part, "period", (struct bounds){ 0, INT32_MAX }, &period, e)) <
			0 ||
		(rc = read_text(&part, "cpus", &out->cpuset_cpus, e)) < 0 ||
		(rc = read_text(&part, "mems", &out->cpuset_mems, e)) < 0)
		return rc;
	out->cpu_shares = shares ? shares : CGROUP_LEAVE;
	out->cpu_quota_us = limit_of(quota);
	out->cpu_period_us = period ? period : CGROUP_LEAVE;
	return 0;
}

static int pids(const struct part *resources, struct cgroup_limits *out, struct err *e)
{
	int64_t limit = 0;
	struct part part;
	int rc = part_get(resources, "pids", JSON_OBJECT, &part, e);

	if (rc < 0 || (rc = read_number(&part, "limit", at_all, &limit, e)) < 0)
		return rc;
	/* runc: 0 and less are no limit, and only what is there counts. */
	out->pids = rc == 0 ? CGROUP_LEAVE : limit <= 0 ? CGROUP_UNLIMITED : limit;
	return 0;
}

static int hugepages(const struct part *resources, struct cgroup_limits *out, struct err *e)
{
	struct part list, part;
	int rc = part_get(resources, "hugepageLimits", JSON_ARRAY, &list, e);

	if (rc == 0 && json_len(list.json) > LIST_MAX)
		return err_say(e, E2BIG, "config.json: %s: more than %d", list.path, LIST_MAX);
	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		const char *size = NULL;
		int64_t bytes = 0;

		if ((rc = part_element(&list, i, JSON_OBJECT, &part, e)) < 0 ||
			(rc = read_text(&part, "pageSize", &size, e)) < 0 ||
			(rc = read_number(&part, "limit", (struct bounds){ 0, positive.max },
				 &bytes, e)) < 0)
			return rc;
		if (!size)
			return read_refuse(&part, "pageSize", "it is missing", e);
		out->hugepages =
			mem_resize(out->hugepages, out->hugepages_len + 1, sizeof(*out->hugepages));
		out->hugepages[out->hugepages_len++] =
			(struct cgroup_hugepages){ .size = size, .bytes = (uint64_t)bytes };
		rc = 0;
	}
	return rc;
}

static int unified(const struct part *resources, struct cgroup_limits *out, struct err *e)
{
	struct part all;
	int rc = part_get(resources, "unified", JSON_OBJECT, &all, e);

	if (rc == 0 && json_len(all.json) > LIST_MAX)
		return err_say(e, E2BIG, "config.json: %s: more than %d", all.path, LIST_MAX);
	for (size_t i = 0; rc == 0 && i < json_len(all.json); i++) {
		const char *key, *value = NULL;

		(void)json_member(all.json, i, &key);
		if ((rc = read_text(&all, key, &value, e)) < 0)
			return rc;
		if (!value)
			continue;
		out->unified =
			mem_resize(out->unified, out->unified_len + 1, sizeof(*out->unified));
		out->unified[out->unified_len++] =
			(struct cgroup_pair){ .key = key, .value = value };
	}
	return rc;
}

int config_resources(const struct part *resources, struct cgroup_limits *out, struct err *e)
{
	static const char *const refused[] = { "blockIO", "network", "rdma", NULL };
	int rc;

	if ((rc = read_refused(resources, refused, e)) < 0 ||
		(rc = memory(resources, out, e)) < 0 || (rc = cpu(resources, out, e)) < 0 ||
		(rc = pids(resources, out, e)) < 0 || (rc = hugepages(resources, out, e)) < 0)
		return rc;
	return unified(resources, out, e);
}
