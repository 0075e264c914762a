/* What carpeld gives away when it is set up, and what keeps it alive.  See contrib/adr/0010. */
#pragma once

#include <linux/filter.h>
#include <stddef.h>

#include "base/err.h"

/* The last to be killed when memory runs out.  Where the machine does not let us, a warning. */
void confine_keep_alive(void);

/* No program is executed, nothing mounted, no kernel facility used that carpeld has no use for; no
 * new privileges, no memory that becomes code, nobody looks into us.  No way back: what is started
 * afterwards is started by sys/starter, which was made before. */
int confine_daemon(struct err *e);

/* The filter for itself. */
enum { CONFINE_FILTER_MAX = 256 };
unsigned short confine_filter(struct sock_filter out[CONFINE_FILTER_MAX]);
