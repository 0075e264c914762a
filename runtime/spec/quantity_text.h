/* Quantities as text: how an API server writes back what it has read. */
#pragma once

#include "base/buf.h"

/* Appends the canonical form: 1500m for 1.5, 1Gi for 1024Mi.  Parts below a thousandth are rounded
 * up, as they are in a pod.  Returns NULL, or Kubernetes' words for what is wrong (static). */
const char *quantity_canonical(const char *text, struct buf *out);
