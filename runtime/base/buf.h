/* A growing byte buffer, always closed by a NUL that len does not count.  Out of memory ends the
 * process (abort): the callers are bounded by the limits of what they read.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while nothing was added */
	size_t len, cap;
};

void buf_free(struct buf *b);  /* accepts the empty form and leaves it; usable with CLEANUP */
void buf_clear(struct buf *b); /* keeps the memory */
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *text);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* The text as Go's %q prints it: quoted, without control characters, bytes that are no UTF-8 as
 * \xNN.  (Go also escapes what Unicode calls unprintable above U+009F; this does not.) */
void buf_add_quoted(struct buf *b, const char *text, size_t len);
void buf_drop(struct buf *b, size_t len); /* removes len bytes at the head */
char *buf_take(struct buf *b);            /* the NUL-closed text, "" never NULL; the caller frees */
