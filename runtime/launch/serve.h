/* carpel-launch as a resident program: see struct launch_order in spec/plan.h. */
#pragma once

#include "launch/job.h"

/* Serves the socket on descriptor 3 until its other end closes; run carries the plan on descriptor
 * 3 out in a process of its own.  pause_path: of the carpel-pause that most plans will name, or
 * NULL.  Returns the code to exit with. */
int serve(const char *pause_path, int (*run)(const struct job_shared *shared));
