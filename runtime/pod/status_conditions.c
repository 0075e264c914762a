/* The five conditions that every pod has.  One function says what each is and why, so that the
 * value whose changes are dated and the text that explains it cannot differ.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pod/status.h"
#include "pod/status_parts.h"

struct condition {
	bool is_true;
	const char *reason; /* static text, NULL when none */
	struct buf message; /* empty when none */
};

static bool is_final(const struct pod_state *s, struct condition *c)
{
	if (!pod_is_final(s))
		return false;
	c->reason = s->phase == POD_SUCCEEDED ? "PodCompleted" : "PodFailed";
	return true;
}

static void judge_sandbox(const struct pod_state *s, struct condition *c)
{
	bool was_made = s->sandbox == SANDBOX_ENDING || s->sandbox_attempt > 0;

	c->is_true = s->sandbox == SANDBOX_READY;
	if (c->is_true)
		return;
	c->reason = "PodSandboxNotReady";
	buf_adds(&c->message, was_made && s->sandbox != SANDBOX_GONE ? "pod sandbox is not ready"
								     : "no pod sandbox exists");
}

static void judge_containers(
	const struct pod_spec *spec, const struct pod_state *s, struct condition *c)
{
	const char *gap = "containers with unready status: [";

	if (is_final(s, c))
		return;
	for (size_t i = 0; i < s->ctrs_len; i++) {
		if (s->ctrs[i].ready)
			continue;
		buf_addf(&c->message, "%s%s", gap, spec->containers[i].name);
		gap = " ";
	}
	c->is_true = c->message.len == 0;
	if (c->is_true)
		return;
	buf_addc(&c->message, ']');
	c->reason = "ContainersNotReady";
}

/* Nobody but we write conditions, so a gate's one never exists. */
static void judge_ready(const struct pod_spec *spec, const struct pod_state *s, struct condition *c)
{
	judge_containers(spec, s, c);
	if (!c->is_true || spec->readiness_gates.len == 0)
		return;
	c->is_true = false;
	c->reason = "ReadinessGatesNotReady";
	for (size_t i = 0; i < spec->readiness_gates.len; i++)
		buf_addf(&c->message,
			"%scorresponding condition of pod readiness gate \"%s\" does not exist.",
			i ? ", " : "", spec->readiness_gates.at[i]);
}

static void judge(const struct pod_spec *spec, const struct pod_state *s, enum pod_condition which,
	struct condition *c)
{
	switch (which) {
	case COND_READY_TO_START:
		judge_sandbox(s, c);
		return;
	case COND_INITIALIZED: /* no init containers: nothing to wait for */
		c->is_true = true;
		if (s->phase == POD_SUCCEEDED)
			c->reason = "PodCompleted";
		return;
	case COND_READY:
		judge_ready(spec, s, c);
		return;
	case COND_CONTAINERS_READY:
		judge_containers(spec, s, c);
		return;
	case COND_SCHEDULED:
		c->is_true = true;
		return;
	case POD_CONDITIONS:
		return;
	}
}

bool conditions_value(const struct pod_spec *spec, const struct pod_state *s, enum pod_condition c)
{
	struct condition got = { 0 };

	judge(spec, s, c, &got);
	buf_free(&got.message);
	return got.is_true;
}

static const char *const type_names[] = {
	[COND_READY_TO_START] = "PodReadyToStartContainers",
	[COND_INITIALIZED] = "Initialized",
	[COND_READY] = "Ready",
	[COND_CONTAINERS_READY] = "ContainersReady",
	[COND_SCHEDULED] = "PodScheduled",
};
static_assert(ARRAY_LEN(type_names) == POD_CONDITIONS, "every condition has a name");

struct json *conditions_to_json(
	const struct pod_spec *spec, const struct pod_state *s, int64_t generation)
{
	struct json *list = json_new_array();

	if (s->resize)
		resize_conditions(s->resize, list);
	for (int i = 0; i < POD_CONDITIONS; i++) {
		struct json *j = json_new_object();
		struct condition c = { 0 };

		judge(spec, s, (enum pod_condition)i, &c);
		json_set_str(j, "type", type_names[i]);
		json_set_i64(j, "observedGeneration", generation);
		json_set_str(j, "status", c.is_true ? "True" : "False");
		json_set(j, "lastProbeTime", json_new_null());
		json_set(j, "lastTransitionTime", json_new_time(s->conditions[i].since_wall_ms));
		json_set_str(j, "reason", c.reason);
		json_set_str(j, "message", c.message.data);
		json_push(list, j);
		buf_free(&c.message);
	}
	return list;
}
