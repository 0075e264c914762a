#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_tree.h"

void json_free(struct json *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->len && j->elements; i++)
		json_free(j->elements[i]);
	for (size_t i = 0; i < j->len && j->members; i++) {
		free(j->members[i].key);
		json_free(j->members[i].value);
	}
	free(j->elements);
	free(j->members);
	free(j->text);
	free(j);
}

void cleanup_json(struct json **j)
{
	json_free(*j);
	*j = NULL;
}

static struct json *new_value(enum json_type type)
{
	struct json *j = mem_zalloc(sizeof(*j));

	j->type = type;
	return j;
}

struct json *json_new_object(void)
{
	return new_value(JSON_OBJECT);
}

struct json *json_new_array(void)
{
	return new_value(JSON_ARRAY);
}

struct json *json_new_null(void)
{
	return new_value(JSON_NULL);
}

struct json *json_new_time(int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_ms == 0)
		return json_new_null();
	clock_rfc3339(wall_ms, text);
	return json_new_string(text);
}

struct json *json_new_bool(bool b)
{
	struct json *j = new_value(JSON_BOOL);

	j->boolean = b;
	return j;
}

struct json *json_new_string_len(const char *text, size_t len)
{
	struct json *j = new_value(JSON_STRING);

	j->text = mem_zalloc(len + 1);
	memcpy(j->text, text, len);
	j->len = len;
	return j;
}

struct json *json_new_string(const char *text)
{
	return text ? json_new_string_len(text, strlen(text)) : json_new_null();
}

struct json *json_new_i64(int64_t n)
{
	struct json *j = new_value(JSON_NUMBER);

	j->text = str_fmt("%" PRId64, n);
	j->len = strlen(j->text);
	return j;
}

struct json *json_copy(const struct json *j)
{
	struct json *copy;

	if (!j)
		return NULL;
	copy = new_value(j->type);
	copy->boolean = j->boolean;
	if (j->text) {
		copy->text = mem_zalloc(j->len + 1);
		memcpy(copy->text, j->text, j->len);
		copy->len = j->len;
	}
	for (size_t i = 0; j->elements && i < j->len; i++)
		json_push(copy, json_copy(j->elements[i]));
	for (size_t i = 0; j->members && i < j->len; i++)
		json_set(copy, j->members[i].key, json_copy(j->members[i].value));
	return copy;
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (!a || !b || a == b)
		return a == b;
	if (a->type != b->type || a->len != b->len || a->boolean != b->boolean)
		return false;
	if (a->text)
		return memcmp(a->text, b->text, a->len) == 0;
	for (size_t i = 0; i < a->len; i++)
		if (a->elements ? !json_equal(a->elements[i], b->elements[i])
				: !json_equal(a->members[i].value, json_get(b, a->members[i].key)))
			return false;
	return true;
}

enum json_type json_type(const struct json *j)
{
	return j ? j->type : (enum json_type)0;
}

const char *json_type_name(const struct json *j)
{
	static const char *const names[] = { "nothing", "null", "bool", "number", "string", "array",
		"object" };

	return names[json_type(j)];
}

static uint32_t hash_of(const char *key)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619U;
	return hash;
}

static struct json_member *find(const struct json *object, const char *key)
{
	uint32_t hash = hash_of(key);

	if (json_type(object) != JSON_OBJECT)
		return NULL;
	for (size_t i = 0; i < object->len; i++)
		if (object->members[i].hash == hash && strcmp(object->members[i].key, key) == 0)
			return &object->members[i];
	return NULL;
}

struct json *json_get(const struct json *object, const char *key)
{
	struct json_member *m = find(object, key);

	return m ? m->value : NULL;
}

struct json *json_path(const struct json *object, const char *dotted)
{
	struct json *value = NULL;

	for (const char *p = dotted; *p;) {
		size_t len = strcspn(p, ".");
		char key[64];

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, p, len);
		key[len] = '\0';
		value = json_get(p == dotted ? object : value, key);
		if (!value)
			return NULL;
		p += len + (p[len] == '.');
	}
	return value;
}

size_t json_len(const struct json *j)
{
	return json_type(j) == JSON_ARRAY || json_type(j) == JSON_OBJECT ? j->len : 0;
}

struct json *json_at(const struct json *array, size_t i)
{
	return json_type(array) == JSON_ARRAY && i < array->len ? array->elements[i] : NULL;
}

struct json *json_member(const struct json *object, size_t i, const char **out_key)
{
	if (json_type(object) != JSON_OBJECT || i >= object->len)
		return NULL;
	if (out_key)
		*out_key = object->members[i].key;
	return object->members[i].value;
}

const char *json_str(const struct json *j)
{
	return j ? j->text : NULL;
}

size_t json_str_len(const struct json *j)
{
	return j && j->text ? j->len : 0;
}

bool json_is_true(const struct json *j)
{
	return json_type(j) == JSON_BOOL && j->boolean;
}

