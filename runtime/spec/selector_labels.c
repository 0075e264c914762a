/* The grammar of label selectors, by descent with one token of lookahead:
 *
 *   selector = [ term { "," term } ]
 *   term     = KEY | "!" KEY | KEY ("=" | "==" | "!=" | "<" | ">") [ WORD ] | KEY ("in" | "notin")
 * list list     = "(" [ WORD ] { "," [ WORD ] } ")"
 *
 * "in" and "notin" are words except where an operator is due.
 */
#include "spec/selector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "spec/names.h"
#include "spec/selector_term.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_SYMBOL };

struct token {
	enum token_kind kind;
	const char *text; /* borrowed from the selector */
	size_t len;
};

struct parser {
	const char *at; /* behind the token */
	struct token token;
	struct err *e;
};

static const char blanks[] = " \t\r\n";
static const char symbols[] = "=!(),><";

static void next(struct parser *p)
{
	const char *text = p->at + strspn(p->at, blanks);
	struct token *t = &p->token;

	*t = (struct token){ .kind = TOKEN_END, .text = text };
	if (*text && strchr(symbols, *text)) {
		t->kind = TOKEN_SYMBOL;
		t->len = (*text == '=' || *text == '!') && text[1] == '=' ? 2 : 1;
	} else if (*text) {
		t->kind = TOKEN_WORD;
		while (text[t->len] && !strchr(blanks, text[t->len]) &&
			!strchr(symbols, text[t->len]))
			t->len++;
	}
	p->at = text + t->len;
}

static bool is_text(const struct parser *p, const char *text)
{
	return p->token.len == strlen(text) && memcmp(p->token.text, text, p->token.len) == 0;
}

/* At the end of the text what was found is empty, as the API server says it. */
static int expected(const struct parser *p, const char *what)
{
	return err_say(p->e, EINVAL, "found '%.*s'%s", (int)p->token.len, p->token.text, what);
}

/* ---- checks of what was read ------------------------------------------------------------------*/

/* "<path>: Invalid value: \"x\": a; b" */
static void add_invalid(
	struct buf *out, const char *path, const char *value, const struct name_faults *f)
{
	buf_addf(out, "%s: Invalid value: ", path);
	buf_add_quoted(out, value, strlen(value));
	for (size_t i = 0; i < f->len; i++)
		buf_addf(out, "%s%s", i ? "; " : ": ", f->at[i]);
}

static int check_key(const char *key, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct name_faults f = name_faults_qualified(key);

	if (f.len == 0)
		return 0;
	add_invalid(&text, "<nil>", key, &f); /* the API server gives no path here */
	return err_say(e, EINVAL, "%s", text.data);
}

/* All that is wrong with the values, as far as a struct err can hold. */
static int check_values(const struct selector_term *t, struct err *e)
{
	static const struct name_faults no_number = {
		.at = { "for 'Gt', 'Lt' operators, the value must be an integer" }, .len = 1
	};
	CLEANUP(buf_free) struct buf text = { 0 };
	int64_t number;
	size_t count = 0;

	if ((t->op == OP_GREATER || t->op == OP_LESS) &&
		selector_int(t->values.at[0], &number) < 0) {
		add_invalid(&text, "values[0]", t->values.at[0], &no_number);
		count++;
	}
	for (size_t i = 0; i < t->values.len && text.len < ERR_TEXT_MAX; i++) {
		struct name_faults f = name_faults_label_value(t->values.at[i]);
		CLEANUP(cleanup_free) char *path = NULL;

		if (f.len == 0)
			continue;
		path = str_fmt("%svalues[%zu][%s]", count++ ? ", " : "", i, t->key);
		add_invalid(&text, path, t->values.at[i], &f);
	}
	if (count == 0)
		return 0;
	return err_say(e, EINVAL, count > 1 ? "[%s]" : "%s", text.data);
}

/* ---- the grammar ------------------------------------------------------------------------------*/

static int parse_key(struct parser *p, struct selector_term *t)
{
	if (is_text(p, "!")) {
		t->op = OP_NOT_EXISTS;
		next(p);
	}
	if (p->token.kind != TOKEN_WORD)
		return expected(p, ", expected: identifier");
	t->key = str_ndup(p->token.text, p->token.len);
	next(p);
	return check_key(t->key, p->e);
}

