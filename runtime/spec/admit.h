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
/* What the kubelet rejects when it is given the pod: the first reason as its status has it, and the
 * text.  NULL: nothing. */
char *admit_rejection(
	const struct node_rules *n, const struct pod_spec *p, const char **out_reason);
/* What a kubelet would start without: adds a cause for each thing that the node does not have. */
void admit_pod(const struct node_rules *n, const struct pod_spec *p, struct causes *out);
