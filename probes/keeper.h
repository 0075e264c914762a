/* All probers of the node: what carpeld tells becomes events of probe_step(), what that says
 * becomes attempts, and their results become messages to carpeld.
 */
#pragma once

#include "probes/attempt.h"
#include "probes/timers.h"
#include "probes/wire.h"

struct keeper {
	struct timers timers;
	struct attempt_host host;
	struct wire wire;
	void *probers; /* tsearch(3): struct kept, by id */
	void *asks;    /* struct job, by the number that carpeld answers to */
	int64_t last_ask;
};

/* Serves until carpeld closes its end, then stops the loop. */
int keeper_open(struct keeper *k, struct loop *l, int sock, struct err *e);
