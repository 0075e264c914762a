#include "oci/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const struct option_row *find(
	const char *name, size_t len, const struct option_row *rows, size_t rows_len)
{
	for (size_t i = 0; i < rows_len; i++)
		if ((strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0) ||
			(len == 1 && rows[i].letter == name[0]))
			return &rows[i];
	return NULL;
}

static int set(const struct option_row *row, const char *value, struct err *e)
{
	switch (row->kind) {
	case OPTION_FLAG:
		if (value && !str_eq(value, "true") && !str_eq(value, "false"))
			return err_say(e, EINVAL, "--%s=%s: want true or false", row->name, value);
		*(bool *)row->to = !str_eq(value, "false");
		return 0;
	case OPTION_TEXT:
		*(const char **)row->to = value;
		return 0;
	case OPTION_NUMBER:
		return str_to_i64(value, -1, INT64_MAX - 1, row->to) < 0
			       ? err_say(e, EINVAL, "--%s %s: want a number", row->name, value)
			       : 0;
	case OPTION_TEXTS:
		strv_add(row->to, value);
		return 0;
	case OPTION_IGNORED:
		return 0;
	}
	return -EINVAL;
}

int options_read(int argc, char **argv, const struct option_row *rows, size_t len,
	const char *usage, struct err *e)
{
	int at = 1;

	for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
		const char *name = argv[at] + strspn(argv[at], "-"), *value = strchr(name, '=');
		const struct option_row *row;
		int rc;

		if (str_eq(argv[at], "--"))
			return at + 1;
		if (str_eq(argv[at], "--help") || str_eq(argv[at], "-h"))
			exit(fputs(usage, stdout) < 0);
		row = find(name, value ? (size_t)(value - name) : strlen(name), rows, len);
		if (!row)
			return err_say(e, EINVAL, "%s: no such option", argv[at]);
		value = value ? value + 1 : NULL;
		if (!value && row->kind != OPTION_FLAG && row->kind != OPTION_IGNORED) {
			if (++at == argc)
				return err_say(e, EINVAL, "--%s: want a value", row->name);
			value = argv[at];
		}
		if ((rc = set(row, value, e)) < 0)
			return rc;
	}
	return at;
}

int options_id(int argc, char **argv, int at, const char **out, struct err *e)
{
	if (at >= argc)
		return err_say(e, EINVAL, "want a container id");
	if (at + 1 < argc)
		return err_say(e, EINVAL, "%s: no more arguments are wanted", argv[at + 1]);
	*out = argv[at];
	return 0;
}
