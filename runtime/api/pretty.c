#include "api/pretty.h"

static void new_line(struct buf *out, unsigned depth)
{
	buf_addc(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_adds(out, "  ");
}

static void string_char(struct pretty *p, char c, struct buf *out)
{
	buf_addc(out, c);
	if (p->is_escaped)
		p->is_escaped = false;
	else if (c == '\\')
		p->is_escaped = true;
	else if (c == '"')
		p->in_string = false;
}

static void closing_char(struct pretty *p, char c, struct buf *out)
{
	p->depth--;
	/* {} and [] stay on one line. */
	if (!p->has_opened)
		new_line(out, p->depth);
	p->has_opened = false;
	buf_addc(out, c);
}

static void plain_char(struct pretty *p, char c, struct buf *out)
{
	if (c == '}' || c == ']') {
		closing_char(p, c, out);
		return;
	}
	if (p->has_opened && c != '\n')
		new_line(out, p->depth);
	p->has_opened = false;
	buf_addc(out, c);
	if (c == '{' || c == '[') {
		p->depth++;
		p->has_opened = true;
	} else if (c == ',') {
		new_line(out, p->depth);
	} else if (c == ':') {
		buf_addc(out, ' ');
	}
	p->in_string = c == '"';
}

void pretty_add(struct pretty *p, const char *compact, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (p->in_string)
			string_char(p, compact[i], out);
		else
			plain_char(p, compact[i], out);
	}
}
