/* All of Kubernetes' life-cycle rules for a pod, as a pure reducer:
 *
 *     lifecycle_step(pod state, event, now) -> pod state', actions
 *
 * carpeld turns the kernel's news into events and carries the actions out.  Nothing here makes a
 * system call, reads a clock or allocates beyond the state itself, so a year of a pod's life is
 * tested in a millisecond and any recorded history replays exactly.
 *
 * Order of a pod's life: EV_ADMIT -> ACT_START_SANDBOX -> EV_SANDBOX_UP -> ACT_START_CTR (spec
 * order, each after the former was answered) -> EV_CTR_UP -> … -> EV_CTR_DIED -> back-off, restart
 * or end.  A stop signals every container, kills what is left at its deadline, and ends with
 * ACT_END_SANDBOX -> EV_SANDBOX_GONE. Times: struct moment, boot time for every comparison, wall
 * time for what is shown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/json.h"
#include "pod/resize.h"
#include "spec/pod.h"

enum ctr_phase {
	CTR_WAITING = 1, /* not started yet in this sandbox */
	CTR_STARTING,    /* ACT_START_CTR is out, not answered */
	CTR_RUNNING,
	CTR_ENDING,  /* runs, and was asked to end: pod stop, probe kill */
	CTR_BACKOFF, /* ended (or could not start), waits for retry_at_ms */
	CTR_EXITED,  /* ended for good in this sandbox */
	CTR_PHASES
};

enum sandbox_phase {
	SANDBOX_NONE = 1,
	SANDBOX_STARTING,
	SANDBOX_READY,
	SANDBOX_ENDING, /* ACT_END_SANDBOX is out */
	SANDBOX_GONE,   /* ended and not to come back */
	SANDBOX_PHASES
};

enum pod_phase { POD_PENDING = 1, POD_RUNNING, POD_SUCCEEDED, POD_FAILED, POD_PHASES };

/* Order of the list in status.conditions. */
enum pod_condition {
	COND_READY_TO_START = 0, /* PodReadyToStartContainers */
	COND_INITIALIZED,
	COND_READY,
	COND_CONTAINERS_READY,
	COND_SCHEDULED,
	POD_CONDITIONS
};

enum stop_cause {
	STOP_NONE = 0,
	STOP_KEEP,     /* `carpel stop`: the object stays */
	STOP_DELETE,   /* the object goes when all has ended */
	STOP_DEADLINE, /* activeDeadlineSeconds */
	STOP_DONE,     /* the last container ended for good: only the sandbox is left to end */
	STOP_EVICTED,  /* it has used more than its limits allow */
	STOP_REJECTED, /* this node cannot have it: nothing of it was ever begun */
	STOP_CAUSES
};

/* One instance of a container that has ended. Texts are owned by the state. */
struct ctr_end {
	bool is_set;
	int32_t exit_code;                         /* 128+n by signal n */
	int64_t started_wall_ms, finished_wall_ms; /* started 0: never ran */
	int64_t finished_boot_ms;
	char *reason;  /* "Completed", "Error", "OOMKilled", "StartError", "ContainerStatusUnknown"
			*/
	char *message; /* termination message, or why the start failed; NULL when none */
	char id[65];   /* container id, "" when none was made */
};

struct ctr_state {
	enum ctr_phase phase;
	char id[65];      /* of the present or last instance, "" before the first */
	uint32_t attempt; /* number of the present instance: 0, 1, … */
	uint32_t restart_count;
	int64_t started_wall_ms, started_boot_ms; /* of the running instance */
	bool started, ready;                      /* as in containerStatuses */
	int8_t startup, liveness,
		readiness; /* last published probe result: -1 none yet, 0 failure, 1 success */
	char *image_id;    /* of the present or last instance, NULL before */
	struct json *user; /* status' member of that name, of the same; NULL: not known */
	char *waiting_reason,
		*waiting_message;    /* of an error start, NULL: derived from the phase */
	struct ctr_end last, before; /* the newest ended instance, and the one before it */
	int64_t backoff_ms;          /* the wait in force; 0: none yet */
	int64_t last_start_boot_ms;  /* when a start was last allowed; 0: never */
	int64_t retry_at_ms;         /* boot time, CTR_BACKOFF only */
	int64_t kill_at_ms; /* boot time of SIGKILL in CTR_ENDING, and in CTR_STARTING while the pod
			       stops; -1: already sent */
	bool killed_by_probe; /* this instance ends because a probe or a resize said so: always
				 restarts unless Never */
};

struct pod_state {
	enum sandbox_phase sandbox;
	uint32_t sandbox_attempt; /* 0 for the first */
	char sandbox_id[65];
	int64_t sandbox_retry_at_ms; /* boot time; 0: none due */
	int64_t created_wall_ms;  /* admission: metadata.creationTimestamp and status.startTime */
	int64_t deadline_boot_ms; /* activeDeadlineSeconds, 0: none */
	enum pod_phase phase;     /* final phases are never left */
	char *reason, *message;   /* status.reason, status.message; NULL when none */
	enum stop_cause stop;
	int64_t delete_wall_ms; /* metadata.deletionTimestamp (request + grace), 0: not deleted */
	int64_t grace_seconds;  /* in force while stopping */
	int64_t stop_boot_ms;   /* when the stop began */
	int64_t kill_boot_ms;   /* when its grace ends: SIGKILL for what still runs */
	bool is_forgotten;      /* ACT_FORGET was given */
	struct ctr_state *ctrs; /* one per spec->containers */
	size_t ctrs_len;
	struct pod_resize *resize; /* NULL: it never was */
	/* lastTransitionTime of the conditions; value 0 false, 1 true, -1 never written */
	struct {
		int8_t value;
		int64_t since_wall_ms;
	} conditions[POD_CONDITIONS];
};

