/* Containers, looked at: ps and inspect. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/cri.h"
#include "cli/cri_text.h"
#include "cli/table.h"

#define POD_NAME "io.kubernetes.pod.name"
#define POD_NAMESPACE "io.kubernetes.pod.namespace"

/* ---- choosing ---- */

static const char *namespace_of(const struct json *container)
{
	return cri_label(container, POD_NAMESPACE);
}

/* The image that a name means; "" when there is none of that name. */
static int find_image(struct cri *r, const char *name, char **out_id)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "ImageStatus", cri_wrap("image", cri_field("image", name)), &answer);

	if (code == EXIT_OK)
		*out_id = str_dup(cri_str(answer, "image.id"));
	return code;
}

/* Drops the containers of other images.  A container may name its image in another way than the
 * user does. */
static int keep_image(struct cri *r, const char *image, struct json **list)
{
	CLEANUP(cleanup_free) char *wanted = NULL;
	struct json *kept = json_new_array();
	int code = find_image(r, image, &wanted);

	for (size_t i = 0; code == EXIT_OK && *wanted && i < json_len(*list); i++) {
		const struct json *container = json_at(*list, i);
		CLEANUP(cleanup_free) char *id = NULL;

		code = find_image(r, cri_str(container, "image.image"), &id);
		if (code == EXIT_OK && strcmp(id, wanted) == 0)
			json_push(kept, json_copy(container));
	}
	json_free(*list);
	*list = kept;
	return code;
}

int cri_choose_containers(struct cri *r, const struct cri_select *s, struct json **out)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(cleanup_json) struct json *list = NULL;
	struct json *filter = NULL;
	struct err e = { 0 };
	int code;

	if (cri_select_containers(s, &filter, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	code = cri_ask(r, "ListContainers", cri_wrap("filter", filter), &answer);
	if (code != EXIT_OK)
		return code;
	list = json_copy(json_get(answer, "containers"));
	if (s->image && *s->image)
		code = keep_image(r, s->image, &list);
	if (code != EXIT_OK)
		return code;
	if (cri_select_apply(s, list, namespace_of, out, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	return EXIT_OK;
}

/* ---- ps ---- */

struct ps_options {
	struct output form;
	bool is_quiet, is_verbose, is_whole, has_image_names;
};

/* The first tag of an image, which is what a person calls it. */
static int image_name(struct cri *r, const char *image, struct buf *out)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "ImageStatus", cri_wrap("image", cri_field("image", image)), &answer);
	const char *tag = json_str(json_at(json_path(answer, "image.repoTags"), 0));

	buf_adds(out, tag ? tag : image);
	return code;
}

static void write_id(const char *id, bool is_whole, struct buf *out)
{
	buf_adds(out, "");
	if (is_whole)
		buf_adds(out, id);
	else
		cri_short_id(id, out);
}

static int add_row(struct cri *r, const struct ps_options *o, const struct json *c, struct table *t)
{
	const char *image = cri_str(c, "image.image");
	CLEANUP(buf_free) struct buf id = { 0 };
	CLEANUP(buf_free) struct buf pod = { 0 };
	CLEANUP(buf_free) struct buf shown = { 0 };
	CLEANUP(buf_free) struct buf created = { 0 };
	int code = EXIT_OK;

	write_id(cri_str(c, "id"), o->is_whole, &id);
	write_id(cri_str(c, "podSandboxId"), o->is_whole, &pod);
	if (o->has_image_names)
		code = image_name(r, image, &shown);
	else
		write_id(image, o->is_whole || !str_starts(image, "sha256:"), &shown);
	cri_ago(cri_i64(c, "createdAt"), clock_wall_ns(), &created);
	table_add(t, id.data);
	table_add(t, shown.data);
	table_add(t, created.data);
	table_add(t, cri_state_text(cri_str(c, "state")));
	table_add(t, cri_str(c, "metadata.name"));
	table_add(t, cri_str(c, "metadata.attempt"));
	table_add(t, pod.data);
	table_add(t, cri_label(c, POD_NAME));
	table_add(t, cri_label(c, POD_NAMESPACE));
	return code;
}

static int print_table(struct cri *r, const struct ps_options *o, const struct json *list)
{
	static const char *const header[] = { "CONTAINER", "IMAGE", "CREATED", "STATE", "NAME",
		"ATTEMPT", "POD ID", "POD", "NAMESPACE" };
	CLEANUP(table_free) struct table t = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };

	table_row(&t, header, ARRAY_LEN(header));
	for (size_t i = 0; i < json_len(list); i++) {
		int code = add_row(r, o, json_at(list, i), &t);

		if (code != EXIT_OK)
			return code;
	}
	table_flush(&t, &out);
	return output_write(&out);
}

