#include "spec/selector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "spec/selector_term.h"

void selector_term_free(struct selector_term *t)
{
	free(t->key);
	strv_free(&t->values);
	*t = (struct selector_term){ 0 };
}

void selector_free(struct selector *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->len; i++)
		selector_term_free(&s->at[i]);
	free(s->at);
	free(s);
}

void cleanup_selector(struct selector **s)
{
	selector_free(*s);
	*s = NULL;
}

void selector_add(struct selector *s, struct selector_term *term)
{
	s->at = mem_resize(s->at, s->len + 1, sizeof(*s->at));
	s->at[s->len++] = *term;
	*term = (struct selector_term){ 0 };
}

int selector_int(const char *text, int64_t *out)
{
	if (text[0] == '+' && text[1] != '-')
		text++;
	return str_to_i64(text, INT64_MIN, INT64_MAX, out);
}

/* ---- matching ---------------------------------------------------------------------------------*/

/* Sorted, so that a list of thousands costs one object a dozen comparisons. */
static bool has_value(const struct selector_term *t, const char *value)
{
	return strv_has_sorted(&t->values, value);
}

static bool is_ordered(const struct selector_term *t, const char *value)
{
	int64_t have, want;

	if (selector_int(value, &have) < 0 || selector_int(t->values.at[0], &want) < 0)
		return false;
	return t->op == OP_GREATER ? have > want : have < want;
}

/* value: NULL when the key is missing. */
static bool term_matches(const struct selector_term *t, const char *value)
{
	switch (t->op) {
	case OP_IN:
		return value && has_value(t, value);
	case OP_NOT_IN:
		return !value || !has_value(t, value);
	case OP_EXISTS:
		return value;
	case OP_NOT_EXISTS:
		return !value;
	case OP_GREATER:
	case OP_LESS:
		return value && is_ordered(t, value);
	}
	return false;
}

bool selector_matches_labels(const struct selector *s, const struct labels *l)
{
	for (size_t i = 0; s && i < s->len; i++)
		if (!term_matches(&s->at[i], labels_get(l, s->at[i].key)))
			return false;
	return true;
}

bool selector_matches_fields(const struct selector *s,
	const char *(*get)(const void *ctx, const char *field), const void *ctx)
{
	for (size_t i = 0; s && i < s->len; i++)
		if (!term_matches(&s->at[i], get(ctx, s->at[i].key)))
			return false;
	return true;
}

/* ---- field selectors --------------------------------------------------------------------------*/

/* Cuts at commas; one behind a backslash belongs to a value.  The API server sorts the parts, which
 * decides what it complains about first. */
static void split(const char *text, struct strv *parts)
{
	CLEANUP(buf_free) struct buf part = { 0 };

	for (;; text++) {
		if (*text && *text != ',') {
			buf_addc(&part, *text);
			if (*text == '\\' && text[1])
				buf_addc(&part, *++text);
			continue;
		}
		if (part.len)
			strv_add(parts, part.data);
		buf_clear(&part);
		if (!*text)
			break;
	}
	strv_sort(parts);
}

/* The first operator in the part; a field's name knows no escapes. */
static const char *find_operator(const char *part, enum selector_op *op, size_t *len)
{
	const char *at = part + strcspn(part, "=!");

	while (at[0] == '!' && at[1] != '=')
		at += 1 + strcspn(at + 1, "=!");
	*op = at[0] == '!' ? OP_NOT_IN : OP_IN;
	*len = at[0] && at[1] == '=' ? 2 : 1;
	return *at ? at : NULL;
}

static int unescape(const char *text, struct buf *out, struct err *e)
{
	buf_adds(out, "");
	for (; *text; text++) {
		if (*text == ',' || *text == '=') /* the API server prints the code, too */
			return err_say(e, EINVAL,
				"invalid field selector: unescaped character in value: %d", *text);
		if (*text == '\\') {
			size_t len = str_utf8_char(text + 1, strlen(text + 1));

			text++;
			if (*text != '\\' && *text != ',' && *text != '=')
				return err_say(e, EINVAL,
					"invalid field selector: invalid escape sequence: \\%.*s",
					(int)len, text);
		}
		buf_addc(out, *text);
	}
	return 0;
}

static int parse_field(const char *text, const char *part, struct selector *s, struct err *e)
{
	CLEANUP(selector_term_free) struct selector_term t = { 0 };
	CLEANUP(buf_free) struct buf value = { 0 };
	size_t len;
	const char *operator= find_operator(part, &t.op, &len);
	int rc;

	if (!operator)
		return err_say(
			e, EINVAL, "invalid selector: '%s'; can't understand '%s'", text, part);
	if ((rc = unescape(operator+ len, &value, e)) < 0)
		return rc;
	t.key = str_ndup(part, (size_t)(operator- part));
	strv_add(&t.values, value.data);
	selector_add(s, &t);
	return 0;
}

static bool is_allowed(const char *field, const char *const *allowed)
{
	for (; *allowed; allowed++)
		if (str_eq(*allowed, field))
			return true;
	return false;
}

int selector_parse_fields(
	const char *text, const char *const *allowed, struct selector **out, struct err *e)
{
	CLEANUP(cleanup_selector) struct selector *s = mem_zalloc(sizeof(*s));
	CLEANUP(strv_free) struct strv parts = { 0 };
	int rc;

	if (text && strlen(text) > SELECTOR_BYTES_MAX)
		return err_say(
			e, E2BIG, "field selector: more than %d bytes", (int)SELECTOR_BYTES_MAX);
	split(text ? text : "", &parts);
	for (size_t i = 0; i < parts.len; i++)
		if ((rc = parse_field(text, parts.at[i], s, e)) < 0)
			return rc;
	for (size_t i = 0; i < s->len; i++)
		if (!is_allowed(s->at[i].key, allowed))
			return err_say(e, EINVAL, "field label not supported: %s", s->at[i].key);
	*out = TAKE(s);
	return 0;
}
