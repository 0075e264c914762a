/* One JSONPath expression: from a node to the list of nodes that it names.  The template around it
 * (literals, ranges) is jsonpath.c's; nobody else includes this.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

struct nodes {
	const struct json **at; /* borrowed from the document */
	size_t len, cap;
};
void nodes_free(struct nodes *n);

/* Where a walk over the template stands. */
struct cursor {
	const char *p;
	const struct json *root;
	struct err *e;
};
int cursor_fail(const struct cursor *c, const char *what); /* -EINVAL */
void cursor_skip_space(struct cursor *c);
/* 'text' or "text" with backslash escapes; out is never left empty-handed. */
int cursor_read_quoted(struct cursor *c, struct buf *out);

/* Reads the path at c->p and adds what it names, seen from current; NULL: the path is only read. */
int jsonpath_read_path(struct cursor *c, const struct json *current, struct nodes *out);
