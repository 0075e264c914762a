#include "pod/resize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"

/* ---- the state ---- */

static struct json *amounts_of(const struct json *container)
{
	const struct json *resources = json_get(container, "resources");

	return resources ? json_copy(resources) : json_new_object();
}

struct pod_resize *resize_new(const struct json *containers)
{
	struct pod_resize *r = mem_zalloc(sizeof(*r));

	r->ctrs_len = json_len(containers);
	r->ctrs = mem_zalloc(r->ctrs_len * sizeof(*r->ctrs));
	for (size_t i = 0; i < r->ctrs_len; i++) {
		r->ctrs[i].allocated = amounts_of(json_at(containers, i));
		r->ctrs[i].actual = amounts_of(json_at(containers, i));
	}
	return r;
}

struct pod_resize *resize_copy(const struct pod_resize *r)
{
	struct pod_resize *to = mem_zalloc(sizeof(*to));

	*to = *r;
	to->ctrs = mem_zalloc(r->ctrs_len * sizeof(*to->ctrs));
	for (size_t i = 0; i < r->ctrs_len; i++)
		to->ctrs[i] = (struct resize_ctr){ json_copy(r->ctrs[i].allocated),
			json_copy(r->ctrs[i].actual), r->ctrs[i].is_stale };
	to->error = str_dup(r->error);
	to->infeasible = str_dup(r->infeasible);
	return to;
}

void resize_free(struct pod_resize *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->ctrs_len; i++) {
		json_free(r->ctrs[i].allocated);
		json_free(r->ctrs[i].actual);
	}
	free(r->ctrs);
	free(r->error);
	free(r->infeasible);
	free(r);
}

void resize_again(struct pod_resize *r, struct moment now)
{
	for (size_t i = 0; i < r->ctrs_len; i++)
		r->ctrs[i].is_stale = true;
	if (!r->is_running)
		r->since_wall_ms = now.wall_ms;
	r->is_running = r->is_stale = true;
	r->retry_at_ms = 0;
	free(TAKE(r->error));
}

void resize_allocate(
	struct pod_resize *r, const struct json *containers, int64_t generation, struct moment now)
{
	for (size_t i = 0; i < r->ctrs_len; i++) {
		json_free(r->ctrs[i].allocated);
		r->ctrs[i].allocated = amounts_of(json_at(containers, i));
	}
	resize_again(r, now);
	r->generation = generation;
	free(TAKE(r->infeasible));
}

void resize_reject(struct pod_resize *r, char *why, int64_t generation, struct moment now)
{
	if (!r->infeasible)
		r->infeasible_wall_ms = now.wall_ms;
	free(r->infeasible);
	r->infeasible = why;
	r->infeasible_generation = generation;
}

void resize_in_force(struct pod_resize *r, size_t ctr)
{
	json_free(r->ctrs[ctr].actual);
	r->ctrs[ctr].actual = json_copy(r->ctrs[ctr].allocated);
	r->ctrs[ctr].is_stale = false;
}

bool resize_differs(const struct pod_resize *r, size_t ctr, const char *resource)
{
	static const char *const lists[] = { "limits", "requests" };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct json *is = json_get(r->ctrs[ctr].actual, lists[i]);
		const struct json *wanted = json_get(r->ctrs[ctr].allocated, lists[i]);

		if (!str_eq(json_get_str(is, resource), json_get_str(wanted, resource)))
			return true;
	}
	return false;
}

bool resize_needs_restart(const struct pod_resize *r, const struct pod_spec *spec, size_t ctr)
{
	const struct container_spec *c = &spec->containers[ctr];

	return (c->cpu_resize_restarts && resize_differs(r, ctr, "cpu")) ||
	       (c->memory_resize_restarts && resize_differs(r, ctr, "memory"));
}

char *resize_judge(
	int64_t cpu_milli, int64_t memory_bytes, int64_t node_cpu_milli, int64_t node_memory_bytes)
{
	static const char text[] =
		"Node didn't have enough capacity: %s, requested: %" PRId64 ", capacity: %" PRId64;

	if (cpu_milli > node_cpu_milli)
		return str_fmt(text, "cpu", cpu_milli, node_cpu_milli);
	if (memory_bytes > node_memory_bytes)
		return str_fmt(text, "memory", memory_bytes, node_memory_bytes);
	return NULL;
}

/* ---- what is said of it ---- */

