/* v1.PodStatus from spec and state: phase, conditions, containerStatuses, qosClass, times.  Pure.
 * Texts, order and reasons are Kubernetes'.
 */
#pragma once

#include "pod/lifecycle.h"

struct status_node {
	const char *host_ip; /* the node's address; NULL: left out */
	const char *pod_ip;  /* the pod's; NULL: left out (loopback-only pods have none) */
	/* spec.containers as it is stored: what they have while nobody resized them; NULL: left out
	 */
	const struct json *containers;
};

/* Recomputes phase and the condition times in s (call after every step), */
void status_update(const struct pod_spec *spec, struct pod_state *s, struct moment now);
/* and writes status as a JSON value. generation is metadata.generation. */
struct json *status_to_json(const struct pod_spec *spec, const struct pod_state *s,
	const struct status_node *node, int64_t generation);

bool pod_is_ready(const struct pod_spec *spec, const struct pod_state *s);
bool pod_is_final(const struct pod_state *s); /* Succeeded or Failed */