enum pod_event_kind {
	EV_ADMIT = 1,
	EV_SANDBOX_UP,     /* id */
	EV_SANDBOX_FAILED, /* text */
	EV_SANDBOX_DIED,   /* pause is gone, everything of the pod with it; exit news of containers
			      may follow or not */
	EV_SANDBOX_GONE,   /* ACT_END_SANDBOX is carried out */
	EV_CTR_UP,         /* ctr, id, text = image id, user or NULL */
	EV_CTR_FAILED,     /* ctr, reason ("CreateContainerError", "RunContainerError",
			      "ErrImageNeverPull", …), text, exit_code, id may be "" */
	EV_CTR_DIED, /* ctr, wait_status (-1: unknown), is_oom, text = termination message or NULL
		      */
	EV_PROBE,    /* ctr, probe, is_success: a result that reached its threshold */
	EV_TIMER,
	EV_RESIZED, /* ctr, id: that instance's cgroup has what is allocated.  NO_CTR, the last one:
		       is_success: the pod's has, too; text: why not all could be told */
	EV_STOP,    /* grace_seconds or -1 */
	EV_DELETE,  /* grace_seconds or -1; a later one may only shorten */
	EV_EVICT,   /* text: which limit it has passed, for the status and an event */
	EV_REJECT,  /* instead of EV_ADMIT: reason, text */
	POD_EVENTS
};

struct pod_event {
	enum pod_event_kind kind;
	size_t ctr;
	const char *id, *reason, *text; /* borrowed for the step */
	int32_t wait_status, exit_code;
	bool is_oom, is_success;
	enum probe_type probe;
	int64_t grace_seconds;
	const struct json *user;
};

enum pod_action_kind {
	ACT_START_SANDBOX = 1,
	ACT_END_SANDBOX,  /* kill and remove all of the pod: processes, mounts, cgroups, run
			     directory's per-sandbox part */
	ACT_START_CTR,    /* ctr; instance number in state->ctrs[ctr].attempt */
	ACT_SIGNAL_CTR,   /* ctr: the stop signal to its first process */
	ACT_KILL_CTR,     /* ctr: SIGKILL to everything in its cgroup */
	ACT_PROBES_START, /* ctr: a new instance runs, forget the former one's results */
	ACT_PROBES_STOP,  /* ctr, probes = mask of 1 << enum probe_type */
	ACT_EVENT,        /* is_warning, reason, text, ctr or NO_CTR: a v1.Event */
	ACT_RESIZE,       /* cgroups of the pod and of stale running containers; EV_RESIZED */
	ACT_FORGET,       /* the object goes; last action of a pod's life */
	POD_ACTIONS
};

#define NO_CTR ((size_t)-1)

struct pod_action {
	enum pod_action_kind kind;
	size_t ctr;
	unsigned probes;
	bool is_warning;
	const char *reason; /* static text */
	char *text;         /* owned by the list */
};

struct pod_actions {
	struct pod_action *at;
	size_t len, cap;
};
void pod_actions_clear(struct pod_actions *a); /* frees texts, keeps the array */
void pod_actions_free(struct pod_actions *a);

/* Node-wide knobs, the kubelet's defaults; tests shorten them. */
struct lifecycle_config {
	int64_t backoff_base_ms, backoff_max_ms, backoff_reset_ms; /* 10 s, 300 s, 600 s */
	int64_t min_kill_wait_ms; /* 2 s between stop signal and SIGKILL; also for a grace of 0
				     unless forced */
	int64_t sandbox_retry_ms, start_retry_ms; /* after a start that failed: 10 s */
	int64_t resize_retry_ms; /* after limits that a cgroup would not take: 3 s */
};
extern const struct lifecycle_config lifecycle_defaults;

struct pod_state *pod_state_new(const struct pod_spec *spec, struct moment now);
void pod_state_free(struct pod_state *s);

/* Applies ev to *s and appends what is to be done to out. Events that make no sense in the present
 * state (late news of a former instance, doubled timers) change nothing. */
void lifecycle_step(const struct lifecycle_config *cfg, const struct pod_spec *spec,
	struct pod_state *s, const struct pod_event *ev, struct moment now,
	struct pod_actions *out);

/* Boot time when EV_TIMER is wanted next, INT64_MAX for never. */
int64_t lifecycle_next_timer(const struct pod_spec *spec, const struct pod_state *s);

const char *ctr_phase_name(enum ctr_phase p);
const char *pod_phase_name(enum pod_phase p); /* "Pending", "Running", "Succeeded", "Failed" */
const char *pod_event_name(enum pod_event_kind k);
const char *pod_action_name(enum pod_action_kind k);

/* The record on disk (state_json.c): complete, so that a restarted carpeld goes on where this one
 * was. */
struct json *pod_state_to_json(const struct pod_state *s);
int pod_state_from_json(
	const struct json *j, const struct pod_spec *spec, struct pod_state **out, struct err *e);
