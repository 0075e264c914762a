/* Sandboxes: runp, stopp, rmp, pods, inspectp. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/cri.h"
#include "cli/cri_text.h"
#include "cli/table.h"

/* ---- runp ---- */

int cri_runp(struct cri *r, char **argv)
{
	const char *handler = NULL;
	int64_t timeout_ms = 0;
	const struct option table[] = {
		{ "runtime", 'r', OPTION_TEXT, &handler },
		{ "cancel-timeout", 'T', OPTION_DURATION, &timeout_ms },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct cri_call call = { .rpc = "RunPodSandbox" };
	struct json *config = NULL;
	struct err e = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (args.len != 1)
		return cli_usage(r->cli, "one config file of a pod is wanted");
	if (cri_config_pod(args.at[0], &config, &e) < 0)
		return cli_say("%s", e.text);
	call.request = cri_wrap("config", config);
	json_set_str(call.request, "runtime_handler", handler);
	call.timeout_ms = timeout_ms;
	code = cri_ask_within(r, &call, &answer);
	if (code == EXIT_OK)
		printf("%s\n", cri_str(answer, "podSandboxId"));
	return code;
}

/* ---- stopp, rmp ---- */

static int stop_one(struct cri *r, const char *id)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "StopPodSandbox", cri_field("pod_sandbox_id", id), &answer);

	if (code == EXIT_OK)
		printf("Stopped sandbox %s\n", id);
	return code;
}

int cri_stopp(struct cri *r, char **argv)
{
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, NULL, 0, argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (args.len == 0)
		return cli_usage(r->cli, "an id is missing");
	code = EXIT_OK;
	for (size_t i = 0; i < args.len && !r->ended_by; i++)
		if (stop_one(r, args.at[i]) != EXIT_OK)
			code = EXIT_ERROR;
	return code;
}

static int remove_one(struct cri *r, const char *id, bool is_forced)
{
	CLEANUP(cleanup_json) struct json *status = NULL;
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "PodSandboxStatus", cri_field("pod_sandbox_id", id), &status);
	bool is_ready = strcmp(cri_str(status, "status.state"), "SANDBOX_READY") == 0;

	if (code != EXIT_OK)
		return code;
	if (is_ready && !is_forced)
		return cli_say("pod sandbox \"%s\" is ready: stop it first, or use -f", id);
	if (is_ready)
		code = stop_one(r, id);
	if (code == EXIT_OK)
		code = cri_ask(r, "RemovePodSandbox", cri_field("pod_sandbox_id", id), &answer);
	if (code == EXIT_OK)
		printf("Removed sandbox %s\n", id);
	return code;
}

static int remove_all(struct cri *r, bool is_forced)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "ListPodSandbox", NULL, &answer);
	const struct json *items = json_get(answer, "items");

	if (code == EXIT_OK && json_len(items) == 0)
		fputs("No pods to remove\n", stderr);
	for (size_t i = 0; i < json_len(items) && !r->ended_by; i++)
		if (remove_one(r, cri_str(json_at(items, i), "id"), is_forced) != EXIT_OK)
			code = EXIT_ERROR;
	return code;
}

