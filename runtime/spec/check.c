#include "spec/check.h"

#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const char *text_at(const struct json *object, const char *key)
{
	const char *text = json_get_str(object, key);

	return text ? text : "";
}

int64_t number_at(const struct json *object, const char *key)
{
	int64_t n = 0;

	/* The decoder let through what fits; else it is no number. */
	(void)json_i64(json_get(object, key), INT64_MIN, INT64_MAX, &n);
	return n;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool seen_before(struct seen *s, const char *text)
{
	if (tfind(text, &s->root, compare))
		return true;
	if (!tsearch(text, &s->root, compare))
		abort();
	return false;
}

static void keep(void *text)
{
	(void)text;
}

void seen_free(struct seen *s)
{
	tdestroy(s->root, keep);
	s->root = NULL;
}

void check_word(struct check *k, const struct json *object, const char *key, const char *path,
	const char *const *words)
{
	const char *text = text_at(object, key);
	CLEANUP(cleanup_free) char *field = str_fmt("%s.%s", path, key);

	for (size_t i = 0; words[i]; i++)
		if (str_eq(words[i], text))
			return;
	cause_unsupported(k->causes, field, text, words);
}

bool check_name(struct check *k, const char *text, const char *field, name_judge judge)
{
	const struct name_faults wrong = judge(text);

	for (size_t i = 0; i < wrong.len; i++)
		cause_invalid(k->causes, field, text, wrong.at[i]);
	return wrong.len == 0;
}

void check_name_at(struct check *k, const struct json *object, const char *key, const char *path,
	name_judge judge)
{
	CLEANUP(cleanup_free) char *field = str_fmt("%s.%s", path, key);

	if (*text_at(object, key))
		(void)check_name(k, text_at(object, key), field, judge);
}

void check_at_least(struct check *k, int64_t n, int64_t min, const char *path)
{
	CLEANUP(cleanup_free)
	char *detail = str_fmt("must be greater than or equal to %" PRId64, min);

	if (n < min)
		cause_invalid_number(k->causes, path, n, detail);
}

void check_port(struct check *k, int64_t port, const char *path)
{
	if (port < 1 || port > 65535)
		cause_invalid_number(
			k->causes, path, port, "must be between 1 and 65535, inclusive");
}

bool check_port_name(struct check *k, const char *name, const char *path)
{
	enum { PORT_NAME_MAX = 15 };
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	size_t len = strlen(name);
	bool has_good_bytes = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
	const struct {
		bool is_broken;
		const char *text;
	} rules[] = {
		{ len > PORT_NAME_MAX, "must be no more than 15 characters" }, /**/
		{ !has_good_bytes, "must contain only alpha-numeric characters (a-z, 0-9), and "
				   "hyphens (-)" }, /**/
		{ !strpbrk(name, letters), "must contain at least one letter (a-z)" },
		{ strstr(name, "--"), "must not contain consecutive hyphens" }, /**/
		{ len && (name[0] == '-' || name[len - 1] == '-'),
			"must not begin or end with a hyphen" }, /**/
	};
	bool is_good = true;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (!rules[i].is_broken)
			continue;
		cause_invalid(k->causes, path, name, rules[i].text);
		is_good = false;
	}
	return is_good;
}

bool has_back_step(const char *text)
{
	for (const char *p = text; *p; p += p[0] == '/') {
		size_t len = strcspn(p, "/");

		if (len == 2 && memcmp(p, "..", 2) == 0)
			return true;
		p += len;
	}
	return false;
}

void check_descending(struct check *k, const char *text, const char *path)
{
	if (*text == '/')
		cause_invalid(k->causes, path, text, "must be a relative path");
	if (has_back_step(text))
		cause_invalid(k->causes, path, text, "must not contain '..'");
}

void check_id(struct check *k, int64_t id, const char *path)
{
	if (id < 0 || id > INT32_MAX)
		cause_invalid_number(
			k->causes, path, id, "must be between 0 and 2147483647, inclusive");
}

void check_id_at(struct check *k, const struct json *object, const char *key, const char *path)
{
	CLEANUP(cleanup_free) char *field = str_fmt("%s.%s", path, key);

	check_id(k, number_at(object, key), field);
}
