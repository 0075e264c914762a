/* Every message of CRI, found by walking from its calls: with all fields filled it comes back from
 * JSON, and from the wire, as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "spec/cri.pb-c.h"
#include "spec/message.h"
#include "spec/message_json.h"
#include "spec/message_parts.h"

enum { TYPES_MAX = 512, CRI_MESSAGES = 160, CRI_MAPS = 30 };

struct types {
	const ProtobufCMessageDescriptor *at[TYPES_MAX];
	size_t len, maps;
};

static void collect(struct types *t, const ProtobufCMessageDescriptor *d)
{
	for (size_t i = 0; i < t->len; i++)
		if (t->at[i] == d)
			return;
	assert_in_range(t->len, 0, TYPES_MAX - 1);
	t->at[t->len++] = d;
	t->maps += str_ends(d->short_name, "Entry");
	for (unsigned i = 0; i < d->n_fields; i++)
		if (d->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			collect(t, d->fields[i].descriptor);
}

static int find_types(void **state)
{
	static const ProtobufCServiceDescriptor *const services[] = {
		&runtime__v1__runtime_service__descriptor,
		&runtime__v1__image_service__descriptor,
	};
	static struct types t;

	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		for (unsigned k = 0; k < services[i]->n_methods; k++) {
			collect(&t, services[i]->methods[k].input);
			collect(&t, services[i]->methods[k].output);
		}
	}
	*state = &t;
	return 0;
}

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *d, unsigned *n);

/* No two values are the same, and none is a default. */
static void fill(const ProtobufCFieldDescriptor *f, char *to, unsigned *n)
{
	const ProtobufCEnumDescriptor *e = f->descriptor;
	ProtobufCBinaryData *bytes;

	*n += 1;
	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_INT32:
		*(int32_t *)to = -(int32_t)*n;
		break;
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)to = UINT32_MAX - *n;
		break;
	case PROTOBUF_C_TYPE_INT64:
		*(int64_t *)to = INT64_MIN + *n;
		break;
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)to = UINT64_MAX - *n;
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		*(double *)to = *n / 3.0;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)to = 1;
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)to = e->values[1 + *n % (e->n_values - 1)].value;
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)to = str_fmt("%s \"%u\"", f->name, *n);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes = (ProtobufCBinaryData *)to;
		bytes->len = 1 + *n % 5;
		bytes->data = mem_zalloc(bytes->len);
		bytes->data[bytes->len - 1] = (uint8_t)*n;
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)to = filled(f->descriptor, n);
		break;
	default:
		fail_msg("%s has a type that CRI does not use", f->name);
	}
}

static ProtobufCMessage *filled(const ProtobufCMessageDescriptor *d, unsigned *n)
{
	ProtobufCMessage *m = message_new(d);

	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		size_t size = message_value_size(f->type);
		char *to = (char *)m + f->offset;

		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			*(size_t *)((char *)m + f->quantifier_offset) = 2;
			*(char **)to = mem_zalloc(2 * size);
			to = *(char **)to;
			fill(f, to + size, n);
		}
		fill(f, to, n);
	}
	return m;
}

static struct buf packed(const ProtobufCMessage *m)
{
	struct buf out = { 0 };
	CLEANUP(cleanup_free) uint8_t *bytes = mem_zalloc(protobuf_c_message_get_packed_size(m));

	buf_add(&out, bytes, protobuf_c_message_pack(m, bytes));
	return out;
}

static const char *key_of(const ProtobufCMessage *entry)
{
	return *(char *const *)message_values(entry, &entry->descriptor->fields[0]).at;
}

/* Maps come back in another order than they were filled in, so bytes cannot be compared at once. */
static void sort_maps(ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		struct message_values v = message_values(m, f);
		ProtobufCMessage **at;

		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		at = (ProtobufCMessage **)((char *)m + f->offset);
		if (v.is_list)
			at = *(ProtobufCMessage ***)at;
		if (message_is_map(f) && strcmp(key_of(at[0]), key_of(at[1])) > 0) {
			ProtobufCMessage *first = at[0];

			at[0] = at[1];
			at[1] = first;
		}
		for (size_t k = 0; k < v.len; k++)
			sort_maps(at[k]);
	}
}

static void assert_same(const ProtobufCMessage *a, const ProtobufCMessage *b, const char *how)
{
	CLEANUP(buf_free) struct buf first = packed(a);
	CLEANUP(buf_free) struct buf second = packed(b);

	if (first.len != second.len ||
		(first.len && memcmp(first.data, second.data, first.len) != 0))
		fail_msg("%s is another one after %s", a->descriptor->name, how);
}

static struct json *through_text(struct json *j)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct json *again = NULL;
	struct err e = { 0 };

	json_write(j, JSON_PRETTY, &text);
	if (json_parse(text.data, text.len, NULL, &again, &e) < 0)
		fail_msg("%s", e.text);
	return again;
}

static void test_all_messages_are_found(void **state)
{
	const struct types *t = *state;

	assert_int_equal(t->len - t->maps, CRI_MESSAGES);
	assert_int_equal(t->maps, CRI_MAPS);
}

/* Each field has a name of its own in JSON, and is there. */
static void test_every_field_is_written(void **state)
{
	const struct types *t = *state;

	for (size_t i = 0; i < t->len; i++) {
		unsigned n = 0;
		CLEANUP(cleanup_message) ProtobufCMessage *m = filled(t->at[i], &n);
		CLEANUP(cleanup_message) ProtobufCMessage *empty = message_new(t->at[i]);
		CLEANUP(cleanup_json)
		struct json *j = message_to_json(m, MESSAGE_DEFAULTS_LEFT_OUT);
		CLEANUP(cleanup_json)
		struct json *none = message_to_json(empty, MESSAGE_DEFAULTS_LEFT_OUT);
		CLEANUP(cleanup_json)
		struct json *all = message_to_json(empty, MESSAGE_DEFAULTS_SHOWN);

		assert_int_equal(json_len(j), t->at[i]->n_fields);
		assert_int_equal(json_len(none), 0);
		assert_int_equal(json_len(all), t->at[i]->n_fields);
	}
}

static void test_round_trip(void **state)
{
	const struct types *t = *state;

	for (size_t i = 0; i < t->len; i++) {
		unsigned n = 0;
		CLEANUP(cleanup_message) ProtobufCMessage *m = filled(t->at[i], &n);
		CLEANUP(cleanup_message) ProtobufCMessage *copy = message_copy(m);
		CLEANUP(cleanup_message) ProtobufCMessage *again = NULL;
		CLEANUP(cleanup_json) struct json *j = message_to_json(m, MESSAGE_DEFAULTS_SHOWN);
		CLEANUP(cleanup_json) struct json *text = through_text(j);
		struct err e = { 0 };

		assert_same(m, copy, "a copy");
		if (message_from_json(t->at[i], text, &again, &e) < 0)
			fail_msg("%s: %s", t->at[i]->name, e.text);
		sort_maps(m);
		assert_same(m, again, "JSON");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_messages_are_found),
		cmocka_unit_test(test_every_field_is_written),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, find_types, NULL);
}