int cri_rmp(struct cri *r, char **argv)
{
	bool is_forced = false, has_all = false;
	const struct option table[] = {
		{ "force", 'f', OPTION_FLAG, &is_forced },
		{ "all", 'a', OPTION_FLAG, &has_all },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (has_all == (args.len > 0))
		return cli_usage(r->cli, "ids, or --all");
	if (has_all)
		return remove_all(r, is_forced);
	code = EXIT_OK;
	for (size_t i = 0; i < args.len && !r->ended_by; i++)
		if (remove_one(r, args.at[i], is_forced) != EXIT_OK)
			code = EXIT_ERROR;
	return code;
}

/* ---- choosing ---- */

static const char *namespace_of(const struct json *pod)
{
	return cri_str(pod, "metadata.namespace");
}

static int choose(struct cri *r, const struct cri_select *s, struct json **out)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct json *filter = NULL;
	struct err e = { 0 };
	int code;

	if (cri_select_pods(s, &filter, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	code = cri_ask(r, "ListPodSandbox", cri_wrap("filter", filter), &answer);
	if (code != EXIT_OK)
		return code;
	if (cri_select_apply(s, json_get(answer, "items"), namespace_of, out, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	return EXIT_OK;
}

/* ---- pods ---- */

struct pods_options {
	struct output form;
	bool is_quiet, is_verbose, is_whole;
};

static const char *handler_of(const struct json *pod)
{
	const char *handler = cri_str(pod, "runtimeHandler");

	return *handler ? handler : "(default)";
}

static void add_row(struct table *t, const struct json *pod, bool is_whole)
{
	CLEANUP(buf_free) struct buf id = { 0 };
	CLEANUP(buf_free) struct buf created = { 0 };

	buf_adds(&id, "");
	if (is_whole)
		buf_adds(&id, cri_str(pod, "id"));
	else
		cri_short_id(cri_str(pod, "id"), &id);
	cri_ago(cri_i64(pod, "createdAt"), clock_wall_ns(), &created);
	table_add(t, id.data);
	table_add(t, created.data);
	table_add(t, cri_state_text(cri_str(pod, "state")));
	table_add(t, cri_str(pod, "metadata.name"));
	table_add(t, cri_str(pod, "metadata.namespace"));
	table_add(t, cri_str(pod, "metadata.attempt"));
	table_add(t, handler_of(pod));
}

static void write_table(const struct json *pods, bool is_whole, struct buf *out)
{
	static const char *const header[] = { "POD ID", "CREATED", "STATE", "NAME", "NAMESPACE",
		"ATTEMPT", "RUNTIME" };
	CLEANUP(table_free) struct table t = { 0 };

	table_row(&t, header, ARRAY_LEN(header));
	for (size_t i = 0; i < json_len(pods); i++)
		add_row(&t, json_at(pods, i), is_whole);
	table_flush(&t, out);
}

static void write_head(const struct json *pod, struct buf *out)
{
	cri_write_line("ID", cri_str(pod, "id"), out);
	cri_write_line("Name", cri_str(pod, "metadata.name"), out);
	cri_write_line("UID", cri_str(pod, "metadata.uid"), out);
	cri_write_line("Namespace", cri_str(pod, "metadata.namespace"), out);
	cri_write_line("Attempt", cri_str(pod, "metadata.attempt"), out);
	cri_write_line("Status", cri_state_text(cri_str(pod, "state")), out);
	buf_adds(out, "Created: ");
	cri_time(cri_i64(pod, "createdAt"), out);
	buf_addc(out, '\n');
}

static void write_verbose(const struct json *pod, struct buf *out)
{
	write_head(pod, out);
	cri_write_map("Labels", json_get(pod, "labels"), out);
	cri_write_map("Annotations", json_get(pod, "annotations"), out);
	cri_write_line("Runtime", handler_of(pod), out);
	buf_addc(out, '\n');
}

static int print_pods(const struct pods_options *o, struct json *pods)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };

	if (o->form.kind != OUTPUT_TABLE) {
		list = cri_wrap("items", json_copy(pods));
		return cri_print(&o->form, list);
	}
	if (!o->is_quiet && !o->is_verbose)
		write_table(pods, o->is_whole, &out);
	for (size_t i = 0; i < json_len(pods); i++) {
		if (o->is_quiet)
			buf_addf(&out, "%s\n", cri_str(json_at(pods, i), "id"));
		else if (o->is_verbose)
			write_verbose(json_at(pods, i), &out);
	}
	return output_write(&out);
}

int cri_pods(struct cri *r, char **argv)
{
	CLEANUP(cri_select_free) struct cri_select s = { 0 };
	struct pods_options o = { 0 };
	const char *form = NULL;
	const struct option table[] = {
		{ "id", 0, OPTION_TEXT, &s.id },
		{ "name", 0, OPTION_TEXT, &s.name },
		{ "namespace", 0, OPTION_TEXT, &s.ns },
		{ "state", 's', OPTION_TEXT, &s.state },
		{ "label", 0, OPTION_LIST, &s.labels },
		{ "latest", 'l', OPTION_FLAG, &s.is_latest },
		{ "last", 'n', OPTION_NUMBER, &s.last },
		{ "output", 'o', OPTION_TEXT, &form },
		{ "quiet", 'q', OPTION_FLAG, &o.is_quiet },
		{ "verbose", 'v', OPTION_FLAG, &o.is_verbose },
		{ "no-trunc", 0, OPTION_FLAG, &o.is_whole },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *pods = NULL;
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_TABLE, &o.form);
	if (code != CLI_GO_ON)
		return code;
	if (args.len > 0)
		return cli_usage(r->cli, "unexpected argument \"%s\"", args.at[0]);
	code = choose(r, &s, &pods);
	return code == EXIT_OK ? print_pods(&o, pods) : code;
}

/* ---- inspectp ---- */

static void write_status(const struct json *answer, struct buf *out)
{
	const struct json *status = json_get(answer, "status");
	const struct json *more = json_path(status, "network.additionalIps");

	write_head(status, out);
	cri_write_line("IP Addresses", cri_str(status, "network.ip"), out);
	for (size_t i = 0; i < json_len(more); i++)
		cri_write_line("Additional IP", cri_str(json_at(more, i), "ip"), out);
	cri_write_map("Labels", json_get(status, "labels"), out);
	cri_write_map("Annotations", json_get(status, "annotations"), out);
	cri_write_map("Info", json_get(answer, "info"), out);
}

static int inspect_one(
	struct cri *r, const char *id, bool is_verbose, struct json *list, struct buf *text)
{
	struct json *request = cri_field("pod_sandbox_id", id);
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(buf_free) struct buf created = { 0 };
	struct json *status;
	int code;

	json_set_bool(request, "verbose", is_verbose);
	code = cri_ask(r, "PodSandboxStatus", request, &answer);
	if (code != EXIT_OK)
		return code;
	write_status(answer, text);
	status = json_get(answer, "status");
	cri_time(cri_i64(status, "createdAt"), &created);
	if (json_type(status) == JSON_OBJECT)
		json_set_str(status, "createdAt", created.data);
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

/* The ids of the line, or of what the filters choose. */
static int collect(
	struct cri *r, const struct cri_select *s, const struct arguments *args, struct strv *out)
{
	CLEANUP(cleanup_json) struct json *pods = NULL;
	int code = args->len == 0 ? choose(r, s, &pods) : EXIT_OK;

	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < args->len; i++)
		strv_add(out, args->at[i]);
	for (size_t i = 0; i < json_len(pods); i++)
		strv_add(out, cri_str(json_at(pods, i), "id"));
	return out->len ? EXIT_OK : cli_say("no pod is like that");
}

int cri_inspectp(struct cri *r, char **argv)
{
	CLEANUP(cri_select_free) struct cri_select s = { 0 };
	CLEANUP(strv_free) struct strv ids = { 0 };
	const char *form = NULL;
	bool is_quiet = false;
	struct output o;
	const struct option table[] = {
		{ "name", 0, OPTION_TEXT, &s.name },
		{ "namespace", 0, OPTION_TEXT, &s.ns },
		{ "state", 's', OPTION_TEXT, &s.state },
		{ "label", 0, OPTION_LIST, &s.labels },
		{ "latest", 'l', OPTION_FLAG, &s.is_latest },
		{ "last", 'n', OPTION_NUMBER, &s.last },
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
