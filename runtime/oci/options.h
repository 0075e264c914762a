/* Options of one command: a table in, values out.  What is not in it is refused by name. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum option_kind { OPTION_FLAG = 1, OPTION_TEXT, OPTION_NUMBER, OPTION_TEXTS, OPTION_IGNORED };

struct option_row {
	const char *name; /* "preserve-fds" */
	char letter;      /* 0: none */
	enum option_kind kind;
	void *to; /* bool *, const char **, int64_t *, struct strv *, NULL */
};

/* Returns the index of the first argument that is no option.  --help: prints usage, ends. */
int options_read(int argc, char **argv, const struct option_row *rows, size_t len,
	const char *usage, struct err *e);
/* One argument, which must be there, and no more. */
int options_id(int argc, char **argv, int at, const char **out, struct err *e);
