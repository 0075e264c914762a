/* Strict numbers and small text helpers.  No number of ours is read by atoi or strtol. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits with an optional leading '-', nothing else, whole text.  Returns 0, -EINVAL or -ERANGE. */
int str_to_i64(const char *text, int64_t min, int64_t max, int64_t *out);
int str_to_u64(const char *text, uint64_t max, uint64_t *out);

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);

/* malloc'd copies; out of memory aborts, see buf.h. */
char *str_dup(const char *text); /* NULL stays NULL */
char *str_ndup(const char *text, size_t len);
char *str_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Bytes of the well-formed UTF-8 character at p; 0 when there is none or it is NUL. */
size_t str_utf8_char(const char *p, size_t left);
/* Any bytes as valid UTF-8: what is not (and NUL) becomes U+FFFD. */
char *str_utf8(const char *bytes, size_t len);
void *mem_zalloc(size_t size);
void *mem_resize(void *p, size_t count, size_t size); /* overflow checked */

/* An owned list of texts. */
struct strv {
	char **at;
	size_t len;
};
void strv_add(struct strv *v, const char *text); /* copies */
void strv_free(struct strv *v);
bool strv_has(const struct strv *v, const char *text);
void strv_sort(struct strv *v);        /* by bytes */
void strv_sort_unique(struct strv *v); /* and frees what is there twice */
bool strv_has_sorted(const struct strv *v, const char *text);
/* A NULL-closed array that borrows the texts; the caller frees the array only. */
char **strv_argv(const struct strv *v);
