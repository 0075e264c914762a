/* Capability names and masks, by libcap. */
#pragma once

#include <stdint.h>

#include "base/str.h"

/* What a container has when nothing is asked for: the nine of contrib/docs/security.md. */
uint64_t caps_default(void);
uint64_t caps_all(void); /* every one this kernel knows */

/* "NET_ADMIN" or "CAP_NET_ADMIN", any case, to its bit; 0: unknown here. */
uint64_t caps_bit(const char *name);
