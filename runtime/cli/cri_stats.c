/* stats and statsp: two samples, of which the second is shown, and what the CPU did between them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cri.h"
#include "cli/cri_text.h"
#include "cli/table.h"

enum { WATCH_MS = 500, COLUMNS = 7 };

/* What differs between containers and sandboxes. */
struct kind {
	const char *rpc;
	const char *under; /* where an item has its figures: "" or "linux." */
	size_t columns;
	const char *header[COLUMNS];
	void (*add_row)(struct table *t, const struct json *item, const char *cpu);
};

struct stats {
	struct cri *cri;
	const struct kind *kind;
	const struct json *filter;
	int64_t seconds; /* between the samples */
	struct output form;
	bool has_all, is_watch;
};

/* ---- figures ---- */

static int64_t figure(const struct stats *s, const struct json *item, const char *path)
{
	CLEANUP(cleanup_free) char *whole = str_fmt("%s%s", s->kind->under, path);

	return cri_i64(item, whole);
}

static const char *id_of(const struct json *item)
{
	return cri_str(item, "attributes.id");
}

/* Items by id, so that a watched table does not jump. */
struct by_id {
	const char *id;
	const struct json *item;
};

static int compare_ids(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static struct by_id *sort(const struct json *items)
{
	struct by_id *list = mem_resize(NULL, json_len(items) + 1, sizeof(*list));

	for (size_t i = 0; i < json_len(items); i++)
		list[i] = (struct by_id){ id_of(json_at(items, i)), json_at(items, i) };
	qsort(list, json_len(items), sizeof(*list), compare_ids);
	return list;
}

static const struct json *find(const struct by_id *list, size_t len, const char *id)
{
	const struct by_id key = { .id = id };
	const struct by_id *found = bsearch(&key, list, len, sizeof(*list), compare_ids);

	return found ? found->item : NULL;
}

static void add_size(struct table *t, const struct json *item, const char *path)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	cri_size((double)cri_i64(item, path), 4, &text);
	table_add(t, text.data);
}

static void add_id(struct table *t, const struct json *item)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	cri_short_id(id_of(item), &text);
	table_add(t, text.data);
}

static void add_container(struct table *t, const struct json *item, const char *cpu)
{
	const char *inodes = cri_str(item, "writableLayer.inodesUsed.value");

	add_id(t, item);
	table_add(t, cri_str(item, "attributes.metadata.name"));
	table_add(t, cpu);
	add_size(t, item, "memory.workingSetBytes.value");
	add_size(t, item, "writableLayer.usedBytes.value");
	table_add(t, *inodes ? inodes : "0");
	add_size(t, item, "swap.swapUsageBytes.value");
}

static void add_pod(struct table *t, const struct json *item, const char *cpu)
{
	table_add(t, cri_str(item, "attributes.metadata.name"));
	add_id(t, item);
	table_add(t, cpu);
	add_size(t, item, "linux.memory.workingSetBytes.value");
}

static const struct kind containers = {
	.rpc = "ListContainerStats",
	.under = "",
	.columns = 7,
	.header = { "CONTAINER", "NAME", "CPU %", "MEM", "DISK", "INODES", "SWAP" },
	.add_row = add_container,
};

static const struct kind pods = {
	.rpc = "ListPodSandboxStats",
	.under = "linux.",
	.columns = 4,
	.header = { "POD", "POD ID", "CPU %", "MEM" },
	.add_row = add_pod,
};

/* ---- two samples ---- */

static int ask(const struct stats *s, struct json **out)
{
	struct json *request = cri_wrap("filter", json_copy(s->filter));

	return cri_ask(s->cri, s->kind->rpc, request, out);
}

