#include "api/list_token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64_write(const unsigned char *bytes, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i < 3 ? len - i : 3;
		unsigned group = (unsigned)bytes[i] << 16;

		if (left > 1)
			group |= (unsigned)bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		for (size_t k = 0; k <= left; k++)
			buf_addc(out, digits[group >> (18 - 6 * k) & 63]);
	}
}

static int base64_read(const char *text, struct buf *out)
{
	unsigned group = 0, bits = 0;

	for (; *text && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		if (!digit)
			return -EINVAL;
		group = group << 6 | (unsigned)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(out, (char)(group >> bits & 0xff));
		}
	}
	return 0;
}

void list_token_write(const struct list_token *t, struct buf *out)
{
	CLEANUP(cleanup_free) char *json = NULL;

	/* Names of stored objects need no escapes. */
	json = str_fmt("{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRIi64 ",\"start\":\"%s/%s\"}", t->rv,
		t->ns, t->name);
	base64_write((const unsigned char *)json, strlen(json), out);
}

int list_token_read(const char *text, struct list_token *out, struct err *e)
{
	CLEANUP(buf_free) struct buf plain = { 0 };
	CLEANUP(cleanup_json) struct json *json = NULL;
	const char *start, *slash;
	int64_t rv = 0;

	if (base64_read(text, &plain) < 0)
		return err_say(e, EINVAL, "illegal base64 data");
	if (json_parse(plain.data ? plain.data : "", plain.len, NULL, &json, e) < 0)
		return -EINVAL;
	start = json_get_str(json, "start");
	slash = start ? strchr(start, '/') : NULL;
	if (!str_eq(json_get_str(json, "v"), "meta.k8s.io/v1") || !slash ||
		json_i64(json_get(json, "rv"), -1, INT64_MAX, &rv) < 0)
		return err_say(e, EINVAL, "the token is not one of this server");
	out->rv = rv;
	out->ns = str_ndup(start, (size_t)(slash - start));
	out->name = str_dup(slash + 1);
	return 0;
}

void list_token_free(struct list_token *t)
{
	free(t->ns);
	free(t->name);
	*t = (struct list_token){ 0 };
}
