/* From any document to a tree that holds known fields of the right types only.  Texts and their
 * order are those of Kubernetes' JSON decoder: the first wrong type ends all, and unknown or
 * repeated fields are only reported where no type is wrong.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/manifest_fields.h"
#include "spec/manifest_parts.h"
#include "spec/quantity_text.h"

enum {
	STRICT_MAX = 100, /* Kubernetes keeps as many */
	/* Far more than a pod needs, and few enough that looking for one of them stays cheap. */
	ENTRIES_MAX = 4096,
};

/* Where the decoder is.  Go's words name the innermost struct and the fields that lead there,
 * without indexes; strict errors have them. */
struct place {
	const struct type *in; /* NULL at the document itself */
	const char *go_path;   /* "spec.containers.image" */
	const char *path;      /* "spec.containers[0].image" */
};

struct decoder {
	const struct strv *dups;
	struct strv *strict;
	char **message;
};

static const char *struct_name(const struct type *t)
{
	return t->name + (str_starts(t->name, "v1.") ? 3 : 0);
}

/* type: what Go wanted there; extra: the text of a number that does not fit, else NULL. */
static int wrong_type(const struct decoder *d, const struct place *at, const struct json *value,
	const char *extra, const char *type)
{
	*d->message = str_fmt("json: cannot unmarshal %s%s%s into Go struct field %s.%s of type %s",
		json_type_name(value), extra ? " " : "", extra ? extra : "", struct_name(at->in),
		at->go_path, type);
	return -EINVAL;
}

static void note_strict(struct decoder *d, const char *what, const char *path)
{
	CLEANUP(cleanup_free) char *text = str_fmt("%s field \"%s\"", what, path);

	if (d->strict->len < STRICT_MAX && !strv_has(d->strict, text))
		strv_add(d->strict, text);
}

static int decode_integer(const struct decoder *d, const struct place *at,
	const struct value_type *t, const struct json *in, struct json **out)
{
	bool is_int32 = t->kind == KIND_INT32;
	int64_t n = 0;

	if (json_type(in) != JSON_NUMBER)
		return wrong_type(d, at, in, NULL, t->name);
	if (json_i64(in, is_int32 ? INT32_MIN : INT64_MIN, is_int32 ? INT32_MAX : INT64_MAX, &n) <
		0)
		return wrong_type(d, at, in, json_str(in), t->name);
	*out = json_new_i64(n);
	return 0;
}

/* A NUL would cut the text for everything behind us, so that what is checked is not what is used.
 */
static int decode_string(
	const struct decoder *d, const struct place *at, const struct json *in, struct json **out)
{
	if (strlen(json_str(in)) != json_str_len(in)) {
		*d->message = str_fmt("%s: a text must not hold a NUL character", at->path);
		return -EINVAL;
	}
	*out = json_copy(in);
	return 0;
}

/* The type's own reader is called without knowing where it is, so its errors name no field. */
static int decode_int_or_string(
	const struct decoder *d, const struct place *at, const struct json *in, struct json **out)
{
	int64_t n = 0;

	if (json_type(in) == JSON_STRING)
		return decode_string(d, at, in, out);
	if (json_i64(in, INT32_MIN, INT32_MAX, &n) == 0) {
		*out = json_new_i64(n);
		return 0;
	}
	*d->message = str_fmt("json: cannot unmarshal %s%s%s into Go value of type int32",
		json_type_name(in), json_type(in) == JSON_NUMBER ? " " : "",
		json_type(in) == JSON_NUMBER ? json_str(in) : "");
	return -EINVAL;
}

static int decode_quantity(const struct decoder *d, const struct json *in, struct json **out)
{
	bool is_scalar = json_type(in) == JSON_STRING || json_type(in) == JSON_NUMBER;
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *wrong = quantity_canonical(is_scalar ? json_str(in) : "", &text);

	if (wrong) {
		*d->message = str_dup(wrong);
		return -EINVAL;
	}
	*out = json_new_string(text.data);
	return 0;
}

static int decode_struct(struct decoder *d, const struct place *at, const struct type *t,
	const struct json *in, struct json **out);

/* A null leaves what Go begins with. */
static struct json *zero_of(enum value_kind kind)
{
	switch (kind) {
	case KIND_BOOL:
		return json_new_bool(false);
	case KIND_INT32:
	case KIND_INT64:
	case KIND_INT_OR_STRING:
		return json_new_i64(0);
	case KIND_QUANTITY:
		return json_new_string("0");
	case KIND_RAW:
		return json_new_null();
	case KIND_STRUCT:
		return json_new_object();
	case KIND_STRING:
		break;
	}
	return json_new_string("");
}

