/* exec: a command in a container by ExecSync, which ends before anything is seen of it. */
#include <stdio.h>
#include <string.h>

#include "api/client_grpc.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "cli/cri.h"
#include "cli/cri_text.h"
#include "spec/cri.pb-c.h"

struct exec {
	struct cri *cri;
	char *const *command;
	int64_t seconds; /* --timeout; 0: none */
	bool has_sync, has_tty, has_stdin, is_quiet, ignores_errors;
	int code; /* the command's */
};

static int write_bytes(int fd, const char *name, ProtobufCBinaryData bytes)
{
	int rc = bytes.len ? fd_write_all(fd, bytes.data, bytes.len) : 0;

	if (rc == 0)
		return EXIT_OK;
	(void)cli_say("%s: %s", name, strerror(-rc));
	return EXIT_SELF;
}

static int on_answer(void *arg, const ProtobufCMessage *m)
{
	struct exec *x = arg;
	/* The call's descriptor says what m is. */
	const Runtime__V1__ExecSyncResponse *answer = (const void *)m;
	int code = write_bytes(STDOUT_FILENO, "standard output", answer->stdout);

	if (code == EXIT_OK)
		code = write_bytes(STDERR_FILENO, "standard error", answer->stderr);
	x->code = answer->exit_code;
	return code;
}

/* The command's exit code; 124 when it took too long, 125 when it could not be run. */
static int exec_in(struct exec *x, const char *id)
{
	struct json *words = json_new_array();
	int grpc_code = GRPC_OK, code;
	struct cri_call call = {
		.rpc = "ExecSync",
		.request = cri_field("container_id", id),
		.on_message = on_answer,
		.arg = x,
		.out_code = &grpc_code,
	};

	for (size_t i = 0; x->command[i]; i++)
		json_push(words, json_new_string(x->command[i]));
	json_set(call.request, "cmd", words);
	json_set_i64(call.request, "timeout", x->seconds);
	if (x->cri->timeout_ms)
		call.timeout_ms =
			x->seconds ? x->cri->timeout_ms + x->seconds * 1000 : CRI_NO_TIMEOUT;
	x->code = EXIT_OK;
	code = cri_call(x->cri, &call);
	if (grpc_code == GRPC_DEADLINE_EXCEEDED)
		return EXIT_TIMED_OUT;
	return code == EXIT_OK ? x->code : code == EXIT_ERROR ? EXIT_SELF : code;
}

/* In each of them; the first code that is not 0. */
static int exec_in_all(struct exec *x, const struct json *list)
{
	int first = EXIT_OK;

	if (json_len(list) == 0) {
		(void)cli_say("no container is like that");
		return EXIT_SELF;
	}
	for (size_t i = 0; i < json_len(list) && !x->cri->ended_by; i++) {
		const char *id = cri_str(json_at(list, i), "id");
		int code;

		if (!x->is_quiet) {
			printf("%s:\n", id);
			(void)fflush(stdout);
		}
		code = exec_in(x, id);
		if (first == EXIT_OK)
			first = code;
	}
	return first;
}

static int run(struct exec *x, const struct cri_select *s, const struct arguments *args)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	bool has_filter = !cri_select_is_empty(s);
	/* "--" may stand before all, or as elsewhere in carpel before the command. */
	char *const *words = args->command ? args->command : args->at;
	int code;

	if (x->has_tty || x->has_stdin)
		return cli_usage(x->cri->cli,
			"%s: CRI's streams are not served; a command runs without "
			"a terminal and standard input",
			x->has_tty ? "-t" : "-i");
	if (!has_filter && !words[0])
		return cli_usage(x->cri->cli, "a container's id is missing");
	x->command = has_filter ? words : words + 1;
	if (!has_filter && x->command[0] && strcmp(x->command[0], "--") == 0)
		x->command++;
	if (!x->command[0])
		return cli_usage(x->cri->cli, "a command is missing");
	if (!has_filter)
		return exec_in(x, words[0]);
	code = cri_choose_containers(x->cri, s, &list);
	if (code != EXIT_OK)
		return code == EXIT_ERROR ? EXIT_SELF : code;
	return exec_in_all(x, list);
}

int cri_exec(struct cri *r, char **argv)
{
	CLEANUP(cri_select_free) struct cri_select s = { 0 };
	struct exec x = { .cri = r };
	const struct option table[] = {
		{ "sync", 's', OPTION_FLAG, &x.has_sync },
		{ "timeout", 0, OPTION_NUMBER, &x.seconds },
		{ "tty", 't', OPTION_FLAG, &x.has_tty },
		{ "interactive", 'i', OPTION_FLAG, &x.has_stdin },
		{ "name", 0, OPTION_TEXT, &s.name },
		{ "namespace", 0, OPTION_TEXT, &s.ns },
		{ "pod", 'p', OPTION_TEXT, &s.pod },
		{ "image", 0, OPTION_TEXT, &s.image },
		{ "state", 0, OPTION_TEXT, &s.state },
		{ "label", 0, OPTION_LIST, &s.labels },
		{ "latest", 'l', OPTION_FLAG, &s.is_latest },
		{ "last", 'n', OPTION_NUMBER, &s.last },
		{ "quiet", 'q', OPTION_FLAG, &x.is_quiet },
		{ "ignore-errors", 'e', OPTION_FLAG, &x.ignores_errors },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options_before(r, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	code = run(&x, &s, &args);
	return x.ignores_errors && code != EXIT_USAGE ? EXIT_OK : code;
}
