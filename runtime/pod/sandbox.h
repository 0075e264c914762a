/* What to ask carpel-launch for, to make a pod's sandbox: pure translation into a plan, and the
 * pod's directories, files and cgroups beforehand.  Knows nothing of the life cycle; every call can
 * be repeated.
 */
#pragma once

#include "pod/layout.h"
#include "pod/lsm.h"
#include "spec/plan.h"
#include "sys/cgroup.h"

struct sandbox_facts {
	const char *node_name, *node_hosts, *node_resolv; /* texts of the node's files */
	const char *pod_ip;                               /* NULL: loopback only */
	const char *pause_path;                           /* of carpel-pause */
	int64_t node_memory_bytes;
	const struct node_lsm *lsm; /* NULL: the node has no security module */
};

/* Directories, /etc files, volumes. *dns_warning: see etc.h; the caller frees. */
int sandbox_prepare(const struct place *at, const struct pod_spec *pod,
	const struct sandbox_facts *f, char **dns_warning, struct err *e);
/* The pod's cgroup and pause's in it. */
int sandbox_make_cgroups(
	const struct place *at, struct cgroups *cg, const struct pod_spec *pod, struct err *e);
/* What limits the pod as a whole. */
struct cgroup_limits sandbox_limits(const struct pod_spec *pod);
/* The plan but for descriptors. plan_free() it in any case. */
int sandbox_plan(const struct place *at, const struct cgroups *cg, const struct pod_spec *pod,
	const struct sandbox_facts *f, const char *id, struct plan *out, struct err *e);
char *sandbox_cgroup(const struct place *at); /* of the pause process */
