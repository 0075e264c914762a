/* Kubernetes quantities ("100m", "64Mi", "1e3"). Pure; rounded up as Kubernetes does: away from
 * zero.  The text is hostile.
 *
 * Blanks around it are fine, as in Kubernetes' JSON reader.  Two oddities of that reader are not
 * copied: a text without any digit ("m", "-") is an error here and 0 there, and an exponent beyond
 * 32 bits saturates here and wraps around there.
 */
#pragma once

#include <stdint.h>

/* Value in thousandths (cpu) or whole units (bytes), saturating at +-INT64_MAX. -EINVAL on bad
 * text. */
int quantity_milli(const char *text, int64_t *out);
int quantity_units(const char *text, int64_t *out);
