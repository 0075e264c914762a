/* libyaml's events build JSON trees on an explicit stack.  What an anchor names is kept as a copy
 * and copied again for each alias; every node and byte so made is charged to one account, so a
 * document of a few lines cannot grow into gigabytes.
 */
#include "base/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/str.h"

struct anchor {
	char *name;
	struct json *value; /* a copy; NULL while the anchored node is still open */
};

/* An open mapping or list. */
struct level {
	struct json *value;
	char *key;           /* of the member to come; NULL: the next node is a key */
	bool is_merge;       /* the member to come is that of "<<" */
	struct json *merges; /* list of mappings that "<<" names, in order */
	ssize_t anchor;      /* -1: none */
};

struct reader {
	yaml_parser_t parser;
	struct level open[YAML_DEPTH_MAX];
	size_t depth;
	struct anchor *anchors;
	size_t anchors_len;
	size_t nodes, bytes; /* spent so far */
	size_t line;         /* of the event in hand */
	struct json *root;   /* of the document in hand */
	size_t root_line;
};

static int say(const struct reader *r, int code, struct err *e, const char *what)
{
	return err_say(e, code, "yaml: line %zu: %s", r->line, what);
}

/* ---- the account ---- */

static int charge(struct reader *r, size_t nodes, size_t bytes, struct err *e)
{
	r->nodes += nodes;
	r->bytes += bytes;
	if (r->nodes > YAML_NODES_MAX || r->bytes > YAML_EXPANDED_MAX)
		return say(r, E2BIG, e, "the document with its aliases expanded is too large");
	return 0;
}

struct measure {
	size_t nodes, bytes, depth;
};

/* Trees are at most YAML_DEPTH_MAX deep, so this recursion is too. */
static void measure(const struct json *j, size_t depth, struct measure *m)
{
	bool is_container = json_type(j) == JSON_OBJECT || json_type(j) == JSON_ARRAY;

	m->nodes++;
	m->bytes += json_str_len(j);
	if (is_container && depth + 1 > m->depth)
		m->depth = depth + 1;
	for (size_t i = 0; i < json_len(j); i++) {
		const char *key = "";
		const struct json *child =
			json_type(j) == JSON_ARRAY ? json_at(j, i) : json_member(j, i, &key);

		m->bytes += strlen(key);
		measure(child, depth + 1, m);
	}
}

static int copy_charged(struct reader *r, const struct json *j, struct json **out, struct err *e)
{
	struct measure m = { 0 };
	int rc;

	measure(j, 0, &m);
	rc = charge(r, m.nodes, m.bytes, e);
	if (rc < 0)
		return rc;
	if (r->depth + m.depth > YAML_DEPTH_MAX)
		return say(r, ELOOP, e, "nested too deep");
	*out = json_copy(j);
	return 0;
}

/* ---- anchors ---- */

static ssize_t anchor_find(const struct reader *r, const char *name)
{
	for (size_t i = 0; i < r->anchors_len; i++)
		if (strcmp(r->anchors[i].name, name) == 0)
			return (ssize_t)i;
	return -1;
}

/* Declares the anchor of a node; its value follows when the node is complete.  A name may be used
 * again, the latest one counts. */
static int anchor_declare(struct reader *r, const yaml_char_t *name, ssize_t *out, struct err *e)
{
	ssize_t i;

	*out = -1;
	if (!name)
		return 0;
	i = anchor_find(r, (const char *)name);
	if (i < 0) {
		if (r->anchors_len == YAML_ANCHORS_MAX)
			return say(r, E2BIG, e, "too many anchors");
		r->anchors = mem_resize(r->anchors, r->anchors_len + 1, sizeof(*r->anchors));
		i = (ssize_t)r->anchors_len++;
		r->anchors[i] = (struct anchor){ .name = str_dup((const char *)name) };
	}
	json_free(r->anchors[i].value);
	r->anchors[i].value = NULL;
	*out = i;
	return 0;
}

