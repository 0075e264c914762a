/* stats: what pods and containers use, from two samples, once or again and again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/target.h"
#include "cli/usage.h"

enum { INTERVAL_MS = 1000 };

struct stats {
	struct cli *cli;
	struct output output;
	const char *labels;
	struct strv names;
	int64_t interval_ms;
	bool has_containers, is_watch, has_no_header;
	struct table table;
	bool has_header; /* written already */
};

/* ---- the table ---- */

static void write_header(struct stats *s)
{
	const char *names[TABLE_COLUMNS_MAX];
	size_t n = 0;

	if (s->cli->has_all_namespaces)
		names[n++] = "NAMESPACE";
	names[n++] = s->has_containers ? "POD" : "NAME";
	if (s->has_containers)
		names[n++] = "NAME";
	names[n++] = "CPU(cores)";
	names[n++] = "MEMORY(bytes)";
	names[n++] = "USAGE";
	names[n++] = "LIMIT";
	names[n++] = "PIDS";
	names[n++] = "READ";
	names[n++] = "WRITTEN";
	names[n++] = "DISK";
	if (s->output.kind == OUTPUT_WIDE) {
		names[n++] = "CPU-PSI";
		names[n++] = "MEMORY-PSI";
		names[n++] = "IO-PSI";
	}
	s->table.columns = n;
	if (!s->has_header && !s->has_no_header)
		table_row(&s->table, names, n);
	s->has_header = true;
}

/* "-" for what nobody tells. */
static void add_number(struct stats *s, const struct json *use, const char *path,
	void (*write)(int64_t n, struct buf *out))
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int64_t n = usage_number(use, path);

	if (n >= 0)
		write(n, &text);
	else
		buf_addc(&text, '-');
	table_add(&s->table, text.data);
}

static void write_plain(int64_t n, struct buf *out)
{
	buf_addf(out, "%lld", (long long)n);
}

/* Of the last ten seconds, how much somebody waited. */
static void add_pressure(struct stats *s, const struct json *use, const char *path)
{
	const char *percent = json_str(json_path(use, path));
	CLEANUP(cleanup_free) char *text = percent ? str_fmt("%s%%", percent) : NULL;

	table_add(&s->table, text ? text : "-");
}

static void add_row(
	struct stats *s, const struct json *pod, const char *container, const struct json *use)
{
	const char *ns = json_str(json_path(pod, "metadata.namespace"));
	const char *name = json_str(json_path(pod, "metadata.name"));

	if (s->cli->has_all_namespaces)
		table_add(&s->table, ns ? ns : "");
	table_add(&s->table, name ? name : "");
	if (s->has_containers)
		table_add(&s->table, container ? container : "");
	add_number(s, use, "cpu.usageNanoCores", usage_cores);
	add_number(s, use, "memory.workingSetBytes", usage_size);
	add_number(s, use, "memory.usageBytes", usage_size);
	add_number(s, use, "memory.limitBytes", usage_size);
	add_number(s, use, "pids.current", write_plain);
	add_number(s, use, "io.readBytes", usage_size);
	add_number(s, use, "io.writeBytes", usage_size);
	add_number(s, use, "ephemeral-storage.usedBytes", usage_size);
	if (s->output.kind == OUTPUT_WIDE) {
		add_pressure(s, use, "cpu.psi.some.avg10");
		add_pressure(s, use, "memory.psi.some.avg10");
		add_pressure(s, use, "io.psi.some.avg10");
	}
}

static int show_table(struct stats *s, const struct json *items)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	if (s->is_watch && isatty(STDOUT_FILENO)) {
		buf_adds(&out, "\033[2J\033[H");
		s->has_header = false;
	}
	write_header(s);
	for (size_t i = 0; i < json_len(items); i++) {
		const struct json *pod = json_at(items, i),
				  *containers = json_get(pod, "containers");

		if (!s->has_containers)
			add_row(s, pod, NULL, pod);
		for (size_t k = 0; s->has_containers && k < json_len(containers); k++) {
			const struct json *c = json_at(containers, k);

			add_row(s, pod, json_get_str(c, "name"), c);
		}
	}
	table_flush(&s->table, &out);
	return output_write(&out);
}

/* ---- which ---- */

static const struct json *find_pod(const struct json *items, const char *name)
{
	for (size_t i = 0; i < json_len(items); i++)
		if (str_eq(json_str(json_path(json_at(items, i), "metadata.name")), name))
			return json_at(items, i);
	return NULL;
}

static bool runs(const struct json *pod)
{
	return json_len(json_get(pod, "containers")) > 0;
}

static int compare(const void *a, const void *b)
{
	static const char *const keys[] = { "metadata.namespace", "metadata.name" };
	const struct json *const *x = a, *const *y = b;
	int order = 0;

	for (size_t i = 0; order == 0 && i < ARRAY_LEN(keys); i++) {
		const char *p = json_str(json_path(*x, keys[i])),
			   *q = json_str(json_path(*y, keys[i]));

		order = strcmp(p ? p : "", q ? q : "");
	}
	return order;
}

