/* Containers, acted on: create, start, stop, rm, update. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "cli/cri.h"
#include "cli/cri_text.h"

/* A call about each id of the line, all of them even when one fails. */
static int each(struct cri *r, const struct arguments *args,
	int (*one)(struct cri *r, const char *id, const void *arg), const void *arg)
{
	int code = EXIT_OK;

	if (args->len == 0)
		return cli_usage(r->cli, "an id is missing");
	for (size_t i = 0; i < args->len && !r->ended_by; i++)
		if (one(r, args->at[i], arg) != EXIT_OK)
			code = EXIT_ERROR;
	return code;
}

/* The same for the containers of a list. */
static int each_of(struct cri *r, const struct json *list,
	int (*one)(struct cri *r, const char *id, const void *arg), const void *arg)
{
	int code = EXIT_OK;

	for (size_t i = 0; i < json_len(list) && !r->ended_by; i++)
		if (one(r, cri_str(json_at(list, i), "id"), arg) != EXIT_OK)
			code = EXIT_ERROR;
	return code;
}

/* ---- create ---- */

static int read_configs(char *const *words, struct json **out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *container = NULL;
	CLEANUP(cleanup_json) struct json *pod = NULL;
	int rc = cri_config_container(words[1], &container, e);

	if (rc == 0)
		rc = cri_config_pod(words[2], &pod, e);
	if (rc < 0)
		return rc;
	*out = cri_field("pod_sandbox_id", words[0]);
	json_set(*out, "config", TAKE(container));
	json_set(*out, "sandbox_config", TAKE(pod));
	return 0;
}

int cri_create(struct cri *r, char **argv)
{
	bool is_pull = false, is_no_pull = false; /* the latter is what happens anyway */
	int64_t timeout_ms = 0;
	const struct option table[] = {
		{ "cancel-timeout", 'T', OPTION_DURATION, &timeout_ms },
		{ "no-pull", 0, OPTION_FLAG, &is_no_pull },
		{ "with-pull", 0, OPTION_FLAG, &is_pull },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct cri_call call = { .rpc = "CreateContainer" };
	struct err e = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (is_pull)
		return cli_usage(r->cli,
			"--with-pull: carpel speaks to no registry; the image must "
			"be there, see carpel image import");
	if (args.len != 3)
		return cli_usage(r->cli,
			"a pod's id, a config file of a container and one of the pod are wanted");
	if (read_configs(args.at, &call.request, &e) < 0)
		return cli_say("%s", e.text);
	call.timeout_ms = timeout_ms;
	code = cri_ask_within(r, &call, &answer);
	if (code == EXIT_OK)
		printf("%s\n", cri_str(answer, "containerId"));
	return code;
}

/* ---- start ---- */

static int start_one(struct cri *r, const char *id, const void *arg)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "StartContainer", cri_field("container_id", id), &answer);

	(void)arg;
	if (code == EXIT_OK)
		printf("%s\n", id);
	return code;
}

int cri_start(struct cri *r, char **argv)
{
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, NULL, 0, argv, &args);

	return code == CLI_GO_ON ? each(r, &args, start_one, NULL) : code;
}

/* ---- stop ---- */

/* The server waits for as long as it was told before it answers. */
static int stop_one(struct cri *r, const char *id, const void *arg)
{
	const int64_t *seconds = arg;
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct cri_call call = { .rpc = "StopContainer", .request = cri_field("container_id", id) };
	int code;

	json_set_i64(call.request, "timeout", *seconds);
	if (r->timeout_ms)
		call.timeout_ms = r->timeout_ms + *seconds * 1000;
	code = cri_ask_within(r, &call, &answer);
	if (code == EXIT_OK)
		printf("%s\n", id);
	return code;
}

static int stop_all(struct cri *r, int64_t seconds)
{
	const struct cri_select running = { 0 };
	CLEANUP(cleanup_json) struct json *list = NULL;
	int code = cri_choose_containers(r, &running, &list);

	if (code == EXIT_OK && json_len(list) == 0)
		fputs("No running containers found\n", stderr);
	return code == EXIT_OK ? each_of(r, list, stop_one, &seconds) : code;
}

