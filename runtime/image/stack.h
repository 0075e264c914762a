/* The finished layers below the one that is being unpacked, seen as overlayfs will show them: upper
 * names hide lower ones, whiteouts and opaque directories hide what is below them, directories
 * merge.  Reads only, and mounts nothing, so that no mount is made while an archive of a stranger
 * is parsed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"

#define OVERLAY_OPAQUE "trusted.overlay.opaque" /* "y" on a directory: nothing below shows */

struct stack {
	int *fds; /* directories of the layers, lowest first */
	size_t len;
};
void stack_free(struct stack *s);         /* closes all; accepts the empty form */
void stack_push(struct stack *s, int fd); /* takes fd */

enum stack_kind { STACK_NOTHING, STACK_DIR, STACK_LINK, STACK_FILE, STACK_OTHER };

/* What is at path (relative, without links in its directories).  Returns an enum stack_kind or
 * -errno.  *out_fd is open for reading for a directory and a file, O_PATH for a link, else -1. */
int stack_find(const struct stack *s, const char *path, int *out_fd, struct err *e);

bool stack_is_whiteout(const struct stat *st);
bool stack_is_opaque(int dir);