static void write_verbose(const struct json *c, struct buf *out)
{
	CLEANUP(buf_free) struct buf created = { 0 };

	cri_ago(cri_i64(c, "createdAt"), clock_wall_ns(), &created);
	cri_write_line("ID", cri_str(c, "id"), out);
	cri_write_line("PodID", cri_str(c, "podSandboxId"), out);
	cri_write_line("Namespace", cri_label(c, POD_NAMESPACE), out);
	cri_write_line("Name", cri_str(c, "metadata.name"), out);
	cri_write_line("Attempt", cri_str(c, "metadata.attempt"), out);
	cri_write_line("State", cri_state_text(cri_str(c, "state")), out);
	cri_write_line("Image", cri_str(c, "image.image"), out);
	cri_write_line("Created", created.data, out);
	cri_write_map("Labels", json_get(c, "labels"), out);
	cri_write_map("Annotations", json_get(c, "annotations"), out);
	buf_addc(out, '\n');
}

static int print_list(struct cri *r, const struct ps_options *o, const struct json *list)
{
	CLEANUP(cleanup_json) struct json *whole = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };

	if (o->form.kind != OUTPUT_TABLE) {
		whole = cri_wrap("containers", json_copy(list));
		return cri_print(&o->form, whole);
	}
	if (!o->is_quiet && !o->is_verbose)
		return print_table(r, o, list);
	for (size_t i = 0; i < json_len(list); i++) {
		if (o->is_quiet)
			buf_addf(&out, "%s\n", cri_str(json_at(list, i), "id"));
		else
			write_verbose(json_at(list, i), &out);
	}
	return output_write(&out);
}

int cri_ps(struct cri *r, char **argv)
{
	CLEANUP(cri_select_free) struct cri_select s = { 0 };
	struct ps_options o = { 0 };
	const char *form = NULL;
	const struct option table[] = {
		{ "id", 0, OPTION_TEXT, &s.id },
		{ "name", 0, OPTION_TEXT, &s.name },
		{ "namespace", 0, OPTION_TEXT, &s.ns },
		{ "pod", 'p', OPTION_TEXT, &s.pod },
		{ "image", 0, OPTION_TEXT, &s.image },
		{ "state", 's', OPTION_TEXT, &s.state },
		{ "label", 0, OPTION_LIST, &s.labels },
		{ "latest", 'l', OPTION_FLAG, &s.is_latest },
		{ "last", 'n', OPTION_NUMBER, &s.last },
		{ "all", 'a', OPTION_FLAG, &s.has_all },
		{ "output", 'o', OPTION_TEXT, &form },
		{ "quiet", 'q', OPTION_FLAG, &o.is_quiet },
		{ "verbose", 'v', OPTION_FLAG, &o.is_verbose },
		{ "no-trunc", 0, OPTION_FLAG, &o.is_whole },
		{ "resolve-image-path", 'r', OPTION_FLAG, &o.has_image_names },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *list = NULL;
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_TABLE, &o.form);
	if (code != CLI_GO_ON)
		return code;
	if (args.len > 0)
		return cli_usage(r->cli, "unexpected argument \"%s\"", args.at[0]);
	code = cri_choose_containers(r, &s, &list);
	return code == EXIT_OK ? print_list(r, &o, list) : code;
}

/* ---- inspect ---- */

static void write_ago(const char *title, int64_t ns, struct buf *out)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	cri_ago(ns, clock_wall_ns(), &text);
	cri_write_line(title, text.data, out);
}

