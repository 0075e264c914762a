#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A walk over argv. */
struct walk {
	const struct options *options;
	char **argv;
	size_t next;
	struct arguments *out;
};

int duration_parse(const char *text, int64_t *out_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "ms", 1 },             /* before "m" */
		{ "h", 60 * 60 * 1000 }, /* */
		{ "m", 60 * 1000 },      /* */
		{ "s", 1000 },           /* */
	};
	enum { DIGITS_MAX = 9 }; /* so that nothing overflows */
	int64_t total = 0;

	if (strcmp(text, "0") == 0) {
		*out_ms = 0;
		return 0;
	}
	for (const char *p = text; p == text || *p;) {
		size_t digits = strspn(p, "0123456789"), u = 0;
		char number[DIGITS_MAX + 1] = "";
		int64_t value;

		if (digits == 0 || digits > DIGITS_MAX)
			return -EINVAL;
		memcpy(number, p, digits);
		p += digits;
		while (u < ARRAY_LEN(units) && !str_starts(p, units[u].unit))
			u++;
		if (u == ARRAY_LEN(units) || str_to_i64(number, 0, INT64_MAX, &value) < 0)
			return -EINVAL;
		total += value * units[u].ms;
		p += strlen(units[u].unit);
	}
	*out_ms = total;
	return 0;
}

static const struct option *find_name(const struct options *o, const char *name, size_t len)
{
	for (size_t i = 0; i < o->len; i++)
		if (strlen(o->table[i].name) == len && memcmp(o->table[i].name, name, len) == 0)
			return &o->table[i];
	return NULL;
}

static const struct option *find_letter(const struct options *o, char letter)
{
	for (size_t i = 0; i < o->len; i++)
		if (o->table[i].letter && o->table[i].letter == letter)
			return &o->table[i];
	return NULL;
}

static int set_flag(const struct option *o, const char *value, struct err *e)
{
	bool *into = o->into;

	if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return err_say(e, EINVAL, "--%s takes true or false, not \"%s\"", o->name, value);
	*into = !value || strcmp(value, "true") == 0;
	return 0;
}

/* value is not NULL but for flags and words. */
static int set_option(const struct option *o, const char *value, struct err *e)
{
	switch (o->kind) {
	case OPTION_FLAG:
		return set_flag(o, value, e);
	case OPTION_WORD:
		*(const char **)o->into = value ? value : "";
		return 0;
	case OPTION_TEXT:
		*(const char **)o->into = value;
		return 0;
	case OPTION_LIST:
		strv_add(o->into, value);
		return 0;
	case OPTION_NUMBER:
		if (str_to_i64(value, 0, INT32_MAX, o->into) < 0)
			return err_say(
				e, EINVAL, "--%s: \"%s\" is not a number from 0", o->name, value);
		return 0;
	case OPTION_DURATION:
		if (duration_parse(value, o->into) < 0)
			return err_say(e, EINVAL,
				"--%s: \"%s\" is not a duration such as 30s or 1m30s", o->name,
				value);
		return 0;
	}
	return 0;
}

static bool needs_value(const struct option *o)
{
	return o->kind != OPTION_FLAG && o->kind != OPTION_WORD;
}

static int take_long(struct walk *w, const char *text, struct err *e)
{
	size_t len = strcspn(text, "=");
	const struct option *o = find_name(w->options, text, len);
	const char *value = text[len] == '=' ? text + len + 1 : NULL;

	if (!o && strcmp(text, "help") == 0) {
		w->out->is_help = true;
		return 0;
	}
	if (!o)
		return err_say(e, EINVAL, "unknown option --%.*s", (int)len, text);
	if (!value && needs_value(o)) {
		value = w->argv[w->next];
		if (!value)
			return err_say(e, EINVAL, "--%s needs a value", o->name);
		w->next++;
	}
	return set_option(o, value, e);
}

/* "-it", "-nX", "-n X", "-n=X". */
static int take_letters(struct walk *w, const char *text, struct err *e)
{
	for (const char *p = text; *p; p++) {
		const struct option *o = find_letter(w->options, *p);
		const char *value = NULL;
		int rc;

		if (!o && *p == 'h') {
			w->out->is_help = true;
			continue;
		}
		if (!o)
			return err_say(e, EINVAL, "unknown option -%c", *p);
		if (needs_value(o)) {
			value = p[1] == '=' ? p + 2 : p + 1;
			if (!p[1])
				value = w->argv[w->next];
			if (!value)
				return err_say(e, EINVAL, "-%c needs a value", *p);
			w->next += !p[1];
		}
		rc = set_option(o, value, e);
		if (rc < 0 || value)
			return rc;
	}
	return 0;
}

int options_parse(const struct options *o, char **argv, struct arguments *out, struct err *e)
{
	CLEANUP(arguments_free) struct arguments args = { 0 };
	struct walk w = { .options = o, .argv = argv, .next = 1, .out = &args };
	size_t count = 0;

	while (argv[count])
		count++;
	args.at = mem_zalloc((count + 1) * sizeof(*args.at));
	while (argv[w.next]) {
		char *text = argv[w.next];
		int rc = 0;

		if (o->stop_at_first && (text[0] != '-' || !text[1]))
			break;
		w.next++;
		if (strcmp(text, "--") == 0) {
			args.command = &argv[w.next];
			break;
		}
		if (str_starts(text, "--"))
			rc = take_long(&w, text + 2, e);
		else if (text[0] == '-' && text[1])
			rc = take_letters(&w, text + 1, e);
		else
			args.at[args.len++] = text;
		if (rc < 0)
			return rc;
	}
	while (o->stop_at_first && argv[w.next])
		args.at[args.len++] = argv[w.next++];
	*out = args;
	args = (struct arguments){ 0 };
	return 0;
}

void arguments_free(struct arguments *a)
{
	free(a->at);
	*a = (struct arguments){ 0 };
}
