/* carpel-log's side of wire.h: takes stream sets from the carpeld that is connected, and tells it
 * which are done.  Goes on without one and answers the next.  Ends the loop when nobody has been
 * connected and nothing was left to read for CONTROL_IDLE_MS.  Called by main.c.
 */
#pragma once

#include <sys/types.h>

#include "base/loop.h"
#include "log/streams.h"

enum { CONTROL_IDLE_MS = 10 * 1000 };

struct control;

/* listening: borrowed, non-blocking.  peer: the user that may connect besides root.  fds_max: the
 * limit of descriptors. */
struct control *control_new(
	struct loop *l, int listening, uid_t peer, int fds_max, const struct streams_tools *tools);
