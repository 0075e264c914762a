/* /apis/carpel/v1: what Kubernetes has no word for.
 *
 *     GET    info                                 this instance
 *     GET    usage, namespaces/NS/usage           see usage.c
 *     GET    images, POST images, DELETE images/NAME
 *     POST   namespaces/NS/pods/NAME/stop         {"gracePeriodSeconds":N}; the pod stays
 *     POST   namespaces/NS/pods/NAME/probe        {"container":…,"type":"liveness"}: one attempt
 * now POST   shutdown                             {"gracePeriodSeconds":N}; every pod, then carpeld
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/usage.h"
#include "engine/lsm.h"

static void refuse(struct api_call *c, int code, const char *text)
{
	struct err e = { 0 };

	api_call_fail(c, err_say(&e, code, "%s", text), &e);
}

static void no_such_call(struct api_call *c)
{
	refuse(c, ENOENT, "the server could not find the requested resource");
}

/* -1 when the body does not say; answers and returns false when what it says is no such number. */
static bool read_grace(struct api_call *c, int64_t *out)
{
	const struct json *grace = json_get(api_call_body(c), "gracePeriodSeconds");

	*out = -1;
	if (!grace || json_i64(grace, 0, INT32_MAX, out) == 0)
		return true;
	refuse(c, EINVAL, "gracePeriodSeconds: Invalid value: must be a number of seconds from 0");
	return false;
}

/* ---- info ---- */

static void answer_info(struct daemon *d, struct api_call *c)
{
	struct json *info = json_new_object(), *cgroup = json_new_object();
	bool is_v2 = cgroups_layout(d->engine.cgroups) == CGROUP_V2;

	json_set_str(info, "version", CARPEL_VERSION);
	json_set_str(info, "root", d->engine.layout.root);
	json_set_str(info, "socket", d->engine.layout.socket);
	json_set_str(info, "node", d->node_name);
	json_set_i64(info, "pid", getpid());
	json_set_i64(info, "uptimeSeconds", (clock_now().boot_ms - d->started_boot_ms) / 1000);
	json_set_i64(info, "pods", (int64_t)d->pods_len);
	json_set_str(cgroup, "root", cgroups_root(d->engine.cgroups));
	json_set_str(cgroup, "layout", is_v2 ? "v2" : "hybrid");
	json_set_str(cgroup, "driver", layout_driver(&d->engine.layout));
	json_set(info, "cgroup", cgroup);
	json_set_str(info, "apparmor", engine_apparmor_word(&d->engine));
	json_set_str(info, "selinux", engine_selinux_word(&d->engine));
	json_set_bool(info, "keeper", d->keeper != 0 && getppid() == d->keeper);
	api_call_reply(c, 200, info);
}

/* ---- pods ---- */

static void answer_stop(struct pod *p, struct api_call *c)
{
	int64_t grace;

	if (!read_grace(c, &grace))
		return;
	pod_step(p, &(struct pod_event){ .kind = EV_STOP, .grace_seconds = grace });
	api_call_reply(c, 200, pod_object(p));
}

static void answer_probe(struct pod *p, struct api_call *c)
{
	const struct json *body = api_call_body(c);
	const char *type = json_get_str(body, "type"), *name = json_get_str(body, "container");
	struct pod_ctr *ctr = NULL;
	struct err e = { 0 };
	int rc;

	if (name)
		ctr = pod_ctr(p, name);
	else if (p->spec->containers_len == 1)
		ctr = &p->ctrs[0];
	if (!ctr) {
		refuse(c, name ? ENOENT : EINVAL,
			name ? "container: no container of this name"
			     : "container: Required value: the pod has several");
		return;
	}
	for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++) {
		if (!type || strcasecmp(type, probe_type_name(t)) != 0)
			continue;
		rc = prober_run_once(ctr, t, c, &e);
		if (rc < 0)
			api_call_fail(c, rc, &e);
		return;
	}
	refuse(c, EINVAL,
		"type: Unsupported value: supported values: liveness, readiness, startup");
}

static const struct {
	const char *name;
	void (*answer)(struct pod *p, struct api_call *c);
} pod_calls[] = {
	{ "stop", answer_stop },   /* ends the containers, keeps the pod */
	{ "probe", answer_probe }, /* one attempt, now */
};

/* rest: "NS/usage" or "NS/pods/NAME/CALL". */
static void call_in_namespace(struct daemon *d, struct api_call *c, const char *rest)
{
	CLEANUP(cleanup_free) char *text = str_dup(rest);
	char *save = NULL, *parts[4];
	struct pod *p;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i] = strtok_r(i ? NULL : text, "/", &save);
	if (str_eq(parts[1], "usage") && !parts[2]) {
		usage_answer(d, c, parts[0]);
		return;
	}
	if (!parts[3] || !str_eq(parts[1], "pods") || strtok_r(NULL, "/", &save)) {
		no_such_call(c);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(pod_calls); i++) {
		if (!str_eq(pod_calls[i].name, parts[3]))
			continue;
		p = pod_find(d, parts[0], parts[2]);
		if (!str_eq(api_call_method(c), "POST")) {
			refuse(c, EINVAL, "only POST is allowed here");
		} else if (!p) {
			CLEANUP(cleanup_free)
			char *why = str_fmt("pods \"%s\" not found", parts[2]);

			refuse(c, ENOENT, why);
		} else {
			pod_calls[i].answer(p, c);
		}
		return;
	}
	no_such_call(c);
}

/* ---- shutdown ---- */

static void answer_shutdown(struct daemon *d, struct api_call *c)
{
	struct json *answer = json_new_object();
	int64_t grace;

	if (!read_grace(c, &grace)) {
		json_free(answer);
		return;
	}
	json_set_i64(answer, "pods", (int64_t)d->pods_len);
	api_call_reply(c, 200, answer);
	daemon_shutdown(d, grace);
}

void calls_answer(void *ctx, struct api_call *c)
{
	static const char pods[] = "namespaces/";
	struct daemon *d = ctx;
	const char *path = api_call_path(c), *method = api_call_method(c);

	if (str_eq(path, "info") && str_eq(method, "GET"))
		answer_info(d, c);
	else if (str_eq(path, "shutdown") && str_eq(method, "POST"))
		answer_shutdown(d, c);
	else if (str_eq(path, "usage"))
		usage_answer(d, c, NULL);
	else if (str_eq(path, "images"))
		image_call(d, c, NULL);
	else if (path && str_starts(path, "images/"))
		image_call(d, c, path + strlen("images/"));
	else if (path && str_starts(path, pods))
		call_in_namespace(d, c, path + strlen(pods));
	else
		no_such_call(c);
}
