/* `carpel-image usage`: how much of a disk trees take that may belong to hostile containers. */
#pragma once

#include "base/err.h"

/* Standard input: paths of directories, absolute, each closed by NUL.  Standard output: for each a
 * line when it is counted, in no order:
 *
 *     INDEX BYTES INODES WHAT     WHAT: 0 all of it; 1 not all could be seen; 2 there is more than
 *                                 sys/usage.h's bounds allow to look at
 *
 * and a line with INDEX alone when it begins with one, and now and then while that takes long, so
 * that who reads this can tell work from a file system that does not answer.
 *
 * What is not there takes nothing. */
int count_trees(struct err *e);
