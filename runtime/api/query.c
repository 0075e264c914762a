#include "api/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* plus: what '+' stands for, a space in queries and itself in paths. */
static int decode(const char *text, size_t len, char plus, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			buf_addc(out, text[i] == '+' ? plus : text[i]);
			continue;
		}
		if (i + 2 >= len)
			return -EINVAL;
		high = hex_digit(text[i + 1]);
		low = hex_digit(text[i + 2]);
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return -EINVAL;
		buf_addc(out, (char)(high << 4 | low));
		i += 2;
	}
	return 0;
}

static int split_segments(const char *path, size_t len, struct strv *out)
{
	if (len == 0 || path[0] != '/')
		return -EINVAL;
	while (len > 1) {
		CLEANUP(buf_free) struct buf segment = { 0 };
		const char *end;
		size_t part;

		path++;
		len--;
		end = memchr(path, '/', len);
		part = end ? (size_t)(end - path) : len;
		if (part == 0 || decode(path, part, '+', &segment) < 0 || strchr(segment.data, '/'))
			return -EINVAL;
		strv_add(out, segment.data);
		path += part;
		len -= part;
	}
	return 0;
}

static int split_params(const char *text, struct query *out)
{
	while (*text) {
		CLEANUP(buf_free) struct buf key = { 0 };
		CLEANUP(buf_free) struct buf value = { 0 };
		size_t len = strcspn(text, "&");
		const char *equals = memchr(text, '=', len);
		size_t key_len = equals ? (size_t)(equals - text) : len;

		if (decode(text, key_len, ' ', &key) < 0 ||
			(equals && decode(equals + 1, len - key_len - 1, ' ', &value) < 0))
			return -EINVAL;
		if (key.len > 0) {
			out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
			out->at[out->len].key = buf_take(&key);
			out->at[out->len].value = buf_take(&value);
			out->len++;
		}
		text += len;
		text += *text == '&';
	}
	return 0;
}

int query_split(const char *path, struct strv *out_segments, struct query *out)
{
	size_t len = strcspn(path, "?");
	int rc = split_segments(path, len, out_segments);

	if (rc < 0)
		return rc;
	return path[len] ? split_params(path + len + 1, out) : 0;
}

void query_free(struct query *q)
{
	for (size_t i = 0; i < q->len; i++) {
		free(q->at[i].key);
		free(q->at[i].value);
	}
	free(q->at);
	*q = (struct query){ 0 };
}

const char *query_get(const struct query *q, const char *key)
{
	for (size_t i = 0; i < q->len; i++) {
		if (str_eq(q->at[i].key, key))
			return q->at[i].value;
	}
	return NULL;
}

bool query_is_true(const struct query *q, const char *key)
{
	const char *value = query_get(q, key);

	return value && !str_eq(value, "0") && strcasecmp(value, "false") != 0;
}

static int number_error(struct err *e, const char *function, const char *text, int rc)
{
	return err_say(e, -rc, "strconv.%s: parsing \"%.100s\": %s", function, text,
		rc == -ERANGE ? "value out of range" : "invalid syntax");
}

int query_i64(const struct query *q, const char *key, int64_t *out, struct err *e)
{
	const char *text = query_get(q, key);
	int rc;

	if (!text || !*text)
		return 0;
	rc = str_to_i64(text, INT64_MIN, INT64_MAX, out);
	return rc < 0 ? number_error(e, "ParseInt", text, rc) : 0;
}

int query_parse_u64(const char *text, uint64_t *out, struct err *e)
{
	int rc = str_to_u64(text, UINT64_MAX, out);

	return rc < 0 ? number_error(e, "ParseUint", text, rc) : 0;
}
