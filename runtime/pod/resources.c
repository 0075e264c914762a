#include "pod/resources.h"

enum { SHARES_MIN = 2, SHARES_MAX = 262144, QUOTA_MIN_US = 1000, PERIOD_MS = 100 };
#define QUOTA_MAX_US (INT64_C(1) << 40) /* ten million CPUs; the kernel refuses 2^44 */

/* Amounts are any positive number, up to where reading them saturates: nothing here may overflow.
 */
static int64_t at_most(int64_t value, int64_t max)
{
	return value < max ? value : max;
}

static int64_t shares_of(int64_t cpu_milli)
{
	int64_t shares = at_most(cpu_milli, SHARES_MAX) * 1024 / 1000;

	return shares < SHARES_MIN ? SHARES_MIN : at_most(shares, SHARES_MAX);
}

static int64_t quota_of(int64_t cpu_milli)
{
	/* milli * 100000 us / 1000 */
	int64_t quota = at_most(cpu_milli, QUOTA_MAX_US / PERIOD_MS) * PERIOD_MS;

	return cpu_milli <= 0 ? -1 : quota < QUOTA_MIN_US ? QUOTA_MIN_US : quota;
}

/* An amount that is not given counts as none. */
static void add_amount(int64_t *sum, int64_t amount)
{
	*sum = amount > INT64_MAX - *sum ? INT64_MAX : *sum + (amount > 0 ? amount : 0);
}

int64_t resources_cpu_request(const struct pod_spec *pod)
{
	int64_t sum = 0;

	for (size_t i = 0; i < pod->containers_len; i++)
		add_amount(&sum, pod->containers[i].requests.cpu_milli);
	return sum;
}

struct cgroup_limits resources_of_level(int64_t cpu_milli)
{
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.cpu_shares = shares_of(cpu_milli);
	return l;
}

/* A limit holds for the pod only when every container has one; a sum over some would bind the
 * others. */
struct cgroup_limits resources_of_pod(const struct pod_spec *pod)
{
	struct cgroup_limits l = CGROUP_LIMITS_NONE;
	int64_t cpu = 0, memory = 0;
	bool all_cpu = true, all_memory = true;

	for (size_t i = 0; i < pod->containers_len; i++) {
		const struct container_spec *c = &pod->containers[i];

		add_amount(&cpu, c->limits.cpu_milli);
		add_amount(&memory, c->limits.memory_bytes);
		all_cpu &= c->limits.cpu_milli > 0;
		all_memory &= c->limits.memory_bytes > 0;
	}
	l.pids = pod->pids_limit > 0 ? pod->pids_limit : POD_PIDS_MAX;
	l.cpu_shares = shares_of(pod->qos == QOS_BEST_EFFORT ? 0 : resources_cpu_request(pod));
	if (all_cpu)
		l.cpu_quota_us = quota_of(cpu);
	if (all_memory)
		l.memory_bytes = memory;
	return l;
}

/* 0 is "not given", and less than 0 "no limit". */
static int64_t limit_of(int64_t given)
{
	return given == 0 ? CGROUP_LEAVE : given < 0 ? CGROUP_UNLIMITED : given;
}

struct cgroup_limits resources_of_linux(const struct linux_resources *r)
{
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	l.cpu_scale = CGROUP_QUADRATIC;
	l.cpu_shares = r->cpu_shares > 0 ? r->cpu_shares : CGROUP_LEAVE;
	l.cpu_quota_us = limit_of(r->cpu_quota_us);
	if (r->cpu_period_us > 0)
		l.cpu_period_us = r->cpu_period_us;
	else if (r->cpu_quota_us > 0)
		l.cpu_period_us = PERIOD_MS * 1000;
	l.memory_bytes = limit_of(r->memory_bytes);
	l.memory_swap_bytes = limit_of(r->memory_swap_bytes);
	l.cpuset_cpus = r->cpuset_cpus;
	l.cpuset_mems = r->cpuset_mems;
	if (r->hugepages_len)
		l.hugepages = mem_zalloc(r->hugepages_len * sizeof(*l.hugepages));
	for (size_t i = 0; i < r->hugepages_len; i++)
		l.hugepages[l.hugepages_len++] =
			(struct cgroup_hugepages){ r->hugepages[i].page_size,
				r->hugepages[i].limit_bytes };
	if (r->unified.len)
		l.unified = mem_zalloc(r->unified.len * sizeof(*l.unified));
	for (size_t i = 0; i < r->unified.len; i++)
		l.unified[l.unified_len++] =
			(struct cgroup_pair){ r->unified.at[i].key, r->unified.at[i].value };
	return l;
}

struct cgroup_limits resources_of_container(const struct container_spec *c)
{
	struct cgroup_limits l = CGROUP_LIMITS_NONE;

	if (c->resources)
		return resources_of_linux(c->resources);
	l.cpu_shares = shares_of(c->requests.cpu_milli);
	l.cpu_scale = CGROUP_QUADRATIC;
	l.cpu_quota_us = quota_of(c->limits.cpu_milli);
	l.memory_bytes = c->limits.memory_bytes > 0 ? c->limits.memory_bytes : CGROUP_LEAVE;
	l.never_swapped = true;
	l.oom_kills_all = true;
	l.io.read_bps = c->io.read_bps;
	l.io.write_bps = c->io.write_bps;
	l.io.read_iops = c->io.read_iops;
	l.io.write_iops = c->io.write_iops;
	l.io.weight = c->io.weight;
	return l;
}

int32_t resources_oom_score(
	const struct pod_spec *pod, const struct container_spec *c, int64_t node_memory_bytes)
{
	enum { GUARANTEED = -997, BEST_EFFORT = 1000, BURSTABLE_MIN = 3, BURSTABLE_MAX = 999 };
	int64_t score;

	if (c->resources)
		return c->resources->oom_score_adj;
	if (pod->qos == QOS_GUARANTEED)
		return GUARANTEED;
	if (pod->qos == QOS_BEST_EFFORT || node_memory_bytes <= 0)
		return BEST_EFFORT;
	if (c->requests.memory_bytes >= node_memory_bytes)
		return BURSTABLE_MIN;
	score = 1000;
	if (c->requests.memory_bytes > 0)
		score -= 1000 * c->requests.memory_bytes / node_memory_bytes;
	return (int32_t)(score < BURSTABLE_MIN   ? BURSTABLE_MIN
			 : score > BURSTABLE_MAX ? BURSTABLE_MAX
						 : score);
}
