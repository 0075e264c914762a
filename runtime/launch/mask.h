/* What a container may not see or write: in /proc and /sys the lists of contrib/docs/security.md,
 * section 3, or anywhere those of the plan.  A path that is not there is passed over; any other
 * error ends the start.
 */
#pragma once

#include "launch/job.h"

int mask_keep_read_only(int proc, struct err *e); /* proc: an attached, still read-only procfs */
bool mask_is_default(const struct plan *p);       /* the usual lists count */
/* Needs /proc, /sys and /dev in place, and no volume yet.  With the plan's lists: keeps what
 * mask_apply_given() covers with. */
int mask_hide_default(struct job *j, struct err *e);
/* A bundle's: keeps the /dev/null that is there now, if it is one. */
int mask_keep_null(struct job *j, struct err *e);
int mask_apply_given(struct job *j, struct err *e); /* after the last thing made in the root */
