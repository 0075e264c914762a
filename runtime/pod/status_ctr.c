/* status.containerStatuses.  A container that has ended shows its end until something says more:
 * that it waits in back-off, that a start failed, or that it runs again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/status_parts.h"

/* What all termination messages of a pod may take together (kubelet:
 * MaxPodTerminationMessageLogLength). */
enum { MESSAGES_MAX_BYTES = 12288 };

/* Cut between characters: a half one would be no valid JSON text. */
static char *cut_message(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max)
		for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	return str_ndup(text, len);
}

static void set_container_id(struct json *j, const char *id)
{
	CLEANUP(cleanup_free) char *text = id[0] ? str_fmt("carpel://%s", id) : NULL;

	json_set_str(j, "containerID", text);
}

static struct json *terminated(const struct pod_state *s, const struct ctr_end *e)
{
	struct json *j = json_new_object(), *outer = json_new_object();

	json_set_i64(j, "exitCode", e->exit_code);
	json_set_str(j, "reason", e->reason);
	if (e->message && e->message[0]) {
		CLEANUP(cleanup_free)
		char *text = cut_message(e->message, MESSAGES_MAX_BYTES / s->ctrs_len);

		json_set_str(j, "message", text);
	}
	json_set(j, "startedAt", json_new_time(e->started_wall_ms));
	json_set(j, "finishedAt", json_new_time(e->finished_wall_ms));
	set_container_id(j, e->id);
	json_set(outer, "terminated", j);
	return outer;
}

static struct json *running(const struct ctr_state *c)
{
	struct json *j = json_new_object(), *outer = json_new_object();

	json_set(j, "startedAt", json_new_time(c->started_wall_ms));
	json_set(outer, "running", j);
	return outer;
}

static struct json *waiting(const char *reason, const char *message)
{
	struct json *j = json_new_object(), *outer = json_new_object();

	json_set_str(j, "reason", reason);
	json_set_str(j, "message", message && message[0] ? message : NULL);
	json_set(outer, "waiting", j);
	return outer;
}

static struct json *crash_loop(
	const struct pod_spec *spec, const char *name, const struct ctr_state *c)
{
	char wait[CLOCK_TEXT_MAX];

	clock_duration(c->backoff_ms, wait);
	CLEANUP(cleanup_free)
	char *message = str_fmt("back-off %s restarting failed container=%s pod=%s_%s(%s)", wait,
		name, spec->name, spec->namespace, spec->uid);
	return waiting("CrashLoopBackOff", message);
}

static struct json *states_to_json(
	const struct pod_spec *spec, const struct pod_state *s, size_t ctr, struct json **out_last)
{
	const struct ctr_state *c = &s->ctrs[ctr];

	*out_last = c->last.is_set ? terminated(s, &c->last) : json_new_object();
	if (c->phase == CTR_RUNNING || c->phase == CTR_ENDING)
		return running(c);
	if (c->phase != CTR_EXITED && c->waiting_reason)
		return waiting(c->waiting_reason, c->waiting_message);
	/* A restart that was due at once is only held up by its turn: no back-off. */
	if (c->phase == CTR_BACKOFF && c->retry_at_ms > c->last.finished_boot_ms)
		return crash_loop(spec, spec->containers[ctr].name, c);
	if (!c->last.is_set)
		return waiting("ContainerCreating", NULL);
	json_free(*out_last);
	*out_last = c->before.is_set ? terminated(s, &c->before) : json_new_object();
	return terminated(s, &c->last);
}

/* Nothing is said of a container that asks for nothing. */
static void set_resources(
	struct json *j, const struct pod_state *s, const struct status_node *node, size_t ctr)
{
	const struct json *stored = json_get(json_at(node->containers, ctr), "resources");
	const struct json *allocated = s->resize ? s->resize->ctrs[ctr].allocated : stored;
	const struct json *actual = s->resize ? s->resize->ctrs[ctr].actual : stored;
	const struct json *requests = json_get(allocated, "requests");

	if (json_len(requests))
		json_set(j, "allocatedResources", json_copy(requests));
	if (json_len(actual))
		json_set(j, "resources", json_copy(actual));
}

static struct json *one_status(const struct pod_spec *spec, const struct pod_state *s,
	const struct status_node *node, size_t ctr)
{
	const struct ctr_state *c = &s->ctrs[ctr];
	struct json *j = json_new_object(), *last;

	json_set_str(j, "name", spec->containers[ctr].name);
	json_set(j, "state", states_to_json(spec, s, ctr, &last));
	json_set(j, "lastState", last);
	json_set_bool(j, "ready", c->ready);
	json_set_i64(j, "restartCount", c->restart_count);
	json_set_str(j, "image", spec->containers[ctr].image);
	json_set_str(j, "imageID", c->image_id ? c->image_id : "");
	set_container_id(j, c->id);
	json_set_bool(j, "started", c->started);
	set_resources(j, s, node, ctr);
	if (c->user)
		json_set(j, "user", json_copy(c->user));
	return j;
}

/* Sorted by name, as the kubelet does; a pod has few containers. */
struct json *ctr_statuses_to_json(
	const struct pod_spec *spec, const struct pod_state *s, const struct status_node *node)
{
	struct json *list = json_new_array();
	const char *former = "";

	for (size_t n = 0; n < s->ctrs_len; n++) {
		size_t next = s->ctrs_len;

		for (size_t i = 0; i < s->ctrs_len; i++) {
			const char *name = spec->containers[i].name;

			if (strcmp(name, former) > 0 &&
				(next == s->ctrs_len ||
					strcmp(name, spec->containers[next].name) < 0))
				next = i;
		}
		former = spec->containers[next].name;
		json_push(list, one_status(spec, s, node, next));
	}
	return list;
}
