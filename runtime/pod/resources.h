/* Requests and limits to cgroup values and the OOM score, by the kubelet's formulas.  Pure. */
#pragma once

#include "spec/pod.h"
#include "sys/cgroup.h"

enum { POD_PIDS_MAX = 2048 };

struct cgroup_limits resources_of_pod(const struct pod_spec *pod);
struct cgroup_limits resources_of_container(const struct container_spec *c);
int32_t resources_oom_score(
	const struct pod_spec *pod, const struct container_spec *c, int64_t node_memory_bytes);
