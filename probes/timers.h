/* Any number of deadlines behind one loop timer: a binary heap, so that thousands of probers cost
 * O(log n) a step.  A timer is embedded in its owner and fires once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

struct timer {
	void (*due)(struct timer *t, int64_t now_ms);
	void *owner;
	int64_t at_ms; /* boot time */
	size_t place;  /* in the heap, from 1; 0: not set */
};

struct timers {
	struct loop *loop;
	struct loop_timer wake;
	int64_t wake_ms;     /* when the loop wakes us, if it does */
	struct timer **heap; /* from 0: the earliest first */
	size_t len, cap;
};

void timers_init(struct timers *s, struct loop *l);
void timers_free(struct timers *s); /* stops all; their owners live on */

void timers_set(struct timers *s, struct timer *t, int64_t at_ms); /* moves one that is set */
void timers_stop(struct timers *s, struct timer *t);               /* harmless when not set */

/* The heap alone, without the loop: timers_set() less the waking. */
void timers_place(struct timers *s, struct timer *t, int64_t at_ms);
struct timer *timers_first(const struct timers *s); /* NULL: none */
