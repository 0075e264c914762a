/* logs: the bytes of a container as carpeld gives them, to standard output and nothing else. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "cli/request.h"
#include "cli/target.h"

struct logs {
	struct cli *cli;
	const char *pod, *container;
	bool is_follow, is_previous, has_times, has_all, has_prefix;
	int64_t tail, limit_bytes, since_ms; /* -1: not given */
	const char *since_time;
	const char *shown; /* container whose prefix is written; NULL: plain bytes */
	bool is_mid_line;
	int rc; /* of writing */
};

static void write_bytes(struct logs *l, const char *bytes, size_t len)
{
	if (l->rc == 0 && len > 0)
		l->rc = fd_write_all(STDOUT_FILENO, bytes, len);
}

/* "[pod/web/app] " at the head of each line. */
static void write_prefixed(struct logs *l, const char *bytes, size_t len)
{
	CLEANUP(cleanup_free) char *prefix = str_fmt("[pod/%s/%s] ", l->pod, l->shown);

	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end ? (size_t)(end - bytes) + 1 : len;

		if (!l->is_mid_line)
			write_bytes(l, prefix, strlen(prefix));
		write_bytes(l, bytes, part);
		l->is_mid_line = !end;
		bytes += part;
		len -= part;
	}
}

static int on_data(void *arg, const char *bytes, size_t len)
{
	struct logs *l = arg;

	if (l->shown)
		write_prefixed(l, bytes, len);
	else
		write_bytes(l, bytes, len);
	return l->rc;
}

static void add_number(struct buf *path, const char *key, int64_t value)
{
	CLEANUP(cleanup_free) char *text = value < 0 ? NULL : str_fmt("%" PRId64, value);

	path_query(path, key, text);
}

static void make_path(const struct logs *l, const char *container, struct buf *out)
{
	path_pod(out, cli_namespace(l->cli), l->pod, "log");
	path_query(out, "container", container);
	path_query(out, "follow", l->is_follow ? "true" : NULL);
	path_query(out, "previous", l->is_previous ? "true" : NULL);
	path_query(out, "timestamps", l->has_times ? "true" : NULL);
	path_query(out, "sinceTime", l->since_time);
	add_number(out, "tailLines", l->tail);
	add_number(out, "limitBytes", l->limit_bytes);
	/* Whole seconds on the wire: half a second ago is a second ago, not now. */
	add_number(out, "sinceSeconds", l->since_ms < 0 ? -1 : (l->since_ms + 999) / 1000);
}

static int refuse(struct logs *l, const struct api_answer *a)
{
	CLEANUP(cleanup_json) struct json *status = NULL;
	struct err e = { 0 };

	if (a->body.len > 0)
		(void)json_parse(a->body.data, a->body.len, NULL, &status, NULL);
	(void)request_refused(l->cli, a->status, status, &e);
	return cli_fail(l->cli, NULL, &e);
}

static int print_one(struct logs *l, const char *container)
{
	CLEANUP(api_answer_free) struct api_answer answer = { 0 };
	CLEANUP(buf_free) struct buf path = { 0 };
	struct api_request q = { .method = "GET", .on_data = on_data, .arg = l };
	struct err e = { 0 };
	int rc;

	make_path(l, container, &path);
	q.path = path.data;
	l->shown = l->has_prefix ? container : NULL;
	rc = request_connect(l->cli, REQUEST_STARTS, &e);
	if (rc == 0)
		rc = api_request(l->cli->client, &q, &answer, &e);
	if (l->rc < 0)
		return cli_say("standard output: %s", strerror(-l->rc));
	if (rc < 0)
		return cli_fail(l->cli, NULL, &e);
	return answer.status >= 300 ? refuse(l, &answer) : EXIT_OK;
}

static int print_all(struct logs *l, const struct json *pod)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	int code = EXIT_OK;

	for (size_t n = 0; n < ARRAY_LEN(lists); n++) {
		const struct json *list = json_path(pod, lists[n]);

		for (size_t i = 0; i < json_len(list); i++) {
			int one = print_one(l, json_get_str(json_at(list, i), "name"));

			if (one != EXIT_OK)
				code = one;
		}
	}
	return code;
}

static int run(struct logs *l)
{
	CLEANUP(cleanup_json) struct json *pod = NULL;
	struct err e = { 0 };

	/* Named as it is: carpeld checks the container, and this saves a request. */
	if (l->container)
		return print_one(l, l->container);
	if (request_pod(l->cli, cli_namespace(l->cli), l->pod, &pod, &e) < 0)
		return cli_fail(l->cli, NULL, &e);
	if (l->has_all)
		return print_all(l, pod);
	l->container = container_default(pod);
	return print_one(l, l->container);
}

int verb_logs(struct cli *c, char **argv)
{
	struct logs l = { .cli = c, .tail = -1, .limit_bytes = -1, .since_ms = -1 };
	const struct option table[] = {
		{ "container", 'c', OPTION_TEXT, &l.container },
		{ "follow", 'f', OPTION_FLAG, &l.is_follow },
		{ "previous", 'p', OPTION_FLAG, &l.is_previous },
		{ "timestamps", 0, OPTION_FLAG, &l.has_times },
		{ "tail", 0, OPTION_NUMBER, &l.tail },
		{ "limit-bytes", 0, OPTION_NUMBER, &l.limit_bytes },
		{ "since", 0, OPTION_DURATION, &l.since_ms },
		{ "since-time", 0, OPTION_TEXT, &l.since_time },
		{ "all-containers", 0, OPTION_FLAG, &l.has_all },
		{ "prefix", 0, OPTION_FLAG, &l.has_prefix },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);
	struct err e = { 0 };
	size_t used;

	if (code != CLI_GO_ON)
		return code;
	if (target_one(args.at, args.len, &l.pod, &used, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (args.len > used && !l.container)
		l.container = args.at[used++];
	if (args.len > used)
		return cli_usage(c, "unexpected argument \"%s\"", args.at[used]);
	if (l.container && l.has_all)
		return cli_usage(c, "-c and --all-containers exclude each other");
	if (l.is_follow && l.has_all)
		return cli_usage(c, "-f follows one container");
	return run(&l);
}
