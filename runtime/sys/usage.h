/* How much of a disk a tree takes, as du counts: the blocks and inodes of everything in it, its top
 * included.  No link is followed and no mount entered.  A file with several names counts by the
 * part of its names that is found, so that one with all its names here counts once, whatever the
 * order, with nothing to remember.
 *
 * The tree may belong to a container that changes it meanwhile, or has made it to harm: what
 * vanishes is not counted, what is too much or cannot be read makes the result partial, and a walk
 * always ends.  It holds USAGE_FDS descriptors at most, and some 32 bytes for each level that it is
 * deep.
 *
 * A walk goes on in slices.  An entry costs about 3 us of CPU while the kernel has its inode in
 * memory, as du does; but a read from the disk when it has not.  So carpeld never walks: it is not
 * even linked with this, and asks `carpel-image usage`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { USAGE_FDS = 32 };

struct usage {
	uint64_t bytes, inodes;
	bool is_partial; /* there was more */
	bool is_cut;     /* more than the bounds let us look at */
};

struct usage_bounds {     /* 0: as many as these */
	uint32_t depth;   /* 65536 directories within each other */
	uint64_t entries; /* 10 million looked at */
};

struct usage_walk;

/* path below dir (AT_FDCWD …): a directory; a link is none. */
int usage_start(
	int dir, const char *path, struct usage_bounds b, struct usage_walk **out, struct err *e);
/* Looks at so many entries.  true: there is more to do. */
bool usage_step(struct usage_walk *w, unsigned entries);
struct usage usage_result(const struct usage_walk *w); /* of what was seen so far */
void usage_free(struct usage_walk *w);                 /* at any time */

/* All at once. */
int usage_of_tree(
	int dir, const char *path, struct usage_bounds b, struct usage *out, struct err *e);
