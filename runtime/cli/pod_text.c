#include "cli/pod_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/age.h"

/* What the walk over the container statuses gathers. */
struct walk {
	int64_t ready, restarts, last_restart_ns;
	struct buf reason;
	bool has_running;
	char *error_reason; /* of a container that ended with a code other than 0 */
};

static int64_t number(const struct json *object, const char *key)
{
	int64_t n = 0;

	(void)json_i64(json_get(object, key), INT64_MIN, INT64_MAX, &n);
	return n;
}

const struct json *named_entry(const struct json *list, const char *name)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (str_eq(json_get_str(json_at(list, i), "name"), name))
			return json_at(list, i);
	return NULL;
}

const struct json *pod_condition(const struct json *pod, const char *type)
{
	const struct json *list = json_path(pod, "status.conditions");

	for (size_t i = 0; i < json_len(list); i++)
		if (str_eq(json_get_str(json_at(list, i), "type"), type))
			return json_at(list, i);
	return NULL;
}

bool pod_condition_is(const struct json *pod, const char *type, const char *status)
{
	return str_eq(json_get_str(pod_condition(pod, type), "status"), status);
}

const char *pod_phase(const struct json *pod)
{
	const char *phase = json_get_str(json_get(pod, "status"), "phase");

	return phase ? phase : "";
}

