/* CDI's files of this machine, ROOT/etc/cdi and, which wins, ROOT/var/run/cdi: what they say for
 * the devices that a container asks for.  A file that is wrong only takes its own devices away.
 *
 * The result is one line of JSON, for carpeld, which knows no YAML: {"edits": [{"device": NAME,
 * "file": PATH, "containerEdits": {...}}, ...]}, in the order in which they are to be carried out;
 * the objects within are CDI's own.  Before it, a line "at PATH" says which file or directory is
 * looked at, so that whoever waits for us knows at what we hang.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* Every file is opened first; then nothing is left to us but to read them.  -EINVAL: a name that no
 * file has, or two of one directory; -EOPNOTSUPP: what carpel cannot do. */
int cdi_resolve(const char *root, char *const *names, size_t len, struct err *e);
