/* get: pods as a table or as they are, once or as they change. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/age.h"
#include "cli/events.h"
#include "cli/output.h"
#include "cli/pod_text.h"
#include "cli/request.h"
#include "cli/select.h"
#include "cli/target.h"
#include "cli/watch.h"

struct view {
	struct cli *cli;
	struct output output;
	struct choice by;
	bool is_watch, has_labels, has_no_header;
	struct table table;
	bool has_header; /* written already */
};

/* ---- the table ---- */

static void write_header(struct view *v)
{
	const char *names[TABLE_COLUMNS_MAX];
	size_t n = 0;

	if (v->cli->has_all_namespaces)
		names[n++] = "NAMESPACE";
	names[n++] = "NAME";
	names[n++] = "READY";
	names[n++] = "STATUS";
	names[n++] = "RESTARTS";
	names[n++] = "AGE";
	if (v->output.kind == OUTPUT_WIDE) {
		names[n++] = "IP";
		names[n++] = "NODE";
		names[n++] = "NOMINATED NODE";
		names[n++] = "READINESS GATES";
	}
	if (v->has_labels)
		names[n++] = "LABELS";
	v->table.columns = n;
	if (!v->has_header && !v->has_no_header)
		table_row(&v->table, names, n);
	v->has_header = true;
}

static const char *or_none(const char *text)
{
	return text && *text ? text : "<none>";
}

static void add_gates(struct view *v, const struct json *pod)
{
	const struct json *gates = json_path(pod, "spec.readinessGates");
	CLEANUP(buf_free) struct buf text = { 0 };
	size_t met = 0;

	for (size_t i = 0; i < json_len(gates); i++)
		met += pod_condition_is(
			pod, json_get_str(json_at(gates, i), "conditionType"), "True");
	if (json_len(gates))
		buf_addf(&text, "%zu/%zu", met, json_len(gates));
	table_add(&v->table, or_none(text.data));
}

static void add_wide(struct view *v, const struct json *pod)
{
	const struct json *ips = json_path(pod, "status.podIPs");
	const char *ip = json_get_str(json_at(ips, 0), "ip");

	if (!ip)
		ip = json_get_str(json_get(pod, "status"), "podIP");
	table_add(&v->table, or_none(ip));
	table_add(&v->table, or_none(json_get_str(json_get(pod, "spec"), "nodeName")));
	table_add(&v->table, or_none(json_get_str(json_get(pod, "status"), "nominatedNodeName")));
	add_gates(v, pod);
}

static void add_pod(struct view *v, const struct json *pod)
{
	const struct json *metadata = json_get(pod, "metadata");
	const char *name = json_get_str(metadata, "name"),
		   *ns = json_get_str(metadata, "namespace");
	int64_t now = clock_now().wall_ms;
	CLEANUP(pod_text_free) struct pod_text t = { 0 };
	CLEANUP(cleanup_free) char *ready = NULL;
	CLEANUP(buf_free) struct buf age = { 0 };

	pod_text_read(pod, now, &t);
	ready = str_fmt("%" PRId64 "/%" PRId64, t.ready, t.total);
	age_since(json_get_str(metadata, "creationTimestamp"), now, &age);
	if (v->cli->has_all_namespaces)
		table_add(&v->table, ns ? ns : "");
	table_add(&v->table, name ? name : "");
	table_add(&v->table, ready);
	table_add_coloured(&v->table, t.status, t.colour);
	table_add(&v->table, t.restarts);
	table_add(&v->table, age.data);
	if (v->output.kind == OUTPUT_WIDE)
		add_wide(v, pod);
	if (v->has_labels) {
		CLEANUP(buf_free) struct buf labels = { 0 };

		labels_text(json_get(metadata, "labels"), ",", &labels);
		table_add(&v->table, labels.data);
	}
}

/* Some pods, in whatever form was asked for. */
static int show_rows(struct view *v, const struct json *items)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	write_header(v);
	for (size_t i = 0; i < json_len(items); i++)
		add_pod(v, json_at(items, i));
	table_flush(&v->table, &out);
	return output_write(&out);
}

static int show_object(struct view *v, const struct json *object)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (output_print(&v->output, object, &out, &e) < 0)
		return cli_say("%s", e.text);
	/* A template ends where it says; a terminal's prompt should still begin a line. */
	if (v->output.kind == OUTPUT_JSONPATH && isatty(STDOUT_FILENO))
		buf_addc(&out, '\n');
	return output_write(&out);
}

static int show_list(struct view *v, const struct json *list)
{
	const struct json *items = json_get(list, "items");
	CLEANUP(cleanup_json) struct json *whole = NULL;

	if (!output_is_table(&v->output)) {
		whole = output_list(items, "Pod");
		return show_object(v, whole);
	}
	if (json_len(items) > 0)
		return show_rows(v, items);
	if (v->is_watch) /* what comes later gets the header then */
		return EXIT_OK;
	if (v->cli->has_all_namespaces)
		fputs("No resources found\n", stderr);
	else
		fprintf(stderr, "No resources found in %s namespace.\n", cli_namespace(v->cli));
	return EXIT_OK;
}

