/* The meaning of unquoted scalars, as goyaml.v2 resolves them, since that is what every Kubernetes
 * tool does: YAML 1.1's many booleans, octal by a leading zero, but no base 60 and no timestamps.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/yaml.h"

static const char *const true_words[] = { "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE",
	"on", "On", "ON" };
static const char *const false_words[] = { "n", "N", "no", "No", "NO", "false", "False", "FALSE",
	"off", "Off", "OFF" };
static const char *const null_words[] = { "", "~", "null", "Null", "NULL" };
static const char *const unbounded_words[] = { ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF",
	"+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF" };

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

/* Numbers keep their text in a tree; the reader of JSON is the only way to make one. */
static struct json *number_from_text(const char *text)
{
	struct json *number = NULL;

	return json_parse(text, strlen(text), NULL, &number, NULL) < 0 ? NULL : number;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Go's base prefixes: 0x, 0b, 0o, and a plain leading zero for octal. */
static unsigned base_of(const char **digits)
{
	const char *d = *digits;

	if (d[0] != '0' || d[1] == '\0')
		return 10;
	switch (d[1]) {
	case 'x':
	case 'X':
		*digits += 2;
		return 16;
	case 'b':
	case 'B':
		*digits += 2;
		return 2;
	case 'o':
	case 'O':
		*digits += 2;
		return 8;
	default:
		*digits += 1;
		return 8;
	}
}

/* An integer of any of Go's bases, or NULL.  Decimals too long for 64 bits keep their digits. */
static struct json *as_integer(const char *text)
{
	bool is_negative = *text == '-';
	const char *digits = text + (*text == '-' || *text == '+');
	unsigned base = base_of(&digits);
	uint64_t value = 0;
	char out[32];

	if (!*digits)
		return NULL;
	for (const char *p = digits; *p; p++)
		if (digit_value(*p) >= (int)base)
			return NULL;
	for (const char *p = digits; *p; p++) {
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, (uint64_t)digit_value(*p), &value))
			return base == 10 ? number_from_text(text + (*text == '+')) : NULL;
	}
	snprintf(out, sizeof(out), "%s%llu", is_negative && value ? "-" : "",
		(unsigned long long)value);
	return number_from_text(out);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_like_float(const char *p)
{
	size_t whole, fraction = 0;

	p += *p == '-' || *p == '+';
	whole = strspn(p, "0123456789");
	p += whole;
	if (*p == '.') {
		fraction = strspn(++p, "0123456789");
		p += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+';
		if (!isdigit((unsigned char)*p))
			return false;
		p += strspn(p, "0123456789");
	}
	return *p == '\0';
}

/* Go's encoding/json: the shortest digits that read back as the same number, without an exponent
 * between 1e-6 and 1e21. */
static struct json *number_from_double(double value)
{
	char digits[40];
	double size = fabs(value);

	if (size == 0)
		value = 0; /* JSON's -0 is a number that nobody means */
	for (int precision = 0; precision < 18; precision++) {
		snprintf(digits, sizeof(digits), "%.*e", precision, value);
		if (strtod(digits, NULL) != value)
			continue;
		if (value == 0 || (size >= 1e-6 && size < 1e21)) {
			int power = size > 0 ? (int)floor(log10(size)) : 0;
			int after_point = precision > power ? precision - power : 0;

			snprintf(digits, sizeof(digits), "%.*f", after_point, value);
		}
		break;
	}
	return number_from_text(digits);
}

static struct json *as_number(const char *text)
{
	CLEANUP(buf_free) struct buf plain = { 0 };
	struct json *number;
	double value;

	/* Underscores may stand anywhere in an integer, and in a float that begins with a digit. */
	for (const char *p = text; *p; p++)
		if (*p != '_' || *text == '.')
			buf_addc(&plain, *p);
	if (!plain.data)
		return NULL;
	number = as_integer(plain.data);
	if (number || !looks_like_float(plain.data))
		return number;
	value = strtod(plain.data, NULL);
	return isfinite(value) ? number_from_double(value) : NULL;
}

struct json *yaml_plain_scalar(const char *text, size_t len)
{
	struct json *number;

	if (strlen(text) != len)
		return json_new_string_len(text, len);
	if (is_one_of(text, true_words, ARRAY_LEN(true_words)))
		return json_new_bool(true);
	if (is_one_of(text, false_words, ARRAY_LEN(false_words)))
		return json_new_bool(false);
	if (is_one_of(text, null_words, ARRAY_LEN(null_words)))
		return json_new_null();
	if (is_one_of(text, unbounded_words, ARRAY_LEN(unbounded_words)))
		return NULL;
	if (!strchr("+-.0123456789", *text))
		return json_new_string_len(text, len);
	number = as_number(text);
	return number ? number : json_new_string_len(text, len);
}
