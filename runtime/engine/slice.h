/* The weight of one of our slices of systemd's beside its neighbours.  A slice is systemd's alone
 * to write, so it is told, by systemctl: one at a time, so that the newest comes last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct engine;

struct slice_weight {
	struct engine *engine;
	char unit[64];
	uint64_t wanted, told; /* 0: nothing yet */
	bool is_telling;
};

/* w is empty at first, and the same for a unit ever after. */
void slice_weigh(struct slice_weight *w, struct engine *g, const char *unit, uint64_t weight);
/* What systemd keeps of a unit's changes in a file, when it goes. */
void slice_forget(const char *unit);
