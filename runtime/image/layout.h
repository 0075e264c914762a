/* A directory that holds an image: an OCI image layout, or what "docker save" packs into a tar. All
 * that is named by a digest is checked against it before it is believed; layers later, while they
 * are unpacked.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/record.h"

enum layout_kind { LAYOUT_NONE, LAYOUT_OCI, LAYOUT_SAVED };

/* What dir is; LAYOUT_NONE: a root file system as far as this file knows. */
enum layout_kind layout_kind(int dir);

struct layout_layer {
	char *path;         /* in the layout */
	char *digest;       /* of the file; NULL when only the plain archive's is known */
	int64_t size_bytes; /* of the file; only with a digest */
	char *diff_id;      /* of the plain archive */
};

struct layout {
	struct layout_layer *layers; /* lowest first */
	size_t len;
	struct image_record image; /* id, digest and configuration; no names, no layers */
};
void layout_free(struct layout *l); /* accepts the empty form; usable with CLEANUP */

/* ref: which image, when there are several. */
int layout_read(int dir, const char *ref, struct layout *out, struct err *e);
/* A regular file of the layout, open at its start; no link leads out. */
int layout_open(int dir, const char *path, struct err *e);
