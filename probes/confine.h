/* What carpel-probe gives away before it listens to anybody: its identity, its capabilities, every
 * file, and all system calls but two dozen.  There is no way back.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* id: user and group to become, when root calls. */
int confine(uid_t id, struct err *e);
