/* The probe part of the pod model: what carpeld tells carpel-probe.  Data only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum probe_type { PROBE_STARTUP = 1, PROBE_LIVENESS, PROBE_READINESS, PROBE_TYPES };
enum probe_handler { PROBE_NONE = 0, PROBE_EXEC, PROBE_HTTP, PROBE_TCP, PROBE_HANDLERS };

/* The schedule half: times are milliseconds (Kubernetes' whole seconds, or the carpel/
 * annotations). */
struct probe_timing {
	int64_t delay_ms, timeout_ms, period_ms;
	int32_t success_threshold, failure_threshold;
};

struct probe_header {
	char *name, *value;
};

struct probe_spec {
	enum probe_handler handler; /* PROBE_NONE: the container has no such probe */
	struct probe_timing timing;
	int64_t grace_seconds; /* probe-level terminationGracePeriodSeconds, -1: not set */
	struct strv command;   /* exec */
	char *host;            /* http, tcp; NULL: the pod */
	int32_t port;          /* a number, or 0 and */
	char *port_name;       /* a name that the container's ports resolve, else NULL */
	char *path;            /* http: as in the manifest, never NULL there */
	struct probe_header *headers;
	size_t headers_len;
};

const char *probe_type_name(enum probe_type t); /* "Startup", "Liveness", "Readiness" */
void probe_spec_free(struct probe_spec *p);
