/* The resident carpel-launch: takes orders, carries each out in a process of its own.  Starting
 * that process by fork from a small one costs a third of executing carpel-launch each time
 * (contrib/adr/0008). It dies with us; when it dies alone, what was under way has failed and
 * another is started.
 */
#pragma once

#include "base/err.h"
#include "base/loop.h"
#include "engine/outbox.h"

struct engine;

struct launcher {
	struct engine *g;
	struct loop_io io;
	struct outbox out;
	int exe, sock; /* a read-only mount of the program; -1: none runs */
};

int launcher_open(struct engine *g, struct err *e);
/* fds[i] becomes descriptor i, -1: none; result: the number of the result socket. */
int launcher_order(struct launcher *l, const int *fds, size_t n, int result_number, struct err *e);
void launcher_close(struct engine *g);
