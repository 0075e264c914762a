/* The rotated files of one instance's log: they stand beside it and are named after it, as the
 * kubelet names them, plus a number where a second has more than one:
 *
 *     0.log   0.log.20261126-073000   0.log.20261126-073000-000001
 *
 * Their names are all that is known of them, so after a crash they are found as they were.  Theirs
 * is the order of the bytes.  carpel-log knows nothing of them.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "base/str.h"

/* Adds the names in file's directory, the oldest first.  A directory that is not there has none. */
int rotated_list(const char *file, struct strv *out, struct err *e);
/* The one that follows all of them, however the clock goes; NULL: the last second's numbers are
 * used up.  base: the file's name without its directory. */
char *rotated_name(const char *base, const struct strv *names, time_t now);
/* How many of n files must go before another one, so that with the one being written there are at
 * most max. */
size_t rotated_excess(size_t n, unsigned max);
void rotated_remove(const char *file, const struct strv *names, size_t n); /* the n oldest */
void rotated_remove_all(const char *file);

/* The log, or the newest rotated one while a rotation that a crash has torn is not finished. */
int rotated_open(const char *file, struct err *e);
/* The file that follows the one that fd has open, opened; -1 when there is none.  When that one is
 * removed already: the oldest that is newer. */
int rotated_open_next(const char *file, int fd);