static void write_status(const struct json *answer, struct buf *out)
{
	const struct json *s = json_get(answer, "status");
	const char *state = cri_str(s, "state");
	bool is_exited = strcmp(state, "CONTAINER_EXITED") == 0;

	cri_write_line("ID", cri_str(s, "id"), out);
	cri_write_line("Name", cri_str(s, "metadata.name"), out);
	cri_write_line("Attempt", cri_str(s, "metadata.attempt"), out);
	cri_write_line("State", cri_state_text(state), out);
	write_ago("Created", cri_i64(s, "createdAt"), out);
	if (strcmp(state, "CONTAINER_CREATED") != 0)
		write_ago("Started", cri_i64(s, "startedAt"), out);
	if (is_exited)
		write_ago("Finished", cri_i64(s, "finishedAt"), out);
	if (is_exited)
		cri_write_line("Exit Code", cri_str(s, "exitCode"), out);
	cri_write_line("Reason", cri_str(s, "reason"), out);
	cri_write_line("Message", cri_str(s, "message"), out);
	cri_write_map("Labels", json_get(s, "labels"), out);
	cri_write_map("Annotations", json_get(s, "annotations"), out);
	cri_write_map("Info", json_get(answer, "info"), out);
}

/* Nanoseconds as times; what has not happened has Go's zero time. */
static void make_readable(struct json *status)
{
	static const char *const times[] = { "createdAt", "startedAt", "finishedAt" };

	for (size_t i = 0; json_type(status) == JSON_OBJECT && i < ARRAY_LEN(times); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };

		cri_time(cri_i64(status, times[i]), &text);
		json_set_str(status, times[i], text.data);
	}
}

static int inspect_one(
	struct cri *r, const char *id, bool is_verbose, struct json *list, struct buf *text)
{
	struct json *request = cri_field("container_id", id);
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code;

	json_set_bool(request, "verbose", is_verbose);
	code = cri_ask(r, "ContainerStatus", request, &answer);
	if (code != EXIT_OK)
		return code;
	write_status(answer, text);
	make_readable(json_get(answer, "status"));
	json_push(list, cri_status_object(answer, "status"));
	return EXIT_OK;
}

static int inspect(struct cri *r, const struct strv *ids, bool is_verbose, const struct output *o)
{
	CLEANUP(cleanup_json) struct json *list = json_new_array();
	CLEANUP(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < ids->len; i++) {
		int code = inspect_one(r, ids->at[i], is_verbose, list, &text);

		if (code != EXIT_OK)
			return code;
	}
	return o->kind == OUTPUT_TABLE ? output_write(&text) : cri_print_statuses(o, list);
}

static int collect(
	struct cri *r, const struct cri_select *s, const struct arguments *args, struct strv *out)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	int code = args->len == 0 ? cri_choose_containers(r, s, &list) : EXIT_OK;

	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < args->len; i++)
		strv_add(out, args->at[i]);
	for (size_t i = 0; i < json_len(list); i++)
		strv_add(out, cri_str(json_at(list, i), "id"));
	return out->len ? EXIT_OK : cli_say("no container is like that");
}

int cri_inspect(struct cri *r, char **argv)
{
	CLEANUP(cri_select_free) struct cri_select s = { 0 };
	CLEANUP(strv_free) struct strv ids = { 0 };
	const char *form = NULL;
	bool is_quiet = false;
	struct output o;
	const struct option table[] = {
		{ "name", 0, OPTION_TEXT, &s.name },
		{ "namespace", 0, OPTION_TEXT, &s.ns },
		{ "pod", 'p', OPTION_TEXT, &s.pod },
		{ "image", 0, OPTION_TEXT, &s.image },
		{ "state", 's', OPTION_TEXT, &s.state },
		{ "label", 0, OPTION_LIST, &s.labels },
		{ "latest", 'l', OPTION_FLAG, &s.is_latest },
		{ "last", 'n', OPTION_NUMBER, &s.last },
		{ "all", 'a', OPTION_FLAG, &s.has_all },
		{ "output", 'o', OPTION_TEXT, &form },
		{ "quiet", 'q', OPTION_FLAG, &is_quiet },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_JSON, &o);
	if (code != CLI_GO_ON)
		return code;
	code = collect(r, &s, &args, &ids);
	return code == EXIT_OK ? inspect(r, &ids, !is_quiet, &o) : code;
}
