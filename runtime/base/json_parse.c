/* yajl's callbacks build the tree on an explicit stack, so depth is a number we check and not the C
 * stack of a hostile document's choosing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/cleanup.h"
#include "base/json_tree.h"

enum { DEFAULT_BYTES_MAX = 1 << 20 };

struct parser {
	struct json *root;
	struct json *open[JSON_DEPTH_MAX];
	char *key[JSON_DEPTH_MAX]; /* of the member that is to come, by depth */
	int depth;
	struct strv *dups;
	int error;       /* why a callback said stop, and */
	const char *why; /* its words, where the code says too little */
	char dup_path[160];
};

static void write_path(const struct parser *p, struct buf *out)
{
	for (int i = 0; i < p->depth; i++) {
		if (p->open[i]->type == JSON_OBJECT)
			buf_addf(out, "%s%s", out->len ? "." : "", p->key[i] ? p->key[i] : "");
		else /* what is open in it was attached already */
			buf_addf(out, "[%zu]", p->open[i]->len - 1);
	}
}

/* The search for duplicates costs the square of the members. */
static int check_count(struct parser *p, const struct json *object)
{
	if (object->len < JSON_MEMBERS_MAX)
		return 1;
	p->error = E2BIG;
	return 0;
}

/* yajl lets overlong forms and surrogates pass, and makes them itself out of \udc00. */
static int check_text(struct parser *p, const unsigned char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = text[i] ? str_utf8_char((const char *)text + i, len - i) : 1;
		if (n == 0) {
			p->error = EINVAL;
			p->why = "a string is no valid UTF-8";
			return 0;
		}
	}
	return 1;
}

/* A key that is there twice: told to whoever asked, refused otherwise. The last one counts. */
static int check_duplicate(struct parser *p, const struct json *object, const char *key)
{
	CLEANUP(buf_free) struct buf path = { 0 };

	if (!json_get(object, key))
		return 1;
	write_path(p, &path);
	if (p->dups) {
		strv_add(p->dups, path.data);
		return 1;
	}
	(void)snprintf(p->dup_path, sizeof(p->dup_path), "%s", path.data);
	p->error = EEXIST;
	return 0;
}

static int add(struct parser *p, struct json *value)
{
	struct json *into = p->depth ? p->open[p->depth - 1] : NULL;

	if (!into) {
		p->root = value;
	} else if (into->type == JSON_ARRAY) {
		json_push(into, value);
	} else {
		char *key = p->key[p->depth - 1];

		if (!check_count(p, into) || !check_duplicate(p, into, key)) {
			json_free(value);
			return 0;
		}
		json_set(into, key, value);
	}
	return 1;
}

static int on_null(void *ctx)
{
	return add(ctx, json_new_null());
}

static int on_boolean(void *ctx, int value)
{
	return add(ctx, json_new_bool(value));
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct json *n = json_new_string_len(text, len);

	n->type = JSON_NUMBER;
	return add(ctx, n);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	return check_text(ctx, text, len) && add(ctx, json_new_string_len((const char *)text, len));
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct parser *p = ctx;

	/* A NUL in a key would make two keys look alike. */
	if (len && memchr(text, '\0', len)) {
		p->error = EINVAL;
		p->why = "a key holds a NUL byte";
		return 0;
	}
	if (!check_text(p, text, len))
		return 0;
	free(p->key[p->depth - 1]);
	p->key[p->depth - 1] = str_ndup((const char *)text, len);
	return 1;
}

static int open_level(struct parser *p, struct json *value)
{
	if (p->depth == JSON_DEPTH_MAX) {
		json_free(value);
		p->error = ELOOP;
		return 0;
	}
	/* Attached at once, so whatever happens next, the root owns it. */
	if (!add(p, value))
		return 0;
	p->open[p->depth++] = value;
	return 1;
}

static int on_start_map(void *ctx)
{
	return open_level(ctx, json_new_object());
}

static int on_start_array(void *ctx)
{
	return open_level(ctx, json_new_array());
}

static int on_end(void *ctx)
{
	struct parser *p = ctx;

	p->depth--;
	free(p->key[p->depth]);
	p->key[p->depth] = NULL;
	return 1;
}

static int fail(struct parser *p, yajl_handle h, const char *text, size_t len, struct err *e)
{
	size_t at = yajl_get_bytes_consumed(h);
	unsigned char *why;
	int rc;

	if (p->error == ELOOP)
		return err_say(e, ELOOP, "json: nested deeper than %d", JSON_DEPTH_MAX);
	if (p->error == EEXIST)
		return err_say(e, EEXIST, "json: duplicate field \"%s\"", p->dup_path);
	if (p->error == E2BIG)
		return err_say(
			e, E2BIG, "json: an object of more than %d members", (int)JSON_MEMBERS_MAX);
	if (p->error)
		return err_say(e, p->error, "json: byte %zu: %s", at, p->why);
	why = yajl_get_error(h, 0, (const unsigned char *)text, len);
	why[strcspn((char *)why, "\n")] = '\0';
	rc = err_say(e, EINVAL, "json: byte %zu: %s", at, (const char *)why);
	yajl_free_error(h, why);
	return rc;
}

int json_parse(const char *text, size_t len, const struct json_options *opt, struct json **out,
	struct err *e)
{
	static const yajl_callbacks callbacks = { .yajl_null = on_null,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_start_map,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_start_array,
		.yajl_end_array = on_end };
	size_t max = opt && opt->max_bytes ? opt->max_bytes : DEFAULT_BYTES_MAX;
	struct parser p = { .dups = opt ? opt->dups : NULL };
	yajl_handle h;
	int rc = 0;

	if (len > max)
		return err_say(e, E2BIG, "json: %zu bytes, more than %zu", len, max);
	h = yajl_alloc(&callbacks, NULL, &p);
	if (!h)
		abort();
	if (yajl_parse(h, (const unsigned char *)text, len) != yajl_status_ok ||
		yajl_complete_parse(h) != yajl_status_ok)
		rc = fail(&p, h, text, len, e);
	else if (!p.root)
		rc = err_say(e, EINVAL, "json: no value");
	yajl_free(h);
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		free(p.key[i]);
	if (rc < 0) {
		json_free(p.root);
		return rc;
	}
	*out = p.root;
	return 0;
}
