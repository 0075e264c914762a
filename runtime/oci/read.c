#include "oci/read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { SHOWN_MAX = 60 };

struct part part_of(const struct json *json, const char *path)
{
	struct part p = { .json = json };

	(void)snprintf(p.path, sizeof(p.path), "%s", path);
	return p;
}

static void join_path(const struct part *p, const char *key, char *out, size_t size)
{
	(void)snprintf(out, size, "%.100s%s%.50s", p->path, *p->path ? "." : "", key);
}

static int refuse_value(const char *path, const struct json *value, const char *why, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	json_write(value, JSON_COMPACT, &text);
	return err_say(e, EINVAL, "config.json: %s=%.*s%s: %s", path, SHOWN_MAX, text.data,
		text.len > SHOWN_MAX ? "…" : "", why);
}

int read_refuse(const struct part *p, const char *key, const char *why, struct err *e)
{
	const struct json *value = json_get(p->json, key);
	char path[200];

	join_path(p, key, path, sizeof(path));
	return value ? refuse_value(path, value, why, e)
		     : err_say(e, EINVAL, "config.json: %s: %s", path, why);
}

/* NULL: not there. */
static const struct json *member(const struct part *p, const char *key)
{
	const struct json *j = json_get(p->json, key);

	return json_type(j) == JSON_NULL ? NULL : j;
}

static const char *type_word(enum json_type type)
{
	static const char *const words[] = {
		[JSON_NULL] = "want null",
		[JSON_BOOL] = "want true or false",
		[JSON_NUMBER] = "want a number",
		[JSON_STRING] = "want a text",
		[JSON_ARRAY] = "want a list",
		[JSON_OBJECT] = "want an object",
	};

	return words[type];
}

int part_get(
	const struct part *p, const char *key, enum json_type type, struct part *out, struct err *e)
{
	*out = (struct part){ .json = member(p, key) };
	join_path(p, key, out->path, sizeof(out->path));
	if (out->json && json_type(out->json) != type)
		return refuse_value(out->path, out->json, type_word(type), e);
	return 0;
}

int part_element(
	const struct part *list, size_t i, enum json_type type, struct part *out, struct err *e)
{
	*out = (struct part){ .json = json_at(list->json, i) };
	(void)snprintf(out->path, sizeof(out->path), "%.140s[%zu]", list->path, i);
	if (json_type(out->json) != type)
		return refuse_value(out->path, out->json, type_word(type), e);
	return 0;
}

static int check_text(const struct part *p, struct err *e)
{
	return strlen(json_str(p->json)) == json_str_len(p->json)
		       ? 0
		       : refuse_value(p->path, p->json, "it has a NUL byte", e);
}

int read_text(const struct part *p, const char *key, const char **out, struct err *e)
{
	struct part text;
	int rc = part_get(p, key, JSON_STRING, &text, e);

	if (rc == 0 && text.json && (rc = check_text(&text, e)) == 0)
		*out = json_str(text.json);
	return rc;
}

int read_bool(const struct part *p, const char *key, bool *out, struct err *e)
{
	struct part value;
	int rc = part_get(p, key, JSON_BOOL, &value, e);

	if (rc == 0 && value.json)
		*out = json_is_true(value.json);
	return rc;
}

int read_number(const struct part *p, const char *key, struct bounds b, int64_t *out, struct err *e)
{
	struct part value;
	int rc = part_get(p, key, JSON_NUMBER, &value, e);

	if (rc < 0 || !value.json)
		return rc;
	if (json_i64(value.json, b.min, b.max, out) < 0)
		return refuse_value(value.path, value.json, "it is out of range", e);
	return 1;
}

int read_texts(const struct part *p, const char *key, struct strv *out, struct err *e)
{
	struct part list, text;
	int rc = part_get(p, key, JSON_ARRAY, &list, e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		rc = part_element(&list, i, JSON_STRING, &text, e);
		if (rc == 0 && (rc = check_text(&text, e)) == 0)
			strv_add(out, json_str(text.json));
	}
	return rc;
}

static bool is_set(const struct json *j)
{
	int64_t number;

	switch (json_type(j)) {
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return json_is_true(j);
	case JSON_NUMBER:
		return json_i64(j, 0, 0, &number) < 0;
	case JSON_STRING:
		return json_str_len(j) > 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return json_len(j) > 0;
	}
	return false;
}

int read_refused(const struct part *p, const char *const *keys, struct err *e)
{
	for (; *keys; keys++) {
		const struct json *value = json_get(p->json, *keys);

		if (value && is_set(value))
			return read_refuse(p, *keys, "it is not supported", e);
	}
	return 0;
}
