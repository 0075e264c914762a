#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/await.h"
#include "cli/select.h"
#include "cli/watch.h"

enum { WAIT_DEFAULT_MS = 30 * 1000 };

/* --for: what is waited for; owns the texts of a condition. */
struct goal {
	enum await_goal kind;
	char *condition, *value;
};

static void goal_free(struct goal *g)
{
	free(g->condition);
	free(g->value);
}

static int read_condition(const char *text, struct goal *out)
{
	size_t len = strcspn(text, "=");

	if (len == 0)
		return -EINVAL;
	out->kind = AWAIT_CONDITION;
	out->condition = str_ndup(text, len);
	out->value = str_dup(text[len] ? text + len + 1 : "True");
	return 0;
}

static int read_goal(const char *text, struct goal *out)
{
	static const struct {
		const char *word;
		enum await_goal kind;
	} words[] = {
		{ "ready", AWAIT_READY },     /* */
		{ "exit", AWAIT_EXIT },       /* */
		{ "delete", AWAIT_DELETE },   /* */
		{ "running", AWAIT_RUNNING }, /* */
	};

	if (str_starts(text, "condition="))
		return read_condition(text + strlen("condition="), out);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(text, words[i].word) == 0) {
			out->kind = words[i].kind;
			return 0;
		}
	}
	return -EINVAL;
}

static int wait_one(struct cli *c, const struct goal *g, const struct chosen *pod,
	const struct deadline *deadline)
{
	struct await a = {
		.goal = g->kind,
		.condition = g->condition,
		.value = g->value,
		.ns = pod->ns,
		.name = pod->name,
		.timeout_ms = deadline_left(deadline),
		.has_progress = true,
	};
	CLEANUP(cleanup_free) char *where = str_fmt("pod \"%s\"", pod->name);
	struct err e = { 0 };
	int rc = await_pod(c, &a, &e);

	json_free(a.pod);
	if (rc == 0) {
		printf("pod/%s condition met\n", pod->name);
		(void)fflush(stdout);
		return EXIT_OK;
	}
	if (rc == -ETIMEDOUT) {
		(void)cli_say("timed out waiting for the condition on pods/%s", pod->name);
		return EXIT_TIMED_OUT;
	}
	return cli_fail(c, rc == -ENOENT ? NULL : where, &e);
}

static int wait_chosen(struct cli *c, const struct goal *g, const struct arguments *args,
	const struct choice *by, int64_t timeout_ms)
{
	CLEANUP(chosen_free) struct chosen_list pods = { 0 };
	bool has_selector = by->labels || by->fields || by->is_all;
	struct deadline deadline = deadline_in(timeout_ms);
	struct err e = { 0 };
	int code = EXIT_OK;
	int rc = select_pods(c, args, by, &pods, &e);

	if (rc == -EINVAL && c->refusal.len == 0)
		return cli_usage(c, "%s", e.text);
	if (rc < 0)
		return cli_fail(c, NULL, &e);
	if (pods.len == 0 && !has_selector)
		return cli_usage(c, "which pod? a name, -l SELECTOR or --all");
	if (pods.len == 0 && g->kind != AWAIT_DELETE)
		return cli_say("no pod matches");
	for (size_t i = 0; i < pods.len; i++) {
		int one = wait_one(c, g, &pods.at[i], &deadline);

		if (one != EXIT_OK)
			code = one;
	}
	return code;
}

int verb_wait(struct cli *c, char **argv)
{
	const char *what = NULL;
	int64_t timeout_ms = WAIT_DEFAULT_MS;
	struct choice by = { 0 };
	const struct option table[] = {
		{ "for", 0, OPTION_TEXT, &what },
		{ "timeout", 0, OPTION_DURATION, &timeout_ms },
		{ "selector", 'l', OPTION_TEXT, &by.labels },
		{ "field-selector", 0, OPTION_TEXT, &by.fields },
		{ "all", 0, OPTION_FLAG, &by.is_all },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(goal_free) struct goal goal = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (!what)
		return cli_usage(c, "--for is missing");
	if (read_goal(what, &goal) < 0)
		return cli_usage(c,
			"--for takes ready, running, exit, delete or condition=TYPE[=VALUE], not "
			"\"%s\"",
			what);
	return wait_chosen(c, &goal, &args, &by, timeout_ms);
}
