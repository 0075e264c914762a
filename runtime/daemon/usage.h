/* What pods use, as an answer of /apis/carpel/v1 (see usage.c for its shape).  Reads; keeps
 * nothing.
 */
#pragma once

#include "daemon/daemon.h"

void usage_answer(struct daemon *d, struct api_call *c, const char *ns); /* ns NULL: all */
