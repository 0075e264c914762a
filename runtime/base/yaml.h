/* YAML text to JSON trees, as sigs.k8s.io/yaml turns manifests into JSON: YAML 1.1 scalars (yes,
 * no, on, off, y and n are booleans, 0644 is octal), string keys only, anchors and merge keys
 * expanded. The text is hostile: size, depth, number of nodes and what aliases expand to are
 * bounded, and a key that is there twice is refused.  Called for manifests, by the command line,
 * and for CDI's files, which are the administrator's.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

enum {
	YAML_BYTES_MAX = 1 << 20,
	YAML_DEPTH_MAX = JSON_DEPTH_MAX,
	YAML_NODES_MAX = 200 * 1000,       /* of one text, with aliases expanded */
	YAML_EXPANDED_MAX = 4 * (1 << 20), /* bytes of scalars, with aliases expanded */
	YAML_KEYS_MAX = 4096,              /* of one mapping */
	YAML_ANCHORS_MAX = 1000,           /* of one document */
};

struct yaml_document {
	struct json *value;
	size_t line; /* where it begins */
};

struct yaml_documents {
	struct yaml_document *at;
	size_t len;
};
void yaml_documents_free(struct yaml_documents *d);

/* Documents that hold nothing are left out.  -EINVAL (syntax), -EEXIST (a key twice), -E2BIG and
 * -ELOOP (limits); e names the line. */
int yaml_parse(const char *text, size_t len, struct yaml_documents *out, struct err *e);

/* What an unquoted scalar means: a boolean, null, a number, or a string.  NULL when it is a number
 * that JSON cannot hold (.inf, .nan). */
struct json *yaml_plain_scalar(const char *text, size_t len);
