/* An in-place resize of a pod: what its containers were allocated, what those that run really have,
 * and how far it has come.  Part of the pod's state, and recorded with it, so that whoever comes
 * after a crash finishes what was begun.  Pure: the cgroups are daemon/resize.c's, and when a
 * container has to be restarted is said by lifecycle_resize.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "spec/pod.h"

struct resize_ctr {
	/* As in a manifest's resources: what the pod was admitted with, and what the instance that
	 * runs has. */
	struct json *allocated, *actual;
	bool is_stale; /* its cgroup has not been told yet */
};

struct pod_resize {
	struct resize_ctr *ctrs;
	size_t ctrs_len;
	bool is_stale;      /* the pod's cgroup */
	bool is_running;    /* PodResizeInProgress */
	bool is_asked;      /* ACT_RESIZE is out; not recorded: after a crash it is asked again */
	int64_t generation; /* that was allocated last */
	int64_t since_wall_ms;
	char *error;         /* why the last try failed; NULL */
	int64_t retry_at_ms; /* boot time; 0: at once */
	/* PodResizePending: the machine could never hold what was asked for last. NULL: it can. */
	char *infeasible;
	int64_t infeasible_generation, infeasible_wall_ms;
};

/* containers: spec.containers of the pod as it is now. */
struct pod_resize *resize_new(const struct json *containers);
struct pod_resize *resize_copy(const struct pod_resize *r);
void resize_free(struct pod_resize *r); /* NULL is fine */

/* What was asked for is allocated from now on. */
void resize_allocate(
	struct pod_resize *r, const struct json *containers, int64_t generation, struct moment now);
/* The cgroups are told once more, of what is allocated. */
void resize_again(struct pod_resize *r, struct moment now);
/* It cannot be; what was allocated stays.  Takes why. */
void resize_reject(struct pod_resize *r, char *why, int64_t generation, struct moment now);
/* The next or running instance of the container has what is allocated. */
void resize_in_force(struct pod_resize *r, size_t ctr);
/* Its limits or requests of "cpu" or "memory" are not what is allocated. */
bool resize_differs(const struct pod_resize *r, size_t ctr, const char *resource);
/* Takes a restart, by the container's resizePolicy. */
bool resize_needs_restart(const struct pod_resize *r, const struct pod_spec *spec, size_t ctr);

/* Whether a machine can hold requests of so much; NULL, or why not; the caller frees. */
char *resize_judge(
	int64_t cpu_milli, int64_t memory_bytes, int64_t node_cpu_milli, int64_t node_memory_bytes);

/* {"containers":[{"name":…,"resources":…}],"generation":…,"error":…} for an event's message; the
 * caller frees.  containers NULL: what is allocated. */
char *resize_text(const struct pod_resize *r, const struct pod_spec *spec,
	const struct json *containers, int64_t generation, const char *error);
/* PodResizePending and PodResizeInProgress, where they are true. */
void resize_conditions(const struct pod_resize *r, struct json *list);

struct json *resize_to_json(const struct pod_resize *r);
/* -EINVAL; *out NULL for a NULL j. */
int resize_from_json(const struct json *j, const struct pod_spec *spec, struct pod_resize **out);
