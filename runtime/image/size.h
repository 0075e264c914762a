/* How large a finished layer is. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* Adds the sizes of all regular files below dir (borrowed); one with several names counts once. */
int size_below(int dir, int64_t *sum, struct err *e);
