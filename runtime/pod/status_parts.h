/* What the files of the status share and nobody else includes.  status.c owns the phase and the
 * whole, status_conditions.c the conditions, status_ctr.c the containers.
 */
#pragma once

#include "pod/lifecycle.h"
#include "pod/status.h"

/* status_conditions.c */
bool conditions_value(const struct pod_spec *spec, const struct pod_state *s, enum pod_condition c);
struct json *conditions_to_json(
	const struct pod_spec *spec, const struct pod_state *s, int64_t generation);

/* status_ctr.c */
struct json *ctr_statuses_to_json(
	const struct pod_spec *spec, const struct pod_state *s, const struct status_node *node);
