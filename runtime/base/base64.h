/* Bytes as text (RFC 4648): written in the standard alphabet with padding, read in that or the
 * URL's one, with padding or without.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"

void base64_write(const void *bytes, size_t len, struct buf *out);
void base64_write_url(const void *bytes, size_t len, struct buf *out); /* without padding */
/* Appends the bytes.  -EINVAL: a foreign character, padding in the wrong place or number, or bits
 * left over that are not zero, so that two texts never mean the same bytes but for the alphabet and
 * the padding. */
int base64_read(const char *text, size_t len, struct buf *out);
