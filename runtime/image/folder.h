/* The names in a directory. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* Adds the names in the directory at path below dir ("." is dir itself; no link) but "." and "..",
 * sorted, so that what is made from them does not depend on how a file system lists.  More than max
 * are -EFBIG. */
int folder_names(int dir, const char *path, size_t max, struct strv *out, struct err *e);

enum { FOLDER_NAMES_MAX = 10 << 20 }; /* for what we have made ourselves */