int cri_stop(struct cri *r, char **argv)
{
	int64_t seconds = 0;
	bool has_all = false;
	const struct option table[] = {
		{ "timeout", 't', OPTION_NUMBER, &seconds },
		{ "all", 'a', OPTION_FLAG, &has_all },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (has_all == (args.len > 0))
		return cli_usage(r->cli, "ids, or --all");
	return has_all ? stop_all(r, seconds) : each(r, &args, stop_one, &seconds);
}

/* ---- rm ---- */

struct rm_options {
	bool is_forced, keeps_logs;
};

static void remove_file(int dir, const char *path, const char *name)
{
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		cli_warn("remove %s: %s", path, strerror(errno));
}

/* The log and what rotation made of it, which CRI leaves to its client: NAME and NAME.*. */
static void remove_logs(const char *path)
{
	const char *name = strrchr(path, '/');
	CLEANUP(cleanup_free) char *folder = NULL;
	CLEANUP(cleanup_free) char *prefix = NULL;
	DIR *dir;

	if (!name || !name[1] || *path != '/')
		return;
	folder = str_ndup(path, (size_t)(++name - path));
	prefix = str_fmt("%s.", name);
	dir = opendir(folder);
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, name) == 0 || str_starts(entry->d_name, prefix))
			remove_file(dirfd(dir), path, entry->d_name);
	closedir(dir);
}

static int rm_one(struct cri *r, const char *id, const void *arg)
{
	const struct rm_options *o = arg;
	const int64_t now = 0;
	CLEANUP(cleanup_json) struct json *status = NULL;
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "ContainerStatus", cri_field("container_id", id), &status);
	bool is_running = strcmp(cri_str(status, "status.state"), "CONTAINER_RUNNING") == 0;

	if (code != EXIT_OK)
		return code;
	if (is_running && !o->is_forced)
		return cli_say("container \"%s\" is running: stop it first, or use -f", id);
	if (is_running)
		code = stop_one(r, id, &now);
	if (code == EXIT_OK)
		code = cri_ask(r, "RemoveContainer", cri_field("container_id", id), &answer);
	if (code != EXIT_OK)
		return code;
	printf("%s\n", id);
	if (!o->keeps_logs)
		remove_logs(cri_str(status, "status.logPath"));
	return EXIT_OK;
}

static int rm_all(struct cri *r, const struct rm_options *o)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "ListContainers", NULL, &answer);
	const struct json *list = json_get(answer, "containers");

	if (code == EXIT_OK && json_len(list) == 0)
		fputs("No containers to remove\n", stderr);
	return code == EXIT_OK ? each_of(r, list, rm_one, o) : code;
}

int cri_rm(struct cri *r, char **argv)
{
	struct rm_options o = { 0 };
	bool has_all = false;
	const struct option table[] = {
		{ "force", 'f', OPTION_FLAG, &o.is_forced },
		{ "keep-logs", 'k', OPTION_FLAG, &o.keeps_logs },
		{ "all", 'a', OPTION_FLAG, &has_all },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (has_all == (args.len > 0))
		return cli_usage(r->cli, "ids, or --all");
	return has_all ? rm_all(r, &o) : each(r, &args, rm_one, &o);
}

/* ---- update ---- */

static int update_one(struct cri *r, const char *id, const void *arg)
{
	const struct json *resources = arg;
	struct json *request = cri_field("container_id", id);
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code;

	json_set(request, "linux", json_copy(resources));
	code = cri_ask(r, "UpdateContainerResources", request, &answer);
	if (code == EXIT_OK)
		printf("%s\n", id);
	return code;
}

int cri_update(struct cri *r, char **argv)
{
	/* Numbers are the mapping's to read, which names the field that is none. */
	static const struct {
		const char *option, *field;
	} fields[] = {
		{ "cpu-period", "cpu_period" },        /* */
		{ "cpu-quota", "cpu_quota" },          /* */
		{ "cpu-share", "cpu_shares" },         /* */
		{ "memory", "memory_limit_in_bytes" }, /* */
		{ "oom-score-adj", "oom_score_adj" },  /* */
		{ "cpuset-cpus", "cpuset_cpus" },      /* */
		{ "cpuset-mems", "cpuset_mems" },      /* */
	};
	const char *values[ARRAY_LEN(fields)] = { NULL };
	struct option table[ARRAY_LEN(fields)];
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *resources = json_new_object();
	int code;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		table[i] = (struct option){ fields[i].option, 0, OPTION_TEXT, &values[i] };
	code = cri_options(r, table, ARRAY_LEN(table), argv, &args);
	if (code != CLI_GO_ON)
		return code;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		json_set_str(resources, fields[i].field, values[i]);
	if (json_len(resources) == 0)
		return cli_usage(r->cli, "nothing is to be changed");
	return each(r, &args, update_one, resources);
}
