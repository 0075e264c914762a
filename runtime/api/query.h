/* The path and the query of a request: split, percent-decoded once, read strictly as Go does. Pure;
 * the text is hostile and bounded by the limit of a request's head.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct param {
	char *key, *value; /* decoded */
};

struct query {
	struct param *at;
	size_t len;
};

/* Decodes ":path" into its segments and its query.  -EINVAL: a bad escape, a NUL, a decoded '/', or
 * an empty segment (one slash at the end is fine). */
int query_split(const char *path, struct strv *out_segments, struct query *out);
void query_free(struct query *q);

const char *query_get(const struct query *q, const char *key); /* the first, or NULL */
/* Kubernetes' rule: "0" and "false" are false, any other text is true, an absent key is false. */
bool query_is_true(const struct query *q, const char *key);
/* An absent or empty key leaves *out.  -EINVAL or -ERANGE with Go's text in e. */
int query_i64(const struct query *q, const char *key, int64_t *out, struct err *e);
/* A decimal resourceVersion, with Go's text for what is none. */
int query_parse_u64(const char *text, uint64_t *out, struct err *e);
