/* Paths as archives write them.  Pure text. */
#pragma once

#include "base/err.h"

/* Without leading "/" and without "." and empty parts; "" is the root itself.  Refuses "..", which
 * no honest archive has, and what is too long or too deep.  The caller frees *out. */
int path_clean(const char *given, char **out, struct err *e);
/* The last part of a clean path, and the path without it ("" when it has one part only). */
const char *path_last(const char *clean);
char *path_parent(const char *clean); /* the caller frees it */
