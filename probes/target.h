/* What one probe asks, ready to be asked: the address, the request's text, the command's name. Made
 * once a probe, shared by its attempts.
 */
#pragma once

#include <stdint.h>

#include "base/json.h"
#include "probes/tcp.h"
#include "probes/url.h"
#include "spec/probe.h"

struct target {
	unsigned refs;
	struct probe_spec spec; /* ours */
	char *problem;          /* NULL, or why no attempt can succeed: each one fails with it */
	struct tcp_address address;
	struct url url; /* http: of the first request */
	struct buf request;
};

/* Takes spec over.  pod_host: where to go when the probe names no host; ports: the container's,
 * name to number (NULL: none).  A target that cannot be reached is one with a problem. */
struct target *target_new(struct probe_spec *spec, const char *pod_host, const struct json *ports);
struct target *target_hold(struct target *t);
void target_drop(struct target *t); /* NULL is fine */
