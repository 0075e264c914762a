/* Names of images: [host[:port]/]path[:tag][@digest], as registries and Docker's client take them
 * apart.  Pure text; nothing here looks whether an image exists.  Called by record.c.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

bool image_is_digest(const char *text); /* "sha256:" and 64 hexadecimal digits in lower case */
/* Where the '@' of a whole name is, or NULL. */
const char *image_name_digest(const char *ref);
