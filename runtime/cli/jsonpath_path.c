/* A path maps a list of nodes to a list of nodes, step by step. */
#include "cli/jsonpath_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

enum { NODES_MAX = 1 << 20, DESCENT_MAX = JSON_DEPTH_MAX };

static void nodes_add(struct nodes *n, const struct json *j)
{
	if (!j || n->len == NODES_MAX)
		return;
	if (n->len == n->cap) {
		n->cap = n->cap ? n->cap * 2 : 16;
		n->at = mem_resize(n->at, n->cap, sizeof(*n->at));
	}
	n->at[n->len++] = j;
}

void nodes_free(struct nodes *n)
{
	free(n->at);
	*n = (struct nodes){ 0 };
}

int cursor_fail(const struct cursor *c, const char *what)
{
	if (!*c->p)
		return err_say(c->e, EINVAL, "jsonpath: %s at the end", what);
	return err_say(c->e, EINVAL, "jsonpath: %s at \"%.40s\"", what, c->p);
}

void cursor_skip_space(struct cursor *c)
{
	c->p += strspn(c->p, " \t\n");
}

/* 'text' or "text" with backslash escapes. */
int cursor_read_quoted(struct cursor *c, struct buf *out)
{
	char quote = *c->p++;

	buf_add(out, "", 0);
	for (; *c->p != quote; c->p++) {
		char ch = *c->p;

		if (!ch)
			return cursor_fail(c, "a quote is not closed");
		if (ch == '\\' && c->p[1]) {
			ch = *++c->p;
			ch = ch == 'n' ? '\n' : ch == 't' ? '\t' : ch == 'r' ? '\r' : ch;
		}
		buf_addc(out, ch);
	}
	c->p++;
	return 0;
}

/* ---- steps of a path ---- */

static void child_of(const struct json *from, const char *key, struct nodes *to)
{
	nodes_add(to, json_get(from, key));
}

static void children_of(const struct json *from, struct nodes *to)
{
	for (size_t i = 0; i < json_len(from); i++)
		nodes_add(to, json_type(from) == JSON_ARRAY ? json_at(from, i)
							    : json_member(from, i, NULL));
}

static void descend(const struct json *from, int depth, struct nodes *to)
{
	nodes_add(to, from);
	for (size_t i = 0; depth < DESCENT_MAX && i < json_len(from); i++)
		descend(json_type(from) == JSON_ARRAY ? json_at(from, i)
						      : json_member(from, i, NULL),
			depth + 1, to);
}

static void replace(struct nodes *n, struct nodes *by)
{
	nodes_free(n);
	*n = *by;
	*by = (struct nodes){ 0 };
}

/* A name behind a dot; a backslash takes the next character as it is (labels\.app). */
static int step_name(struct cursor *c, struct nodes *n)
{
	CLEANUP(buf_free) struct buf name = { 0 };
	CLEANUP(nodes_free) struct nodes to = { 0 };

	while (*c->p && !strchr(".[]{}()=!<>, \t\n", *c->p)) {
		if (*c->p == '\\' && c->p[1])
			c->p++;
		buf_addc(&name, *c->p++);
	}
	if (name.len == 0)
		return cursor_fail(c, "a name is missing");
	for (size_t i = 0; i < n->len; i++) {
		if (strcmp(name.data, "*") == 0)
			children_of(n->at[i], &to);
		else
			child_of(n->at[i], name.data, &to);
	}
	replace(n, &to);
	return 0;
}

static int read_index(struct cursor *c, int64_t *out)
{
	char text[16] = "";
	size_t len = strspn(c->p, "-0123456789");

	if (len == 0 || len >= sizeof(text))
		return cursor_fail(c, "a number is missing");
	memcpy(text, c->p, len);
	if (str_to_i64(text, INT32_MIN, INT32_MAX, out) < 0)
		return cursor_fail(c, "not a number");
	c->p += len;
	return 0;
}

struct slice {
	bool is_range, has_from, has_to;
	int64_t from, to, step;
};

static int read_slice(struct cursor *c, struct slice *s)
{
	*s = (struct slice){ .step = 1 };
	if (*c->p != ':') {
		if (read_index(c, &s->from) < 0)
			return -EINVAL;
		s->has_from = true;
	}
	if (*c->p != ':')
		return 0;
	s->is_range = true;
	c->p++;
	if (*c->p == '-' || (*c->p >= '0' && *c->p <= '9')) {
		if (read_index(c, &s->to) < 0)
			return -EINVAL;
		s->has_to = true;
	}
	if (*c->p == ':') {
		c->p++;
		if (read_index(c, &s->step) < 0)
			return -EINVAL;
	}
	return s->step > 0 ? 0 : cursor_fail(c, "a step must be above 0");
}

