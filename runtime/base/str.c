#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int str_to_u64(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (!text || !*text)
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	}
	if (n > max)
		return -ERANGE;
	*out = n;
	return 0;
}

int str_to_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool is_negative = text && *text == '-';
	uint64_t magnitude;
	int64_t n;
	int rc = str_to_u64(text ? text + is_negative : NULL, UINT64_MAX, &magnitude);

	if (rc < 0)
		return rc;
	if (magnitude > (uint64_t)INT64_MAX + is_negative)
		return -ERANGE;
	n = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (n < min || n > max)
		return -ERANGE;
	*out = n;
	return 0;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *text, const char *prefix)
{
	return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
	size_t len = text ? strlen(text) : 0, want = strlen(suffix);

	return text && len >= want && strcmp(text + len - want, suffix) == 0;
}

/* Out of memory is not survivable for whoever asks: see buf.h. */
static void *or_abort(void *p)
{
	if (!p)
		abort();
	return p;
}

char *str_dup(const char *text)
{
	return text ? or_abort(strdup(text)) : NULL;
}

char *str_ndup(const char *text, size_t len)
{
	return or_abort(strndup(text, len));
}

char *str_fmt(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return or_abort(n < 0 ? NULL : text);
}

void *mem_zalloc(size_t size)
{
	return or_abort(calloc(1, size ? size : 1));
}

void *mem_resize(void *p, size_t count, size_t size)
{
	return or_abort(reallocarray(p, count ? count : 1, size ? size : 1));
}

void strv_add(struct strv *v, const char *text)
{
	v->at = mem_resize(v->at, v->len + 1, sizeof(*v->at));
	v->at[v->len++] = str_dup(text);
}

void strv_free(struct strv *v)
{
	for (size_t i = 0; i < v->len; i++)
		free(v->at[i]);
	free(v->at);
	*v = (struct strv){ 0 };
}

bool strv_has(const struct strv *v, const char *text)
{
	for (size_t i = 0; i < v->len; i++)
		if (str_eq(v->at[i], text))
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *v)
{
	if (v->len > 1) /* qsort(3) may not be given NULL */
		qsort(v->at, v->len, sizeof(*v->at), compare);
}

void strv_sort_unique(struct strv *v)
{
	size_t kept = 0;

	strv_sort(v);
	for (size_t i = 0; i < v->len; i++)
		if (kept && str_eq(v->at[kept - 1], v->at[i]))
			free(v->at[i]);
		else
			v->at[kept++] = v->at[i];
	v->len = kept;
}

bool strv_has_sorted(const struct strv *v, const char *text)
{
	return v->len && bsearch(&text, v->at, v->len, sizeof(*v->at), compare);
}

char **strv_argv(const struct strv *v)
{
	char **argv = mem_resize(NULL, v->len + 1, sizeof(*argv));

	for (size_t i = 0; i < v->len; i++)
		argv[i] = v->at[i];
	argv[v->len] = NULL;
	return argv;
}

/* RFC 3629: no overlong form, no surrogate. */
size_t str_utf8_char(const char *text, size_t left)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = left == 0                     ? 0
		   : p[0] < 0x80                 ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : (p[0] & 0xf0) == 0xe0       ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;

	if (!n || n > left || p[0] == '\0')
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

char *str_utf8(const char *bytes, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	char *out = mem_zalloc(len * 3 + 1), *to = out;

	for (size_t i = 0; i < len;) {
		size_t n = str_utf8_char(bytes + i, len - i);

		memcpy(to, n ? bytes + i : replacement, n ? n : 3);
		to += n ? n : 3;
		i += n ? n : 1;
	}
	return out;
}