/* One that is not running has no row, nor has one that came between the samples. */
static int add_row(
	const struct stats *s, struct table *t, const struct json *old, const struct json *item)
{
	int64_t cpu = figure(s, item, "cpu.usageCoreNanoSeconds.value");
	int64_t memory = figure(s, item, "memory.workingSetBytes.value");
	int64_t span = figure(s, item, "cpu.timestamp") - figure(s, old, "cpu.timestamp");
	double used = (double)(cpu - figure(s, old, "cpu.usageCoreNanoSeconds.value"));
	CLEANUP(cleanup_free) char *text = NULL;

	if (!old || (!s->has_all && cpu == 0 && memory == 0))
		return EXIT_OK;
	if (cpu && span <= 0)
		return cli_say("%s: the runtime took no new sample within %" PRId64 " s",
			id_of(item), s->seconds);
	text = str_fmt("%.2f", cpu ? used / (double)span * 100 : 0.0);
	s->kind->add_row(t, item, text);
	return EXIT_OK;
}

static int print_table(const struct stats *s, const struct json *before, const struct json *after)
{
	size_t olds = json_len(json_get(before, "stats")),
	       news = json_len(json_get(after, "stats"));
	CLEANUP(cleanup_free) struct by_id *old = sort(json_get(before, "stats"));
	CLEANUP(cleanup_free) struct by_id *new = sort(json_get(after, "stats"));
	CLEANUP(table_free) struct table t = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };
	int code = EXIT_OK;

	table_row(&t, s->kind->header, s->kind->columns);
	for (size_t i = 0; i < news && code == EXIT_OK; i++)
		code = add_row(s, &t, find(old, olds, new[i].id), new[i].item);
	if (code != EXIT_OK)
		return code;
	if (s->is_watch && isatty(STDOUT_FILENO))
		buf_adds(&out, "\033[2J\033[H");
	table_flush(&t, &out);
	return output_write(&out);
}

static int show(const struct stats *s)
{
	CLEANUP(cleanup_json) struct json *before = NULL;
	CLEANUP(cleanup_json) struct json *after = NULL;
	int code = ask(s, &before);

	if (code != EXIT_OK)
		return code;
	if (s->form.kind != OUTPUT_TABLE)
		return cri_print(&s->form, before);
	if (cri_sleep(s->cri, s->seconds * 1000))
		code = ask(s, &after);
	if (code != EXIT_OK || s->cri->ended_by)
		return code;
	return print_table(s, before, after);
}

static int run(const struct stats *s)
{
	int code = show(s);

	while (s->is_watch && code == EXIT_OK && cri_sleep(s->cri, WATCH_MS))
		code = show(s);
	return code;
}

/* ---- the command line ---- */

static int verb(struct cri *r, char **argv, const struct kind *kind)
{
	struct stats s = { .cri = r, .kind = kind, .seconds = 1 };
	CLEANUP(strv_free) struct strv labels = { 0 };
	const char *id = NULL, *pod = NULL, *form = NULL;
	const struct option table[] = {
		{ "id", 0, OPTION_TEXT, &id },
		{ "label", 0, OPTION_LIST, &labels },
		{ "output", 'o', OPTION_TEXT, &form },
		{ "seconds", 's', OPTION_NUMBER, &s.seconds },
		{ "watch", 'w', OPTION_FLAG, &s.is_watch },
		/* Of containers only. */
		{ "all", 'a', OPTION_FLAG, &s.has_all },
		{ "pod", 'p', OPTION_TEXT, &pod },
	};
	size_t options = kind == &containers ? ARRAY_LEN(table) : ARRAY_LEN(table) - 2;
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *filter = json_new_object();
	struct json *selector = NULL;
	struct err e = { 0 };
	int code = cri_options(r, table, options, argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_TABLE, &s.form);
	if (code != CLI_GO_ON)
		return code;
	if (args.len > 1 || (args.len == 1 && id))
		return cli_usage(r->cli, "one id at most");
	if (cri_select_labels(&labels, &selector, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	json_set_str(filter, "id", args.len ? args.at[0] : id);
	json_set_str(filter, "pod_sandbox_id", pod);
	if (selector)
		json_set(filter, "label_selector", selector);
	s.filter = filter;
	return run(&s);
}

int cri_stats(struct cri *r, char **argv)
{
	return verb(r, argv, &containers);
}

int cri_statsp(struct cri *r, char **argv)
{
	return verb(r, argv, &pods);
}
