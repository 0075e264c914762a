/* The tree behind struct json, shared by json.c (reading, building, writing) and json_parse.c.  Not
 * for others. */
#pragma once

#include "base/json.h"

struct json_member {
	uint32_t hash; /* of the key: a search seldom has to look at a key that is another one */
	char *key;
	struct json *value;
};

struct json {
	enum json_type type;
	bool boolean;
	size_t len, cap; /* bytes of text, elements or members */
	char *text;      /* string or number, closed by NUL */
	struct json **elements;
	struct json_member *members;
};
