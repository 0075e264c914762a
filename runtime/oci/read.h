/* Members of config.json and process.json: a value of another type, out of its range or with a NUL
 * byte is refused by its path, and so is what was asked for and is not supported.  null counts as
 * not there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

/* An object and what to call it: "linux.resources"; "" is the whole. */
struct part {
	const struct json *json;
	char path[160];
};

struct part part_of(const struct json *json, const char *path);
/* A part of a part.  json is NULL when there is none. */
int part_get(const struct part *p, const char *key, enum json_type type, struct part *out,
	struct err *e);
int part_element(
	const struct part *list, size_t i, enum json_type type, struct part *out, struct err *e);

int read_text(const struct part *p, const char *key, const char **out, struct err *e); /* NULL */
int read_bool(const struct part *p, const char *key, bool *out, struct err *e);        /* stays */
struct bounds {
	int64_t min, max;
};
/* 1: it was there. */
int read_number(
	const struct part *p, const char *key, struct bounds b, int64_t *out, struct err *e);
/* Appends the texts of a list. */
int read_texts(const struct part *p, const char *key, struct strv *out, struct err *e);

/* Refuses what is set: anything but null, false, 0, "", [] and {}.  keys: closed by NULL. */
int read_refused(const struct part *p, const char *const *keys, struct err *e);
/* "config.json: linux.x=VALUE: why" */
int read_refuse(const struct part *p, const char *key, const char *why, struct err *e);
