/* Keeps our own executable out of a container's hands.  A container can make us its program's
 * interpreter ("#!/proc/self/exe") or look at /proc/PID/exe of what we start, and would then hold
 * the host's file.  So whatever enters a container runs from a read-only copy of the mount that our
 * file is on: the file is the same, but nobody can open it for writing by way of us.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* proc: see prepare_make_proc().  Returns 0 when we already run from something read-only, else
 * executes ourselves again with the same plan.  Returns only an error then. */
int protect_ourselves(int proc, const struct buf *plan, bool is_second_try, struct err *e);
extern const char protect_argument[]; /* marks the second try */