static int anchor_complete(
	struct reader *r, ssize_t anchor, const struct json *value, struct err *e)
{
	struct json *copy = NULL;
	int rc = anchor < 0 ? 0 : copy_charged(r, value, &copy, e);

	if (!copy)
		return rc;
	json_free(r->anchors[anchor].value); /* a node inside may have the same name */
	r->anchors[anchor].value = copy;
	return 0;
}

static void anchors_clear(struct reader *r)
{
	for (size_t i = 0; i < r->anchors_len; i++) {
		free(r->anchors[i].name);
		json_free(r->anchors[i].value);
	}
	free(r->anchors);
	r->anchors = NULL;
	r->anchors_len = 0;
}

/* ---- placing nodes ---- */

static int set_key(struct reader *r, struct level *top, struct json *key, struct err *e)
{
	const char *text = json_type(key) == JSON_BOOL ? (json_is_true(key) ? "true" : "false")
						       : json_str(key);
	int rc = 0;

	if (!text)
		rc = say(r, EINVAL, e, "a key must be a string");
	else if (strlen(text) != json_str_len(key) && json_type(key) != JSON_BOOL)
		rc = say(r, EINVAL, e, "a key holds a NUL byte");
	else if (json_get(top->value, text))
		rc = err_say(
			e, EEXIST, "yaml: line %zu: key \"%s\" already set in map", r->line, text);
	else if (json_len(top->value) == YAML_KEYS_MAX)
		rc = say(r, E2BIG, e, "a mapping has too many keys");
	else
		top->key = str_dup(text);
	json_free(key);
	return rc;
}

/* "<<": a mapping, or a list of them; their members count where the mapping itself has none. */
static int set_merge(struct reader *r, struct level *top, struct json *value, struct err *e)
{
	bool is_list = json_type(value) == JSON_ARRAY;
	bool is_fine = is_list || json_type(value) == JSON_OBJECT;

	for (size_t i = 0; is_list && i < json_len(value); i++)
		is_fine = is_fine && json_type(json_at(value, i)) == JSON_OBJECT;
	top->is_merge = false;
	if (!is_fine || top->merges) {
		json_free(value);
		return say(r, EINVAL, e,
			is_fine ? "key \"<<\" already set in map"
				: "map merge requires map or sequence of maps as the value");
	}
	if (!is_list) {
		top->merges = json_new_array();
		json_push(top->merges, value);
	} else {
		top->merges = value;
	}
	return 0;
}

/* Takes value, also on failure. */
static int place(struct reader *r, struct json *value, struct err *e)
{
	struct level *top = r->depth ? &r->open[r->depth - 1] : NULL;

	if (!top) {
		r->root = value;
		return 0;
	}
	if (json_type(top->value) == JSON_ARRAY) {
		json_push(top->value, value);
		return 0;
	}
	if (top->is_merge)
		return set_merge(r, top, value, e);
	if (!top->key)
		return set_key(r, top, value, e);
	json_set(top->value, top->key, value);
	free(TAKE(top->key));
	return 0;
}

static bool expects_key(const struct reader *r)
{
	const struct level *top = r->depth ? &r->open[r->depth - 1] : NULL;

	return top && json_type(top->value) == JSON_OBJECT && !top->key && !top->is_merge;
}

static int open_level(
	struct reader *r, struct json *value, const yaml_char_t *anchor, struct err *e)
{
	struct level l = { .value = value, .anchor = -1 };
	int rc = charge(r, 1, 0, e);

	if (rc == 0)
		rc = anchor_declare(r, anchor, &l.anchor, e);
	if (rc == 0 && r->depth == YAML_DEPTH_MAX)
		rc = err_say(
			e, ELOOP, "yaml: line %zu: nested deeper than %d", r->line, YAML_DEPTH_MAX);
	if (rc == 0 && expects_key(r))
		rc = say(r, EINVAL, e, "a key must be a string");
	if (rc < 0) {
		json_free(value);
		return rc;
	}
	r->open[r->depth++] = l;
	return 0;
}

