/* What a container may not see or write in /proc and /sys: the lists of contrib/docs/security.md,
 * section 3.  A path that this kernel does not have is passed over; any other error ends the start.
 */
#pragma once

#include "launch/job.h"

int mask_keep_read_only(int proc, struct err *e); /* proc: an attached, still read-only procfs */
int mask_hide(struct job *j, struct err *e);      /* needs /proc, /sys and /dev in place */
