/* What inspectp, inspect, inspecti and info print: the status, and beside it what the runtime says
 * beyond CRI. */
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cri.h"

/* A value that is a JSON object in a string becomes that object; another string loses its quotes.
 */
static struct json *info_value(const char *text)
{
	struct json *value = NULL;
	size_t len = strlen(text);

	if (*text == '{' && json_parse(text, len, NULL, &value, NULL) == 0)
		return value;
	while (*text == '"') {
		text++;
		len--;
	}
	while (len > 0 && text[len - 1] == '"')
		len--;
	return json_new_string_len(text, len);
}

struct json *cri_status_object(const struct json *answer, const char *status_key)
{
	struct json *object = json_new_object();
	const struct json *info = json_get(answer, "info");

	json_set(object, "status", json_copy(json_get(answer, status_key)));
	for (size_t i = 0; i < json_len(info); i++) {
		const char *key;
		const char *text = json_str(json_member(info, i, &key));

		/* CRI's own words are not to be replaced. */
		if (text && !json_get(object, key))
			json_set(object, key, info_value(text));
	}
	return object;
}

int cri_print_statuses(const struct output *o, struct json *list)
{
	return cri_print(o, json_len(list) == 1 ? json_at(list, 0) : list);
}