static bool is_at_end_of_term(const struct parser *p)
{
	return p->token.kind == TOKEN_END || is_text(p, ",");
}

static int parse_operator(struct parser *p, struct selector_term *t)
{
	static const struct {
		const char *text;
		enum selector_op op;
	} operators[] = {
		{ "in", OP_IN },
		{ "notin", OP_NOT_IN },
		{ "=", OP_IN },
		{ "==", OP_IN },
		{ "!=", OP_NOT_IN },
		{ ">", OP_GREATER },
		{ "<", OP_LESS },
	};

	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (is_text(p, operators[i].text)) {
			t->op = operators[i].op;
			return 0;
		}
	return expected(p, ", expected: in, notin, =, ==, !=, gt, lt");
}

static void take_value(struct parser *p, struct selector_term *t)
{
	CLEANUP(cleanup_free) char *value = str_ndup(p->token.text, p->token.len);

	strv_add(&t->values, value);
	next(p);
}

/* "(a,,b)" has three values, the second one empty; "()" has one. */
static int parse_list(struct parser *p, struct selector_term *t)
{
	if (!is_text(p, "("))
		return expected(p, " expected: '('");
	next(p);
	if (p->token.kind != TOKEN_WORD && !is_text(p, ",") && !is_text(p, ")"))
		return expected(p, ", expected: ',', ')' or identifier");
	for (;;) {
		if (p->token.kind == TOKEN_WORD) {
			take_value(p, t);
			if (!is_text(p, ",") && !is_text(p, ")"))
				return expected(p, ", expected: ',' or ')'");
		} else if (is_text(p, ",") || is_text(p, ")")) {
			strv_add(&t->values, "");
		} else {
			return expected(p, ", expected: ',', or identifier");
		}
		if (is_text(p, ")"))
			break;
		next(p);
	}
	next(p);
	return 0;
}

static int parse_value(struct parser *p, struct selector_term *t)
{
	if (is_at_end_of_term(p)) {
		strv_add(&t->values, "");
		return 0;
	}
	if (p->token.kind != TOKEN_WORD)
		return expected(p, ", expected: identifier");
	take_value(p, t);
	return 0;
}

static int parse_term(struct parser *p, struct selector_term *t)
{
	bool has_list;
	int rc = parse_key(p, t);

	if (rc < 0)
		return rc;
	if (t->op == OP_NOT_EXISTS)
		return 0;
	if (is_at_end_of_term(p)) {
		t->op = OP_EXISTS;
		return 0;
	}
	if ((rc = parse_operator(p, t)) < 0)
		return rc;
	has_list = p->token.kind == TOKEN_WORD;
	next(p);
	rc = has_list ? parse_list(p, t) : parse_value(p, t);
	if (rc < 0)
		return rc;
	strv_sort_unique(&t->values);
	return check_values(t, p->e);
}

static int parse_terms(struct parser *p, struct selector *s)
{
	while (p->token.kind != TOKEN_END) {
		CLEANUP(selector_term_free) struct selector_term t = { 0 };
		int rc;

		if (p->token.kind == TOKEN_SYMBOL && !is_text(p, "!"))
			return expected(
				p, s->len ? ", expected: identifier after ','"
					  : ", expected: !, identifier, or 'end of string'");
		if ((rc = parse_term(p, &t)) < 0)
			return err_wrap(p->e, rc, "unable to parse requirement");
		selector_add(s, &t);
		if (p->token.kind == TOKEN_END)
			break;
		if (!is_text(p, ","))
			return expected(p, ", expected: ',' or 'end of string'");
		next(p);
		if (p->token.kind == TOKEN_END)
			return expected(p, ", expected: identifier after ','");
	}
	return 0;
}

int selector_parse_labels(const char *text, struct selector **out, struct err *e)
{
	CLEANUP(cleanup_selector) struct selector *s = mem_zalloc(sizeof(*s));
	struct parser p = { .at = text ? text : "", .e = e };
	int rc;

	if (strlen(p.at) > SELECTOR_BYTES_MAX)
		return err_say(
			e, E2BIG, "label selector: more than %d bytes", (int)SELECTOR_BYTES_MAX);
	next(&p);
	if ((rc = parse_terms(&p, s)) < 0)
		return rc;
	*out = TAKE(s);
	return 0;
}
