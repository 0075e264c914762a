/* What is kept about an image, one JSON file an image in STORE/images: its names, its layers as
 * directories and the part of its configuration that a container needs.  Reads only; carpel-image
 * alone writes, and replaces each file as a whole, so a reader needs no lock.  carpeld reads
 * records here before it starts a container, and to list images.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

enum { IMAGE_RECORD_MAX_BYTES = 1 << 20 }; /* of a record's file; a larger one is not read */

struct image_record {
	char *name;   /* as it was given to the import: "busybox" */
	char *ref;    /* the whole name, by which it is found: "docker.io/library/busybox:latest" */
	char *id;     /* "sha256:…" of the image's configuration */
	char *digest; /* "sha256:…" of its manifest, NULL when it came without one */
	struct strv layers; /* absolute directories, topmost first, as overlayfs wants them; at
			       least one */
	char *user, *working_dir, *stop_signal; /* NULL when the image does not say */
	struct strv env, entrypoint, cmd, volumes;
	int64_t size_bytes;      /* of all layers' unpacked files */
	int64_t created_wall_ms; /* when it was imported */
};
void image_record_free(
	struct image_record *r); /* accepts the empty form and leaves it; usable with CLEANUP */

struct image_list {
	struct image_record *at;
	size_t len;
};
void image_list_free(struct image_list *l);

/* ref: any form of the name, NAME@sha256:… (the manifest's digest), or an id ("sha256:…").  store:
 * the absolute path of LIB/images.  -ENOENT when there is none. */
int image_record_find(const char *store, const char *ref, struct image_record *out, struct err *e);
/* All of them by name; a store that does not exist yet is empty. */
int image_record_list(const char *store, struct image_list *out, struct err *e);

/* The record as it is on disk and as users see it; the caller frees it. */
struct json *image_record_json(const struct image_record *r);
/* The other way; strict, since what it says is mounted. */
int image_record_parse(
	const char *store, const struct json *j, struct image_record *out, struct err *e);
/* Name of the record's file below STORE/images; the caller frees it. */
char *image_record_file(const char *ref);
