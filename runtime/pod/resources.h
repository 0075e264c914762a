/* Requests and limits to cgroup values and the OOM score, by the kubelet's formulas; or, where
 * somebody else applied those (CRI), what they came to.  Pure.
 */
#pragma once

#include "spec/pod.h"
#include "sys/cgroup.h"

enum { POD_PIDS_MAX = 2048 }; /* of a pod that does not say another one */

struct cgroup_limits resources_of_pod(const struct pod_spec *pod);
int64_t resources_cpu_request(const struct pod_spec *pod); /* milli, of all its containers */
/* Of a level of pods that ask for so much CPU together. */
struct cgroup_limits resources_of_level(int64_t cpu_milli);
/* Borrows the texts of what it is made from; cgroup_limits_release() when it is done. */
struct cgroup_limits resources_of_container(const struct container_spec *c);
/* The same of an update: what is not given is left alone. */
struct cgroup_limits resources_of_linux(const struct linux_resources *r);
int32_t resources_oom_score(
	const struct pod_spec *pod, const struct container_spec *c, int64_t node_memory_bytes);
