/* call: any of CRI's calls, with its message as JSON. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cri.h"
#include "cli/cri_rpc.h"
#include "cli/table.h"

static int list_calls(void)
{
	static const char *const header[] = { "SERVICE", "RPC", "REQUEST", "ANSWER" };
	CLEANUP(table_free) struct table t = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };
	struct cri_rpc rpc;

	table_row(&t, header, ARRAY_LEN(header));
	for (size_t i = 0; cri_rpc_at(i, &rpc) == 0; i++) {
		table_add(&t, rpc.service->short_name);
		table_add(&t, rpc.method->name);
		table_add(&t, rpc.method->input->short_name);
		table_add(&t, rpc.method->output->short_name);
	}
	table_flush(&t, &out);
	return output_write(&out);
}

/* A document a message, at once: a stream may go on for long. */
static int on_message(void *arg, const ProtobufCMessage *m)
{
	CLEANUP(cleanup_json) struct json *answer = cri_message_json(m);

	return cri_print_next(arg, answer);
}

int cri_call_verb(struct cri *r, char **argv)
{
	const char *form = NULL;
	const struct option table[] = { { "output", 'o', OPTION_TEXT, &form } };
	CLEANUP(arguments_free) struct arguments args = { 0 };
	struct output o;
	struct cri_call call = { .on_message = on_message, .arg = &o };
	struct err e = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_JSON, &o);
	if (code != CLI_GO_ON)
		return code;
	if (o.kind == OUTPUT_TABLE)
		return cli_usage(
			r->cli, "there is no table of it: json, yaml or jsonpath=TEMPLATE");
	if (args.len > 2)
		return cli_usage(r->cli, "unexpected argument \"%s\"", args.at[2]);
	if (args.len == 0)
		return list_calls();
	call.rpc = args.at[0];
	if (cri_config_argument(args.len > 1 ? args.at[1] : NULL, &call.request, &e) < 0)
		return cli_say("%s", e.text);
	return cri_call(r, &call);
}
