/* From a source to a record: which kind of source it is, its layers one after the other, its
 * configuration.  Called by main, after confine.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "image/record.h"
#include "image/store.h"

struct import {
	struct store *store; /* locked by store_begin() */
	const char *name;    /* as the user wrote it */
	int source;          /* an open directory or an open file at its start; borrowed */
	int64_t max_bytes;
	size_t skipped; /* out: device nodes and sockets that were left out */
};

/* Stores the layers and the record.  *out: the record, for the user. */
int import_image(struct import *im, struct image_record *out, struct err *e);
