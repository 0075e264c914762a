#include "oci/hooks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "oci/launch.h"
#include "sys/caps.h"
#include "sys/hook.h"

enum { TIMEOUT_MAX_S = 24 * 3600, HOOKS_MAX = 64 };

extern char **environ;

struct entry {
	const char *path;
	struct strv args, env;
	bool has_env;
	int64_t timeout_s; /* 0: none */
	char name[200];    /* "hooks.poststop[0]", for messages */
};

static void entry_free(struct entry *h)
{
	strv_free(&h->args);
	strv_free(&h->env);
}

static int read_entry(const struct part *list, size_t i, struct entry *h, struct err *e)
{
	struct part part;
	int rc = part_element(list, i, JSON_OBJECT, &part, e);

	*h = (struct entry){ 0 };
	memcpy(h->name, part.path, sizeof(part.path));
	if (rc < 0 || (rc = read_text(&part, "path", &h->path, e)) < 0 ||
		(rc = read_texts(&part, "args", &h->args, e)) < 0 ||
		(rc = read_texts(&part, "env", &h->env, e)) < 0 ||
		(rc = read_number(&part, "timeout", (struct bounds){ 1, TIMEOUT_MAX_S },
			 &h->timeout_s, e)) < 0)
		return rc;
	h->has_env = json_get(part.json, "env") != NULL;
	return h->path && h->path[0] == '/'
		       ? 0
		       : read_refuse(&part, "path", "want an absolute path", e);
}

static int find(const struct json *config, const char *kind, struct part *out, struct err *e)
{
	const struct part whole = part_of(config, "");
	struct part hooks;
	int rc = part_get(&whole, "hooks", JSON_OBJECT, &hooks, e);

	return rc < 0 ? rc : part_get(&hooks, kind, JSON_ARRAY, out, e);
}

bool hooks_has(const struct json *config, const char *kind)
{
	struct part list;

	return find(config, kind, &list, NULL) == 0 && json_len(list.json) > 0;
}

int hooks_check(const struct json *config, struct err *e)
{
	static const char *const kinds[] = { "prestart", "createRuntime", "createContainer",
		"startContainer", "poststart", "poststop" };
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < ARRAY_LEN(kinds); k++) {
		struct part list;

		if ((rc = find(config, kinds[k], &list, e)) < 0)
			return rc;
		if (json_len(list.json) > HOOKS_MAX)
			return err_say(
				e, E2BIG, "config.json: %s: more than %d", list.path, HOOKS_MAX);
		for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
			CLEANUP(entry_free) struct entry h = { 0 };

			rc = read_entry(&list, i, &h, e);
		}
	}
	return rc;
}

static void copy_map(const struct plan_map *from, struct plan_map *to)
{
	to->at = mem_resize(NULL, from->len + 1, sizeof(*to->at));
	for (to->len = 0; to->len < from->len; to->len++)
		to->at[to->len] = from->at[to->len];
}

/* As an exec: carpel-launch enters, and nothing of ours does. */
static int run_inside(const struct hook *h, const struct entry *entry, int state,
	const struct container *c, const struct plan *place, struct err *e)
{
	CLEANUP(launch_close) struct launch l = LAUNCH_NONE;
	CLEANUP(plan_free) struct plan p;
	CLEANUP(cleanup_fd) int pidfd = -1;
	int rc;

	plan_init(&p);
	p.kind = PLAN_EXEC;
	p.id = str_dup(c->r.id);
	p.user = str_dup("0:0");
	p.caps = caps_all();
	p.keeps_limits = true;
	strv_add(&p.args, h->path);
	for (size_t i = 1; i < entry->args.len; i++)
		strv_add(&p.args, entry->args.at[i]);
	for (size_t i = 0; i < entry->env.len; i++)
		strv_add(&p.env, entry->env.at[i]);
	for (size_t i = 0; i < place->cgroups.len; i++)
		strv_add(&p.cgroups, place->cgroups.at[i]);
	p.cgroup_v2 = str_dup(place->cgroup_v2);
	copy_map(&place->uid_map, &p.uid_map);
	copy_map(&place->gid_map, &p.gid_map);
	if ((rc = launch_fd(&l, c->pidfd, &p.pause_fd, e)) < 0 ||
		(rc = launch_fd(&l, state, &p.stdin_fd, e)) < 0 ||
		(rc = launch_fd(&l, STDERR_FILENO, &p.stderr_fd, e)) < 0 ||
		(rc = launch_begin(&l, &p, e)) < 0 ||
		(rc = launch_expect(&l, REPORT_STARTED, &pidfd, e)) < 0)
		return err_wrap(e, rc, "%s", h->name);
	launch_reap(&l); /* so that the hook is ours to wait for */
	return hook_await(h, pidfd, e);
}

/* place NULL: in our own namespaces. */
static int run_one(const struct part *list, size_t i, const struct container *c, enum status s,
	const struct plan *place, struct err *e)
{
	CLEANUP(entry_free) struct entry entry = { 0 };
	CLEANUP(cleanup_json) struct json *state = container_state(c, s);
	CLEANUP(cleanup_fd) int fd = hook_state_file(state, e);
	CLEANUP(cleanup_free) char **argv = NULL;
	CLEANUP(cleanup_free) char **envp = NULL;
	int rc = fd < 0 ? fd : read_entry(list, i, &entry, e);

	if (rc < 0)
		return rc;
	argv = entry.args.len ? strv_argv(&entry.args) : NULL;
	envp = strv_argv(&entry.env);

	const struct hook h = { .name = entry.name,
		.path = entry.path,
		.argv = argv,
		.envp = entry.has_env ? envp : environ,
		.timeout_s = entry.timeout_s };

	return place ? run_inside(&h, &entry, fd, c, place, e) : hook_run(&h, fd, e);
}

int hooks_run(const struct json *config, const char *kind, const struct container *c, enum status s,
	const struct plan *place, struct err *e)
{
	struct part list;
	int rc = find(config, kind, &list, e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++)
		rc = run_one(&list, i, c, s, place, e);
	return rc;
}

void hooks_run_all(
	const struct json *config, const char *kind, const struct container *c, enum status s)
{
	struct err e = { 0 };
	struct part list;
	int rc = find(config, kind, &list, &e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++)
		if (run_one(&list, i, c, s, NULL, &e) < 0)
			log_warn("%s", e.text);
}