int json_i64(const struct json *j, int64_t min, int64_t max, int64_t *out)
{
	return json_type(j) == JSON_NUMBER ? str_to_i64(j->text, min, max, out) : -EINVAL;
}

const char *json_get_str(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return json_type(value) == JSON_STRING ? value->text : NULL;
}

/* Grows by doubling: documents are built member by member. */
static void *grow(void *list, size_t len, size_t *cap, size_t size)
{
	if (len < *cap)
		return list;
	*cap = *cap ? *cap * 2 : 4;
	return mem_resize(list, *cap, size);
}

void json_set(struct json *object, const char *key, struct json *value)
{
	struct json_member *m = find(object, key);

	assert(object->type == JSON_OBJECT && value);
	if (m) {
		json_free(m->value);
		m->value = value;
		return;
	}
	object->members =
		grow(object->members, object->len, &object->cap, sizeof(*object->members));
	object->members[object->len++] =
		(struct json_member){ .hash = hash_of(key), .key = str_dup(key), .value = value };
}

void json_set_str(struct json *object, const char *key, const char *text)
{
	if (text)
		json_set(object, key, json_new_string(text));
}

void json_set_i64(struct json *object, const char *key, int64_t n)
{
	json_set(object, key, json_new_i64(n));
}

void json_set_bool(struct json *object, const char *key, bool b)
{
	json_set(object, key, json_new_bool(b));
}

void json_push(struct json *array, struct json *value)
{
	assert(array->type == JSON_ARRAY && value);
	array->elements = grow(array->elements, array->len, &array->cap, sizeof(struct json *));
	array->elements[array->len++] = value;
}

bool json_remove(struct json *object, const char *key)
{
	struct json_member *m = find(object, key);

	if (!m)
		return false;
	free(m->key);
	json_free(m->value);
	object->len--;
	memmove(m, m + 1, (size_t)(object->members + object->len - m) * sizeof(*m));
	return true;
}

void json_merge_patch(struct json **target, const struct json *patch)
{
	if (json_type(patch) != JSON_OBJECT) {
		json_free(*target);
		*target = json_copy(patch);
		return;
	}
	if (json_type(*target) != JSON_OBJECT) {
		json_free(*target);
		*target = json_new_object();
	}
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *change = &patch->members[i];
		struct json_member *m = find(*target, change->key);

		if (json_type(change->value) == JSON_NULL) {
			(void)json_remove(*target, change->key);
		} else if (m) {
			json_merge_patch(&m->value, change->value);
		} else {
			struct json *fresh = NULL;

			json_merge_patch(
				&fresh, change->value); /* nulls below a new object vanish too */
			json_set(*target, change->key, fresh);
		}
	}
}

void json_write_string(struct buf *out, const char *text, size_t len)
{
	buf_addc(out, '"');
	for (size_t i = 0, n = 1; i < len; i += n ? n : 1) {
		unsigned char c = (unsigned char)text[i];

		n = c ? str_utf8_char(text + i, len - i) : 1;
		if (n == 0)
			buf_adds(out, "\xef\xbf\xbd"); /* U+FFFD */
		else if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c == '\n')
			buf_adds(out, "\\n");
		else if (c == '\t')
			buf_adds(out, "\\t");
		else if (c == '\r')
			buf_adds(out, "\\r");
		else if (c < 0x20)
			buf_addf(out, "\\u%04x", c);
		else
			buf_add(out, text + i, n);
	}
	buf_addc(out, '"');
}

static void indent(struct buf *out, enum json_style style, int depth)
{
	if (style == JSON_PRETTY)
		buf_addf(out, "\n%*s", depth * 2, "");
}

static void write_value(const struct json *j, enum json_style style, int depth, struct buf *out)
{
	bool is_object = j->type == JSON_OBJECT;

	switch (j->type) {
	case JSON_NULL:
		buf_adds(out, "null");
		return;
	case JSON_BOOL:
		buf_adds(out, j->boolean ? "true" : "false");
		return;
	case JSON_NUMBER:
		buf_add(out, j->text, j->len);
		return;
	case JSON_STRING:
		json_write_string(out, j->text, j->len);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	buf_addc(out, is_object ? '{' : '[');
	for (size_t i = 0; i < j->len; i++) {
		if (i)
			buf_addc(out, ',');
		indent(out, style, depth + 1);
		if (is_object) {
			json_write_string(out, j->members[i].key, strlen(j->members[i].key));
			buf_adds(out, style == JSON_PRETTY ? ": " : ":");
		}
		write_value(
			is_object ? j->members[i].value : j->elements[i], style, depth + 1, out);
	}
	if (j->len)
		indent(out, style, depth);
	buf_addc(out, is_object ? '}' : ']');
}

void json_write(const struct json *j, enum json_style style, struct buf *out)
{
	if (j)
		write_value(j, style, 0, out);
	else
		buf_adds(out, "null");
}
