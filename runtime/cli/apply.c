/* run, apply, create: files to pods.  Every document is checked by carpeld (dryRun) before anything
 * is made, so a mistake in the last one leaves nothing behind.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/await.h"
#include "cli/foreground.h"
#include "cli/manifests.h"
#include "cli/request.h"
#include "cli/watch.h"

#define WRITE_QUERY "fieldManager=carpel&fieldValidation=Strict"

enum { WAIT_DEFAULT_MS = 30 * 1000, TRIES_MAX = 3 };

/* What is to happen to the pods of the files. */
struct job {
	struct strv files;
	const char *wait;    /* --wait's word; NULL without */
	const char *dry_run; /* the same of --dry-run */
	int64_t timeout_ms;  /* -1: by what is waited for */
	bool is_foreground, is_dry;
	bool must_be_new; /* create */
};

enum change { CHANGE_CREATED = 1, CHANGE_CONFIGURED, CHANGE_UNCHANGED };

static const char *const change_words[] = {
	[CHANGE_CREATED] = "created",
	[CHANGE_CONFIGURED] = "configured",
	[CHANGE_UNCHANGED] = "unchanged",
};

static int post(
	struct cli *c, const struct manifest *m, bool is_dry, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	struct request q = { .method = "POST", .body = m->pod, .is_silent = is_dry };

	path_pod(&path, m->ns, NULL, NULL);
	buf_addf(&path, "?%s%s", WRITE_QUERY, is_dry ? "&dryRun=All" : "");
	q.path = path.data;
	return request_json(c, &q, out, e);
}

static int put(
	struct cli *c, const struct manifest *m, bool is_dry, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	struct request q = { .method = "PUT", .body = m->pod, .is_silent = is_dry };

	path_pod(&path, m->ns, m->name, NULL);
	buf_addf(&path, "?%s%s", WRITE_QUERY, is_dry ? "&dryRun=All" : "");
	q.path = path.data;
	return request_json(c, &q, out, e);
}

/* Whether an update changed anything.  The version alone does not tell: the pod's status may have
 * moved on between the two answers. */
static bool is_same(const struct json *before, const struct json *after)
{
	static const char *const parts[] = { "metadata.labels", "metadata.annotations", "spec" };

	if (str_eq(json_str(json_path(before, "metadata.resourceVersion")),
		    json_str(json_path(after, "metadata.resourceVersion"))))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!json_equal(json_path(before, parts[i]), json_path(after, parts[i])))
			return false;
	return true;
}

/* An object of that name exists. -ENOENT when it is gone again. */
static int update(struct cli *c, const struct manifest *m, bool is_dry, enum change *out_change,
	struct json **out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *before = NULL;
	int rc = request_pod(c, m->ns, m->name, &before, e);

	if (rc < 0)
		return rc;
	if (json_path(before, "metadata.deletionTimestamp"))
		return err_say(e, EBUSY,
			"pod \"%s\" is being deleted; `carpel wait --for=delete pod/%s` tells when "
			"it is gone",
			m->name, m->name);
	rc = put(c, m, is_dry, out, e);
	if (rc < 0)
		return rc;
	*out_change = is_same(before, *out) ? CHANGE_UNCHANGED : CHANGE_CONFIGURED;
	return 0;
}

static int write_pod(struct cli *c, const struct job *j, const struct manifest *m, bool is_dry,
	enum change *out_change, struct json **out, struct err *e)
{
	/* What `get -o yaml` printed speaks of a pod that exists: it cannot be created. */
	bool has_version = json_path(m->pod, "metadata.resourceVersion");
	int rc = -ENOENT;

	/* It may come or go between two of our requests; that happens once, not for ever. */
	for (int tries = 0; rc == -ENOENT && tries < TRIES_MAX; tries++) {
		if (tries > 0 || !has_version || j->must_be_new || !m->name) {
			*out_change = CHANGE_CREATED;
			rc = post(c, m, is_dry, out, e);
			if (rc != -EEXIST || j->must_be_new || !m->name)
				break;
		}
		rc = update(c, m, is_dry, out_change, out, e);
	}
	return rc < 0 ? rc : 0;
}

static const char *name_of(const struct json *pod)
{
	const char *name = json_get_str(json_get(pod, "metadata"), "name");

	return name ? name : "";
}

static int check_all(struct cli *c, const struct job *j, const struct manifests *all)
{
	for (size_t i = 0; i < all->len; i++) {
		CLEANUP(cleanup_json) struct json *answer = NULL;
		enum change change = CHANGE_CREATED;
		struct err e = { 0 };
		int rc = write_pod(c, j, &all->at[i], true, &change, &answer, &e);

		if (rc < 0)
			return cli_fail(c, all->len > 1 ? all->at[i].where : NULL, &e);
		if (j->is_dry)
			printf("pod/%s %s (dry run)\n", name_of(answer), change_words[change]);
	}
	return EXIT_OK;
}

/* The pods as carpeld made them go to made. */
static int write_all(
	struct cli *c, const struct job *j, const struct manifests *all, struct json *made)
{
	for (size_t i = 0; i < all->len; i++) {
		struct json *answer = NULL;
		enum change change = CHANGE_CREATED;
		struct err e = { 0 };

		if (write_pod(c, j, &all->at[i], false, &change, &answer, &e) < 0)
			return cli_fail(c, all->len > 1 ? all->at[i].where : NULL, &e);
		printf("pod/%s %s\n", name_of(answer), change_words[change]);
		json_push(made, answer);
	}
	(void)fflush(stdout); /* before anything is waited for */
	return EXIT_OK;
}

/* ---- waiting ---- */

