/* update: new resources for a container that runs, by a strategic merge patch of /resize.  The
 * words are kubectl's (`set resources`: --limits, --requests) and podman's (`update`: --cpus,
 * --memory, --pids-limit).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/request.h"
#include "cli/target.h"

struct wish {
	const char *container, *cpus, *memory;
	const char *limits, *requests; /* "cpu=1,memory=64Mi" */
	const char *io;                /* "max-read-bps=1Mi,weight=50" */
	int64_t pids;                  /* -1: not given */
};

/* podman's "512m" would be read as half a byte. */
static int check_memory(const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (len && strchr("bkmg", text[len - 1]))
		return err_say(e, EINVAL,
			"memory \"%.40s\": quantities are Kubernetes', as in 512Mi or 1Gi", text);
	return 0;
}

static int add_pair(struct json *to, const char *option, const char *pair, struct err *e)
{
	size_t len = strcspn(pair, "=");
	CLEANUP(cleanup_free) char *key = str_ndup(pair, len);

	if (!len || !pair[len] || !pair[len + 1])
		return err_say(e, EINVAL, "--%s takes NAME=VALUE[,NAME=VALUE], not \"%.60s\"",
			option, pair);
	if (json_get(to, key))
		return err_say(e, EINVAL, "--%s: \"%.60s\" is given twice", option, key);
	json_set_str(to, key, pair + len + 1);
	return str_eq(key, "memory") ? check_memory(pair + len + 1, e) : 0;
}

static int add_pairs(struct json *to, const char *option, const char *text, struct err *e)
{
	int rc = 0;

	while (rc == 0 && text) {
		size_t len = strcspn(text, ",");
		CLEANUP(cleanup_free) char *pair = str_ndup(text, len);

		rc = add_pair(to, option, pair, e);
		text = text[len] ? text + len + 1 : NULL;
	}
	return rc;
}

/* The limit; and the request with it where they are the same now: else the pod's class would
 * change, which no resize may do. */
static void add_limit(const struct json *container, const char *name, const char *value,
	struct json *limits, struct json *requests)
{
	const struct json *resources = json_get(container, "resources");
	const char *limit = json_get_str(json_get(resources, "limits"), name);
	const char *request = json_get_str(json_get(resources, "requests"), name);

	if (!value)
		return;
	json_set_str(limits, name, value);
	if (limit && request && str_eq(limit, request) && !json_get(requests, name))
		json_set_str(requests, name, value);
}

static const struct json *choose(const struct json *pod, const char *name, struct err *e)
{
	const struct json *list = json_path(pod, "spec.containers");

	if (!name && json_len(list) == 1)
		return json_at(list, 0);
	for (size_t i = 0; name && i < json_len(list); i++)
		if (str_eq(json_get_str(json_at(list, i), "name"), name))
			return json_at(list, i);
	if (name)
		(void)err_say(e, ENOENT, "the pod has no container %.63s", name);
	else
		(void)err_say(
			e, EINVAL, "which of its %zu containers? -c CONTAINER", json_len(list));
	return NULL;
}

/* Limits that Kubernetes has no word for are annotations. */
static int add_annotations(
	const struct wish *w, const char *container, struct json *patch, struct err *e)
{
	CLEANUP(cleanup_json) struct json *pairs = json_new_object();
	struct json *metadata = json_new_object(), *annotations = json_new_object();
	int rc = add_pairs(pairs, "io", w->io, e);

	json_set(metadata, "annotations", annotations);
	json_set(patch, "metadata", metadata);
	for (size_t i = 0; rc == 0 && i < json_len(pairs); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(pairs, i, &key));
		CLEANUP(cleanup_free) char *name = str_fmt("carpel/io.%s.%s", container, key);

		json_set_str(annotations, name, value);
	}
	if (w->pids >= 0) {
		CLEANUP(cleanup_free) char *text = str_fmt("%" PRId64, w->pids);

		json_set_str(annotations, "carpel/pids-limit", text);
	}
	return rc;
}

static int add_resources(
	const struct wish *w, const struct json *container, struct json *patch, struct err *e)
{
	struct json *limits = json_new_object(), *requests = json_new_object();
	struct json *resources = json_new_object(), *change = json_new_object();
	struct json *list = json_new_array(), *spec = json_new_object();
	int rc = add_pairs(limits, "limits", w->limits, e);

	json_set(resources, "limits", limits);
	json_set(resources, "requests", requests);
	json_set_str(change, "name", json_get_str(container, "name"));
	json_set(change, "resources", resources);
	json_push(list, change);
	json_set(spec, "containers", list);
	json_set(patch, "spec", spec);
	if (rc == 0)
		rc = add_pairs(requests, "requests", w->requests, e);
	if (rc == 0 && w->memory)
		rc = check_memory(w->memory, e);
	add_limit(container, "cpu", w->cpus, limits, requests);
	add_limit(container, "memory", w->memory, limits, requests);
	if (!json_len(limits))
		(void)json_remove(resources, "limits");
	if (!json_len(requests))
		(void)json_remove(resources, "requests");
	return rc;
}

static int update(struct cli *c, const char *name, const struct wish *w, struct err *e)
{
	CLEANUP(cleanup_json) struct json *pod = NULL;
	CLEANUP(cleanup_json) struct json *patch = json_new_object();
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(buf_free) struct buf path = { 0 };
	struct request q = {
		.method = "PATCH",
		.body = patch,
		.content_type = "application/strategic-merge-patch+json",
	};
	const struct json *container;
	int rc = request_pod(c, cli_namespace(c), name, &pod, e);

	if (rc < 0)
		return rc;
	container = choose(pod, w->container, e);
	if (!container)
		return -e->code;
	rc = add_annotations(w, json_get_str(container, "name"), patch, e);
	if (rc == 0)
		rc = add_resources(w, container, patch, e);
	if (rc < 0)
		return rc;
	path_pod(&path, cli_namespace(c), name, "resize");
	buf_adds(&path, "?fieldManager=carpel");
	q.path = path.data;
	rc = request_json(c, &q, &answer, e);
	return rc < 0 ? rc : 0;
}

int verb_update(struct cli *c, char **argv)
{
	struct wish w = { .pids = -1 };
	const struct option table[] = {
		{ "container", 'c', OPTION_TEXT, &w.container },
		{ "cpus", 0, OPTION_TEXT, &w.cpus },
		{ "cpu", 0, OPTION_TEXT, &w.cpus },
		{ "memory", 'm', OPTION_TEXT, &w.memory },
		{ "limits", 0, OPTION_TEXT, &w.limits },
		{ "requests", 0, OPTION_TEXT, &w.requests },
		{ "pids-limit", 0, OPTION_NUMBER, &w.pids },
		{ "io", 0, OPTION_TEXT, &w.io },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);
	const char *name = NULL;
	size_t used = 0;
	struct err e = { 0 };
	int rc;

	if (code != CLI_GO_ON)
		return code;
	if (target_one(args.at, args.len, &name, &used, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (used < args.len)
		return cli_usage(c, "one pod at a time, not \"%.60s\" too", args.at[used]);
	if (!w.cpus && !w.memory && !w.limits && !w.requests && !w.io && w.pids < 0)
		return cli_usage(c, "what is to change? --cpus, --memory, --limits, --requests, "
				    "--pids-limit or --io");
	rc = update(c, name, &w, &e);
	if (rc == -EINVAL && c->refusal.len == 0)
		return cli_usage(c, "%s", e.text);
	if (rc < 0)
		return cli_fail(c, NULL, &e);
	printf("pod/%s resized\n", name);
	return EXIT_OK;
}
