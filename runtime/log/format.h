/* The text form of a container's log, as CRI has it: one record a line,
 *   2026-11-24T14:20:05.123456789Z stdout F text
 * F ends a line of the container; P is a piece of one that goes on in the stream's next record.
 * Pure.  Each chunk of bytes is formatted without knowledge of the one before it, so a chunk can be
 * done again, and then has the same length: the stamp's is fixed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum log_stream { LOG_STDOUT = 1, LOG_STDERR = 2 };

enum { LOG_PIECE_MAX = 16384, LOG_STAMP_LEN = 30 };

/* Appends records until every byte is in one or out has reached room bytes; returns how many bytes
 * were taken, at least one.  The last bytes become a P record when no newline closes them. */
size_t log_format(int64_t wall_ns, enum log_stream stream, const char *bytes, size_t len,
	size_t room, struct buf *out);
