/* The template is read and carried out in one walk; a range's body is walked once for each of its
 * items, or once without output to find its end.
 */
#include "cli/jsonpath.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/jsonpath_path.h"

enum { RANGES_MAX = 8 };

static void print_value(const struct json *j, struct buf *out)
{
	if (json_type(j) == JSON_STRING || json_type(j) == JSON_NUMBER)
		buf_add(out, json_str(j), json_str_len(j));
	else if (json_type(j) != JSON_NULL)
		json_write(j, JSON_COMPACT, out);
}

static int print_path(struct cursor *c, const struct json *current, struct buf *out)
{
	CLEANUP(nodes_free) struct nodes n = { 0 };
	int rc = jsonpath_read_path(c, current, &n);

	for (size_t i = 0; rc == 0 && out && i < n.len; i++) {
		if (i)
			buf_addc(out, ' ');
		print_value(n.at[i], out);
	}
	return rc;
}

static int close_brace(struct cursor *c)
{
	cursor_skip_space(c);
	if (*c->p != '}')
		return cursor_fail(c, "\"}\" is missing");
	c->p++;
	return 0;
}

/* Ends at the end of the text, or behind "{end}" of the range it stands in. out NULL: silent. */
static int walk(struct cursor *c, const struct json *current, int ranges, struct buf *out);

static int do_range(struct cursor *c, const struct json *current, int ranges, struct buf *out)
{
	CLEANUP(nodes_free) struct nodes n = { 0 };
	const char *body;
	int rc;

	if (ranges == RANGES_MAX)
		return cursor_fail(c, "ranges are nested too deep");
	cursor_skip_space(c);
	rc = jsonpath_read_path(c, current, &n);
	if (rc == 0)
		rc = close_brace(c);
	body = c->p;
	for (size_t i = 0; rc == 0 && out && i < n.len; i++) {
		c->p = body;
		rc = walk(c, n.at[i], ranges + 1, out);
	}
	if (rc == 0 && c->p == body) /* no item: find the end */
		rc = walk(c, NULL, ranges + 1, NULL);
	return rc;
}

/* What stands between braces, "{" read already. */
static int do_action(struct cursor *c, const struct json *current, struct buf *out)
{
	do {
		cursor_skip_space(c);
		if (*c->p == '"' || *c->p == '\'') {
			CLEANUP(buf_free) struct buf text = { 0 };

			if (cursor_read_quoted(c, &text) < 0)
				return -EINVAL;
			if (out)
				buf_add(out, text.data, text.len);
		} else if (*c->p && strchr(".[$@", *c->p)) {
			if (print_path(c, current, out) < 0)
				return -EINVAL;
		} else {
			return cursor_fail(c, "expected a path such as .metadata.name");
		}
		cursor_skip_space(c);
	} while (*c->p && *c->p != '}');
	return close_brace(c);
}

static int walk(struct cursor *c, const struct json *current, int ranges, struct buf *out)
{
	int rc = 0;

	while (rc == 0 && *c->p) {
		if (*c->p != '{') {
			if (out)
				buf_addc(out, *c->p);
			c->p++;
			continue;
		}
		c->p++;
		cursor_skip_space(c);
		if (str_starts(c->p, "range ")) {
			c->p += strlen("range ");
			rc = do_range(c, current, ranges, out);
		} else if (str_starts(c->p, "end") &&
			   strspn(c->p + 3, " \t") + 3 == strcspn(c->p, "}")) {
			c->p += 3;
			rc = close_brace(c);
			return rc < 0 || ranges > 0
				       ? rc
				       : cursor_fail(c, "an {end} without its {range}");
		} else {
			rc = do_action(c, current, out);
		}
	}
	if (rc == 0 && ranges > 0)
		return cursor_fail(c, "a {range} without its {end}");
	return rc;
}

int jsonpath_print(const char *text, const struct json *root, struct buf *out, struct err *e)
{
	struct cursor c = { .p = text, .root = root, .e = e };

	return walk(&c, root, 0, out);
}
