#include "cli/select.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/request.h"
#include "cli/target.h"

int select_list(struct cli *c, const char *plural, const struct choice *by, struct json **out,
	struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	int rc;

	path_list(&path, c->has_all_namespaces ? NULL : cli_namespace(c), plural);
	path_query(&path, "labelSelector", by->labels);
	path_query(&path, "fieldSelector", by->fields);
	rc = request_get(c, path.data, out, e);
	return rc < 0 ? rc : 0;
}

void chosen_add(struct chosen_list *l, const char *ns, const char *name)
{
	l->at = mem_resize(l->at, l->len + 1, sizeof(*l->at));
	l->at[l->len++] = (struct chosen){ .ns = str_dup(ns), .name = str_dup(name) };
}

void chosen_free(struct chosen_list *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->at[i].ns);
		free(l->at[i].name);
	}
	free(l->at);
	*l = (struct chosen_list){ 0 };
}

static int add_selected(
	struct cli *c, const struct choice *by, struct chosen_list *out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	const struct json *items;
	int rc = select_list(c, "pods", by, &list, e);

	if (rc < 0)
		return rc;
	items = json_get(list, "items");
	for (size_t i = 0; i < json_len(items); i++) {
		const struct json *metadata = json_get(json_at(items, i), "metadata");
		const char *name = json_get_str(metadata, "name");
		const char *ns = json_get_str(metadata, "namespace");

		if (name)
			chosen_add(out, ns ? ns : cli_namespace(c), name);
	}
	return 0;
}

int select_pods(struct cli *c, const struct arguments *args, const struct choice *by,
	struct chosen_list *out, struct err *e)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	bool has_selector = by->labels || by->fields || by->is_all;
	int rc = target_names(args->at, args->len, &names, e);

	if (rc < 0)
		return rc;
	if (has_selector && names.len > 0)
		return err_say(e, EINVAL, "names and a selector exclude each other");
	if (has_selector)
		return add_selected(c, by, out, e);
	for (size_t i = 0; i < names.len; i++)
		chosen_add(out, cli_namespace(c), names.at[i]);
	return 0;
}
