/* A container's environment and its $(VAR) expansion, as the kubelet builds them.  Pure. */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "spec/pod.h"

/* What the downward API may name beside the spec itself. */
struct env_facts {
	const char *node_name, *host_ip;
	const char *pod_ip; /* NULL: the pod has its loopback only */
	/* for a resourceFieldRef without a limit */
	int64_t node_cpu_milli, node_memory_bytes, node_ephemeral_bytes;
};

/* The pod's own variables as "NAME=value", expanded, later ones replacing earlier ones. A reference
 * that cannot be resolved fails with -ENODATA and says why (reason CreateContainerConfigError). */
int env_build(const struct pod_spec *pod, const struct container_spec *c, const struct env_facts *f,
	struct strv *out, struct err *e);

/* text with $(NAME) replaced from env ("NAME=value"), $$ by $; unknown names stay. The caller
 * frees. */
char *env_expand(const char *text, const struct strv *env);

/* For exec probes: only literal values, unexpanded; an entry with a reference expands to nothing.
 */
char *env_expand_probe(const char *text, const struct container_spec *c);

const char *env_lookup(
	const struct strv *env, const char *name, size_t name_len);  /* NULL when absent */
void env_set(struct strv *env, const char *name, const char *value); /* replaces */
