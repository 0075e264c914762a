#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "spec/message_json.h"
#include "spec/message_parts.h"

static struct json *write_string(const char *text)
{
	CLEANUP(cleanup_free) char *clean = text ? str_utf8(text, strlen(text)) : NULL;

	return json_new_string(clean ? clean : "");
}

static struct json *write_bytes(const ProtobufCBinaryData *bytes)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	base64_write(bytes->data, bytes->len, &text);
	return json_new_string_len(text.data ? text.data : "", text.len);
}

static struct json *write_enum(const ProtobufCEnumDescriptor *d, int number)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(d, number);

	return v ? json_new_string(v->name) : json_new_i64(number);
}

/* The shortest text that reads back as the same number. */
static struct json *write_double(double x)
{
	struct json *number = NULL;
	char text[32];

	if (isnan(x))
		return json_new_string("NaN");
	if (isinf(x))
		return json_new_string(x < 0 ? "-Infinity" : "Infinity");
	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	/* Trees build integers only; the reader makes any number. */
	if (json_parse(text, strlen(text), NULL, &number, NULL) < 0)
		abort();
	return number;
}

static struct json *write_digits(bool is_signed, uint64_t n)
{
	CLEANUP(cleanup_free)
	char *text = is_signed ? str_fmt("%" PRId64, (int64_t)n) : str_fmt("%" PRIu64, n);

	return json_new_string(text);
}

static struct json *write_value(
	const ProtobufCFieldDescriptor *f, const void *from, enum message_defaults defaults)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return json_new_i64(*(const int32_t *)from);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return json_new_i64(*(const uint32_t *)from);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return write_digits(true, *(const uint64_t *)from);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return write_digits(false, *(const uint64_t *)from);
	case PROTOBUF_C_TYPE_DOUBLE:
		return write_double(*(const double *)from);
	case PROTOBUF_C_TYPE_BOOL:
		return json_new_bool(*(const protobuf_c_boolean *)from);
	case PROTOBUF_C_TYPE_ENUM:
		return write_enum(f->descriptor, *(const int *)from);
	case PROTOBUF_C_TYPE_STRING:
		return write_string(*(char *const *)from);
	case PROTOBUF_C_TYPE_BYTES:
		return write_bytes(from);
	case PROTOBUF_C_TYPE_MESSAGE:
		return message_to_json(*(ProtobufCMessage *const *)from, defaults);
	case PROTOBUF_C_TYPE_FLOAT:
		break;
	}
	abort(); /* a type that CRI does not use */
}

static bool is_set(const ProtobufCFieldDescriptor *f, const void *from)
{
	static const char zero[sizeof(int64_t)];

	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return *(char *const *)from && **(char *const *)from;
	case PROTOBUF_C_TYPE_BYTES:
		return ((const ProtobufCBinaryData *)from)->len > 0;
	default: /* by bytes, since -0.0 is not the default */
		return memcmp(from, zero, message_value_size(f->type)) != 0;
	}
}

void message_json_name(const char *name, char out[MESSAGE_NAME_MAX])
{
	bool is_after_line = false; /* "_" itself vanishes */
	size_t len = 0;

	assert(strlen(name) < MESSAGE_NAME_MAX);
	for (; *name; name++) {
		if (*name != '_')
			out[len++] = (char)(is_after_line ? toupper((unsigned char)*name) : *name);
		is_after_line = *name == '_';
	}
	out[len] = '\0';
}

struct map_key {
	const char *key;
	const ProtobufCMessage *entry;
	size_t index;
};

static int compare_keys(const void *a, const void *b)
{
	const struct map_key *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Of entries with the same key the last one counts, and stands last after sorting too. */
static struct json *write_map(const struct message_values *v, enum message_defaults defaults)
{
	CLEANUP(cleanup_free) struct map_key *keys = mem_resize(NULL, v->len, sizeof(*keys));
	struct json *out = json_new_object();

	for (size_t i = 0; i < v->len; i++) {
		const ProtobufCMessage *entry = ((ProtobufCMessage *const *)v->at)[i];
		const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];

		assert(key->type == PROTOBUF_C_TYPE_STRING);
		keys[i] = (struct map_key){ .entry = entry,
			.index = i,
			.key = *(char *const *)message_values(entry, key).at };
	}
	qsort(keys, v->len, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < v->len; i++) {
		const ProtobufCFieldDescriptor *value = &keys[i].entry->descriptor->fields[1];
		CLEANUP(cleanup_free) char *key = str_utf8(keys[i].key, strlen(keys[i].key));

		json_set(out, key,
			write_value(value, message_values(keys[i].entry, value).at, defaults));
	}
	return out;
}

static struct json *write_list(const ProtobufCFieldDescriptor *f, const struct message_values *v,
	enum message_defaults defaults)
{
	struct json *out = json_new_array();

	for (size_t i = 0; i < v->len; i++)
		json_push(out, write_value(f, v->at + i * v->size, defaults));
	return out;
}

struct json *message_to_json(const ProtobufCMessage *m, enum message_defaults defaults)
{
	struct json *out;

	if (!m)
		return json_new_null();
	out = json_new_object();
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		struct message_values v = message_values(m, f);
		char name[MESSAGE_NAME_MAX];

		message_json_name(f->name, name);
		if (v.is_list ? v.len == 0 : !is_set(f, v.at))
			if (defaults == MESSAGE_DEFAULTS_LEFT_OUT)
				continue;
		json_set(out, name,
			message_is_map(f) ? write_map(&v, defaults)
			: v.is_list       ? write_list(f, &v, defaults)
					  : write_value(f, v.at, defaults));
	}
	return out;
}
