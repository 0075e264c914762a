/* Starts programs for a process that has denied itself to: a copy of it, made before.  What a
 * system call filter forbids, it forbids to all that is started afterwards, too, and a container is
 * to have the filter that it asked for and no other.  See contrib/adr/0010.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "sys/spawn.h"

/* Forks, so it comes before threads, and before there is much memory to copy.  The copy holds
 * nothing but its socket and the standard streams, and ends with us.  Returns our end; when that
 * can be read between two starts, the starter is gone. */
int starter_open(pid_t *out_pid, struct err *e);

/* As spawn_process(): the child is the caller's own. */
int starter_spawn(int starter, const struct spawn *s, pid_t *out_pid, struct err *e);
