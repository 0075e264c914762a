#include "spec/message.h"

#include <assert.h>
#include <errno.h>
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

void *message_copy(const void *message)
{
	const ProtobufCMessage *m = message;
	CLEANUP(cleanup_free) uint8_t *bytes = NULL;
	size_t len;
	void *copy;

	if (!m)
		return NULL;
	len = protobuf_c_message_get_packed_size(m);
	bytes = mem_zalloc(len);
	(void)protobuf_c_message_pack(m, bytes);
	copy = protobuf_c_message_unpack(m->descriptor, NULL, len, bytes);
	if (!copy) /* what was packed just now can only fail for want of memory */
		abort();
	return copy;
}

/* protobuf-c's own empty string stands in fields that are not set, and is never freed. */
static char *new_text(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = str_utf8_char(text + i, len - i);
		if (n == 0)
			return str_utf8(text, len);
	}
	return str_dup(text ? text : "");
}

void message_set_string(char **field, const char *text)
{
	char *fresh = new_text(text);

	if (*field != protobuf_c_empty_string)
		free(*field);
	*field = fresh;
}

void message_add_string(char ***list, size_t *len, const char *text)
{
	*list = mem_resize(*list, *len + 1, sizeof(**list));
	(*list)[(*len)++] = new_text(text);
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

static int check_text(const struct message_place *at, const char *text, struct err *e)
{
	size_t len = text ? strlen(text) : 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = str_utf8_char(text + i, len - i);
		if (n == 0)
			return message_fail(at, e, EINVAL, "the string is no valid UTF-8");
	}
	return 0;
}

static int check_message(const struct message_place *in, const ProtobufCMessage *m, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; m && i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		struct message_place field = message_field(in, f->name);
		struct message_values v = message_values(m, f);

		for (size_t k = 0; k < v.len && rc == 0; k++) {
			struct message_place element = message_element(&field, k);
			const struct message_place *at = v.is_list ? &element : &field;
			const char *from = v.at + k * v.size;

			if (f->type == PROTOBUF_C_TYPE_STRING)
				rc = check_text(at, *(char *const *)from, e);
			else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
				rc = check_message(at, *(ProtobufCMessage *const *)from, e);
		}
	}
	return rc;
}

int message_check_utf8(const void *message, struct err *e)
{
	return check_message(NULL, message, e);
}
