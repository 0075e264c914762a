#include "cli/output.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/jsonpath.h"
#include "cli/yaml_out.h"

int output_parse(const char *text, struct output *out, struct err *e)
{
	static const struct {
		const char *name;
		enum output_kind kind;
	} forms[] = {
		{ "wide", OUTPUT_WIDE }, /* */
		{ "json", OUTPUT_JSON }, /* */
		{ "yaml", OUTPUT_YAML }, /* */
		{ "name", OUTPUT_NAME }, /* */
	};

	*out = (struct output){ .kind = OUTPUT_TABLE };
	if (!text)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (strcmp(text, forms[i].name) == 0) {
			out->kind = forms[i].kind;
			return 0;
		}
	}
	if (!str_starts(text, "jsonpath="))
		return err_say(e, EINVAL,
			"-o takes wide, json, yaml, name or jsonpath=TEMPLATE, not \"%.60s\"",
			text);
	*out = (struct output){ OUTPUT_JSONPATH, text + strlen("jsonpath=") };
	return 0;
}

bool output_is_table(const struct output *o)
{
	return o->kind == OUTPUT_TABLE || o->kind == OUTPUT_WIDE;
}

static void print_name(const struct json *object, struct buf *out)
{
	const char *kind = json_get_str(object, "kind");
	const char *name = json_get_str(json_get(object, "metadata"), "name");
	const struct json *items = json_get(object, "items");

	for (size_t i = 0; i < json_len(items); i++)
		print_name(json_at(items, i), out);
	if (items || !kind || !name)
		return;
	for (; *kind; kind++)
		buf_addc(out, (char)tolower((unsigned char)*kind));
	buf_addf(out, "/%s\n", name);
}

int output_print(const struct output *o, const struct json *object, struct buf *out, struct err *e)
{
	switch (o->kind) {
	case OUTPUT_JSON:
		json_write(object, JSON_PRETTY, out);
		buf_addc(out, '\n');
		return 0;
	case OUTPUT_YAML:
		yaml_write(object, out);
		return 0;
	case OUTPUT_NAME:
		print_name(object, out);
		return 0;
	case OUTPUT_JSONPATH:
		return jsonpath_print(o->template, object, out, e);
	case OUTPUT_TABLE:
	case OUTPUT_WIDE:
		break;
	}
	return 0;
}

struct json *output_with_kind(const struct json *object, const char *kind)
{
	struct json *copy = json_new_object();

	json_set_str(copy, "apiVersion", "v1");
	json_set_str(copy, "kind", kind);
	for (size_t i = 0; i < json_len(object); i++) {
		const char *key;
		const struct json *value = json_member(object, i, &key);

		json_set(copy, key, json_copy(value));
	}
	return copy;
}

struct json *output_list(const struct json *items, const char *kind)
{
	struct json *list = json_new_object();
	struct json *copies = json_new_array();
	struct json *metadata = json_new_object();

	for (size_t i = 0; i < json_len(items); i++)
		json_push(copies, output_with_kind(json_at(items, i), kind));
	json_set_str(list, "apiVersion", "v1");
	json_set(list, "items", copies);
	json_set_str(list, "kind", "List");
	json_set_str(metadata, "resourceVersion", "");
	json_set(list, "metadata", metadata);
	return list;
}

int output_write(const struct buf *text)
{
	int rc = text->len ? fd_write_all(STDOUT_FILENO, text->data, text->len) : 0;

	if (rc == 0)
		return EXIT_OK;
	return cli_say("standard output: %s", strerror(-rc));
}
