/* CRI's answers as crictl shows them: ids cut, times and sizes in words, fields of JSON trees.
 * Pure; every verb of `carpel cri` calls it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

/* Fields of an answer by path ("metadata.name"); a missing one is "" or 0.  64-bit numbers are
 * strings in protobuf's JSON. */
const char *cri_str(const struct json *j, const char *path);
int64_t cri_i64(const struct json *j, const char *path);

/* "About a minute ago", "3 weeks ago". */
void cri_ago(int64_t then_ns, int64_t now_ns, struct buf *out);
/* "1.23MB": decimal units, digits significant ones (3 for images, 4 elsewhere). */
void cri_size(double bytes, int digits, struct buf *out);
/* The first 13 characters, without "sha256:". */
void cri_short_id(const char *id, struct buf *out);
/* RFC 3339; 0 is Go's zero time, as crictl prints it. */
void cri_time(int64_t ns, struct buf *out);

/* "SANDBOX_NOTREADY" as "NotReady", "CONTAINER_EXITED" as "Exited"; another one as it stands. */
const char *cri_state_text(const char *state);
/* A label's value, or "unknown". */
const char *cri_label(const struct json *object, const char *key);
/* "Labels:" and a line each, sorted; nothing for an empty map. */
void cri_write_map(const char *title, const struct json *map, struct buf *out);
/* "key: value" when there is a value; control characters are made visible. */
void cri_write_line(const char *key, const char *value, struct buf *out);
