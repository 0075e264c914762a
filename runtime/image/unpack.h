/* Puts the entries of a tar archive into a layer, as an image's layers are meant: whiteouts become
 * overlayfs' own, devices stay out (a container's /dev is made for it), attributes that speak to
 * overlayfs end the import.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "image/stream.h"
#include "image/tree.h"

struct unpack_result {
	struct stream_digests digests;
	size_t entries, skipped;
};
/* fd: the archive, at its start.  The tree is not finished yet. */
int unpack(int fd, struct tree *to, struct unpack_result *out, struct err *e);
