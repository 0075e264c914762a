/* The quality of service class of a pod, which decides its cgroup's place and who dies first when
 * memory runs out.  Pure. */
#pragma once

#include "spec/pod.h"

/* Of cpu and memory alone, over every container; requests are already defaulted from limits and no
 * greater than them. */
enum qos_class qos_of_pod(const struct pod_spec *p);
