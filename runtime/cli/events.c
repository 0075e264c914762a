#include "cli/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/age.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/target.h"
#include "cli/watch.h"

struct lines {
	struct cli *cli;
	struct events_view *view;
	struct strv names; /* "NAMESPACE/NAME" of the pods of -l */
	struct strv asked; /* uids of pods that were looked for once more */
	struct table table;
	bool has_header;
};

int64_t events_time_ns(const struct json *event)
{
	const char *times[] = {
		json_get_str(json_get(event, "series"), "lastObservedTime"),
		json_get_str(event, "lastTimestamp"),
		json_get_str(event, "eventTime"),
		json_get_str(event, "firstTimestamp"),
		json_get_str(json_get(event, "metadata"), "creationTimestamp"),
	};
	int64_t ns;

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i] && clock_parse_rfc3339(times[i], &ns) == 0)
			return ns;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = events_time_ns(*(const struct json *const *)a);
	int64_t y = events_time_ns(*(const struct json *const *)b);

	return x < y ? -1 : x > y;
}

const struct json **events_sorted(const struct json *items)
{
	size_t len = json_len(items);
	const struct json **at = mem_zalloc((len + 1) * sizeof(*at));

	for (size_t i = 0; i < len; i++)
		at[i] = json_at(items, i);
	qsort(at, len, sizeof(*at), by_time);
	return at;
}

/* ---- which events ---- */

static bool is_wanted(const struct lines *l, const struct json *event)
{
	const struct json *object = json_get(event, "involvedObject");
	const char *name = json_get_str(object, "name"), *ns = json_get_str(object, "namespace");
	const char *type = json_get_str(event, "type");
	const struct strv *pods = l->view->pods;
	CLEANUP(cleanup_free) char *key = str_fmt("%s/%s", ns ? ns : "", name ? name : "");

	if (l->view->type && (!type || strcasecmp(type, l->view->type) != 0))
		return false;
	if (pods && pods->len > 0 && !(name && strv_has(pods, name)))
		return false;
	return !l->view->by.labels || strv_has(&l->names, key);
}

/* Events carry no labels: -l chooses pods, and the events about them. */
static int find_labelled(struct lines *l, struct err *e)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	struct choice by = { .labels = l->view->by.labels };
	int rc = select_list(l->cli, "pods", &by, &list, e);
	const struct json *items = json_get(list, "items");

	for (size_t i = 0; rc == 0 && i < json_len(items); i++) {
		const struct json *metadata = json_get(json_at(items, i), "metadata");
		const char *ns = json_get_str(metadata, "namespace");
		CLEANUP(cleanup_free)
		char *key = str_fmt("%s/%s", ns ? ns : "", json_get_str(metadata, "name"));

		strv_add(&l->names, key);
	}
	return rc;
}

/* ---- lines ---- */

static void add_event(struct lines *l, const struct json *event)
{
	const struct json *object = json_get(event, "involvedObject");
	const char *kind = json_get_str(object, "kind"), *name = json_get_str(object, "name");
	const char *ns = json_get_str(object, "namespace");
	const char *type = json_get_str(event, "type"), *reason = json_get_str(event, "reason");
	const char *message = json_get_str(event, "message");
	bool is_pod = kind && strcmp(kind, "Pod") == 0;
	CLEANUP(cleanup_free)
	char *text = str_fmt("%s/%s", is_pod ? "pod" : kind ? kind : "", name ? name : "");
	CLEANUP(buf_free) struct buf age = { 0 };

	age_of_event(event, clock_now().wall_ms, &age);
	if (l->cli->has_all_namespaces)
		table_add(&l->table, ns ? ns : "");
	table_add(&l->table, age.data);
	table_add_coloured(
		&l->table, type ? type : "", str_eq(type, "Warning") ? TABLE_WAITING : TABLE_PLAIN);
	table_add(&l->table, reason ? reason : "");
	table_add(&l->table, text);
	table_add(&l->table, message ? message : "");
}

static void add_header(struct lines *l)
{
	static const char *const names[] = { "NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT",
		"MESSAGE" };
	size_t skipped = !l->cli->has_all_namespaces;

	l->table.columns = ARRAY_LEN(names) - skipped;
	if (!l->has_header && !l->view->has_no_header)
		table_row(&l->table, names + skipped, ARRAY_LEN(names) - skipped);
	l->has_header = true;
}

static int write_lines(struct lines *l)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	table_flush(&l->table, &out);
	return output_write(&out);
}

static int write_object(struct lines *l, const struct json *object)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (output_print(&l->view->output, object, &out, &e) < 0)
		return cli_say("%s", e.text);
	return output_write(&out);
}

