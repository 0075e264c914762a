/* The inside of tree: walking, and what making and hiding share with it. */
#pragma once

#include <fcntl.h>

#include "image/tree.h"

enum {
	TREE_DIR_MODE = 0755,
	TREE_DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

/* The directory at the clean path ("" is the root) becomes the near one. */
int tree_walk(struct tree *t, const char *path, struct err *e);
void tree_forget_near(struct tree *t);

/* A real path of directories, none of them a link.  Returns the descriptor. */
int tree_open_real(const struct tree *t, const char *path, struct err *e);
int tree_set_opaque(struct tree *t, int dir, struct err *e);
void tree_keep_time(struct tree *t, const char *path, const struct timespec *mtime);
