/* User namespaces: making one and its maps.  Entering is sys/ns.h's. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* A new user namespace, below ours, with these maps (as in /proc/PID/uid_map) and nobody in it.
 * proc: a procfs of our PID namespace.  Returns its descriptor. */
int userns_make(int proc, const char *uid_map, const char *gid_map, struct err *e);

/* Reads our own "uid_map" or "gid_map", numbers outside as our parent namespace sees them. */
int userns_read_map(int proc, const char *name, char *out, size_t size, struct err *e);