bool pod_has_ended(const struct json *pod)
{
	const char *phase = pod_phase(pod);

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

void labels_text(const struct json *map, const char *separator, struct buf *out)
{
	if (json_len(map) == 0)
		buf_adds(out, "<none>");
	for (size_t i = 0; i < json_len(map); i++) {
		const char *key;
		const char *value = json_str(json_member(map, i, &key));

		buf_addf(out, "%s%s=%s", i ? separator : "", key, value ? value : "");
	}
}

static void set_reason(struct walk *w, const char *prefix, const char *reason)
{
	buf_clear(&w->reason);
	buf_addf(&w->reason, "%s%s", prefix, reason);
}

/* A terminated state: its reason, or how it ended when it gives none. */
static void set_ended(struct walk *w, const char *prefix, const struct json *ended)
{
	const char *reason = json_get_str(ended, "reason");
	int64_t signal = number(ended, "signal");

	buf_clear(&w->reason);
	if (reason && *reason)
		buf_addf(&w->reason, "%s%s", prefix, reason);
	else if (signal)
		buf_addf(&w->reason, "%sSignal:%" PRId64, prefix, signal);
	else
		buf_addf(&w->reason, "%sExitCode:%" PRId64, prefix, number(ended, "exitCode"));
}

static void count_restarts(struct walk *w, const struct json *status)
{
	const char *when = json_get_str(json_path(status, "lastState.terminated"), "finishedAt");
	int64_t ns;

	w->restarts += number(status, "restartCount");
	if (when && clock_parse_rfc3339(when, &ns) == 0 && ns > w->last_restart_ns)
		w->last_restart_ns = ns;
}

static bool is_sidecar(const struct json *pod, const char *name)
{
	const struct json *spec = named_entry(json_path(pod, "spec.initContainers"), name);

	return str_eq(json_get_str(spec, "restartPolicy"), "Always");
}

/* False when this init container is not done: the walk stops there. */
static bool walk_init(struct walk *w, const struct json *pod, size_t i)
{
	const struct json *status = json_at(json_path(pod, "status.initContainerStatuses"), i);
	const struct json *ended = json_path(status, "state.terminated");
	const char *waiting = json_get_str(json_path(status, "state.waiting"), "reason");
	const char *name = json_get_str(status, "name");

	if (ended && number(ended, "exitCode") == 0)
		return true;
	if (is_sidecar(pod, name) && json_is_true(json_get(status, "started"))) {
		w->ready += json_is_true(json_get(status, "ready"));
		return true;
	}
	if (ended) {
		set_ended(w, "Init:", ended);
	} else if (waiting && *waiting && strcmp(waiting, "PodInitializing") != 0) {
		set_reason(w, "Init:", waiting);
	} else {
		buf_clear(&w->reason);
		buf_addf(&w->reason, "Init:%zu/%zu", i,
			json_len(json_path(pod, "spec.initContainers")));
	}
	return false;
}

/* True when every init container is done. */
static bool walk_inits(struct walk *w, const struct json *pod)
{
	const struct json *list = json_path(pod, "status.initContainerStatuses");
	struct walk sidecars = { 0 };
	bool is_done = true;

	for (size_t i = 0; is_done && i < json_len(list); i++) {
		count_restarts(w, json_at(list, i));
		if (is_sidecar(pod, json_get_str(json_at(list, i), "name")))
			count_restarts(&sidecars, json_at(list, i));
		is_done = walk_init(w, pod, i);
	}
	if (is_done || pod_condition_is(pod, "Initialized", "True")) {
		/* The init containers' own restarts are history now. */
		w->restarts = sidecars.restarts;
		w->last_restart_ns = sidecars.last_restart_ns;
		return true;
	}
	return false;
}

static void walk_app(struct walk *w, const struct json *status)
{
	const char *waiting = json_get_str(json_path(status, "state.waiting"), "reason");
	const struct json *ended = json_path(status, "state.terminated");

	count_restarts(w, status);
	if (waiting && *waiting) {
		set_reason(w, "", waiting);
	} else if (ended) {
		set_ended(w, "", ended);
		if (number(ended, "exitCode") != 0) {
			free(w->error_reason);
			w->error_reason = str_dup(w->reason.data);
		}
	} else if (json_path(status, "state.running") && json_is_true(json_get(status, "ready"))) {
		w->has_running = true;
		w->ready++;
	}
}

static void walk_apps(struct walk *w, const struct json *pod)
{
	const struct json *list = json_path(pod, "status.containerStatuses");

	for (size_t i = json_len(list); i-- > 0;)
		walk_app(w, json_at(list, i));
	if (!str_eq(w->reason.data, "Completed"))
		return;
	if (w->has_running && pod_condition_is(pod, "Ready", "True"))
		set_reason(w, "", "Running");
	else if (w->error_reason)
		set_reason(w, "", w->error_reason);
	else if (w->has_running)
		set_reason(w, "", "NotReady");
}

static void start_reason(struct walk *w, const struct json *pod)
{
	const char *reason = json_get_str(json_get(pod, "status"), "reason");
	const char *phase = pod_phase(pod);

	set_reason(w, "", reason && *reason ? reason : *phase ? phase : "Unknown");
	if (str_eq(json_get_str(pod_condition(pod, "PodScheduled"), "reason"), "SchedulingGated"))
		set_reason(w, "", "SchedulingGated");
}

static enum table_colour colour_of(const char *status, bool is_ready)
{
	static const char *const waiting[] = { "Pending", "ContainerCreating", "PodInitializing",
		"Terminating", "NotReady", "Running" };

	if (strcmp(status, "Running") == 0 && is_ready)
		return TABLE_GOOD;
	if (strcmp(status, "Completed") == 0 || strcmp(status, "Succeeded") == 0)
		return TABLE_PLAIN;
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		if (strcmp(status, waiting[i]) == 0)
			return TABLE_WAITING;
	return str_starts(status, "Init:") && strchr(status, '/') ? TABLE_WAITING : TABLE_BAD;
}

static char *restarts_text(const struct walk *w, int64_t now_wall_ms)
{
	struct buf out = { 0 };

	buf_addf(&out, "%" PRId64, w->restarts);
	if (w->restarts > 0 && w->last_restart_ns > 0) {
		buf_adds(&out, " (");
		age_text(now_wall_ms - w->last_restart_ns / 1000000, &out);
		buf_adds(&out, " ago)");
	}
	return buf_take(&out);
}

void pod_text_read(const struct json *pod, int64_t now_wall_ms, struct pod_text *out)
{
	const struct json *inits = json_path(pod, "spec.initContainers");
	struct walk w = { 0 };

	out->total = (int64_t)json_len(json_path(pod, "spec.containers"));
	for (size_t i = 0; i < json_len(inits); i++)
		out->total += str_eq(json_get_str(json_at(inits, i), "restartPolicy"), "Always");
	start_reason(&w, pod);
	if (walk_inits(&w, pod))
		walk_apps(&w, pod);
	if (json_path(pod, "metadata.deletionTimestamp")) {
		if (str_eq(json_get_str(json_get(pod, "status"), "reason"), "NodeLost"))
			set_reason(&w, "", "Unknown");
		else if (!pod_has_ended(pod))
			set_reason(&w, "", "Terminating");
	}
	out->ready = w.ready;
	out->restarts = restarts_text(&w, now_wall_ms);
	out->colour = colour_of(w.reason.data, w.ready == out->total);
	out->status = buf_take(&w.reason);
	free(w.error_reason);
}

void pod_text_free(struct pod_text *t)
{
	free(t->status);
	free(t->restarts);
	*t = (struct pod_text){ 0 };
}
