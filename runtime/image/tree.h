/* A layer while it is filled: a directory, and the finished layers below it.  Every path is walked
 * part by part on descriptors; links on the way are followed inside the layer and what is below it,
 * never by the kernel, so no name of an archive leads out.  Called by unpack and copy.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "image/budget.h"
#include "image/meta.h"
#include "image/stack.h"

struct tree_times {
	char *path;
	struct timespec mtime;
};

struct tree {
	int fd;                    /* the layer's directory; owned */
	const struct stack *below; /* borrowed */
	struct budget *budget;     /* borrowed */
	struct tree_times *times;  /* of directories: set last, since each new entry changes them */
	size_t times_len, times_cap;
	bool hides_all;  /* the root is opaque: everything below is hidden */
	bool has_opaque; /* some directory is */
	char *near;      /* the directory that the last walk led to, as given; NULL: none */
	char *near_path; /* its real path */
	int near_fd;
};

void tree_begin(struct tree *t, int fd, const struct stack *below, struct budget *budget);
#define TREE_EMPTY                                                                                 \
	{                                                                                          \
		.fd = -1, .near_fd = -1                                                            \
	}
void tree_free(struct tree *t); /* accepts the empty form; usable with CLEANUP */
/* After the last entry. */
int tree_finish(struct tree *t, struct err *e);

/* A place in the layer: the open directory that holds it (borrowed from the tree, until the next
 * call) and its own name there, which may not exist yet. */
struct place {
	int dir;
	const char *name; /* borrowed from the path that was asked for */
	char *path;       /* real path in the layer; the caller frees it */
};
void place_free(struct place *p);

/* path: clean, not "".  Makes directories that are missing, as they are in the layers below. */
int tree_reach(struct tree *t, const char *path, struct place *out, struct err *e);

/* These replace what is there, except that a directory stays one.  m: also where it is a link or a
 * pipe, of which only owner and time count. */
int tree_make_dir(struct tree *t, const struct place *p, const struct meta *m, struct err *e);
int tree_make_link(const struct place *p, const char *target, const struct meta *m, struct err *e);
int tree_make_pipe(const struct place *p, const struct meta *m, struct err *e);
int tree_make_file(const struct place *p, struct err *e); /* open for writing */
/* Another name for the file at the clean path target, of this layer or of one below. */
int tree_make_hard_link(struct tree *t, const char *path, const char *target, struct err *e);
int tree_root(struct tree *t, const struct meta *m, struct err *e);

int tree_hide(struct tree *t, const struct place *p, struct err *e); /* ".wh.NAME" */
/* ".wh..wh..opq" in the directory at the clean path; "" is the root. */
int tree_hide_below(struct tree *t, const char *dir, struct err *e);