static int apply_merge(struct reader *r, struct level *l, const struct json *from, struct err *e)
{
	for (size_t m = 0; m < json_len(from); m++) {
		const char *key;
		const struct json *member = json_member(from, m, &key);
		struct json *copy = NULL;
		int rc;

		if (json_get(l->value, key))
			continue; /* its own member counts */
		if (json_len(l->value) == YAML_KEYS_MAX)
			return say(r, E2BIG, e, "a mapping has too many keys");
		rc = copy_charged(r, member, &copy, e);
		if (rc < 0)
			return rc;
		json_set(l->value, key, copy);
	}
	return 0;
}

static int close_level(struct reader *r, struct err *e)
{
	struct level *l = &r->open[r->depth - 1];
	struct json *value;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_len(l->merges); i++)
		rc = apply_merge(r, l, json_at(l->merges, i), e);
	if (rc == 0)
		rc = anchor_complete(r, l->anchor, l->value, e);
	if (rc < 0)
		return rc; /* the level is still open, and released with the reader */
	value = l->value;
	json_free(l->merges);
	*l = (struct level){ 0 };
	r->depth--;
	return place(r, value, e);
}

/* ---- events ---- */

static bool is_type(const struct json *j, const char *tag)
{
	bool is_whole = json_type(j) == JSON_NUMBER && !strpbrk(json_str(j), ".eE");

	if (strcmp(tag, YAML_NULL_TAG) == 0)
		return json_type(j) == JSON_NULL;
	if (strcmp(tag, YAML_BOOL_TAG) == 0)
		return json_type(j) == JSON_BOOL;
	if (strcmp(tag, YAML_INT_TAG) == 0)
		return is_whole;
	return strcmp(tag, YAML_FLOAT_TAG) == 0 && json_type(j) == JSON_NUMBER;
}

static int make_scalar(struct reader *r, const yaml_event_t *ev, struct json **out, struct err *e)
{
	const char *text = (const char *)ev->data.scalar.value;
	const char *tag = (const char *)ev->data.scalar.tag;
	size_t len = ev->data.scalar.length;
	struct json *j;

	if (tag && strcmp(tag, "!") == 0)
		tag = YAML_STR_TAG;
	if (tag ? strcmp(tag, YAML_STR_TAG) == 0
		: ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		*out = json_new_string_len(text, len);
		return 0;
	}
	j = yaml_plain_scalar(text, len);
	if (!j)
		return say(r, EINVAL, e, "JSON has no number for .inf and .nan");
	if (tag && !is_type(j, tag)) {
		json_free(j);
		return err_say(e, EINVAL, "yaml: line %zu: cannot read \"%.60s\" as %.60s", r->line,
			text, tag);
	}
	*out = j;
	return 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	const char *text = (const char *)ev->data.scalar.value;
	struct json *value = NULL;
	ssize_t anchor;
	int rc;

	if (expects_key(r) && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		!ev->data.scalar.tag && strcmp(text, "<<") == 0) {
		r->open[r->depth - 1].is_merge = true;
		return 0;
	}
	rc = charge(r, 1, ev->data.scalar.length, e);
	if (rc == 0)
		rc = anchor_declare(r, ev->data.scalar.anchor, &anchor, e);
	if (rc == 0)
		rc = make_scalar(r, ev, &value, e);
	if (rc == 0)
		rc = anchor_complete(r, anchor, value, e);
	if (rc == 0)
		return place(r, value, e);
	json_free(value);
	return rc;
}

static int on_alias(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	const char *name = (const char *)ev->data.alias.anchor;
	ssize_t i = anchor_find(r, name);
	struct json *copy = NULL;
	int rc;

	if (i < 0)
		return err_say(e, EINVAL, "yaml: line %zu: unknown anchor '%.60s' referenced",
			r->line, name);
	if (!r->anchors[i].value)
		return err_say(e, EINVAL, "yaml: line %zu: anchor '%.60s' value contains itself",
			r->line, name);
	rc = copy_charged(r, r->anchors[i].value, &copy, e);
	if (rc < 0)
		return rc;
	if (expects_key(r) && json_len(copy) > 0) {
		json_free(copy);
		return say(r, EINVAL, e, "a key must be a string");
	}
	return place(r, copy, e);
}

