#include "cli/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { GAP = 3 };

static const char *const colour_codes[] = {
	[TABLE_PLAIN] = "",
	[TABLE_GOOD] = "\033[32m",
	[TABLE_WAITING] = "\033[33m",
	[TABLE_BAD] = "\033[31m",
};

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

void table_safe_text(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		/* U+0080 to U+009F are control characters too: some terminals obey U+009B. */
		bool is_c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		if (*p == '\n')
			buf_adds(out, "\\n");
		else if (*p == '\t')
			buf_adds(out, "\\t");
		else if (*p < 0x20 || *p == 0x7f)
			buf_addf(out, "\\x%02x", *p);
		else if (is_c1)
			buf_addf(out, "\\x%02x", *++p);
		else
			buf_addc(out, (char)*p);
	}
}

void table_add_coloured(struct table *t, const char *text, enum table_colour colour)
{
	struct buf safe = { 0 };

	if (t->len == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = mem_resize(t->cells, t->cap, sizeof(*t->cells));
	}
	table_safe_text(&safe, text);
	t->cells[t->len++] = (struct table_cell){ .text = buf_take(&safe), .colour = colour };
}

void table_add(struct table *t, const char *text)
{
	table_add_coloured(t, text, TABLE_PLAIN);
}

void table_row(struct table *t, const char *const *texts, size_t columns)
{
	assert(columns <= TABLE_COLUMNS_MAX);
	t->columns = columns;
	for (size_t i = 0; i < columns; i++)
		table_add(t, texts[i]);
}

static void write_cell(const struct table *t, size_t i, struct buf *out)
{
	const struct table_cell *cell = &t->cells[i];
	bool is_last = i % t->columns == t->columns - 1;
	bool has_colour = t->has_colour && cell->colour != TABLE_PLAIN;
	size_t width = width_of(cell->text);

	buf_addf(out, "%s%s%s", has_colour ? colour_codes[cell->colour] : "", cell->text,
		has_colour ? "\033[0m" : "");
	if (is_last)
		buf_addc(out, '\n');
	else
		buf_addf(out, "%*s", (int)(t->widths[i % t->columns] - width + GAP), "");
}

void table_flush(struct table *t, struct buf *out)
{
	for (size_t i = 0; i < t->len; i++) {
		size_t width = width_of(t->cells[i].text);

		if (width > t->widths[i % t->columns])
			t->widths[i % t->columns] = width;
	}
	for (size_t i = 0; i < t->len; i++) {
		if (i % t->columns == 0 && t->indent)
			buf_adds(out, t->indent);
		write_cell(t, i, out);
		free(t->cells[i].text);
	}
	t->len = 0;
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->len; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct table){ 0 };
}
