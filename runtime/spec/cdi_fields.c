/* Fields of CDI's objects, and what is said of one that is wrong. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/cdi_parts.h"
#include "spec/devices.h"

/* Keys are of CDI's or short: what is cut is only shown. */
struct cdi_place cdi_below(const struct cdi_place *at, const char *key)
{
	struct cdi_place p;

	(void)snprintf(p.text, sizeof(p.text), "%.400s%s%.60s", at->text,
		at->text[0] && *key ? "." : "", key);
	return p;
}

struct cdi_place cdi_element(const struct cdi_place *at, const char *key, size_t i)
{
	struct cdi_place p = cdi_below(at, key);
	size_t len = strlen(p.text);

	(void)snprintf(p.text + len, sizeof(p.text) - len, "[%zu]", i);
	return p;
}

int cdi_bad(const struct cdi_place *at, const char *key, const char *value, const char *why,
	struct err *e)
{
	struct cdi_place p = cdi_below(at, key);

	return err_say(e, EINVAL, "%.96s: \"%.64s\": %s", p.text, value, why);
}

int cdi_check_fields(const struct json *object, const struct cdi_field *fields, size_t len,
	const struct cdi_place *at, struct err *e)
{
	if (json_type(object) != JSON_OBJECT)
		return err_say(e, EINVAL, "%.96s: must be an object", at->text);
	for (size_t i = 0; i < json_len(object); i++) {
		const char *key = NULL;
		const struct json *value = json_member(object, i, &key);
		size_t k = 0;

		while (k < len && !str_eq(fields[k].key, key))
			k++;
		if (k == len)
			return cdi_bad(at, "", key, "CDI has no such field", e);
		if (json_type(value) != fields[k].type && json_type(value) != JSON_NULL)
			return cdi_bad(at, key, json_type_name(value), "has another type", e);
	}
	for (size_t k = 0; k < len; k++)
		if (fields[k].is_needed && !json_get(object, fields[k].key))
			return cdi_bad(at, fields[k].key, "", "must be given", e);
	return 0;
}

/* "" when missing. */
const char *cdi_text(const struct json *object, const char *key)
{
	const char *text = json_get_str(object, key);

	return text ? text : "";
}

int cdi_path(const struct json *object, const char *key, bool is_needed, const struct cdi_place *at,
	char **out, struct err *e)
{
	const char *path = cdi_text(object, key);

	if (!*path && !is_needed)
		return 0;
	if (!devices_is_path(path))
		return cdi_bad(at, key, path, "must be an absolute path without \"..\"", e);
	*out = str_dup(path);
	return 0;
}

int cdi_number(const struct json *object, const char *key, int64_t max, const struct cdi_place *at,
	int64_t *out, struct err *e)
{
	const struct json *value = json_get(object, key);

	if (!value || json_type(value) == JSON_NULL)
		return 0;
	if (json_i64(value, 0, max, out) < 0)
		return cdi_bad(at, key, json_str(value), "is out of range", e);
	return 0;
}

int cdi_count(const struct json *list, const char *key, const struct cdi_place *at, struct err *e)
{
	return json_len(list) > CDI_LIST_MAX
		       ? cdi_bad(at, key, "", "has more than 1024 elements", e)
		       : 0;
}

void cdi_refuse(struct cdi_edits *x, const struct cdi_place *at, const char *value, const char *why)
{
	if (!x->refused)
		x->refused = str_fmt("%.96s: \"%.64s\": %s", at->text, value, why);
}
