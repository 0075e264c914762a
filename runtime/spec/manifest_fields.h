/* Every field of v1 Pod as data: its name, its Go type and what carpel does with it.  The tables
 * read like Kubernetes' own struct definitions, in the order in which an API server writes them, so
 * they can be compared line by line.  The decoder, the writer and the check for what carpel does
 * not honour all walk these tables; a field that is missing here does not exist.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum field_use {
	HONOURED = 1,
	WRITTEN, /* the same, and written back even when it is empty: no omitempty, or a struct */
	LATER,   /* Kubernetes knows it, carpel does not honour it: refused by name */
	SCHEDULING, /* chooses among nodes: has no meaning on one, ignored with a warning */
	SERVER,     /* set by servers only: carried as it is */
};

struct field {
	const char *name;
	const char *type; /* Go's: "[]v1.Container", "*bool", "map[string]string" */
	enum field_use use;
	/* The values that carpel supports (for SCHEDULING: that say nothing), as JSON texts with a
	 * blank between two; NULL: any. */
	const char *only;
};

struct type {
	const char *name; /* "v1.Container" */
	const struct field *fields;
	size_t len;
};

/* One table file each; together they are all types. */
struct types {
	const struct type *at;
	size_t len;
};
extern const struct types pod_types, container_types, volume_types, scheduling_types;

const struct type *type_find(const char *name); /* NULL: not a struct, see enum value_kind */
const struct field *type_field(const struct type *t, const char *name); /* NULL: unknown */

enum value_kind {
	KIND_STRING = 1, /* also every named string type */
	KIND_BOOL,
	KIND_INT32,
	KIND_INT64,
	KIND_QUANTITY,
	KIND_INT_OR_STRING,
	KIND_RAW, /* of no interest, carried as it is */
	KIND_STRUCT,
};

enum value_shape { SHAPE_ONE = 1, SHAPE_LIST, SHAPE_MAP };

/* A Go type taken apart. */
struct value_type {
	enum value_shape shape;
	bool is_pointer;       /* a zero value is written back */
	enum value_kind kind;  /* of the value, or of each entry */
	const char *name;      /* of the value or of each entry: "string", "v1.Container" */
	const char *whole;     /* of all, without the pointer: "[]v1.Container" */
	const struct type *of; /* KIND_STRUCT only */
};
void value_type_parse(const char *go, struct value_type *out);