char *resize_text(const struct pod_resize *r, const struct pod_spec *spec,
	const struct json *containers, int64_t generation, const char *error)
{
	CLEANUP(cleanup_json) struct json *j = json_new_object();
	struct json *list = json_new_array();
	struct buf text = { 0 };

	for (size_t i = 0; i < r->ctrs_len; i++) {
		struct json *one = json_new_object();

		json_set_str(one, "name", spec->containers[i].name);
		json_set(one, "resources",
			containers ? amounts_of(json_at(containers, i))
				   : json_copy(r->ctrs[i].allocated));
		json_push(list, one);
	}
	json_set(j, "containers", list);
	json_set_i64(j, "generation", generation);
	json_set_str(j, "error", error);
	json_write(j, JSON_COMPACT, &text);
	return buf_take(&text);
}

struct condition {
	const char *type, *reason, *message;
	int64_t generation, since_wall_ms;
};

static void add_condition(const struct condition *c, struct json *list)
{
	struct json *j = json_new_object();

	json_set_str(j, "type", c->type);
	json_set_i64(j, "observedGeneration", c->generation);
	json_set_str(j, "status", "True");
	json_set(j, "lastProbeTime", json_new_null());
	json_set(j, "lastTransitionTime", json_new_time(c->since_wall_ms));
	json_set_str(j, "reason", c->reason);
	json_set_str(j, "message", c->message);
	json_push(list, j);
}

void resize_conditions(const struct pod_resize *r, struct json *list)
{
	const struct condition pending = { "PodResizePending", "Infeasible", r->infeasible,
		r->infeasible_generation, r->infeasible_wall_ms };
	const struct condition running = { "PodResizeInProgress", r->error ? "Error" : NULL,
		r->error, r->generation, r->since_wall_ms };

	if (r->infeasible)
		add_condition(&pending, list);
	if (r->is_running)
		add_condition(&running, list);
}

/* ---- on disk ---- */

struct json *resize_to_json(const struct pod_resize *r)
{
	struct json *j = json_new_object(), *ctrs = json_new_array();

	for (size_t i = 0; i < r->ctrs_len; i++) {
		struct json *c = json_new_object();

		json_set(c, "allocated", json_copy(r->ctrs[i].allocated));
		json_set(c, "actual", json_copy(r->ctrs[i].actual));
		json_set_bool(c, "isStale", r->ctrs[i].is_stale);
		json_push(ctrs, c);
	}
	json_set(j, "containers", ctrs);
	json_set_bool(j, "isStale", r->is_stale);
	json_set_bool(j, "isRunning", r->is_running);
	json_set_i64(j, "generation", r->generation);
	json_set_i64(j, "sinceWallMs", r->since_wall_ms);
	json_set_str(j, "error", r->error);
	json_set_i64(j, "retryAtMs", r->retry_at_ms);
	json_set_str(j, "infeasible", r->infeasible);
	json_set_i64(j, "infeasibleGeneration", r->infeasible_generation);
	json_set_i64(j, "infeasibleWallMs", r->infeasible_wall_ms);
	return j;
}

static bool read_ctr(const struct json *j, struct resize_ctr *c)
{
	const struct json *allocated = json_get(j, "allocated"), *actual = json_get(j, "actual");

	if (json_type(allocated) != JSON_OBJECT || json_type(actual) != JSON_OBJECT)
		return false;
	c->allocated = json_copy(allocated);
	c->actual = json_copy(actual);
	c->is_stale = json_is_true(json_get(j, "isStale"));
	return true;
}

static void free_resize(struct pod_resize **r)
{
	resize_free(*r);
}

int resize_from_json(const struct json *j, const struct pod_spec *spec, struct pod_resize **out)
{
	CLEANUP(free_resize) struct pod_resize *r = NULL;
	const struct json *ctrs = json_get(j, "containers");

	*out = NULL;
	if (!j)
		return 0;
	if (json_len(ctrs) != spec->containers_len)
		return -EINVAL;
	r = mem_zalloc(sizeof(*r));
	r->ctrs_len = spec->containers_len;
	r->ctrs = mem_zalloc(r->ctrs_len * sizeof(*r->ctrs));
	for (size_t i = 0; i < r->ctrs_len; i++)
		if (!read_ctr(json_at(ctrs, i), &r->ctrs[i]))
			return -EINVAL;

	const struct {
		const char *key;
		int64_t *to;
	} numbers[] = { { "generation", &r->generation }, { "sinceWallMs", &r->since_wall_ms },
		{ "retryAtMs", &r->retry_at_ms },
		{ "infeasibleGeneration", &r->infeasible_generation },
		{ "infeasibleWallMs", &r->infeasible_wall_ms } };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (json_i64(json_get(j, numbers[i].key), 0, INT64_MAX / 4, numbers[i].to) < 0)
			return -EINVAL;
	r->is_stale = json_is_true(json_get(j, "isStale"));
	r->is_running = json_is_true(json_get(j, "isRunning"));
	r->error = str_dup(json_get_str(j, "error"));
	r->infeasible = str_dup(json_get_str(j, "infeasible"));
	*out = TAKE(r);
	return 0;
}
