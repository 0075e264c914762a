/* What the tests of messages as JSON share. In their texts ' stands for ". */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

#define TYPE(name) (&runtime__v1__##name##__descriptor)

static inline char *unquoted(const char *text)
{
	char *out = str_dup(text);

	for (char *p = out; *p; p++)
		if (*p == '\'')
			*p = '"';
	return out;
}

static inline struct json *parse(const char *text)
{
	CLEANUP(cleanup_free) char *plain = unquoted(text);
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(plain, strlen(plain), NULL, &j, &e) < 0)
		fail_msg("%s: %s", plain, e.text);
	return j;
}
