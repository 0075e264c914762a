/* The way of one stream's bytes into the log file, exactly once however often carpel-log is killed;
 * see stage.c. Knows one stream and its file, neither containers nor the loop.  Called by
 * streams.c.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "log/format.h"

/* A turn's work for one stream, so that no container starves another. */
enum { STAGE_CHUNK = 64 * 1024 };

struct log_file {
	int fd;
	bool is_device;  /* /dev/null: has no end and keeps no position */
	off_t committed; /* its position; all before it is right */
};

struct stage {
	int source, read, write; /* the container's pipe or terminal; both ends of the stage */
	enum log_stream name;
};

/* What all streams of the process use in turn.  The descriptors are made before it is confined. */
struct chunk {
	int scratch_read, scratch_write; /* an empty pipe, to look at bytes without taking them */
	int null;                        /* /dev/null, where bytes end that are safe in the file */
	bool is_scratch_dirty;           /* looking failed half-way */
	size_t len;
	struct buf records;
	char bytes[STAGE_CHUNK]; /* what was last settled */
};

/* Into the stage, which must be empty.  The bytes moved, 0 at the stream's end, -EAGAIN when there
 * is nothing now, another error when the source cannot be read. */
ssize_t stage_pull(const struct stage *s);
/* Out of the stage into the file.  On failure the stage stays full, and the call is to be repeated.
 */
int stage_settle(const struct stage *s, struct log_file *file, struct chunk *c);
/* What a killed predecessor left in the stage, in bytes. */
int stage_len(const struct stage *s);
int stage_waiting(const struct stage *s); /* bytes before it, in the container's pipe */
/* Sets the file's end to what a killed predecessor had finished; is_full: a stage of this file is
 * full.  For each of two files while the log goes from one to the other, see stage.c. */
int stage_resume(struct log_file *file, bool is_full);
