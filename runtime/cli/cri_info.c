/* The runtime itself: info, version, runtime-config, and what happens: events. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cri.h"
#include "cli/cri_text.h"

/* ---- info ---- */

int cri_info(struct cri *r, char **argv)
{
	const char *form = NULL;
	bool is_quiet = false;
	const struct option table[] = {
		{ "output", 'o', OPTION_TEXT, &form },
		{ "quiet", 'q', OPTION_FLAG, &is_quiet },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(cleanup_json) struct json *shown = NULL;
	struct json *request = NULL;
	struct output o;
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_JSON, &o);
	if (code != CLI_GO_ON)
		return code;
	if (o.kind == OUTPUT_TABLE)
		return cli_usage(
			r->cli, "there is no table of it: json, yaml or jsonpath=TEMPLATE");
	if (args.len > 0)
		return cli_usage(r->cli, "unexpected argument \"%s\"", args.at[0]);
	request = json_new_object();
	json_set_bool(request, "verbose", !is_quiet);
	code = cri_ask(r, "Status", request, &answer);
	if (code != EXIT_OK)
		return code;
	shown = cri_status_object(answer, "status");
	json_set(shown, "runtimeHandlers", json_copy(json_get(answer, "runtimeHandlers")));
	if (json_get(answer, "features"))
		json_set(shown, "features", json_copy(json_get(answer, "features")));
	return cri_print(&o, shown);
}

/* ---- version, runtime-config ---- */

/* A verb without options or arguments. */
static int parse_bare(struct cri *r, char **argv)
{
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, NULL, 0, argv, &args);

	if (code == CLI_GO_ON && args.len > 0)
		return cli_usage(r->cli, "unexpected argument \"%s\"", args.at[0]);
	return code;
}

int cri_version(struct cri *r, char **argv)
{
	static const struct {
		const char *title, *field;
	} lines[] = {
		{ "Version", "version" },                     /* */
		{ "RuntimeName", "runtimeName" },             /* */
		{ "RuntimeVersion", "runtimeVersion" },       /* */
		{ "RuntimeApiVersion", "runtimeApiVersion" }, /* */
	};
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = parse_bare(r, argv);

	if (code == CLI_GO_ON)
		code = cri_ask(r, "Version", cri_field("version", "v1"), &answer);
	/* Two blanks, as crictl has them. */
	for (size_t i = 0; code == EXIT_OK && i < ARRAY_LEN(lines); i++)
		printf("%s:  %s\n", lines[i].title, cri_str(answer, lines[i].field));
	return code;
}

int cri_runtime_config(struct cri *r, char **argv)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = parse_bare(r, argv);

	if (code == CLI_GO_ON)
		code = cri_ask(r, "RuntimeConfig", NULL, &answer);
	if (code == EXIT_OK && *cri_str(answer, "linux.cgroupDriver"))
		printf("cgroup driver:   %s\n", cri_str(answer, "linux.cgroupDriver"));
	return code;
}

/* ---- events ---- */

static int on_event(void *arg, const ProtobufCMessage *m)
{
	CLEANUP(cleanup_json) struct json *event = cri_message_json(m);

	return cri_print_next(arg, event);
}

int cri_events(struct cri *r, char **argv)
{
	const char *form = NULL;
	const struct option table[] = { { "output", 'o', OPTION_TEXT, &form } };
	CLEANUP(arguments_free) struct arguments args = { 0 };
	struct output o;
	struct cri_call call = {
		.rpc = "GetContainerEvents",
		.timeout_ms = CRI_NO_TIMEOUT,
		.on_message = on_event,
		.arg = &o,
	};
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_JSON, &o);
	if (code != CLI_GO_ON)
		return code;
	if (o.kind == OUTPUT_TABLE)
		return cli_usage(
			r->cli, "there is no table of it: json, yaml or jsonpath=TEMPLATE");
	if (args.len > 0)
		return cli_usage(r->cli, "unexpected argument \"%s\"", args.at[0]);
	return cri_call(r, &call);
}
