#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "spec/message.h"
#include "spec/message_json.h"
#include "spec/message_parts.h"

enum {
	SHOWN_MAX = 60,   /* bytes of a value in an error */
	LIST_MAX = 16384, /* an empty element costs three bytes of text and hundreds as a message */
	ENUM_NAMES_MAX = 8, /* more are not told */
};

static void show(const struct json *j, struct buf *out)
{
	size_t len = json_str_len(j) < SHOWN_MAX ? json_str_len(j) : SHOWN_MAX;

	switch (json_type(j)) {
	case JSON_STRING:
		buf_add_quoted(out, json_str(j), len);
		break;
	case JSON_NUMBER:
		buf_add(out, json_str(j), len);
		break;
	case JSON_BOOL:
		buf_adds(out, json_is_true(j) ? "true" : "false");
		break;
	case JSON_ARRAY:
		buf_adds(out, "a list");
		return;
	case JSON_OBJECT:
		buf_adds(out, "an object");
		return;
	case JSON_NULL:
		buf_adds(out, "null");
		return;
	}
	if (len < json_str_len(j))
		buf_adds(out, "…");
}

/* reason: what the value is, such as "is not a string". */
static int refuse(const struct message_place *at, const struct json *j, struct err *e, int code,
	const char *reason)
{
	CLEANUP(buf_free) struct buf shown = { 0 };

	show(j, &shown);
	return message_fail(at, e, code, "%s %s", shown.data ? shown.data : "", reason);
}

/* NULL when j is none.  A NUL would cut it for everything behind us, so that what is checked is not
 * what is used. */
static const char *string_without_nul(const struct json *j)
{
	return json_type(j) == JSON_STRING && strlen(json_str(j)) == json_str_len(j) ? json_str(j)
										     : NULL;
}

static int read_string(
	const struct message_place *at, const struct json *j, char **out, struct err *e)
{
	if (json_type(j) != JSON_STRING)
		return refuse(at, j, e, EINVAL, "is not a string");
	for (size_t i = 0, n; i < json_str_len(j); i += n) {
		n = str_utf8_char(json_str(j) + i, json_str_len(j) - i);
		if (n == 0)
			return refuse(at, j, e, EINVAL,
				json_str(j)[i] ? "is not valid UTF-8" : "holds a NUL byte");
	}
	*out = str_dup(json_str(j));
	return 0;
}

static int read_bytes(const struct message_place *at, const struct json *j,
	ProtobufCBinaryData *out, struct err *e)
{
	CLEANUP(buf_free) struct buf bytes = { 0 };

	if (json_type(j) != JSON_STRING)
		return refuse(at, j, e, EINVAL, "is not a string (of base64)");
	if (base64_read(json_str(j), json_str_len(j), &bytes) < 0)
		return refuse(at, j, e, EINVAL, "is not base64");
	out->len = bytes.len;
	out->data = (uint8_t *)buf_take(&bytes);
	return 0;
}

static int read_bool(const struct message_place *at, const struct json *j, protobuf_c_boolean *out,
	struct err *e)
{
	if (json_type(j) != JSON_BOOL)
		return refuse(at, j, e, EINVAL, "is not true or false");
	*out = json_is_true(j);
	return 0;
}

/* As a number or a string, whatever its size. */
static int read_integer(const struct message_place *at, const struct json *j, int64_t min,
	int64_t max, int64_t *out, struct err *e)
{
	const char *text = json_type(j) == JSON_NUMBER ? json_str(j) : string_without_nul(j);
	CLEANUP(cleanup_free) char *range = NULL;
	int rc = str_to_i64(text, min, max, out);

	if (rc != -ERANGE)
		return rc == 0 ? 0 : refuse(at, j, e, EINVAL, "is not an integer");
	range = str_fmt("is not between %" PRId64 " and %" PRId64, min, max);
	return refuse(at, j, e, ERANGE, range);
}

static int read_u64(
	const struct message_place *at, const struct json *j, uint64_t *out, struct err *e)
{
	const char *text = json_type(j) == JSON_NUMBER ? json_str(j) : string_without_nul(j);
	int64_t n;

	if (str_to_u64(text, UINT64_MAX, out) == 0)
		return 0;
	/* Digits with a sign, or too many of them? */
	if (str_to_i64(text, INT64_MIN, INT64_MAX, &n) == -EINVAL)
		return refuse(at, j, e, EINVAL, "is not an integer");
	return refuse(at, j, e, ERANGE, "is not between 0 and 18446744073709551615");
}

