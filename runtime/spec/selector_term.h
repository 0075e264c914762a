/* What a selector is made of, shared by selector.c (terms, matching, field selectors) and
 * selector_labels.c (the grammar of label selectors).  Not for others. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum selector_op { OP_IN = 1, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS, OP_GREATER, OP_LESS };

struct selector_term {
	char *key;
	enum selector_op op; /* "=" is an in of one value, "!=" a notin */
	struct strv values;  /* sorted by bytes, each one once */
};

struct selector { /* selects what every term matches */
	struct selector_term *at;
	size_t len;
};

/* Takes key and values out of *term. */
void selector_add(struct selector *s, struct selector_term *term);
void selector_term_free(struct selector_term *t);

/* Go's ParseInt of base 10: digits with an optional sign, to 64 bits. */
int selector_int(const char *text, int64_t *out);