/* By name, so that a watched table does not jump. */
static void add_sorted(const struct json *items, struct json *chosen)
{
	size_t len = json_len(items);
	CLEANUP(cleanup_free)
	const struct json **sorted = mem_resize(NULL, len + 1, sizeof(*sorted));

	for (size_t i = 0; i < len; i++)
		sorted[i] = json_at(items, i);
	qsort(sorted, len, sizeof(*sorted), compare);
	for (size_t i = 0; i < len; i++)
		if (runs(sorted[i]))
			json_push(chosen, json_copy(sorted[i]));
}

/* Those that run; of names, in their order, each of the others is complained about. */
static struct json *choose(const struct stats *s, const struct json *items, int *code)
{
	struct json *chosen = json_new_array();

	for (size_t i = 0; i < s->names.len; i++) {
		const struct json *pod = find_pod(items, s->names.at[i]);

		if (runs(pod))
			json_push(chosen, json_copy(pod));
		else if (pod)
			*code = cli_say("pod \"%s\": none of its containers runs", s->names.at[i]);
		else
			*code = cli_say("pods \"%s\" not found", s->names.at[i]);
	}
	if (!s->names.len)
		add_sorted(items, chosen);
	return chosen;
}

static int show_object(const struct stats *s, const struct json *sample, struct json *chosen)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (s->names.len == 1) {
		list = json_copy(json_at(chosen, 0));
		json_set_str(list, "kind", "PodUsage");
		json_set_str(list, "apiVersion", "carpel/v1");
	} else {
		list = json_copy(sample);
		json_set(list, "items", json_copy(chosen));
	}
	if (output_print(&s->output, list, &out, &e) < 0)
		return cli_say("%s", e.text);
	return output_write(&out);
}

static int show(struct stats *s, const struct json *sample)
{
	int missing = EXIT_OK, code = EXIT_OK;
	CLEANUP(cleanup_json)
	struct json *chosen = choose(s, json_get(sample, "items"), &missing);

	if (!output_is_table(&s->output) && (!s->names.len || json_len(chosen) > 0))
		code = show_object(s, sample, chosen);
	else if (json_len(chosen) > 0)
		code = show_table(s, chosen);
	else if (s->names.len || s->is_watch)
		;
	else if (s->cli->has_all_namespaces)
		fputs("No resources found\n", stderr);
	else
		fprintf(stderr, "No resources found in %s namespace.\n", cli_namespace(s->cli));
	return code != EXIT_OK ? code : missing;
}

/* ---- samples ---- */

static int ask(const struct stats *s, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	int rc;

	buf_adds(&path, "/apis/carpel/v1/");
	if (!s->cli->has_all_namespaces) {
		buf_adds(&path, "namespaces/");
		api_escape(&path, cli_namespace(s->cli));
		buf_addc(&path, '/');
	}
	buf_adds(&path, "usage");
	path_query(&path, "labelSelector", s->labels);
	rc = request_get(s->cli, path.data, out, e);
	return rc < 0 ? rc : 0;
}

static void sleep_ms(int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static int run(struct stats *s)
{
	CLEANUP(cleanup_json) struct json *before = NULL;
	struct err e = { 0 };
	int code;

	if (ask(s, &before, &e) < 0)
		return cli_fail(s->cli, NULL, &e);
	do {
		struct json *after = NULL;

		sleep_ms(s->interval_ms);
		if (ask(s, &after, &e) < 0)
			return cli_fail(s->cli, NULL, &e);
		usage_between(before, after);
		json_free(before);
		before = after;
		code = show(s, after);
	} while (s->is_watch && code == EXIT_OK);
	return code;
}

int verb_stats(struct cli *c, char **argv)
{
	struct stats s = { .cli = c, .interval_ms = INTERVAL_MS };
	const char *form = NULL;
	const struct option table[] = {
		{ "containers", 0, OPTION_FLAG, &s.has_containers },
		{ "output", 'o', OPTION_TEXT, &form },
		{ "watch", 'w', OPTION_FLAG, &s.is_watch },
		{ "interval", 0, OPTION_DURATION, &s.interval_ms },
		{ "selector", 'l', OPTION_TEXT, &s.labels },
		{ "no-headers", 0, OPTION_FLAG, &s.has_no_header },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);
	struct err e = { 0 };

	if (code != CLI_GO_ON)
		return code;
	if (output_parse(form, &s.output, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (s.output.kind == OUTPUT_NAME)
		return cli_usage(c, "-o name says nothing of what is used: see `carpel get`");
	if (s.interval_ms == 0)
		return cli_usage(
			c, "--interval must be longer than 0: it lies between two samples");
	if (target_names(args.at, args.len, &s.names, &e) < 0)
		code = cli_usage(c, "%s", e.text);
	else if (s.names.len > 0 && s.labels)
		code = cli_usage(c, "names and a selector exclude each other");
	else if (s.names.len > 0 && c->has_all_namespaces)
		code = cli_usage(c, "a name stands in one namespace: -A does not fit");
	else
		code = run(&s);
	strv_free(&s.names);
	table_free(&s.table);
	return code;
}
