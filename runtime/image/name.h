/* Names of images: [host[:port]/]path[:tag][@digest], as registries and Docker's client take them
 * apart.  Pure text; nothing here looks whether an image exists.  Called by record.c.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum { IMAGE_HEX_LEN = 64 }; /* of a sha256 digest */

bool image_is_digest(const char *text); /* "sha256:" and 64 hexadecimal digits in lower case */
/* Where the '@' of a whole name is, or NULL. */
const char *image_name_digest(const char *ref);
/* The whole name of what a user wrote: "busybox" is "docker.io/library/busybox:latest".  -EINVAL
 * and the reason when no image may be called so. */
int image_name_normalise(const char *given, char **out_ref, struct err *e);
