#include "spec/message.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "spec/message_parts.h"

enum { KEY_SHOWN_MAX = 80 };

void *message_new(const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = mem_zalloc(d->sizeof_message);

	protobuf_c_message_init(d, m);
	return m;
}

void message_free(void *message)
{
	protobuf_c_message_free_unpacked(message, NULL);
}

void cleanup_message(void *message_at)
{
	message_free(*(void **)message_at);
	*(void **)message_at = NULL;
}

static ProtobufCBinaryData copy_bytes(const uint8_t *data, size_t len)
{
	ProtobufCBinaryData copy = { .len = len };

	if (len) {
		copy.data = mem_resize(NULL, len, 1);
		memcpy(copy.data, data, len);
	}
	return copy;
}

static void copy_value(ProtobufCType type, const char *from, char *to)
{
	const ProtobufCBinaryData *bytes = (const ProtobufCBinaryData *)from;

	switch ((int)type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		*(void **)to = message_copy(*(void *const *)from);
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)to = str_dup(*(char *const *)from);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)to = copy_bytes(bytes->data, bytes->len);
		break;
	default:
		memcpy(to, from, message_value_size(type));
	}
}

/* Fields of a later CRI. */
static void copy_unknown(const ProtobufCMessage *m, ProtobufCMessage *to)
{
	if (!m->n_unknown_fields)
		return;
	to->unknown_fields = mem_resize(NULL, m->n_unknown_fields, sizeof(*to->unknown_fields));
	to->n_unknown_fields = m->n_unknown_fields;
	for (unsigned i = 0; i < m->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *f = &m->unknown_fields[i];

		to->unknown_fields[i] = *f;
		to->unknown_fields[i].data = copy_bytes(f->data, f->len).data;
	}
}

/* Not by way of the wire: a field number of 0, in two bytes, is kept by protobuf-c as a field of a
 * later CRI, written in one byte, and then refused. */
void *message_copy(const void *message)
{
	const ProtobufCMessage *m = message;
	ProtobufCMessage *copy;

	if (!m)
		return NULL;
	copy = message_new(m->descriptor);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		struct message_values v = message_values(m, f);
		char *to = (char *)copy + f->offset;

		if (v.is_list && v.len == 0)
			continue;
		if (v.is_list) {
			*(size_t *)((char *)copy + f->quantifier_offset) = v.len;
			*(char **)to = mem_resize(NULL, v.len, v.size);
			to = *(char **)to;
		}
		for (size_t k = 0; k < v.len; k++)
			copy_value(f->type, v.at + k * v.size, to + k * v.size);
	}
	copy_unknown(m, copy);
	return copy;
}

void message_set_string(char **field, const char *text)
{
	char *fresh = str_dup(text ? text : "");

	/* What stands in a field that was never set belongs to protobuf-c. */
	if (*field != protobuf_c_empty_string)
		free(*field);
	*field = fresh;
}

void message_add_string(char ***list, size_t *len, const char *text)
{
	*list = mem_resize(*list, *len + 1, sizeof(**list));
	(*list)[(*len)++] = str_dup(text ? text : "");
}

void *message_add(void *list, size_t *len, const ProtobufCMessageDescriptor *d)
{
	void ***array = list;

	*array = mem_resize(*array, *len + 1, sizeof(**array));
	(*array)[*len] = message_new(d);
	return (*array)[(*len)++];
}

static char **entry_text(void *entry, unsigned field)
{
	const ProtobufCMessageDescriptor *d = ((ProtobufCMessage *)entry)->descriptor;

	assert(d->n_fields == 2 && d->fields[field].type == PROTOBUF_C_TYPE_STRING);
	return (char **)((char *)entry + d->fields[field].offset);
}

const char *message_map_get(const void *entries, size_t len, const char *key)
{
	void *const *at = entries;

	while (len-- > 0)
		if (strcmp(*entry_text(at[len], 0), key) == 0)
			return *entry_text(at[len], 1);
	return NULL;
}

void message_map_add(void *entries_at, size_t *len, const ProtobufCMessageDescriptor *entry,
	const char *key, const char *value)
{
	void *added = message_add(entries_at, len, entry);

	message_set_string(entry_text(added, 0), key);
	message_set_string(entry_text(added, 1), value);
}

struct message_place message_field(const struct message_place *in, const char *name)
{
	return (struct message_place){ .in = in, .name = name, .depth = in ? in->depth + 1 : 1 };
}

struct message_place message_element(const struct message_place *in, size_t index)
{
	return (struct message_place){ .in = in, .index = index, .depth = in->depth + 1 };
}

struct message_place message_key(const struct message_place *in, const char *key)
{
	return (struct message_place){
		.in = in, .name = key, .is_key = true, .depth = in->depth + 1
	};
}

void message_write_place(const struct message_place *at, struct buf *out)
{
	if (!at)
		return;
	message_write_place(at->in, out);
	if (!at->name) {
		buf_addf(out, "[%zu]", at->index);
	} else if (at->is_key) {
		buf_addc(out, '[');
		buf_add_quoted(out, at->name, strnlen(at->name, KEY_SHOWN_MAX));
		buf_addc(out, ']');
	} else {
		buf_addf(out, "%s%s", out->len ? "." : "", at->name);
	}
}

int message_fail(const struct message_place *at, struct err *e, int code, const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	va_list ap;

	message_write_place(at, &text);
	if (text.len)
		buf_adds(&text, ": ");
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	return err_say(e, code, "%s", text.data);
}

bool message_is_map(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *entry = f->descriptor;

	return f->label == PROTOBUF_C_LABEL_REPEATED && f->type == PROTOBUF_C_TYPE_MESSAGE &&
	       str_ends(entry->short_name, "Entry") && entry->n_fields == 2 &&
	       str_eq(entry->fields[0].name, "key") && str_eq(entry->fields[1].name, "value");
}

size_t message_value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_ENUM:
		return sizeof(int32_t);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return sizeof(int64_t);
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(char *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(ProtobufCMessage *);
	}
	abort(); /* a type that protobuf-c does not have */
}

struct message_values message_values(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *at = (const char *)m + f->offset;
	struct message_values v = { .at = at, .len = 1, .size = message_value_size(f->type) };

	/* CRI has neither optional fields nor a oneof. */
	assert(f->label == PROTOBUF_C_LABEL_NONE || f->label == PROTOBUF_C_LABEL_REPEATED);
	assert(!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF));
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		v.is_list = true;
		v.at = *(const char *const *)at;
		v.len = *(const size_t *)((const char *)m + f->quantifier_offset);
	}
	return v;
}
