/* The bytes of one regular file, copied the cheapest way that the two file systems allow: shared,
 * else by the kernel, else through our memory.  Holes stay holes.  Called by copy and tree.
 */
#pragma once

#include "base/err.h"
#include "image/budget.h"

/* Both are open, to is empty.  What was copied is taken from the budget before. */
int bytes_copy(int from, int to, struct budget *budget, struct err *e);
