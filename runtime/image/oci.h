/* The JSON of images: index, manifest and configuration as OCI and Docker write them, and the
 * manifest.json of "docker save".  Pure; every text is hostile.  What is null counts as missing, as
 * in Go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "image/record.h"

enum { OCI_JSON_MAX = 4 << 20, OCI_LAYERS_MAX = 500, OCI_INDEX_DEPTH = 4 };

struct oci_blob {
	char *digest; /* "sha256:…" */
	int64_t size_bytes;
	bool is_index; /* leads to an index, not to a manifest */
};
void oci_blob_free(struct oci_blob *b); /* accepts the empty form; usable with CLEANUP */

/* The entry of an index for this machine (architecture: Go's name for it).  ref: a whole name; when
 * several images remain, the one that carries this name is taken, and without one it is an error.
 */
int oci_index_choose(const struct json *index, const char *architecture, const char *ref,
	struct oci_blob *out, struct err *e);

struct oci_manifest {
	struct oci_blob config;
	struct oci_blob *layers; /* lowest first; at least one */
	size_t layers_len;
};
void oci_manifest_free(struct oci_manifest *m);
int oci_manifest_parse(const struct json *j, struct oci_manifest *out, struct err *e);

/* "docker save": paths inside the archive. */
struct oci_saved {
	char *config;
	struct strv layers; /* lowest first; at least one */
};
void oci_saved_free(struct oci_saved *s);
bool oci_is_saved(const struct json *j); /* whether this manifest.json is Docker's */
int oci_saved_choose(const struct json *j, const char *ref, struct oci_saved *out, struct err *e);

/* Fills what a container needs of the configuration, and the digests of the layers' plain archives,
 * lowest first.  The other fields of *r stay as they are; on failure *r may be filled in part. */
int oci_config_parse(const struct json *j, const char *architecture, struct image_record *r,
	struct strv *out_diff_ids, struct err *e);
const char *oci_architecture(void); /* of this machine */