static int read_double(
	const struct message_place *at, const struct json *j, double *out, struct err *e)
{
	const char *text = string_without_nul(j);
	char *end = NULL;
	double x;

	if (str_eq(text, "NaN") || str_eq(text, "Infinity") || str_eq(text, "-Infinity")) {
		*out = strtod(text, NULL);
		return 0;
	}
	if (json_type(j) != JSON_NUMBER)
		return refuse(at, j, e, EINVAL, "is not a number");
	x = strtod(json_str(j), &end);
	if (*end)
		return refuse(at, j, e, EINVAL, "is not a number");
	if (!isfinite(x))
		return refuse(at, j, e, ERANGE, "is too large for a number");
	*out = x;
	return 0;
}

static int refuse_enum(const struct message_place *at, const ProtobufCEnumDescriptor *d,
	const struct json *j, struct err *e)
{
	CLEANUP(buf_free) struct buf reason = { 0 };

	buf_addf(&reason, "is no %s", d->short_name);
	for (unsigned i = 0; i < d->n_values && d->n_values <= ENUM_NAMES_MAX; i++)
		buf_addf(&reason, "%s%s%s", i ? ", " : " (", d->values[i].name,
			i + 1 < d->n_values ? "" : ")");
	return refuse(at, j, e, EINVAL, reason.data);
}

static int read_enum(const struct message_place *at, const ProtobufCEnumDescriptor *d,
	const struct json *j, int *out, struct err *e)
{
	const char *name = string_without_nul(j);
	const ProtobufCEnumValue *v = NULL;
	int64_t n;

	if (name)
		v = protobuf_c_enum_descriptor_get_value_by_name(d, name);
	else if (json_i64(j, INT32_MIN, INT32_MAX, &n) == 0)
		v = protobuf_c_enum_descriptor_get_value(d, (int)n);
	if (!v)
		return refuse_enum(at, d, j, e);
	*out = v->value;
	return 0;
}

static int read_message(const struct message_place *at, const ProtobufCMessageDescriptor *d,
	const struct json *j, void **out, struct err *e);

static int read_value(const struct message_place *at, const ProtobufCFieldDescriptor *f,
	const struct json *j, void *to, struct err *e)
{
	int64_t n = 0;
	int rc;

	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		rc = read_integer(at, j, INT32_MIN, INT32_MAX, &n, e);
		*(int32_t *)to = (int32_t)n;
		return rc;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		rc = read_integer(at, j, 0, UINT32_MAX, &n, e);
		*(uint32_t *)to = (uint32_t)n;
		return rc;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return read_integer(at, j, INT64_MIN, INT64_MAX, to, e);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return read_u64(at, j, to, e);
	case PROTOBUF_C_TYPE_DOUBLE:
		return read_double(at, j, to, e);
	case PROTOBUF_C_TYPE_BOOL:
		return read_bool(at, j, to, e);
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(at, f->descriptor, j, to, e);
	case PROTOBUF_C_TYPE_STRING:
		return read_string(at, j, to, e);
	case PROTOBUF_C_TYPE_BYTES:
		return read_bytes(at, j, to, e);
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(at, f->descriptor, j, to, e);
	case PROTOBUF_C_TYPE_FLOAT:
		break;
	}
	abort(); /* a type that CRI does not use */
}

static int check_length(const struct message_place *at, const struct json *j, struct err *e)
{
	if (json_len(j) > LIST_MAX)
		return message_fail(at, e, E2BIG, "more than %d elements", (int)LIST_MAX);
	return 0;
}

/* The array, which the message owns from now on: what was read of it is released with that. */
static char *open_list(
	const ProtobufCFieldDescriptor *f, const struct json *j, void *m, size_t **out_len)
{
	char **array = (char **)((char *)m + f->offset);

	*out_len = (size_t *)((char *)m + f->quantifier_offset);
	if (json_len(j) > 0)
		*array = mem_zalloc(json_len(j) * message_value_size(f->type));
	return *array;
}

