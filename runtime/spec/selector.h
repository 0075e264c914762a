/* Label and field selectors, Kubernetes' grammar (k=v, k==v, k!=v, in, notin, k, !k, k>n, k<n;
 * fields: =, ==, != with escapes).  Pure; the text is hostile.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "spec/pod.h"

enum { SELECTOR_BYTES_MAX = 64 * 1024 };

struct selector;

/* NULL or empty text selects all. Errors are the API server's texts, cut where struct err ends,
 * and -EINVAL; text longer than SELECTOR_BYTES_MAX is -E2BIG. */
int selector_parse_labels(const char *text, struct selector **out, struct err *e);
/* allowed: NULL-closed list of field names; another is "field label not supported: x".  So is a
 * term without a name: the API server takes "=" as selecting all, which is what a script with two
 * empty variables would then delete. */
int selector_parse_fields(
	const char *text, const char *const *allowed, struct selector **out, struct err *e);
void selector_free(struct selector *s); /* NULL is fine */
void cleanup_selector(struct selector **s);
bool selector_matches_labels(const struct selector *s, const struct labels *l);
/* get(ctx, field) gives the field's value, "" when it has none. */
bool selector_matches_fields(const struct selector *s,
	const char *(*get)(const void *ctx, const char *field), const void *ctx);
