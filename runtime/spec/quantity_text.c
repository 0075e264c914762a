#include "spec/quantity_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "spec/quantity.h"

static const char wrong_format[] = "quantities must match the regular expression "
				   "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
static const char wrong_suffix[] = "unable to parse quantity's suffix";

static const char digits[] = "0123456789";
static const char blanks[] = " \t\n\v\f\r";

/* Follows the expression, so a text that matches it and is still no quantity has a wrong suffix. */
static const char *why_wrong(const char *text)
{
	const char *p = text + strspn(text, blanks);
	size_t number;

	p += *p == '+' || *p == '-';
	number = strspn(p, "0123456789.");
	p += number;
	p += strspn(p, "eEinumkKMGTP");
	p += *p == '+' || *p == '-';
	p += strspn(p, digits);
	p += strspn(p, blanks);
	return !number || *p ? wrong_format : wrong_suffix;
}

enum format { DECIMAL, BINARY, EXPONENT };

/* By the suffix: "Ki", "e3", anything else. */
static enum format format_of(const char *text)
{
	const char *p = text + strspn(text, blanks);

	p += strspn(p, "+-0123456789.");
	if (strchr(p, 'i'))
		return BINARY;
	return (*p == 'e' || *p == 'E') && strspn(p + 1, "+-0123456789") && p[1] ? EXPONENT
										 : DECIMAL;
}

/* Divides by base as often as that leaves no rest, steps times at most. */
static int factor_out(int64_t *value, int64_t base, int steps)
{
	int n = 0;

	for (; n < steps && *value != 0 && *value % base == 0; n++)
		*value /= base;
	return n;
}

static void write_binary(int64_t units, struct buf *out)
{
	static const char *const suffixes[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	int n = factor_out(&units, 1024, (int)ARRAY_LEN(suffixes) - 1);

	buf_addf(out, "%" PRId64 "%s", units, suffixes[n]);
}

/* value x 1000^(n - 1): thousandths when it starts at 0, units when it starts at 1. */
static void write_decimal(int64_t value, int start, enum format format, struct buf *out)
{
	static const char *const suffixes[] = { "m", "", "k", "M", "G", "T", "P", "E" };
	int n = start + factor_out(&value, 1000, (int)ARRAY_LEN(suffixes) - 1 - start);

	if (format == EXPONENT && value && n != 1)
		buf_addf(out, "%" PRId64 "e%d", value, (n - 1) * 3);
	else
		buf_addf(out, "%" PRId64 "%s", value, value ? suffixes[n] : "");
}

const char *quantity_canonical(const char *text, struct buf *out)
{
	enum { BINARY_MIN = 1024 };
	enum format format = format_of(text);
	int64_t milli = 0, units = 0;

	if (quantity_milli(text, &milli) < 0 || quantity_units(text, &units) < 0)
		return why_wrong(text);
	/* Small ones would lose their fraction. */
	if (format == BINARY && (units >= BINARY_MIN || units <= -BINARY_MIN))
		write_binary(units, out);
	else if (milli == INT64_MAX || milli == -INT64_MAX)
		write_decimal(units, 1, format == EXPONENT ? EXPONENT : DECIMAL, out);
	else
		write_decimal(milli, 0, format == EXPONENT ? EXPONENT : DECIMAL, out);
	return NULL;
}
