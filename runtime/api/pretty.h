/* Compact JSON made readable as it passes by: two spaces a level, as Go's MarshalIndent.  Works on
 * any cut of the text, so a long list needs no tree and no second copy.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct pretty {
	unsigned depth;
	bool in_string, is_escaped;
	bool has_opened; /* the last character opened an object or array: its fate is not known yet
			  */
};

void pretty_add(struct pretty *p, const char *compact, size_t len, struct buf *out);
