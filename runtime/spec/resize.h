/* What may be changed of a pod that exists: the cpu and memory of its containers, and carpel's own
 * limits of processes and block IO, which Kubernetes has no word for.  Pure.
 */
#pragma once

#include "spec/causes.h"
#include "spec/pod.h"

/* stored: the pod as the API shows it; asked: the same after the change, as manifest_read() made
 * it, with the class that follows from it.  An error for whatever else differs, and for what no
 * resize may do. */
void resize_validate(
	const struct json *stored, const struct json *asked, enum qos_class qos, struct causes *c);
/* Whether asked differs in what a resize may change. */
bool resize_changes(const struct json *stored, const struct json *asked);
