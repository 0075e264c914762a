/* What AppArmor and SELinux are asked to call a pod's processes: Kubernetes' words, and what the
 * node has, into a plan.  Pure.
 */
#pragma once

#include "base/err.h"
#include "spec/plan.h"
#include "spec/pod.h"

/* See contrib/adr/0016 and contrib/apparmor. */
#define LSM_DEFAULT_PROFILE "carpel-default"

struct node_lsm {
	bool has_apparmor, has_selinux;
	bool has_profile; /* the default one is loaded */
};

/* n may be NULL: neither.  -ENOTSUP: what is asked for and the node does not have. */
int lsm_plan(
	const struct node_lsm *n, const struct container_spec *c, struct plan *p, struct err *e);
int lsm_plan_sandbox(
	const struct node_lsm *n, const struct pod_spec *pod, struct plan *p, struct err *e);
