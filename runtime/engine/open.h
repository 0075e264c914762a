/* The engine of this process: what has to be there before the first sandbox, opened and closed.
 * carpeld calls it once.
 */
#pragma once

#include "engine/engine.h"

/* loop, layout and start_deadline_ms are set.  What it opens is closed by engine_close(). */
int engine_open(struct engine *g, struct err *e);
/* Forgets all; what runs goes on.  Sandboxes and containers are their owners' to close before. */
void engine_close(struct engine *g);
