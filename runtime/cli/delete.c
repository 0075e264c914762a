/* delete and stop: asks for the end of pods and waits until it has come. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/await.h"
#include "cli/manifests.h"
#include "cli/request.h"
#include "cli/select.h"
#include "cli/watch.h"

/* How pods are to end. */
struct ending {
	int64_t grace_seconds; /* -1: the pod's own */
	bool ignores_missing, is_waited;
	struct deadline deadline;
	bool keeps_pod; /* stop */
};

static int send_end(struct cli *c, const struct ending *how, const struct chosen *pod,
	struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	CLEANUP(cleanup_json) struct json *body = json_new_object();
	struct request q = { .method = how->keeps_pod ? "POST" : "DELETE", .body = body };

	if (!how->keeps_pod) {
		json_set_str(body, "kind", "DeleteOptions");
		json_set_str(body, "apiVersion", "v1");
		json_set_str(body, "propagationPolicy", "Background");
	}
	if (how->grace_seconds >= 0)
		json_set_i64(body, "gracePeriodSeconds", how->grace_seconds);
	if (how->keeps_pod)
		path_carpel_pod(&path, pod->ns, pod->name, "stop");
	else
		path_pod(&path, pod->ns, pod->name, NULL);
	q.path = path.data;
	return request_json(c, &q, out, e);
}

static int await_end(struct cli *c, const struct ending *how, const struct chosen *pod,
	const struct json *object)
{
	struct await a = {
		.goal = how->keeps_pod ? AWAIT_EXIT : AWAIT_DELETE,
		.ns = pod->ns,
		.name = pod->name,
		.uid = json_get_str(json_get(object, "metadata"), "uid"),
		.timeout_ms = deadline_left(&how->deadline),
		.has_progress = true,
	};
	CLEANUP(cleanup_free) char *where = str_fmt("pod \"%s\"", pod->name);
	struct err e = { 0 };
	int rc = await_pod(c, &a, &e);

	json_free(a.pod);
	if (rc == -ETIMEDOUT) {
		(void)cli_say("%s: timed out waiting for its end", where);
		return EXIT_TIMED_OUT;
	}
	return rc < 0 ? cli_fail(c, where, &e) : EXIT_OK;
}

/* Asks all first and waits then, so many pods end as fast as the slowest. */
static int end_all(struct cli *c, const struct ending *how, const struct chosen_list *pods)
{
	CLEANUP(cleanup_json) struct json *asked = json_new_array();
	int code = EXIT_OK;

	for (size_t i = 0; i < pods->len; i++) {
		struct json *object = NULL;
		struct err e = { 0 };
		int rc = send_end(c, how, &pods->at[i], &object, &e);

		if (rc < 0 && !(rc == -ENOENT && how->ignores_missing))
			code = cli_fail(c, NULL, &e);
		json_push(asked, rc < 0 || !object ? json_new_null() : object);
	}
	for (size_t i = 0; i < pods->len; i++) {
		const struct json *object = json_at(asked, i);
		int one = EXIT_OK;

		if (json_type(object) == JSON_NULL)
			continue;
		if (how->is_waited)
			one = await_end(c, how, &pods->at[i], object);
		if (one != EXIT_OK)
			code = one;
		else if (how->keeps_pod)
			printf("pod/%s %s\n", pods->at[i].name,
				how->is_waited ? "stopped" : "is stopping");
		else
			printf("pod \"%s\" %s\n", pods->at[i].name,
				how->is_waited ? "deleted" : "is being deleted");
		(void)fflush(stdout);
	}
	return code;
}

static int choose_from_files(
	struct cli *c, const struct strv *files, struct chosen_list *out, struct err *e)
{
	CLEANUP(manifests_free) struct manifests all = { 0 };
	int rc = manifests_read(c, files, &all, e);

	for (size_t i = 0; rc == 0 && i < all.len; i++) {
		if (!all.at[i].name)
			return err_say(e, EINVAL, "%s: a pod without a name cannot be found again",
				all.at[i].where);
		chosen_add(out, all.at[i].ns, all.at[i].name);
	}
	return rc;
}

/* What both verbs read from the line. */
struct line {
	struct strv files;
	struct choice by;
	struct ending how;
	bool is_now, is_forced;
	int64_t timeout_ms;
};

static int end_chosen(struct cli *c, struct line *l, const struct arguments *args)
{
	CLEANUP(chosen_free) struct chosen_list pods = { 0 };
	bool has_selector = l->by.labels || l->by.fields || l->by.is_all;
	struct err e = { 0 };
	int rc = 0;

	if (l->files.len > 0 && (args->len > 0 || has_selector))
		return cli_usage(c, "-f stands alone");
	if (l->files.len > 0)
		rc = choose_from_files(c, &l->files, &pods, &e);
	else if (args->len == 0 && !has_selector)
		return cli_usage(c, "which pod? a name, -l SELECTOR or --all");
	else
		rc = select_pods(c, args, &l->by, &pods, &e);
	if (rc == -EINVAL && c->refusal.len == 0 && l->files.len == 0)
		return cli_usage(c, "%s", e.text);
	if (rc < 0)
		return cli_fail(c, NULL, &e);
	if (pods.len == 0 && !has_selector)
		return cli_usage(c, "which pod? a name, -l SELECTOR or --all");
	if (pods.len == 0) {
		fputs("No resources found\n", stderr);
		return EXIT_OK;
	}
	l->how.deadline = deadline_in(l->timeout_ms);
	return end_all(c, &l->how, &pods);
}

int verb_delete(struct cli *c, char **argv)
{
	struct line l = { .how = { .grace_seconds = -1, .is_waited = true } };
	const struct option table[] = {
		{ "filename", 'f', OPTION_LIST, &l.files },
		{ "selector", 'l', OPTION_TEXT, &l.by.labels },
		{ "field-selector", 0, OPTION_TEXT, &l.by.fields },
		{ "all", 0, OPTION_FLAG, &l.by.is_all },
		{ "grace-period", 0, OPTION_NUMBER, &l.how.grace_seconds },
		{ "now", 0, OPTION_FLAG, &l.is_now },
		{ "force", 0, OPTION_FLAG, &l.is_forced },
		{ "ignore-not-found", 0, OPTION_FLAG, &l.how.ignores_missing },
		{ "wait", 0, OPTION_FLAG, &l.how.is_waited },
		{ "timeout", 0, OPTION_DURATION, &l.timeout_ms },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON && l.is_now && l.how.grace_seconds >= 0)
		code = cli_usage(c, "--now and --grace-period exclude each other");
	if (code == CLI_GO_ON && l.is_forced && l.how.grace_seconds > 0)
		code = cli_usage(c, "--force and a --grace-period above 0 exclude each other");
	if (l.is_now || l.is_forced)
		l.how.grace_seconds = 0;
	if (code == CLI_GO_ON)
		code = end_chosen(c, &l, &args);
	strv_free(&l.files);
	return code;
}

int verb_stop(struct cli *c, char **argv)
{
	struct line l = { .how = { .grace_seconds = -1, .is_waited = true, .keeps_pod = true } };
	const struct option table[] = {
		{ "selector", 'l', OPTION_TEXT, &l.by.labels },
		{ "all", 0, OPTION_FLAG, &l.by.is_all },
		{ "grace-period", 0, OPTION_NUMBER, &l.how.grace_seconds },
		{ "wait", 0, OPTION_FLAG, &l.how.is_waited },
		{ "timeout", 0, OPTION_DURATION, &l.timeout_ms },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);

	return code == CLI_GO_ON ? end_chosen(c, &l, &args) : code;
}
