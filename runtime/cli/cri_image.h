/* Images as crictl sorts, names and filters them.  Pure. */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* Before and behind the "@" of the first digest, "<none>" without one; the caller frees. */
char *cri_image_repo(const struct json *image);
char *cri_image_digest(const struct json *image);

/* A new array of the images that pass all filters, by their first tag, else their first digest,
 * else their id.  Filters: dangling=true|false (with or without tags), reference=REGEX (of the
 * repository or a tag), before=NAME and since=NAME (behind it, or before it, in this order).
 * -EINVAL. */
int cri_image_select(
	const struct json *images, const struct strv *filters, struct json **out, struct err *e);
