/* From a v1 Pod as JSON to a pod_spec: decode, default, validate, in Kubernetes' order and with
 * Kubernetes' texts.  The document is hostile.  A field Kubernetes does not know, or that carpel
 * does not honour, is an error that names it; a field that only chooses among nodes is named in a
 * warning.  Nothing is ignored in silence.
 *
 * Annotations with the prefix carpel/ are ours; one that is not below is an error:
 *
 *   carpel/probe.<container>.<liveness|readiness|startup>.<period|timeout|delay>-ms: "<digits>"
 *
 * The time of a probe that the container has, in milliseconds, in place of its periodSeconds (10 ms
 * at least), timeoutSeconds (1 ms) or initialDelaySeconds (0 ms).  Kubernetes lets the part behind
 * the slash have 63 characters, which leaves at least 36 for the container's name.
 *
 *   carpel/io.<container>.<max-read-bps|max-write-bps>: "<quantity>"
 *   carpel/io.<container>.<max-read-iops|max-write-iops|weight>: "<digits>"
 *
 * Limits of block IO on the device of the container's writable layer: bytes (1Ki at least) and
 * operations (1 at least) a second, and its share (1 to 10000) beside others that want the device,
 * which have 100.
 *
 *   carpel/pids-limit: "<digits>"
 *
 * How many processes and threads the pod may have, its own one among them: 16 to 4194304.
 *
 *   carpel/devices.<container>: "</HOST[:/CONTAINER][:ACCESS]|VENDOR/CLASS=NAME>,…"
 *
 * Devices beside the usual ones: the host's node or a directory of them, with the access that the
 * container's cgroup allows (rwm where none is given), or what CDI's files say for that name.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "spec/pod.h"

/* One entry of a v1.Status' details.causes. */
struct cause {
	const char *reason; /* "FieldValueRequired", static */
	char *message;      /* "Required value", "Invalid value: …", owned */
	char *field;        /* "spec.containers[0].name", owned */
};

struct causes {
	struct cause *at;
	size_t len;
};
void causes_free(struct causes *c);

enum field_validation { FIELDS_STRICT = 1, FIELDS_WARN, FIELDS_IGNORE };

struct manifest_result {
	struct json *object;   /* the defaulted object: kind, apiVersion, metadata, spec; owned */
	struct pod_spec *spec; /* owned */
	struct causes causes;  /* of a refusal: code 422 */
	char *refusal;         /* of a refusal: code 400, the whole text (an err is short); owned */
	struct strv warnings;  /* of a success: ignored scheduling fields, unknown fields under
				  FIELDS_WARN */
};
void manifest_result_free(struct manifest_result *r);

/* Decodes and checks one Pod.  Takes nothing; the parsed document stays the caller's.  dups: paths
 * of duplicate keys that the parser noted, may be NULL.  A field Kubernetes does not know follows
 * fv; a Kubernetes field that carpel does not honour is refused whatever fv says. Returns 0;
 * -EINVAL with e for 400-class errors (wrong kind, wrong type, strict decoding error: text as the
 * API server's); -EBADMSG with out->causes filled for 422-class ones. out is valid in all cases. */
int manifest_read(const struct json *doc, enum field_validation fv, const struct strv *dups,
	struct manifest_result *out, struct err *e);

/* limits and requests of a container's "resources", which were checked before. */
void manifest_read_resources(const struct json *resources, struct container_spec *out);

/* "Pod \"p\" is invalid: e" or "…: [e1, e2]". */
void causes_text(const struct causes *c, const char *kind, const char *name, struct buf *out);