static int write_list(struct lines *l, const struct json *list)
{
	CLEANUP(cleanup_free) const struct json **sorted = events_sorted(json_get(list, "items"));
	CLEANUP(cleanup_json) struct json *kept = json_new_array();

	for (size_t i = 0; sorted[i]; i++)
		if (is_wanted(l, sorted[i]))
			json_push(kept, json_copy(sorted[i]));
	if (!output_is_table(&l->view->output)) {
		CLEANUP(cleanup_json) struct json *whole = output_list(kept, "Event");

		return write_object(l, whole);
	}
	if (json_len(kept) == 0 && !l->view->is_watch)
		fputs("No events found\n", stderr);
	if (json_len(kept) == 0)
		return EXIT_OK;
	add_header(l);
	for (size_t i = 0; i < json_len(kept); i++)
		add_event(l, json_at(kept, i));
	return write_lines(l);
}

/* An event about a pod that -l did not find: it may have been made after the watch began.  Asked
 * once a pod, on a connection of its own, since the other one is busy with the watch. */
static void look_again(struct lines *l, const struct json *event, struct err *e)
{
	const char *uid = json_get_str(json_get(event, "involvedObject"), "uid");
	struct cli second = {
		.root = l->cli->root,
		.socket = l->cli->socket,
		.is_socket_given = true,
		.ns = l->cli->ns,
		.has_all_namespaces = l->cli->has_all_namespaces,
	};
	struct lines fresh = { .cli = &second, .view = l->view };

	if (!uid || strv_has(&l->asked, uid))
		return;
	strv_add(&l->asked, uid);
	if (find_labelled(&fresh, e) == 0) {
		strv_free(&l->names);
		l->names = fresh.names;
	} else {
		strv_free(&fresh.names);
	}
	request_disconnect(&second);
	buf_free(&second.refusal);
}

static int on_event(void *arg, enum watch_type type, const struct json *object, struct err *e)
{
	struct lines *l = arg;

	if (type != WATCH_ADDED && type != WATCH_MODIFIED)
		return 0;
	if (l->view->by.labels && !is_wanted(l, object))
		look_again(l, object, e);
	if (!is_wanted(l, object))
		return 0;
	if (!output_is_table(&l->view->output))
		return write_object(l, object) == EXIT_OK ? 0 : -EIO;
	add_header(l);
	add_event(l, object);
	return write_lines(l) == EXIT_OK ? 0 : -EIO;
}

static int run(struct lines *l)
{
	struct events_view *v = l->view;
	struct choice by = { .fields = v->by.fields };
	CLEANUP(cleanup_json) struct json *list = NULL;
	CLEANUP(buf_free) struct buf path = { 0 };
	struct watch w = { .on_event = on_event, .arg = l };
	struct err e = { 0 };
	int rc = v->by.labels ? find_labelled(l, &e) : 0;

	if (rc == 0)
		rc = select_list(l->cli, "events", &by, &list, &e);
	if (rc < 0)
		return cli_fail(l->cli, NULL, &e);
	if (write_list(l, list) != EXIT_OK)
		return EXIT_ERROR;
	if (!v->is_watch)
		return EXIT_OK;
	path_list(&path, l->cli->has_all_namespaces ? NULL : cli_namespace(l->cli), "events");
	path_query(&path, "fieldSelector", by.fields);
	w.path = path.data;
	w.from_version = json_str(json_path(list, "metadata.resourceVersion"));
	return watch_run(l->cli, &w, &e) < 0 ? cli_fail(l->cli, NULL, &e) : EXIT_OK;
}

int events_show(struct cli *c, struct events_view *v)
{
	struct lines l = { .cli = c, .view = v };
	int code;

	l.table.has_colour = cli_has_colour(STDOUT_FILENO);
	code = run(&l);
	table_free(&l.table);
	strv_free(&l.names);
	strv_free(&l.asked);
	return code;
}

int verb_events(struct cli *c, char **argv)
{
	struct events_view v = { 0 };
	const char *form = NULL, *about = NULL;
	const struct option table[] = {
		{ "output", 'o', OPTION_TEXT, &form },
		{ "watch", 'w', OPTION_FLAG, &v.is_watch },
		{ "selector", 'l', OPTION_TEXT, &v.by.labels },
		{ "field-selector", 0, OPTION_TEXT, &v.by.fields },
		{ "types", 0, OPTION_TEXT, &v.type },
		{ "for", 0, OPTION_TEXT, &about },
		{ "no-headers", 0, OPTION_FLAG, &v.has_no_header },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(strv_free) struct strv names = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);
	struct err e = { 0 };

	if (code != CLI_GO_ON)
		return code;
	if (output_parse(form, &v.output, &e) < 0 ||
		target_names(args.at, args.len, &names, &e) < 0 ||
		(about && target_add(about, &names, &e) < 0))
		return cli_usage(c, "%s", e.text);
	if (v.type && strcasecmp(v.type, "Normal") != 0 && strcasecmp(v.type, "Warning") != 0)
		return cli_usage(c, "--types takes Normal or Warning, not \"%s\"", v.type);
	v.pods = &names;
	return events_show(c, &v);
}
