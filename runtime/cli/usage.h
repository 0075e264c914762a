/* What two samples of `GET usage` say about the time between them, and its figures as people read
 * them.  Pure; carpeld only tells counters (daemon/usage.c).
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

/* Adds to the pods and containers of after what Kubernetes' PodMetrics says of them: usage.cpu
 * ("12345n", cores over the window), usage.memory ("64Ki", the working set) and window; and
 * cpu.usageNanoCores.  One that before does not have, or that was started anew, has no usage.cpu.
 */
void usage_between(const struct json *before, struct json *after);

/* A counter or size deep in an object; -1: not told. */
int64_t usage_number(const struct json *object, const char *path);

/* Thousandths of a core, rounded up: "251m". */
void usage_cores(int64_t nano_cores, struct buf *out);
/* Two to four digits: "0", "9999", "12Ki", "1536Mi". */
void usage_size(int64_t bytes, struct buf *out);
