/* A quantity is digits x 10^e x 2^b, and is computed exactly however many digits there are: the
 * whole part in 64 bits, the first digits of the fraction by themselves, and of the rest only
 * whether there is any.
 */
#include "spec/quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

enum {
	MILLI_DIGITS = 3,
	/* As many as the greatest b.  A number of n decimals times 2^b, n >= b, is a multiple of
	 * 2^b/10^n, hence so is its distance to the next integer, and what follows the n decimals
	 * adds less than that: it never reaches that integer. */
	FRACTION_DIGITS = 60,
	EXPONENT_MAX = 1000000000,
	SUFFIX_MAX = 24, /* "e", a sign and the 19 digits of an int64, with room for zeros */
};

struct suffix {
	const char *text;
	int exponent, shift; /* of 10 and of 2 */
};

static const struct suffix suffixes[] = {
	{ "n", -9, 0 },
	{ "u", -6, 0 },
	{ "m", -3, 0 },
	{ "", 0, 0 },
	{ "k", 3, 0 },
	{ "M", 6, 0 },
	{ "G", 9, 0 },
	{ "T", 12, 0 },
	{ "P", 15, 0 },
	{ "E", 18, 0 },
	{ "Ki", 0, 10 },
	{ "Mi", 0, 20 },
	{ "Gi", 0, 30 },
	{ "Ti", 0, 40 },
	{ "Pi", 0, 50 },
	{ "Ei", 0, 60 },
};

struct number {
	bool is_negative;
	const char *whole, *decimals; /* digits before and behind the point, borrowed */
	size_t whole_len, decimals_len;
	int64_t exponent; /* of 10 */
	int shift;        /* of 2 */
};

static const char blanks[] = " \t\n\v\f\r";
static const char digits[] = "0123456789";

static int read_exponent(const char *text, struct number *n)
{
	int64_t exponent;

	if (text[0] != 'e' && text[0] != 'E')
		return -EINVAL;
	text += text[1] == '+' && text[2] != '-' ? 2 : 1;
	if (str_to_i64(text, INT64_MIN, INT64_MAX, &exponent) < 0)
		return -EINVAL;
	n->exponent = exponent > EXPONENT_MAX    ? EXPONENT_MAX
		      : exponent < -EXPONENT_MAX ? -EXPONENT_MAX
						 : exponent;
	return 0;
}

static int read_suffix(const char *text, size_t len, struct number *n)
{
	char suffix[SUFFIX_MAX + 1];

	if (len > SUFFIX_MAX)
		return -EINVAL;
	memcpy(suffix, text, len);
	suffix[len] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (str_eq(suffix, suffixes[i].text)) {
			n->exponent = suffixes[i].exponent;
			n->shift = suffixes[i].shift;
			return 0;
		}
	return read_exponent(suffix, n);
}

static int read_number(const char *text, struct number *n)
{
	size_t len;

	text += strspn(text, blanks);
	n->is_negative = *text == '-';
	text += *text == '-' || *text == '+';
	n->whole = text;
	n->whole_len = strspn(text, digits);
	text += n->whole_len;
	text += *text == '.';
	n->decimals = text;
	n->decimals_len = strspn(text, digits);
	text += n->decimals_len;
	if (n->whole_len + n->decimals_len == 0)
		return -EINVAL;
	len = strcspn(text, blanks);
	return text[len + strspn(text + len, blanks)] ? -EINVAL : read_suffix(text, len, n);
}

/* The digit i places from the first one; those around the written ones are zeros. */
static unsigned digit_at(const struct number *n, int64_t i)
{
	int64_t whole_len = (int64_t)n->whole_len;

	if (i < 0 || i >= whole_len + (int64_t)n->decimals_len)
		return 0;
	return (unsigned)(i < whole_len ? n->whole[i] : n->decimals[i - whole_len]) - '0';
}

/* *value = *value x by + add; false when that is no int64. */
static bool scale(int64_t *value, int64_t by, unsigned add)
{
	return !__builtin_mul_overflow(*value, by, value) &&
	       !__builtin_add_overflow(*value, (int64_t)add, value);
}

/* Doubles a fraction of FRACTION_DIGITS digits and returns what goes over its point. */
static unsigned double_fraction(unsigned *fraction)
{
	unsigned carry = 0;

	for (int i = FRACTION_DIGITS - 1; i >= 0; i--) {
		unsigned twice = fraction[i] * 2 + carry;

		fraction[i] = twice % 10;
		carry = twice / 10;
	}
	return carry;
}

/* The magnitude, rounded up; point is how many digits stand before the decimal point. */
static int64_t magnitude(const struct number *n, int64_t point)
{
	int64_t len = (int64_t)(n->whole_len + n->decimals_len), value = 0;
	unsigned fraction[FRACTION_DIGITS], rest = 0;

	/* Behind the written digits a value either overflows within 19 steps or stays zero. */
	for (int64_t i = 0; i < point && (i < len || value); i++)
		if (!scale(&value, 10, digit_at(n, i)))
			return INT64_MAX;
	for (int i = 0; i < FRACTION_DIGITS; i++)
		fraction[i] = digit_at(n, point + i);
	for (int64_t i = point + FRACTION_DIGITS < 0 ? 0 : point + FRACTION_DIGITS; i < len; i++)
		rest |= digit_at(n, i);
	for (int i = 0; i < n->shift; i++)
		if (!scale(&value, 2, double_fraction(fraction)))
			return INT64_MAX;
	for (int i = 0; i < FRACTION_DIGITS; i++)
		rest |= fraction[i];
	return rest && value < INT64_MAX ? value + 1 : value;
}

static int read_scaled(const char *text, int scale_digits, int64_t *out)
{
	struct number n = { 0 };
	int64_t value;
	int rc = text ? read_number(text, &n) : -EINVAL;

	if (rc < 0)
		return rc;
	value = magnitude(&n, (int64_t)n.whole_len + n.exponent + scale_digits);
	*out = n.is_negative ? -value : value;
	return 0;
}

int quantity_milli(const char *text, int64_t *out)
{
	return read_scaled(text, MILLI_DIGITS, out);
}

int quantity_units(const char *text, int64_t *out)
{
	return read_scaled(text, 0, out);
}
