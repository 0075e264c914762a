#include "cli/info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/age.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/request.h"

enum { INFO_WIDTH = 16 };

int info_read(struct cli *c, struct json **out, struct err *e)
{
	int rc = request_get(c, "/apis/carpel/v1/info", out, e);

	return rc < 0 ? rc : 0;
}

static void line(struct buf *out, const char *label, const struct json *value)
{
	if (json_str(value))
		describe_line(out, 0, INFO_WIDTH, label, json_str(value));
}

static void write_info(const struct json *info, struct buf *out)
{
	CLEANUP(buf_free) struct buf uptime = { 0 };
	int64_t seconds = 0;

	(void)json_i64(json_get(info, "uptimeSeconds"), 0, INT32_MAX, &seconds);
	age_text(seconds * 1000, &uptime);
	line(out, "Version", json_get(info, "version"));
	describe_line(out, 0, INFO_WIDTH, "Root",
		json_get_str(info, "root") && *json_get_str(info, "root")
			? json_get_str(info, "root")
			: "/");
	line(out, "Socket", json_get(info, "socket"));
	line(out, "Node", json_get(info, "node"));
	line(out, "PID", json_get(info, "pid"));
	describe_line(out, 0, INFO_WIDTH, "Uptime", uptime.data);
	line(out, "Pods", json_get(info, "pods"));
	line(out, "Cgroup", json_path(info, "cgroup.root"));
	line(out, "Cgroup layout", json_path(info, "cgroup.layout"));
	line(out, "Cgroup driver", json_path(info, "cgroup.driver"));
	line(out, "AppArmor", json_get(info, "apparmor"));
	line(out, "SELinux", json_get(info, "selinux"));
	describe_line(out, 0, INFO_WIDTH, "Keeper",
		json_is_true(json_get(info, "keeper")) ? "yes" : "no");
}

/* Reads the options of both verbs. */
static int parse(struct cli *c, char **argv, struct output *o, bool *is_client)
{
	const char *form = NULL;
	const struct option table[] = {
		{ "output", 'o', OPTION_TEXT, &form },
		{ "client", 0, OPTION_FLAG, is_client },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, is_client ? 2 : 1, argv, &args);
	struct err e = { 0 };

	if (code != CLI_GO_ON)
		return code;
	if (args.len > 0)
		return cli_usage(c, "unexpected argument \"%s\"", args.at[0]);
	if (output_parse(form, o, &e) < 0)
		return cli_usage(c, "%s", e.text);
	return CLI_GO_ON;
}

static int print(const struct output *o, const struct json *object)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (output_print(o, object, &out, &e) < 0)
		return cli_say("%s", e.text);
	return output_write(&out);
}

int verb_info(struct cli *c, char **argv)
{
	CLEANUP(cleanup_json) struct json *info = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };
	struct output o;
	struct err e = { 0 };
	int code = parse(c, argv, &o, NULL);

	if (code != CLI_GO_ON)
		return code;
	if (info_read(c, &info, &e) < 0)
		return cli_fail(c, NULL, &e);
	if (!output_is_table(&o))
		return print(&o, info);
	write_info(info, &out);
	return output_write(&out);
}

/* The server's version, when there is one: asking must not start anything. */
int verb_version(struct cli *c, char **argv)
{
	CLEANUP(cleanup_json) struct json *info = NULL;
	CLEANUP(cleanup_json) struct json *versions = json_new_object();
	bool is_client = false;
	struct output o;
	struct err e = { 0 };
	const char *server;
	int code = parse(c, argv, &o, &is_client), rc;

	if (code != CLI_GO_ON)
		return code;
	rc = is_client ? 0 : request_connect(c, REQUEST_NO_START, &e);
	if (!is_client && rc == 0)
		(void)info_read(c, &info, &e);
	server = json_get_str(info, "version");
	json_set_str(versions, "clientVersion", CARPEL_VERSION);
	json_set_str(versions, "serverVersion", server);
	if (!output_is_table(&o))
		return print(&o, versions);
	printf("Client Version: %s\n", CARPEL_VERSION);
	if (!is_client)
		printf("Server Version: %s\n", server          ? server
					       : rc == -EACCES ? "(no permission to ask)"
							       : "(not running)");
	return EXIT_OK;
}