static int read_list(const struct message_place *at, const ProtobufCFieldDescriptor *f,
	const struct json *j, void *m, struct err *e)
{
	size_t *len, size = message_value_size(f->type);
	char *array;
	int rc;

	if (json_type(j) != JSON_ARRAY)
		return refuse(at, j, e, EINVAL, "is not a list");
	rc = check_length(at, j, e);
	if (rc < 0)
		return rc;
	array = open_list(f, j, m, &len);
	for (; *len < json_len(j); ++*len) {
		struct message_place element = message_element(at, *len);

		rc = read_value(&element, f, json_at(j, *len), array + *len * size, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_map(const struct message_place *at, const ProtobufCFieldDescriptor *f,
	const struct json *j, void *m, struct err *e)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;
	const ProtobufCFieldDescriptor *value = &d->fields[1];
	char **entries;
	size_t *len;
	int rc;

	assert(d->fields[0].type == PROTOBUF_C_TYPE_STRING);
	if (json_type(j) != JSON_OBJECT)
		return refuse(at, j, e, EINVAL, "is not an object");
	rc = check_length(at, j, e);
	if (rc < 0)
		return rc;
	entries = (char **)open_list(f, j, m, &len);
	while (*len < json_len(j)) {
		const char *key = NULL;
		const struct json *in = json_member(j, *len, &key);
		struct message_place place = message_key(at, key);
		char *entry = message_new(d);

		entries[(*len)++] = entry;
		message_set_string((char **)(entry + d->fields[0].offset), key);
		rc = read_value(&place, value, in, entry + value->offset, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static const ProtobufCFieldDescriptor *find_field(
	const ProtobufCMessageDescriptor *d, const char *key)
{
	char name[MESSAGE_NAME_MAX];

	for (unsigned i = 0; i < d->n_fields; i++) {
		message_json_name(d->fields[i].name, name);
		if (strcmp(name, key) == 0 || strcmp(d->fields[i].name, key) == 0)
			return &d->fields[i];
	}
	return NULL;
}

static int refuse_unknown(const struct message_place *at, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	CLEANUP(buf_free) struct buf quoted = { 0 };

	message_write_place(at, &path);
	buf_add_quoted(&quoted, path.data, path.len);
	return err_say(e, EINVAL, "unknown field %s", quoted.data);
}

static int read_member(const struct message_place *at, const struct json *j, ProtobufCMessage *m,
	uint64_t *seen, struct err *e)
{
	const ProtobufCFieldDescriptor *f = find_field(m->descriptor, at->name);
	uint64_t bit;

	if (!f)
		return refuse_unknown(at, e);
	assert(m->descriptor->n_fields <= 64);
	bit = UINT64_C(1) << (f - m->descriptor->fields);
	if (*seen & bit)
		return message_fail(at, e, EEXIST, "the field is there under both of its names");
	*seen |= bit;
	if (json_type(j) == JSON_NULL)
		return 0;
	if (message_is_map(f))
		return read_map(at, f, j, m, e);
	if (message_values(m, f).is_list)
		return read_list(at, f, j, m, e);
	return read_value(at, f, j, (char *)m + f->offset, e);
}

static int read_message(const struct message_place *at, const ProtobufCMessageDescriptor *d,
	const struct json *j, void **out, struct err *e)
{
	CLEANUP(cleanup_message) ProtobufCMessage *m = NULL;
	uint64_t seen = 0;
	int rc = 0;

	if (json_type(j) != JSON_OBJECT)
		return refuse(at, j, e, EINVAL, "is not an object");
	if (at && at->depth >= JSON_DEPTH_MAX)
		return err_say(e, ELOOP, "nested deeper than %d", (int)JSON_DEPTH_MAX);
	m = message_new(d);
	for (size_t i = 0; i < json_len(j) && rc == 0; i++) {
		const char *key = NULL;
		const struct json *value = json_member(j, i, &key);
		struct message_place member = message_field(at, key);

		rc = read_member(&member, value, m, &seen, e);
	}
	if (rc == 0)
		*out = TAKE(m);
	return rc;
}

int message_from_json(const ProtobufCMessageDescriptor *d, const struct json *j,
	ProtobufCMessage **out, struct err *e)
{
	void *m = NULL;
	int rc = read_message(NULL, d, j, &m, e);

	if (rc == 0)
		*out = m;
	return rc;
}
