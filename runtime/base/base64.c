#include "base/base64.h"

#include <errno.h>
#include <stdint.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
static const char standard[] = LETTERS "+/", url[] = LETTERS "-_";

static void write_digits(const void *bytes, size_t len, const char *digits, struct buf *out)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i < 3 ? len - i : 3;
		unsigned group = (unsigned)at[i] << 16;

		if (left > 1)
			group |= (unsigned)at[i + 1] << 8;
		if (left > 2)
			group |= at[i + 2];
		for (size_t k = 0; k <= left; k++)
			buf_addc(out, digits[group >> (18 - 6 * k) & 63]);
	}
}

void base64_write(const void *bytes, size_t len, struct buf *out)
{
	write_digits(bytes, len, standard, out);
	for (size_t i = len; i % 3; i++)
		buf_addc(out, '=');
}

void base64_write_url(const void *bytes, size_t len, struct buf *out)
{
	write_digits(bytes, len, url, out);
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int base64_read(const char *text, size_t len, struct buf *out)
{
	size_t digits_len = len;
	uint32_t group = 0;
	unsigned bits = 0;

	while (digits_len > 0 && len - digits_len < 2 && text[digits_len - 1] == '=')
		digits_len--;
	if ((digits_len < len && len % 4 != 0) || digits_len % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < digits_len; i++) {
		int digit = digit_value(text[i]);

		if (digit < 0)
			return -EINVAL;
		group = (group << 6 | (uint32_t)digit) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(out, (char)(group >> bits & 0xff));
		}
	}
	return group & ((1U << bits) - 1) ? -EINVAL : 0;
}
