/* Waiting for one pod by a watch: what `wait`, `--wait`, `delete` and `stop` have in common.  Says
 * on standard error what changes when it takes longer than a second, where asked to.
 */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

enum await_goal {
	AWAIT_RUNNING = 1, /* every container has been started, and may have ended already */
	AWAIT_READY,
	AWAIT_EXIT,      /* Succeeded or Failed, or gone */
	AWAIT_DELETE,    /* gone */
	AWAIT_CONDITION, /* condition has that value */
};

struct await {
	enum await_goal goal;
	const char *condition, *value; /* of AWAIT_CONDITION */
	const char *ns, *name;
	const char *uid;    /* this one only; NULL: whatever has the name */
	int64_t timeout_ms; /* 0: none */
	bool has_progress;
	bool minds_start; /* a container or sandbox that cannot be started ends the wait */
	/* About every 100 ms, may be NULL; non-zero (an errno with e) ends the wait. */
	int (*on_idle)(void *arg, const struct json *pod, struct err *e);
	/* For each state of the pod, may be NULL. */
	void (*on_state)(void *arg, const struct json *pod);
	void *arg;
	struct json *pod; /* out, owned by the caller: the last state that was seen, NULL none */
};

/* 0 when the goal is met; -ETIMEDOUT; -ENOENT when there is no such pod; -ECHILD when a start
 * failed, -ECANCELED when the goal can no longer be met (e: why); other failures. */
int await_pod(struct cli *c, struct await *a, struct err *e);

/* The first start that failed, as "container "web": RunContainerError: why"; false for none. */
bool await_start_failed(const struct json *pod, struct buf *out);
