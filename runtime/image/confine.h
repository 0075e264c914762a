/* What carpel-image gives away before it reads a byte of an image: every file but the store and the
 * source, all capabilities but those that unpacking needs, and every system call that has no place
 * in it.  There is no way back.
 */
#pragma once

#include "base/err.h"

/* A file system of our own that holds only the store, under the path that it has; source: the path
 * of a directory or a file, opened before the door closes; NULL: none.  Returns its descriptor (0
 * without source). */
int confine_files(const char *store, const char *source, struct err *e);
int confine_powers(struct err *e); /* after confine_files() */
