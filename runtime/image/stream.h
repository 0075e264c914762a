/* A tar archive, maybe compressed, read once from its first byte to its last: the digest of the
 * bytes as they are stored, and the digest of the archive without compression, are of everything
 * that was read, so nothing can follow them unseen.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>

#include "base/err.h"
#include "image/budget.h"
#include "image/digest.h"

struct stream;

/* fd: at its start; borrowed.  budget: pays for the bytes of the archive itself; borrowed. */
int stream_open(int fd, struct budget *budget, struct stream **out, struct err *e);
void stream_close(struct stream *s); /* accepts NULL */
void cleanup_stream(struct stream **s);

/* 1 and the next entry (borrowed until the next call), 0 at the end. */
int stream_next(struct stream *s, struct archive_entry **out, struct err *e);
/* 1 and a block of the entry's bytes (borrowed until the next call), 0 at their end. */
int stream_block(
	struct stream *s, const void **out, size_t *out_len, int64_t *out_offset, struct err *e);

struct stream_digests {
	struct digest stored, plain;
	int64_t stored_bytes;
};
/* Reads what is left, too. */
int stream_finish(struct stream *s, struct stream_digests *out, struct err *e);
