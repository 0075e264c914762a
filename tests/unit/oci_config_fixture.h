/* A small config.json to change, and what becomes of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/config.h"

static const char base[] =
	"{\"ociVersion\": \"1.2.0\", \"root\": {\"path\": \"/\"}, \"mounts\": [],"
	" \"process\": {\"args\": [\"/p\"], \"cwd\": \"/\", \"user\": {}, \"capabilities\": {}},"
	" \"linux\": {\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"pid\"}],"
	" \"resources\": {}}}";

/* The document with value at where, "process.user.uid". */
static inline char *with(const char *where, const char *value)
{
	CLEANUP(cleanup_json) struct json *whole = NULL;
	CLEANUP(cleanup_free) char *parent = str_dup(where);
	CLEANUP(buf_free) struct buf text = { 0 };
	char *dot = strrchr(parent, '.');
	struct json *j = NULL;

	assert_int_equal(json_parse(base, strlen(base), NULL, &whole, NULL), 0);
	if (json_parse(value, strlen(value), NULL, &j, NULL) < 0)
		fail_msg("%s is no JSON", value);
	if (dot)
		*dot = '\0';
	assert_non_null(dot ? json_path(whole, parent) : whole);
	json_set(dot ? json_path(whole, parent) : whole, dot ? dot + 1 : where, j);
	json_write(whole, JSON_COMPACT, &text);
	return buf_take(&text);
}

static inline int translate(const char *text, struct config *c, struct err *e)
{
	int rc;

	config_init(c);
	rc = config_parse(text, strlen(text), c, e);
	return rc < 0 ? rc : config_translate(c, "c1", "/", e);
}

struct row {
	const char *where, *value, *want;
};
