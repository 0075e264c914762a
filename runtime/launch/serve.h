/* carpel-launch as a resident program: see struct launch_order in spec/plan.h. */
#pragma once

/* Serves the socket on descriptor 3 until its other end closes; run carries the plan on descriptor
 * 3 out in a process of its own.  Returns the code to exit with. */
int serve(int (*run)(int device_program));
