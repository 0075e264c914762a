/* The parts of `describe`: text for people in kubectl's layout, made of JSON.  Pure but for
 * describe.c, which asks carpeld.
 */
#pragma once

#include "base/json.h"
#include "cli/table.h"

/* Containers, with state, probes, resources, environment and mounts. */
void describe_containers(const struct json *pod, struct buf *out);
void describe_volumes(const struct json *pod, struct buf *out);

/* "http-get http://:8080/healthz delay=0s timeout=1s period=10s #success=1 #failure=3". */
void describe_probe(const struct json *probe, struct buf *out);
/* "Mon, 24 Nov 2025 14:20:05 +0000"; the text itself when it is no time. */
void describe_time(const char *rfc3339, struct buf *out);
/* indent spaces, the label and its colon, filled to width, the value made safe, a line end. */
void describe_line(struct buf *out, int indent, int width, const char *label, const char *value);
