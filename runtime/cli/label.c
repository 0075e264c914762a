/* label and annotate: a merge patch of metadata.labels or metadata.annotations. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/request.h"
#include "cli/select.h"

struct change {
	const char *member;  /* "labels" or "annotations" */
	struct json *values; /* the patch: texts, or null for what is to go */
	bool may_overwrite;
};

/* "key=value" or "key-"; anything else is the name of a pod. */
static bool is_setting(const char *word)
{
	return strchr(word, '=') || str_ends(word, "-");
}

static int read_setting(struct change *ch, const char *word, struct err *e)
{
	size_t len = strcspn(word, "=");
	CLEANUP(cleanup_free) char *key = str_ndup(word, word[len] ? len : len - 1);

	if (!*key)
		return err_say(e, EINVAL, "\"%.60s\" has no key", word);
	if (json_get(ch->values, key))
		return err_say(e, EINVAL, "\"%.60s\" is given twice", key);
	json_set(ch->values, key, word[len] ? json_new_string(word + len + 1) : json_new_null());
	return 0;
}

static int check_overwrite(const struct change *ch, const struct json *pod, struct err *e)
{
	const struct json *old = json_get(json_get(pod, "metadata"), ch->member);

	for (size_t i = 0; !ch->may_overwrite && i < json_len(ch->values); i++) {
		const char *key;
		const struct json *value = json_member(ch->values, i, &key);
		const char *before = json_get_str(old, key);

		if (before && json_type(value) == JSON_STRING &&
			strcmp(before, json_str(value)) != 0)
			return err_say(e, EEXIST,
				"'%.60s' already has a value (%.60s), and --overwrite is false",
				key, before);
	}
	return 0;
}

static int patch_pod(
	struct cli *c, const struct change *ch, const struct chosen *who, struct err *e)
{
	CLEANUP(cleanup_json) struct json *pod = NULL;
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(cleanup_json) struct json *patch = json_new_object();
	CLEANUP(buf_free) struct buf path = { 0 };
	struct request q = {
		.method = "PATCH",
		.body = patch,
		.content_type = "application/merge-patch+json",
	};
	struct json *metadata = json_new_object();
	int rc;

	json_set(patch, "metadata", metadata);
	json_set(metadata, ch->member, json_copy(ch->values));
	rc = request_pod(c, who->ns, who->name, &pod, e);
	if (rc >= 0)
		rc = check_overwrite(ch, pod, e);
	if (rc < 0)
		return rc;
	path_pod(&path, who->ns, who->name, NULL);
	buf_adds(&path, "?fieldManager=carpel");
	q.path = path.data;
	rc = request_json(c, &q, &answer, e);
	return rc < 0 ? rc : 0;
}

static int change_pods(struct cli *c, const struct change *ch, const struct chosen_list *pods)
{
	int code = EXIT_OK;

	for (size_t i = 0; i < pods->len; i++) {
		struct err e = { 0 };

		if (patch_pod(c, ch, &pods->at[i], &e) < 0)
			code = cli_fail(c, NULL, &e);
		else
			printf("pod/%s %s\n", pods->at[i].name,
				strcmp(ch->member, "labels") == 0 ? "labeled" : "annotated");
	}
	return code;
}

static int change_chosen(
	struct cli *c, struct change *ch, struct arguments *args, const struct choice *by)
{
	CLEANUP(chosen_free) struct chosen_list pods = { 0 };
	struct arguments names = { .at = args->at };
	struct err e = { 0 };
	int rc = 0;

	while (names.len < args->len && !is_setting(args->at[names.len]))
		names.len++;
	for (size_t i = names.len; rc == 0 && i < args->len; i++)
		rc = read_setting(ch, args->at[i], &e);
	if (rc == 0 && json_len(ch->values) == 0)
		return cli_usage(c, "what to set? KEY=VALUE or KEY-");
	if (rc == 0)
		rc = select_pods(c, &names, by, &pods, &e);
	if (rc == -EINVAL && c->refusal.len == 0)
		return cli_usage(c, "%s", e.text);
	if (rc < 0)
		return cli_fail(c, NULL, &e);
	if (pods.len == 0 && !by->labels && !by->is_all)
		return cli_usage(c, "which pod? a name, -l SELECTOR or --all");
	return change_pods(c, ch, &pods);
}

static int verb_change(struct cli *c, char **argv, const char *member)
{
	struct change ch = { .member = member, .values = json_new_object() };
	struct choice by = { 0 };
	const struct option table[] = {
		{ "overwrite", 0, OPTION_FLAG, &ch.may_overwrite },
		{ "selector", 'l', OPTION_TEXT, &by.labels },
		{ "all", 0, OPTION_FLAG, &by.is_all },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = change_chosen(c, &ch, &args, &by);
	json_free(ch.values);
	return code;
}

int verb_label(struct cli *c, char **argv)
{
	return verb_change(c, argv, "labels");
}

int verb_annotate(struct cli *c, char **argv)
{
	return verb_change(c, argv, "annotations");
}
