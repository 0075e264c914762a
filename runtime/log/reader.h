/* Reads CRI-format log files back, for pods/NAME/log: exactly the bytes that were written, partial
 * lines joined, or selected by line, time and size.  Never blocks; following is the caller's (it
 * calls again when the file grew).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct log_query {
	int64_t tail_lines;    /* -1: all */
	int64_t since_wall_ns; /* 0: all */
	int64_t limit_bytes;   /* -1: all */
	bool timestamps;
};

struct log_reader;

/* Takes fd (a regular file). */
int log_reader_open(int fd, const struct log_query *q, struct log_reader **out, struct err *e);
/* Appends at most about max bytes to out. Returns 1 when there may be more at once, 0 at the
 * present end of file, -ENODATA when the limit is used up: nothing will ever come again. A last
 * record that is not whole yet is left. */
int log_reader_read(struct log_reader *r, size_t max, struct buf *out, struct err *e);
int log_reader_fd(const struct log_reader *r); /* of the file, borrowed */
/* At the end of a file that nobody writes any more: the log goes on in this one, which it takes. */
void log_reader_go_on(struct log_reader *r, int fd);
void log_reader_free(struct log_reader *r);
/* The last lines for FallbackToLogsOnError: at most 80 lines and 2048 bytes. */
int log_tail_message(int fd, struct buf *out, struct err *e);
