/* kubectl's JSONPath templates: text with {.a.b[0]}, {.a[*].b}, {.a['k.ey']}, {..name}, slices,
 * filters
 * {[?(@.x=="y")]}, {"literals\n"} and {range …}…{end}.  What is not there prints nothing, as in
 * kubectl.  Pure.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* Appends what the template says about root.  -EINVAL: a template that cannot be read. */
int jsonpath_print(const char *text, const struct json *root, struct buf *out, struct err *e);
