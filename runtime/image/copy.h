/* Copies files and whole directories into a layer.  Source directories may be anybody's: they are
 * walked on descriptors, never through a link, never onto another file system, and never into the
 * store itself.
 */
#pragma once

#include "base/err.h"
#include "image/digest.h"
#include "image/tree.h"

struct copy_result {
	struct digest id; /* of all names, attributes and bytes: equal trees have equal ids */
	size_t skipped;   /* device nodes and sockets */
};
/* avoid: the store's directory.  The tree is not finished yet. */
int copy_directory(int from, int avoid, struct tree *to, struct copy_result *out, struct err *e);
