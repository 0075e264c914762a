/* JSON documents as mutable trees; json.c alone sees yajl.  The reader is for hostile text: size,
 * depth, members of an object and duplicate keys are checked, and text is valid UTF-8.  Numbers
 * keep their text, so nothing is rounded on the way. Members keep their order.  Out of memory
 * aborts, see buf.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct json;

enum json_type { JSON_NULL = 1, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum { JSON_DEPTH_MAX = 64, JSON_MEMBERS_MAX = 1024 };

/* How to treat a key that is there twice: refuse the text, or keep the last and note the path
 * ("spec.containers[0].image") in *dups. */
struct json_options {
	size_t max_bytes;  /* 0: 1 MiB */
	struct strv *dups; /* NULL: refuse */
};

/* Fails with -EINVAL (syntax, with position; invalid UTF-8; NUL in a key), -E2BIG (size; members of
 * one object), -ELOOP (depth), -EEXIST (duplicate key). */
int json_parse(const char *text, size_t len, const struct json_options *opt, struct json **out,
	struct err *e);
void json_free(struct json *j); /* NULL is fine */
void cleanup_json(struct json **j);
struct json *json_copy(const struct json *j);
bool json_equal(const struct json *a, const struct json *b); /* member order does not matter */

/* Reading.  Every accessor accepts NULL and answers as for a missing value. */
enum json_type json_type(const struct json *j); /* 0 for NULL pointers */
const char *json_type_name(const struct json
		*j); /* Go's words: "string", "number", "bool", "array", "object", "null" */
struct json *json_get(const struct json *object, const char *key); /* borrowed, or NULL */
/* Several keys deep; path is "status.phase" (no key of ours contains a dot). */
struct json *json_path(const struct json *object, const char *dotted);
size_t json_len(const struct json *j); /* members or elements */
struct json *json_at(const struct json *array, size_t i);
struct json *json_member(const struct json *object, size_t i, const char **out_key);
const char *json_str(const struct json *j); /* text of a string or number, else NULL */
size_t json_str_len(const struct json *j);  /* strings may hold NUL bytes */
bool json_is_true(const struct json *j);
int json_i64(const struct json *j, int64_t min, int64_t max, int64_t *out); /* -EINVAL, -ERANGE */
const char *json_get_str(const struct json *object, const char *key); /* NULL unless a string */

/* Building.  The tree takes what it is given; set replaces a member of that name. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *text); /* NULL makes null */
struct json *json_new_string_len(const char *text, size_t len);
struct json *json_new_i64(int64_t n);
struct json *json_new_bool(bool b);
struct json *json_new_null(void);
struct json *json_new_time(int64_t wall_ms); /* RFC 3339 in whole seconds; 0: null */
void json_set(struct json *object, const char *key, struct json *value);
void json_set_str(struct json *object, const char *key, const char *text); /* NULL text: not set */
void json_set_i64(struct json *object, const char *key, int64_t n);
void json_set_bool(struct json *object, const char *key, bool b);
void json_push(struct json *array, struct json *value);
bool json_remove(struct json *object, const char *key);
/* RFC 7386 merge patch of patch into *target (which may be NULL). */
void json_merge_patch(struct json **target, const struct json *patch);

enum json_style { JSON_COMPACT, JSON_PRETTY };
void json_write(const struct json *j, enum json_style style, struct buf *out);
/* Quoted and escaped; what is no UTF-8 becomes U+FFFD, so that the document is always readable. */
void json_write_string(struct buf *out, const char *text, size_t len);
