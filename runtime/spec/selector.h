/* Label and field selectors, Kubernetes' grammar (k=v, k==v, k!=v, in, notin, k, !k, k>n, k<n;
 * fields:
 * =, ==, != with escapes).  Pure; the text is hostile.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "spec/pod.h"

struct selector;

/* NULL or empty text selects all. Errors are the API server's texts, -EINVAL. */
int selector_parse_labels(const char *text, struct selector **out, struct err *e);
/* allowed: NULL-closed list of field names; another is "field label not supported: x". */
int selector_parse_fields(
	const char *text, const char *const *allowed, struct selector **out, struct err *e);
void selector_free(struct selector *s); /* NULL is fine */
bool selector_matches_labels(const struct selector *s, const struct labels *l);
/* get(ctx, field) gives the field's value, "" when it has none. */
bool selector_matches_fields(const struct selector *s,
	const char *(*get)(const void *ctx, const char *field), const void *ctx);