static int apply_slice(
	const struct cursor *c, const struct slice *s, const struct json *from, struct nodes *to)
{
	int64_t len = (int64_t)json_len(from), first = s->from, end = s->to;

	if (json_type(from) != JSON_ARRAY)
		return 0;
	if (first < 0)
		first += len;
	if (!s->is_range) {
		if (first < 0 || first >= len)
			return err_say(c->e, EINVAL,
				"jsonpath: array index out of bounds: index %lld, length %lld",
				(long long)s->from, (long long)len);
		nodes_add(to, json_at(from, (size_t)first));
		return 0;
	}
	if (!s->has_to)
		end = len;
	else if (end < 0)
		end += len;
	if (first < 0)
		first = 0;
	for (int64_t i = first; i < end && i < len; i += s->step)
		nodes_add(to, json_at(from, (size_t)i));
	return 0;
}

/* ---- filters ---- */

enum compare {
	COMPARE_EXISTS = 1,
	COMPARE_EQ,
	COMPARE_NE,
	COMPARE_LT,
	COMPARE_LE,
	COMPARE_GT,
	COMPARE_GE
};

/* One side of a comparison: the first node of a path, or a literal kept in *made. */
static int read_operand(
	struct cursor *c, const struct json *current, const struct json **out, struct json **made)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(nodes_free) struct nodes n = { 0 };
	int rc;

	cursor_skip_space(c);
	if (*c->p == '@' || *c->p == '$' || *c->p == '.') {
		rc = jsonpath_read_path(c, current, &n);
		*out = rc == 0 && n.len ? n.at[0] : NULL;
		return rc;
	}
	if (*c->p == '"' || *c->p == '\'') {
		rc = cursor_read_quoted(c, &text);
		*out = *made = rc == 0 ? json_new_string(text.data) : NULL;
		return rc;
	}
	while (*c->p && !strchr(" )=!<>", *c->p))
		buf_addc(&text, *c->p++);
	if (!text.len || json_parse(text.data, text.len, NULL, made, NULL) < 0)
		return cursor_fail(c, "a value is missing");
	*out = *made;
	return 0;
}

static enum compare read_operator(struct cursor *c)
{
	static const struct {
		const char *text;
		enum compare op;
	} operators[] = {
		{ "==", COMPARE_EQ }, { "!=", COMPARE_NE }, { "<=", COMPARE_LE }, /* before "<" */
		{ ">=", COMPARE_GE }, { "<", COMPARE_LT }, { ">", COMPARE_GT },   /* */
	};

	cursor_skip_space(c);
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		if (str_starts(c->p, operators[i].text)) {
			c->p += strlen(operators[i].text);
			return operators[i].op;
		}
	}
	return COMPARE_EXISTS;
}

static bool is_less(const struct json *a, const struct json *b)
{
	int64_t x, y;

	if (json_i64(a, INT64_MIN, INT64_MAX, &x) == 0 &&
		json_i64(b, INT64_MIN, INT64_MAX, &y) == 0)
		return x < y;
	return json_type(a) == JSON_STRING && json_type(b) == JSON_STRING &&
	       strcmp(json_str(a), json_str(b)) < 0;
}

static bool holds(enum compare op, const struct json *a, const struct json *b)
{
	switch (op) {
	case COMPARE_EXISTS:
		return a != NULL;
	case COMPARE_EQ:
		return a && b && json_equal(a, b);
	case COMPARE_NE:
		return a && b && !json_equal(a, b);
	case COMPARE_LT:
		return a && b && is_less(a, b);
	case COMPARE_LE:
		return a && b && (is_less(a, b) || json_equal(a, b));
	case COMPARE_GT:
		return a && b && is_less(b, a);
	case COMPARE_GE:
		return a && b && (is_less(b, a) || json_equal(a, b));
	}
	return false;
}

