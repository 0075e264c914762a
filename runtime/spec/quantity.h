/* Kubernetes quantities ("100m", "64Mi", "1e3"). Pure; rounded up as Kubernetes does. */
#pragma once

#include <stdint.h>

/* Value in thousandths (cpu) or whole units (bytes), rounded up, saturating at INT64_MAX. -EINVAL
 * on bad text. */
int quantity_milli(const char *text, int64_t *out);
int quantity_units(const char *text, int64_t *out);