static int read_goal(const char *word, enum await_goal *out)
{
	static const struct {
		const char *word;
		enum await_goal goal;
	} words[] = {
		{ "", AWAIT_READY },          /* plain --wait */
		{ "ready", AWAIT_READY },     /* */
		{ "running", AWAIT_RUNNING }, /* */
		{ "exit", AWAIT_EXIT },       /* */
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i].word) == 0) {
			*out = words[i].goal;
			return 0;
		}
	}
	return -EINVAL;
}

static int wait_one(struct cli *c, const struct json *pod, enum await_goal goal, int64_t timeout_ms)
{
	const struct json *metadata = json_get(pod, "metadata");
	struct await a = {
		.goal = goal,
		.ns = json_get_str(metadata, "namespace"),
		.name = json_get_str(metadata, "name"),
		.uid = json_get_str(metadata, "uid"),
		.timeout_ms = timeout_ms,
		.has_progress = true,
		.minds_start = true,
	};
	CLEANUP(cleanup_free) char *where = str_fmt("pod \"%s\"", a.name ? a.name : "");
	struct err e = { 0 };
	int rc = await_pod(c, &a, &e);

	json_free(a.pod);
	if (rc == -ETIMEDOUT) {
		(void)cli_say("%s: timed out waiting for it to be %s", where,
			goal == AWAIT_READY  ? "ready"
			: goal == AWAIT_EXIT ? "over"
					     : "running");
		return EXIT_TIMED_OUT;
	}
	return rc < 0 ? cli_fail(c, where, &e) : EXIT_OK;
}

static int wait_all(
	struct cli *c, const struct json *made, enum await_goal goal, int64_t timeout_ms)
{
	struct deadline d = deadline_in(timeout_ms);
	int code = EXIT_OK;

	for (size_t i = 0; code == EXIT_OK && i < json_len(made); i++)
		code = wait_one(c, json_at(made, i), goal, deadline_left(&d));
	return code;
}

/* ---- the verbs ---- */

static int do_job(struct cli *c, const struct job *j, enum await_goal goal)
{
	CLEANUP(manifests_free) struct manifests all = { 0 };
	CLEANUP(cleanup_json) struct json *made = json_new_array();
	int64_t timeout_ms = j->timeout_ms;
	struct err e = { 0 };
	int code;

	if (manifests_read(c, &j->files, &all, &e) < 0)
		return cli_fail(c, NULL, &e);
	if (j->is_foreground && all.len != 1)
		return cli_usage(c, "--foreground takes one pod, the files hold %zu", all.len);
	code = check_all(c, j, &all);
	if (code != EXIT_OK || j->is_dry)
		return code;
	code = write_all(c, j, &all, made);
	if (code != EXIT_OK)
		return code;
	if (j->is_foreground)
		return foreground_run(c, json_at(made, 0), timeout_ms > 0 ? timeout_ms : 0);
	if (timeout_ms < 0)
		timeout_ms = goal == AWAIT_EXIT ? 0 : WAIT_DEFAULT_MS;
	return j->wait ? wait_all(c, made, goal, timeout_ms) : EXIT_OK;
}

/* carpeld checks in either case: client and server are one. */
static int read_dry_run(struct job *j)
{
	static const char *const yes[] = { "", "client", "server", "true" };
	static const char *const no[] = { "none", "false" };

	for (size_t i = 0; j->dry_run && i < ARRAY_LEN(yes); i++)
		if (str_eq(j->dry_run, yes[i]))
			j->is_dry = true;
	for (size_t i = 0; j->dry_run && i < ARRAY_LEN(no); i++)
		if (str_eq(j->dry_run, no[i]))
			return 0;
	return j->dry_run && !j->is_dry ? -EINVAL : 0;
}

static int read_job(struct cli *c, char **argv, struct job *j)
{
	const struct option table[] = {
		{ "filename", 'f', OPTION_LIST, &j->files },
		{ "wait", 0, OPTION_WORD, &j->wait },
		{ "timeout", 0, OPTION_DURATION, &j->timeout_ms },
		{ "foreground", 0, OPTION_FLAG, &j->is_foreground },
		{ "dry-run", 0, OPTION_WORD, &j->dry_run },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	enum await_goal goal = AWAIT_READY;
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	for (size_t i = 0; i < args.len; i++) {
		if (strcmp(argv[0], "run") != 0)
			return cli_usage(
				c, "unexpected argument \"%s\": files go behind -f", args.at[i]);
		strv_add(&j->files, args.at[i]);
	}
	if (args.command)
		return cli_usage(c, "the command of a container stands in its manifest");
	if (j->files.len == 0)
		return cli_usage(c, "a file is missing (-f FILE, or -f - for standard input)");
	if (j->wait && read_goal(j->wait, &goal) < 0)
		return cli_usage(c, "--wait takes running, ready or exit, not \"%s\"", j->wait);
	if (read_dry_run(j) < 0)
		return cli_usage(c,
			"--dry-run takes no word, or kubectl's none, client or server, not \"%s\"",
			j->dry_run);
	if (j->wait && j->is_foreground)
		return cli_usage(c, "--foreground waits already");
	code = do_job(c, j, goal);
	return j->is_foreground && code == EXIT_ERROR ? EXIT_SELF : code;
}

static int run_job(struct cli *c, char **argv, struct job *j)
{
	int code = read_job(c, argv, j);

	strv_free(&j->files);
	return code;
}

int verb_run(struct cli *c, char **argv)
{
	return run_job(c, argv, &(struct job){ .timeout_ms = -1 });
}

int verb_apply(struct cli *c, char **argv)
{
	return run_job(c, argv, &(struct job){ .timeout_ms = -1 });
}

int verb_create(struct cli *c, char **argv)
{
	return run_job(c, argv, &(struct job){ .timeout_ms = -1, .must_be_new = true });
}