static int decode_one(struct decoder *d, const struct place *at, const struct value_type *t,
	const struct json *in, struct json **out)
{
	if (json_type(in) == JSON_NULL) {
		*out = zero_of(t->kind);
		return 0;
	}
	switch (t->kind) {
	case KIND_STRING:
		if (json_type(in) != JSON_STRING)
			return wrong_type(d, at, in, NULL, t->name);
		return decode_string(d, at, in, out);
	case KIND_BOOL:
		if (json_type(in) != JSON_BOOL)
			return wrong_type(d, at, in, NULL, t->name);
		break;
	case KIND_INT32:
	case KIND_INT64:
		return decode_integer(d, at, t, in, out);
	case KIND_QUANTITY:
		return decode_quantity(d, in, out);
	case KIND_INT_OR_STRING:
		return decode_int_or_string(d, at, in, out);
	case KIND_STRUCT:
		if (json_type(in) != JSON_OBJECT)
			return wrong_type(d, at, in, NULL, t->name);
		return decode_struct(d, at, t->of, in, out);
	case KIND_RAW:
		break;
	}
	*out = json_copy(in);
	return 0;
}

static int too_many(const struct decoder *d, const struct place *at)
{
	*d->message = str_fmt("%s: more than %d entries", at->path, ENTRIES_MAX);
	return -EINVAL;
}

static int decode_list(struct decoder *d, const struct place *at, const struct value_type *t,
	const struct json *in, struct json *list)
{
	for (size_t i = 0; i < json_len(in); i++) {
		CLEANUP(cleanup_free) char *path = str_fmt("%s[%zu]", at->path, i);
		const struct place inner = { at->in, at->go_path, path };
		struct json *value = NULL;
		int rc = decode_one(d, &inner, t, json_at(in, i), &value);

		if (rc < 0)
			return rc;
		json_push(list, value);
	}
	return 0;
}

static int decode_map(struct decoder *d, const struct place *at, const struct value_type *t,
	const struct json *in, struct json *map)
{
	for (size_t i = 0; i < json_len(in); i++) {
		const char *key = NULL;
		const struct json *member = json_member(in, i, &key);
		CLEANUP(cleanup_free) char *path = str_fmt("%s.%s", at->path, key);
		const struct place inner = { at->in, at->go_path, path };
		struct json *value = NULL;
		int rc;

		if (d->dups && strv_has(d->dups, path))
			note_strict(d, "duplicate", path);
		rc = decode_one(d, &inner, t, member, &value);
		if (rc < 0)
			return rc;
		json_set(map, key, value);
	}
	return 0;
}

static int decode_field(struct decoder *d, const struct place *at, const struct field *f,
	const struct json *in, struct json **out)
{
	CLEANUP(cleanup_json) struct json *made = NULL;
	struct value_type t;
	bool is_list;
	int rc;

	value_type_parse(f->type, &t);
	if (t.shape == SHAPE_ONE)
		return decode_one(d, at, &t, in, out);
	is_list = t.shape == SHAPE_LIST;
	if (json_type(in) != (is_list ? JSON_ARRAY : JSON_OBJECT))
		return wrong_type(d, at, in, NULL, t.whole);
	if (json_len(in) > ENTRIES_MAX)
		return too_many(d, at);
	made = is_list ? json_new_array() : json_new_object();
	rc = is_list ? decode_list(d, at, &t, in, made) : decode_map(d, at, &t, in, made);
	if (rc == 0)
		*out = TAKE(made);
	return rc;
}

static int decode_member(struct decoder *d, const struct place *at, const struct type *t,
	const char *key, const struct json *member, struct json *made)
{
	const char *dot = *at->path ? "." : "";
	CLEANUP(cleanup_free) char *path = str_fmt("%s%s%s", at->path, dot, key);
	CLEANUP(cleanup_free) char *go_path = str_fmt("%s%s%s", at->go_path, dot, key);
	const struct place inner = { t, go_path, path };
	const struct field *f = type_field(t, key);
	struct json *value = NULL;
	int rc;

	if (!f) {
		note_strict(d, "unknown", path);
		return 0;
	}
	if (d->dups && strv_has(d->dups, path))
		note_strict(d, "duplicate", path);
	if (json_type(member) == JSON_NULL)
		return 0;
	rc = decode_field(d, &inner, f, member, &value);
	if (rc == 0)
		json_set(made, key, value);
	return rc;
}

static int decode_struct(struct decoder *d, const struct place *at, const struct type *t,
	const struct json *in, struct json **out)
{
	CLEANUP(cleanup_json) struct json *made = json_new_object();

	for (size_t i = 0; i < json_len(in); i++) {
		const char *key = NULL;
		const struct json *member = json_member(in, i, &key);
		int rc = decode_member(d, at, t, key, member, made);

		if (rc < 0)
			return rc;
	}
	*out = TAKE(made);
	return 0;
}

int decode_pod(const struct json *doc, const struct strv *dups, struct json **out,
	struct strv *strict, char **message)
{
	struct decoder d = { .dups = dups, .strict = strict, .message = message };
	const struct place top = { NULL, "", "" };
	int rc = decode_struct(&d, &top, type_find("v1.Pod"), doc, out);

	/* Those inside an unknown field are met by no walk; they are errors all the same. */
	for (size_t i = 0; rc == 0 && dups && i < dups->len; i++)
		note_strict(&d, "duplicate", dups->at[i]);
	return rc;
}
