/* probe: `probe run` asks carpeld to run a container's probe now; anything else is carpel-probe's
 * own command line, from this process's own network.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "cli/request.h"
#include "cli/start.h"
#include "cli/table.h"
#include "cli/target.h"

static int exec_program(char **argv)
{
	struct err e = { 0 };
	CLEANUP(cleanup_free) char *program = start_find_program("carpel-probe", &e);
	char name[] = "carpel-probe";

	if (!program)
		return cli_say("%s", e.text);
	argv[0] = name; /* programs keep their file name */
	(void)execv(program, argv);
	return cli_say("%s: %s", program, strerror(errno));
}

static int show_result(const struct json *answer)
{
	bool is_success = json_is_true(json_get(answer, "isSuccess"));
	const char *output = json_get_str(answer, "output");
	size_t len = output ? strlen(output) : 0;
	CLEANUP(cleanup_free) char *text = NULL;
	CLEANUP(buf_free) struct buf safe = { 0 };
	int64_t ms = 0;

	(void)json_i64(json_get(answer, "durationMs"), 0, INT64_MAX, &ms);
	while (len > 0 && output[len - 1] == '\n')
		len--; /* the line's end is ours to print */
	text = str_ndup(output ? output : "", len);
	table_safe_text(&safe, text);
	printf("%s (%" PRId64 " ms)%s%s\n", is_success ? "success" : "failure", ms,
		safe.len ? ": " : "", safe.len ? safe.data : "");
	return is_success ? EXIT_OK : EXIT_ERROR;
}

static int run_probe(struct cli *c, const char *pod, const char *container, const char *type)
{
	CLEANUP(cleanup_json) struct json *object = NULL;
	CLEANUP(cleanup_json) struct json *body = json_new_object();
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(buf_free) struct buf path = { 0 };
	struct request q = { .method = "POST", .body = body };
	struct err e = { 0 };

	if (!container) {
		if (request_pod(c, cli_namespace(c), pod, &object, &e) < 0)
			return cli_fail(c, NULL, &e);
		container = container_default(object);
	}
	json_set_str(body, "container", container);
	json_set_str(body, "type", type);
	path_carpel_pod(&path, cli_namespace(c), pod, "probe");
	q.path = path.data;
	if (request_json(c, &q, &answer, &e) < 0)
		return cli_fail(c, NULL, &e);
	return show_result(answer);
}

/* argv[0] is "probe", argv[1] is "run". */
static int parse_run(struct cli *c, char **argv)
{
	const char *type = "readiness", *container = NULL, *pod;
	const struct option table[] = {
		{ "type", 0, OPTION_TEXT, &type },
		{ "container", 'c', OPTION_TEXT, &container },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv + 1, &args);
	struct err e = { 0 };
	size_t used;

	if (code != CLI_GO_ON)
		return code;
	if (strcmp(type, "readiness") != 0 && strcmp(type, "liveness") != 0 &&
		strcmp(type, "startup") != 0)
		return cli_usage(
			c, "--type takes readiness, liveness or startup, not \"%s\"", type);
	if (target_one(args.at, args.len, &pod, &used, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (!container && args.len > used)
		container = args.at[used++];
	if (args.len > used)
		return cli_usage(c, "unexpected argument \"%s\"", args.at[used]);
	return run_probe(c, pod, container, type);
}

int verb_probe(struct cli *c, char **argv)
{
	if (!argv[1])
		return cli_usage(c, "run, or an address such as http://127.0.0.1:8080/healthz");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		CLEANUP(arguments_free) struct arguments args = { 0 };

		return cli_options(c, NULL, 0, argv, &args);
	}
	return strcmp(argv[1], "run") == 0 ? parse_run(c, argv) : exec_program(argv);
}
