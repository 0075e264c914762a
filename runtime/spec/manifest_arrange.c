/* A decoded tree as an API server writes it: fields in Kubernetes' order, keys of maps sorted,
 * empty values left out where Kubernetes leaves them out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/manifest_fields.h"
#include "spec/manifest_parts.h"

static struct json *arrange_struct(const struct type *t, const struct json *in);

static struct json *arrange_one(const struct value_type *t, const struct json *in)
{
	return t->kind == KIND_STRUCT ? arrange_struct(t->of, in) : json_copy(in);
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct json *arrange_map(const struct value_type *t, const struct json *in)
{
	struct json *out = json_new_object();
	size_t len = json_len(in);
	CLEANUP(cleanup_free) const char **keys = mem_zalloc(len * sizeof(*keys));

	for (size_t i = 0; i < len; i++)
		(void)json_member(in, i, &keys[i]);
	qsort(keys, len, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < len; i++)
		json_set(out, keys[i], arrange_one(t, json_get(in, keys[i])));
	return out;
}

static struct json *arrange_value(const struct value_type *t, const struct json *in)
{
	struct json *out;

	if (t->shape == SHAPE_ONE)
		return arrange_one(t, in);
	if (t->shape == SHAPE_MAP)
		return arrange_map(t, in);
	out = json_new_array();
	for (size_t i = 0; i < json_len(in); i++)
		json_push(out, arrange_one(t, json_at(in, i)));
	return out;
}

/* What Go's omitempty leaves out of a field that is no pointer. */
static bool is_empty(const struct json *j)
{
	switch (json_type(j)) {
	case JSON_BOOL:
		return !json_is_true(j);
	case JSON_NUMBER:
		return str_eq(json_str(j), "0");
	case JSON_STRING:
		return json_str_len(j) == 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		return json_len(j) == 0;
	case JSON_NULL:
		break;
	}
	return true;
}

static struct json *zero_value(const struct value_type *t)
{
	if (t->shape != SHAPE_ONE)
		return json_new_null();
	switch (t->kind) {
	case KIND_STRUCT:
		return arrange_struct(t->of, NULL);
	case KIND_INT32:
	case KIND_INT64:
	case KIND_INT_OR_STRING:
		return json_new_i64(0);
	case KIND_BOOL:
		return json_new_bool(false);
	case KIND_QUANTITY:
		return json_new_string("0");
	case KIND_RAW:
	case KIND_STRING:
		break;
	}
	return json_new_string("");
}

static struct json *arrange_struct(const struct type *t, const struct json *in)
{
	struct json *out = json_new_object();

	for (size_t i = 0; i < t->len; i++) {
		const struct field *f = &t->fields[i];
		const struct json *value = json_get(in, f->name);
		struct value_type type;

		if (!value && f->use != WRITTEN)
			continue;
		value_type_parse(f->type, &type);
		if (!value)
			json_set(out, f->name, zero_value(&type));
		else if (type.is_pointer || f->use == WRITTEN || !is_empty(value))
			json_set(out, f->name, arrange_value(&type, value));
	}
	return out;
}

struct json *arrange_pod(const struct json *pod)
{
	struct json *out = arrange_struct(type_find("v1.Pod"), pod);

	/* A pod's status is ours to write, never the manifest's. */
	(void)json_remove(out, "status");
	return out;
}
