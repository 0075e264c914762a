/* How much an import may still take in.  Every byte and every entry that somebody else chose is
 * paid for before it is made, so a bomb costs no more than the cap.
 */
#pragma once

#include <errno.h>
#include <stdint.h>

#include "base/err.h"

enum { BUDGET_ENTRIES = 2000000 }; /* files of one import; a big distribution has 200,000 */

struct budget {
	int64_t bytes, entries; /* what is left */
	int64_t max_bytes;      /* for the message */
};

static inline struct budget budget_make(int64_t max_bytes)
{
	return (struct budget){ max_bytes, BUDGET_ENTRIES, max_bytes };
}

static inline int budget_take_bytes(struct budget *b, int64_t bytes, struct err *e)
{
	if (bytes < 0 || bytes > b->bytes)
		return err_say(
			e, EFBIG, "larger than %lld bytes (--max-size)", (long long)b->max_bytes);
	b->bytes -= bytes;
	return 0;
}

static inline int budget_take_entry(struct budget *b, struct err *e)
{
	if (b->entries <= 0)
		return err_say(e, EFBIG, "more than %d files", BUDGET_ENTRIES);
	b->entries--;
	return 0;
}
