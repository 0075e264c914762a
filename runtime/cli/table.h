/* Aligned columns for people: as wide as the widest cell, three spaces between, the last column
 * free. A cell never sends control characters to a terminal, whoever wrote its text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum table_colour { TABLE_PLAIN = 0, TABLE_GOOD, TABLE_WAITING, TABLE_BAD };

enum { TABLE_COLUMNS_MAX = 16 };

struct table_cell {
	char *text; /* owned */
	enum table_colour colour;
};

struct table {
	size_t columns; /* set by the first row */
	struct table_cell *cells;
	size_t len, cap;                  /* of cells */
	size_t widths[TABLE_COLUMNS_MAX]; /* kept by table_flush(), so that later rows line up */
	bool has_colour;
	const char *indent; /* in front of each line, NULL none */
};

void table_row(struct table *t, const char *const *texts, size_t columns); /* a header */
void table_add(struct table *t, const char *text); /* cell by cell; columns must be set */
void table_add_coloured(struct table *t, const char *text, enum table_colour colour);
/* Appends the rows to out and forgets them. */
void table_flush(struct table *t, struct buf *out);
void table_free(struct table *t);

/* Appends text with control characters made visible ("\n" as \n, others as \x1b). */
void table_safe_text(struct buf *out, const char *text);