static int check_collection_tag(
	struct reader *r, const yaml_char_t *tag, const char *expected, struct err *e)
{
	if (!tag || strcmp((const char *)tag, expected) == 0 || strcmp((const char *)tag, "!") == 0)
		return 0;
	return err_say(
		e, EINVAL, "yaml: line %zu: tag %.60s is not known", r->line, (const char *)tag);
}

static void end_document(struct reader *r, struct yaml_documents *out)
{
	anchors_clear(r);
	if (json_type(r->root) == JSON_NULL || !r->root) {
		json_free(TAKE(r->root));
		return;
	}
	out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
	out->at[out->len].value = TAKE(r->root);
	out->at[out->len].line = r->root_line;
	out->len++;
}

static int on_event(
	struct reader *r, const yaml_event_t *ev, struct yaml_documents *out, struct err *e)
{
	int rc;

	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		r->root_line = r->line;
		return 0;
	case YAML_DOCUMENT_END_EVENT:
		end_document(r, out);
		return 0;
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev, e);
	case YAML_ALIAS_EVENT:
		return on_alias(r, ev, e);
	case YAML_MAPPING_START_EVENT:
		rc = check_collection_tag(r, ev->data.mapping_start.tag, YAML_MAP_TAG, e);
		return rc < 0 ? rc
			      : open_level(r, json_new_object(), ev->data.mapping_start.anchor, e);
	case YAML_SEQUENCE_START_EVENT:
		rc = check_collection_tag(r, ev->data.sequence_start.tag, YAML_SEQ_TAG, e);
		return rc < 0 ? rc
			      : open_level(r, json_new_array(), ev->data.sequence_start.anchor, e);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return close_level(r, e);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
		break;
	}
	return 0;
}

static int syntax_error(const struct reader *r, struct err *e)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->error == YAML_READER_ERROR ? p->mark.line : p->problem_mark.line;

	return err_say(e, EINVAL, "yaml: line %zu: %s%s%s", line + 1,
		p->problem ? p->problem : "cannot be read", p->context ? " " : "",
		p->context ? p->context : "");
}

static int read_events(struct reader *r, struct yaml_documents *out, struct err *e)
{
	for (;;) {
		yaml_event_t ev;
		bool is_end;
		int rc;

		if (!yaml_parser_parse(&r->parser, &ev))
			return syntax_error(r, e);
		r->line = ev.start_mark.line + 1;
		rc = on_event(r, &ev, out, e);
		is_end = ev.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
		if (rc < 0 || is_end)
			return rc;
	}
}

static void reader_free(struct reader *r)
{
	for (size_t i = 0; i < r->depth; i++) {
		json_free(r->open[i].value);
		json_free(r->open[i].merges);
		free(r->open[i].key);
	}
	anchors_clear(r);
	json_free(r->root);
	yaml_parser_delete(&r->parser);
}

int yaml_parse(const char *text, size_t len, struct yaml_documents *out, struct err *e)
{
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	struct reader r = { 0 };
	int rc;

	if (len > YAML_BYTES_MAX)
		return err_say(e, E2BIG, "yaml: %zu bytes, more than %d", len, YAML_BYTES_MAX);
	if (!yaml_parser_initialize(&r.parser))
		abort(); /* out of memory, as everywhere */
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	rc = read_events(&r, &docs, e);
	reader_free(&r);
	if (rc < 0)
		return rc;
	*out = docs;
	docs = (struct yaml_documents){ 0 };
	return 0;
}

void yaml_documents_free(struct yaml_documents *d)
{
	for (size_t i = 0; i < d->len; i++)
		json_free(d->at[i].value);
	free(d->at);
	*d = (struct yaml_documents){ 0 };
}
