/* What depends on the node that a pod comes to: what the kubelet would judge, and an API server
 * cannot.  Pure.
 */
#pragma once

#include "spec/manifest.h"

struct node_rules {
	const struct strv
		*sysctls; /* allowed beside the safe ones: names, or beginnings and a '*' */
	bool has_apparmor, has_selinux;
};

/* Whether a pattern names sysctls of a pod's namespaces and no others. */
bool admit_is_sysctl_pattern(const char *pattern);
/* Adds a cause for each thing that the node does not allow or does not have. */
void admit_pod(const struct node_rules *n, const struct pod_spec *p, struct causes *out);
