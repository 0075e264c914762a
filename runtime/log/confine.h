/* What carpel-log gives away before it takes the first descriptor; see base/lockdown.h. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* id: user and group to become, when root calls. */
int log_confine(uid_t id, struct err *e);
