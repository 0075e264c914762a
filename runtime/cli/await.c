/* The pod's states come by watch.  A sandbox that cannot be made shows in no state, only in events;
 * so while a start is awaited these are asked for on a second connection, in the pauses of the
 * first.
 */
#include "cli/await.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/pod_text.h"
#include "cli/request.h"
#include "cli/watch.h"

enum { PROGRESS_AFTER_MS = 1000, EVENTS_EVERY_MS = 500 };

struct waiter {
	struct cli *cli;
	struct await *a;
	struct cli second; /* a connection of its own, for events */
	int64_t begun_ms, events_asked_ms;
	bool is_there;      /* the pod was told since the watch began */
	char *uid;          /* for AWAIT_DELETE: of the first pod that was seen */
	char *shown;        /* the progress that was told last */
	struct strv events; /* uid and count of those that were told */
};

/* ---- judging a pod ---- */

static bool is_start_failure(const char *reason)
{
	static const char *const reasons[] = { "RunContainerError", "CreateContainerError",
		"CreateContainerConfigError", "ErrImageNeverPull", "ErrImagePull",
		"ImagePullBackOff", "InvalidImageName", "ImageInspectError", "StartError",
		"ContainerCannotRun" };

	for (size_t i = 0; reason && i < ARRAY_LEN(reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

static bool tell_failure(const char *name, const struct json *state, struct buf *out)
{
	const char *reason = json_get_str(state, "reason");
	const char *message = json_get_str(state, "message");

	if (!is_start_failure(reason))
		return false;
	buf_addf(out, "container \"%s\": %s%s%s", name ? name : "", reason, message ? ": " : "",
		message ? message : "");
	return true;
}

static bool container_failed(const struct json *status, struct buf *out)
{
	const char *name = json_get_str(status, "name");

	return tell_failure(name, json_path(status, "state.waiting"), out) ||
	       tell_failure(name, json_path(status, "state.terminated"), out) ||
	       (!json_path(status, "state.running") &&
		       tell_failure(name, json_path(status, "lastState.terminated"), out));
}

bool await_start_failed(const struct json *pod, struct buf *out)
{
	static const char *const lists[] = { "status.initContainerStatuses",
		"status.containerStatuses" };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const struct json *list = json_path(pod, lists[l]);

		for (size_t i = 0; i < json_len(list); i++)
			if (container_failed(json_at(list, i), out))
				return true;
	}
	return false;
}

static bool was_started(const struct json *status)
{
	return json_path(status, "state.running") || json_path(status, "state.terminated") ||
	       json_path(status, "lastState.terminated");
}

static bool is_running(const struct json *pod)
{
	const struct json *statuses = json_path(pod, "status.containerStatuses");
	size_t total = json_len(json_path(pod, "spec.containers"));

	if (json_len(statuses) < total)
		return pod_has_ended(pod);
	for (size_t i = 0; i < json_len(statuses); i++)
		if (!was_started(json_at(statuses, i)))
			return pod_has_ended(pod);
	return true;
}

/* On a command line any case will do, for type and value. */
static bool has_condition(const struct json *pod, const char *type, const char *value)
{
	const struct json *list = json_path(pod, "status.conditions");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *own = json_get_str(json_at(list, i), "type");
		const char *status = json_get_str(json_at(list, i), "status");

		if (own && status && strcasecmp(own, type) == 0)
			return strcasecmp(status, value) == 0;
	}
	return false;
}

static bool is_reached(const struct await *a, const struct json *pod)
{
	switch (a->goal) {
	case AWAIT_RUNNING:
		return is_running(pod);
	case AWAIT_READY:
		return pod_condition_is(pod, "Ready", "True");
	case AWAIT_EXIT:
		return pod_has_ended(pod);
	case AWAIT_CONDITION:
		return has_condition(pod, a->condition, a->value);
	case AWAIT_DELETE:
		return false;
	}
	return false;
}

static int check_start(const struct json *pod, struct err *e)
{
	CLEANUP(buf_free) struct buf failure = { 0 };

	return await_start_failed(pod, &failure) ? err_say(e, ECHILD, "%s", failure.data) : 0;
}

/* A pod that is over never becomes ready. */
static int check_ended(const struct json *pod, struct err *e)
{
	const char *reason = json_get_str(json_get(pod, "status"), "reason");
	const char *message = json_get_str(json_get(pod, "status"), "message");

	if (!pod_has_ended(pod))
		return 0;
	return err_say(e, ECANCELED, "it has ended (%s%s%s%s%s) and will not become ready",
		pod_phase(pod), reason ? ", " : "", reason ? reason : "", message ? ": " : "",
		message ? message : "");
}

/* ---- progress ---- */

static bool is_slow(const struct waiter *w)
{
	return w->a->has_progress && clock_now().boot_ms - w->begun_ms >= PROGRESS_AFTER_MS;
}

static void show_progress(struct waiter *w)
{
	struct pod_text t;
	char *now;

	if (!w->a->pod || !is_slow(w))
		return;
	pod_text_read(w->a->pod, clock_now().wall_ms, &t);
	now = str_fmt("pod/%s: %s, %" PRId64 "/%" PRId64 " ready", w->a->name, t.status, t.ready,
		t.total);
	pod_text_free(&t);
	if (!str_eq(now, w->shown))
		fprintf(stderr, "%s\n", now);
	free(w->shown);
	w->shown = now;
}

static bool is_sandbox_failure(const char *reason)
{
	static const char *const reasons[] = { "FailedCreatePodSandBox", "FailedMount",
		"FailedCreatePodContainer" };

	for (size_t i = 0; reason && i < ARRAY_LEN(reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

static int judge_event(struct waiter *w, const struct json *event, struct err *e)
{
	const char *reason = json_get_str(event, "reason");
	const char *message = json_get_str(event, "message");
	const char *name = json_get_str(json_get(event, "metadata"), "name");

	if (!reason || !message || !name)
		return 0;
	if (w->a->minds_start && is_sandbox_failure(reason))
		return err_say(e, ECHILD, "%s: %s", reason, message);
	if (is_slow(w) && !strv_has(&w->events, name)) {
		strv_add(&w->events, name);
		fprintf(stderr, "pod/%s: %s: %s\n", w->a->name, reason, message);
	}
	return 0;
}

static int look_at_events(struct waiter *w, struct err *e)
{
	const char *uid = json_get_str(json_get(w->a->pod, "metadata"), "uid");
	CLEANUP(cleanup_free)
	char *selector = str_fmt("involvedObject.uid=%s,type=Warning", uid ? uid : "");
	CLEANUP(cleanup_json) struct json *list = NULL;
	CLEANUP(buf_free) struct buf path = { 0 };
	const struct json *items;
	struct err ignored;
	int rc = 0;

	path_list(&path, w->a->ns, "events");
	path_query(&path, "fieldSelector", selector);
	if (request_connect(&w->second, REQUEST_NO_START, &ignored) < 0 ||
		request_get(&w->second, path.data, &list, &ignored) < 0)
		return 0; /* the watch itself will tell that carpeld is gone */
	items = json_get(list, "items");
	for (size_t i = 0; rc == 0 && i < json_len(items); i++)
		rc = judge_event(w, json_at(items, i), e);
	return rc;
}

static int on_idle(void *arg, struct err *e)
{
	struct waiter *w = arg;
	int64_t now = clock_now().boot_ms;
	bool wants_events = (w->a->minds_start || is_slow(w)) && w->a->goal != AWAIT_DELETE;

	show_progress(w);
	if (wants_events && w->a->pod && now - w->events_asked_ms >= EVENTS_EVERY_MS) {
		int rc = look_at_events(w, e);

		w->events_asked_ms = now;
		if (rc < 0)
			return rc;
	}
	return w->a->on_idle ? w->a->on_idle(w->a->arg, w->a->pod, e) : 0;
}

/* ---- the watch ---- */

enum { REACHED = 1 };

static int on_gone(const struct await *a, struct err *e)
{
	if (a->goal == AWAIT_DELETE || a->goal == AWAIT_EXIT)
		return REACHED;
	return err_say(e, ECANCELED, "it was deleted");
}

/* All that exists was told, and the pod was not among it. */
static int on_missing(const struct waiter *w, struct err *e)
{
	const struct await *a = w->a;

	if (a->goal == AWAIT_DELETE || a->uid || a->pod)
		return on_gone(a, e);
	return err_say(e, ENOENT, "pods \"%s\" not found", a->name);
}

static int on_event(void *arg, enum watch_type type, const struct json *object, struct err *e)
{
	struct waiter *w = arg;
	struct await *a = w->a;
	const char *uid = json_get_str(json_get(object, "metadata"), "uid");
	int rc;

	if (type == WATCH_BEGUN) {
		w->is_there = false;
		return 0;
	}
	if (type == WATCH_SYNCED)
		return w->is_there ? 0 : on_missing(w, e);
	w->is_there = true;
	if (!w->uid && (a->uid || a->goal == AWAIT_DELETE))
		w->uid = str_dup(a->uid ? a->uid : uid);
	if (w->uid && uid && strcmp(w->uid, uid) != 0)
		return type == WATCH_DELETED ? 0 : on_gone(a, e);
	json_free(a->pod);
	a->pod = json_copy(object);
	if (a->on_state)
		a->on_state(a->arg, a->pod);
	rc = a->minds_start ? check_start(object, e) : 0;
	if (rc < 0)
		return rc;
	if (is_reached(a, object))
		return REACHED;
	if (type == WATCH_DELETED)
		return on_gone(a, e);
	rc = a->goal == AWAIT_READY ? check_ended(object, e) : 0;
	if (rc == 0)
		show_progress(w);
	return rc;
}

int await_pod(struct cli *c, struct await *a, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	struct waiter w = {
		.cli = c,
		.a = a,
		.second = { .root = c->root, .socket = c->socket, .is_socket_given = true },
		.begun_ms = clock_now().boot_ms,
	};
	struct watch watch = {
		.deadline_boot_ms = deadline_in(a->timeout_ms).at_boot_ms,
		.on_event = on_event,
		.on_idle = on_idle,
		.arg = &w,
	};
	int rc;

	w.events_asked_ms = w.begun_ms;
	watch_pod_path(&path, a->ns, a->name);
	watch.path = path.data;
	rc = watch_run(c, &watch, e);
	request_disconnect(&w.second);
	buf_free(&w.second.refusal);
	strv_free(&w.events);
	free(w.uid);
	free(w.shown);
	if (rc == -ETIMEDOUT)
		(void)err_say(e, ETIMEDOUT, "timed out");
	return rc > 0 ? 0 : rc;
}