/* Reads "(…)]" for one element. */
static int read_filter(struct cursor *c, const struct json *element, bool *out_holds)
{
	CLEANUP(cleanup_json) struct json *made_left = NULL;
	CLEANUP(cleanup_json) struct json *made_right = NULL;
	const struct json *left = NULL, *right = NULL;
	enum compare op;
	int rc;

	if (*c->p++ != '(')
		return cursor_fail(c, "a filter needs ?(…)");
	rc = read_operand(c, element, &left, &made_left);
	if (rc < 0)
		return rc;
	op = read_operator(c);
	if (op != COMPARE_EXISTS)
		rc = read_operand(c, element, &right, &made_right);
	if (rc < 0)
		return rc;
	cursor_skip_space(c);
	if (c->p[0] != ')' || c->p[1] != ']')
		return cursor_fail(c, "a filter is not closed");
	c->p += 2;
	*out_holds = holds(op, left, right);
	return 0;
}

static int step_filter(struct cursor *c, struct nodes *n)
{
	CLEANUP(nodes_free) struct nodes all = { 0 };
	CLEANUP(nodes_free) struct nodes to = { 0 };
	const char *start = c->p, *end = NULL;
	bool is_held = false;

	for (size_t i = 0; i < n->len; i++)
		if (json_type(n->at[i]) == JSON_ARRAY)
			children_of(n->at[i], &all);
	for (size_t i = 0; i < all.len; i++) {
		c->p = start;
		if (read_filter(c, all.at[i], &is_held) < 0)
			return -EINVAL;
		end = c->p;
		if (is_held)
			nodes_add(&to, all.at[i]);
	}
	if (!end && read_filter(c, NULL, &is_held) < 0) /* nothing to filter: only find its end */
		return -EINVAL;
	replace(n, &to);
	return 0;
}

/* ['key'] */
static int step_key(struct cursor *c, struct nodes *n)
{
	CLEANUP(buf_free) struct buf key = { 0 };
	CLEANUP(nodes_free) struct nodes to = { 0 };

	if (cursor_read_quoted(c, &key) < 0)
		return -EINVAL;
	if (*c->p++ != ']')
		return cursor_fail(c, "\"]\" is missing");
	for (size_t i = 0; i < n->len; i++)
		child_of(n->at[i], key.data, &to);
	replace(n, &to);
	return 0;
}

/* [0], [-1], [1:3], [0,2] */
static int step_indexes(struct cursor *c, struct nodes *n)
{
	CLEANUP(nodes_free) struct nodes to = { 0 };

	for (;;) {
		struct slice s;

		if (read_slice(c, &s) < 0)
			return -EINVAL;
		for (size_t i = 0; i < n->len; i++)
			if (apply_slice(c, &s, n->at[i], &to) < 0)
				return -EINVAL;
		if (*c->p != ',')
			break;
		c->p++;
	}
	if (*c->p != ']')
		return cursor_fail(c, "\"]\" is missing");
	c->p++;
	replace(n, &to);
	return 0;
}

static int step_bracket(struct cursor *c, struct nodes *n)
{
	CLEANUP(nodes_free) struct nodes to = { 0 };

	if (str_starts(c->p, "*]")) {
		c->p += 2;
		for (size_t i = 0; i < n->len; i++)
			children_of(n->at[i], &to);
		replace(n, &to);
		return 0;
	}
	if (*c->p == '?') {
		c->p++;
		return step_filter(c, n);
	}
	return *c->p == '\'' || *c->p == '"' ? step_key(c, n) : step_indexes(c, n);
}

static int step_descend(struct cursor *c, struct nodes *n)
{
	CLEANUP(nodes_free) struct nodes to = { 0 };

	for (size_t i = 0; i < n->len; i++)
		descend(n->at[i], 0, &to);
	replace(n, &to);
	return *c->p == '[' ? 0 : step_name(c, n);
}

/* current may be NULL: the path is read and finds nothing. */
int jsonpath_read_path(struct cursor *c, const struct json *current, struct nodes *out)
{
	int rc = 0;

	if (*c->p == '$' || *c->p == '@')
		nodes_add(out, *c->p++ == '$' ? c->root : current);
	else
		nodes_add(out, current);
	while (rc == 0 && (*c->p == '.' || *c->p == '[')) {
		if (*c->p++ == '[')
			rc = step_bracket(c, out);
		else if (*c->p == '.')
			c->p++, rc = step_descend(c, out);
		else if (*c->p == '[' || *c->p == '}' || *c->p == ' ' || *c->p == ')')
			continue; /* "." alone, ".[0]" */
		else
			rc = step_name(c, out);
	}
	return rc;
}
