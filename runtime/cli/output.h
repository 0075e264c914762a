/* `-o`: which form an answer is printed in, and the forms that are the same for every kind of
 * object. Tables are the verbs' own.
 */
#pragma once

#include "base/json.h"

enum output_kind {
	OUTPUT_TABLE = 1,
	OUTPUT_WIDE,
	OUTPUT_JSON,
	OUTPUT_YAML,
	OUTPUT_NAME,
	OUTPUT_JSONPATH,
};

struct output {
	enum output_kind kind;
	const char *template; /* of OUTPUT_JSONPATH, borrowed */
};

/* text NULL: a table. -EINVAL for a form there is none of. */
int output_parse(const char *text, struct output *out, struct err *e);
bool output_is_table(const struct output *o);
/* An object, or a v1.List, in a form that is not a table. */
int output_print(const struct output *o, const struct json *object, struct buf *out, struct err *e);
/* A copy that begins with apiVersion and kind, which the items of a list answer lack. */
struct json *output_with_kind(const struct json *object, const char *kind);
/* A v1.List of copies. */
struct json *output_list(const struct json *items, const char *kind);

int output_write(const struct buf *text); /* to standard output; an exit code */
