/* What message*.c share, of no use to others: where in a message they are, for errors, and what a
 * descriptor leaves to be found out. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* A chain on the C stack, from the innermost field outwards. */
struct message_place {
	const struct message_place *in;
	const char *name; /* of a field, or a map's key; NULL: the element at index */
	size_t index;
	bool is_key;
	int depth;
};

struct message_place message_field(const struct message_place *in, const char *name);
struct message_place message_element(const struct message_place *in, size_t index);
struct message_place message_key(const struct message_place *in, const char *key);
/* config.mounts[0].image.annotations["a/b"]; nothing for NULL, the message itself. */
void message_write_place(const struct message_place *at, struct buf *out);
/* Returns -code, with "<place>: <text>" in e. */
int message_fail(const struct message_place *at, struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* protobuf-c forgets which repeated messages are maps; protoc names their entries by a rule. */
bool message_is_map(const ProtobufCFieldDescriptor *f);
/* Bytes of one value in a message or an array. */
size_t message_value_size(ProtobufCType type);

/* What a field holds: one value, or as many as its list. */
struct message_values {
	const char *at;
	size_t len, size;
	bool is_list;
};
struct message_values message_values(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);

enum { MESSAGE_NAME_MAX = 64 };
/* container_path: containerPath, by protoc's rule. */
void message_json_name(const char *name, char out[MESSAGE_NAME_MAX]);
