/* Options and arguments of a command line, from a table: --name=value, --name value, -x value,
 * -xvalue and -xyz, in any order with the arguments, until "--".  No abbreviations: a new option
 * must never change what an old script says.  Pure; main.c and every verb call it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum option_kind {
	OPTION_FLAG = 1, /* bool: --x, --x=true, --x=false */
	OPTION_TEXT,     /* const char *, borrowed from argv */
	OPTION_WORD,     /* const char *; the value only behind "=", "" without one */
	OPTION_NUMBER,   /* int64_t, not negative */
	OPTION_DURATION, /* int64_t milliseconds: 30s, 1m30s, 500ms, 0 */
	OPTION_LIST,     /* struct strv; may be given several times */
};

struct option {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	void *into;
};

struct arguments {
	char **at; /* borrowed texts, closed by NULL */
	size_t len;
	char **command; /* what stands behind "--", closed by NULL; NULL without "--" */
	bool is_help;   /* --help or -h (where -h is nothing else) */
};
void arguments_free(struct arguments *a);

/* argv[0] is skipped.  stop_at_first: the first argument ends the options (global ones before the
 * verb); it and all behind it are arguments. */
struct options {
	const struct option *table;
	size_t len;
	bool stop_at_first;
};
int options_parse(const struct options *o, char **argv, struct arguments *out, struct err *e);

/* Go's duration text to milliseconds, at least 0. -EINVAL. */
int duration_parse(const char *text, int64_t *out_ms);
