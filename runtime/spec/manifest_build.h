/* What the two halves of the last stage share, see manifest_parts.h. */
#pragma once

#include "base/json.h"
#include "spec/pod.h"

struct word {
	const char *text; /* NULL closes a table */
	int value;
};
int word_value(const struct word *words, const char *text);

char *optional_text(const struct json *object, const char *key);     /* NULL for none; owned */
int64_t optional_number(const struct json *object, const char *key); /* -1 for none */
bool is_true(const struct json *object, const char *key);
int64_t id_of(const struct json *value); /* a uid or gid, -1 for none */
/* Zeroed room for an element each; NULL for none. */
void *make_list(const struct json *list, size_t size, size_t *out_len);
void build_texts(const struct json *list, struct strv *out);

void build_selinux(const struct json *options, struct selinux_spec *out);
void build_container(const struct json *c, const struct json *pod_sc, struct container_spec *out);
