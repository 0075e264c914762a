#include "spec/qos.h"

/* An amount of zero asks for nothing, so Kubernetes takes it as not given, like our -1. */
static bool asks_for_any(const struct container_spec *c)
{
	return c->requests.cpu_milli > 0 || c->requests.memory_bytes > 0 ||
	       c->limits.cpu_milli > 0 || c->limits.memory_bytes > 0;
}

/* Kubernetes compares the sums over the pod.  Since no request is above its limit, the sums are
 * equal only where each pair is. */
static bool is_guaranteed(const struct container_spec *c)
{
	return c->limits.cpu_milli > 0 && c->limits.memory_bytes > 0 &&
	       c->requests.cpu_milli == c->limits.cpu_milli &&
	       c->requests.memory_bytes == c->limits.memory_bytes;
}

enum qos_class qos_of_pod(const struct pod_spec *p)
{
	bool is_best_effort = true, are_all_guaranteed = true;

	for (size_t i = 0; i < p->containers_len; i++) {
		is_best_effort &= !asks_for_any(&p->containers[i]);
		are_all_guaranteed &= is_guaranteed(&p->containers[i]);
	}
	return is_best_effort       ? QOS_BEST_EFFORT
	       : are_all_guaranteed ? QOS_GUARANTEED
				    : QOS_BURSTABLE;
}