/* ---- watching ---- */

static int on_event(void *arg, enum watch_type type, const struct json *object, struct err *e)
{
	struct view *v = arg;
	CLEANUP(cleanup_json) struct json *one = NULL;

	(void)e;
	if (type == WATCH_BEGUN || type == WATCH_SYNCED)
		return 0;
	if (output_is_table(&v->output)) {
		one = json_new_array();
		json_push(one, json_copy(object));
		(void)show_rows(v, one);
	} else {
		(void)show_object(v, object);
	}
	return 0;
}

/* The list first, then what changes after it. */
static int watch_pods(struct view *v, const struct json *list)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	struct watch w = { .on_event = on_event, .arg = v };
	struct err e = { 0 };

	path_list(&path, v->cli->has_all_namespaces ? NULL : cli_namespace(v->cli), "pods");
	path_query(&path, "labelSelector", v->by.labels);
	path_query(&path, "fieldSelector", v->by.fields);
	w.path = path.data;
	w.from_version = json_str(json_path(list, "metadata.resourceVersion"));
	return watch_run(v->cli, &w, &e) < 0 ? cli_fail(v->cli, NULL, &e) : EXIT_OK;
}

/* ---- what was asked for ---- */

static int get_selected(struct view *v)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	struct err e = { 0 };
	int code;

	if (select_list(v->cli, "pods", &v->by, &list, &e) < 0)
		return cli_fail(v->cli, NULL, &e);
	code = show_list(v, list);
	return code == EXIT_OK && v->is_watch ? watch_pods(v, list) : code;
}

/* Those that exist are shown, those that do not are named. */
static int get_named(struct view *v, const struct strv *names)
{
	CLEANUP(cleanup_json) struct json *found = json_new_array();
	int code = EXIT_OK, shown = EXIT_OK;

	for (size_t i = 0; i < names->len; i++) {
		struct json *pod = NULL;
		struct err e = { 0 };

		if (request_pod(v->cli, cli_namespace(v->cli), names->at[i], &pod, &e) < 0)
			code = cli_fail(v->cli, NULL, &e);
		else
			json_push(found, pod);
	}
	if (json_len(found) == 0 && target_is_foreign_word(names->at[0]))
		return cli_say("if \"%s\" was meant as a kind: carpel keeps pods and events only",
			names->at[0]);
	if (json_len(found) == 0)
		return code;
	if (output_is_table(&v->output)) {
		shown = show_rows(v, found);
	} else if (names->len == 1) {
		shown = show_object(v, json_at(found, 0));
	} else {
		CLEANUP(cleanup_json) struct json *list = output_list(found, "Pod");

		shown = show_object(v, list);
	}
	return code != EXIT_OK ? code : shown;
}

static int get_pods(struct view *v, const struct arguments *args)
{
	CLEANUP(strv_free) struct strv names = { 0 };
	CLEANUP(cleanup_free) char *selector = NULL;
	struct err e = { 0 };

	if (target_names(args->at, args->len, &names, &e) < 0)
		return cli_usage(v->cli, "%s", e.text);
	if (names.len == 0)
		return get_selected(v);
	if (v->by.labels || v->by.fields)
		return cli_usage(v->cli, "names and a selector exclude each other");
	if (v->cli->has_all_namespaces)
		return cli_usage(v->cli, "a name stands in one namespace: -A does not fit");
	if (!v->is_watch)
		return get_named(v, &names);
	if (names.len > 1)
		return cli_usage(v->cli, "-w takes one name");
	selector = str_fmt("metadata.name=%s", names.at[0]);
	v->by.fields = selector;
	return get_selected(v);
}

int verb_get(struct cli *c, char **argv)
{
	struct view v = { .cli = c };
	const char *form = NULL;
	const struct option table[] = {
		{ "output", 'o', OPTION_TEXT, &form },
		{ "watch", 'w', OPTION_FLAG, &v.is_watch },
		{ "selector", 'l', OPTION_TEXT, &v.by.labels },
		{ "field-selector", 0, OPTION_TEXT, &v.by.fields },
		{ "show-labels", 0, OPTION_FLAG, &v.has_labels },
		{ "no-headers", 0, OPTION_FLAG, &v.has_no_header },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);
	struct err e = { 0 };

	if (code != CLI_GO_ON)
		return code;
	if (args.len == 0)
		return cli_usage(c, "what? pods, pod NAME or events");
	if (output_parse(form, &v.output, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (target_is_event_word(args.at[0])) {
		struct events_view events = {
			.output = v.output,
			.by = v.by,
			.is_watch = v.is_watch,
			.has_no_header = v.has_no_header,
		};

		if (args.len > 1)
			return cli_usage(c, "events have no names of use: `carpel events POD`");
		return events_show(c, &events);
	}
	v.table.has_colour = cli_has_colour(STDOUT_FILENO);
	code = get_pods(&v, &args);
	table_free(&v.table);
	return code;
}
