/* The order of a step: the event moves the sandbox or one container, then everything that is due by
 * now is done, whatever the event was.  So a timer is an event without a meaning of its own, and
 * one that comes late, twice or not at all (a restarted carpeld) changes nothing but the time.
 */
#include "pod/lifecycle.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/lifecycle_step.h"

const struct lifecycle_config lifecycle_defaults = {
	.backoff_base_ms = 10000,
	.backoff_max_ms = 300000,
	.backoff_reset_ms = 600000,
	.min_kill_wait_ms = 2000,
	.sandbox_retry_ms = 10000,
	.start_retry_ms = 10000,
	.resize_retry_ms = 3000,
};

/* ---- the sandbox -------------------------------------------------------------------------------
 */

enum sandbox_passage { BOX_START = 1, BOX_UP, BOX_FAILED, BOX_END, BOX_CLOSE, SANDBOX_PASSAGES };

static const uint8_t next[SANDBOX_PHASES][SANDBOX_PASSAGES] = {
	[SANDBOX_NONE] = { [BOX_START] = SANDBOX_STARTING, [BOX_CLOSE] = SANDBOX_GONE },
	[SANDBOX_STARTING] = {
		[BOX_UP] = SANDBOX_READY,
		[BOX_FAILED] = SANDBOX_NONE,
		[BOX_END] = SANDBOX_ENDING,
	},
	[SANDBOX_READY] = { [BOX_END] = SANDBOX_ENDING },
	[SANDBOX_ENDING] = { [BOX_START] = SANDBOX_STARTING, [BOX_CLOSE] = SANDBOX_GONE },
};

static bool pass(struct pod_state *s, enum sandbox_passage p)
{
	uint8_t to = next[s->sandbox][p];

	if (to == 0)
		return false;
	s->sandbox = (enum sandbox_phase)to;
	return true;
}

static void start_sandbox(struct step *st)
{
	(void)pass(st->s, BOX_START);
	st->s->sandbox_retry_at_ms = 0;
	act(st, ACT_START_SANDBOX, NO_CTR);
}

static void end_sandbox(struct step *st)
{
	if (pass(st->s, BOX_END))
		act(st, ACT_END_SANDBOX, NO_CTR);
}

/* A failed start left nothing behind, so it is repeated under the same attempt number. */
static void sandbox_failed(struct step *st, const char *text)
{
	if (!pass(st->s, BOX_FAILED) || st->s->stop != STOP_NONE)
		return;
	st->s->sandbox_retry_at_ms = st->now.boot_ms + st->cfg->sandbox_retry_ms;
	act_event(st, NEWS_WARNING, NO_CTR, "FailedCreatePodSandBox",
		"Failed to create pod sandbox: %s", text ? text : "");
}

/* Whoever ran is dead.  With policy Never something has run or was about to, since the first start
 * follows the sandbox in the same step: such a pod is not made again but ends (spec §5). */
static void sandbox_died(struct step *st)
{
	if (st->s->sandbox == SANDBOX_STARTING)
		sandbox_failed(st, "the pause process ended");
	if (st->s->sandbox != SANDBOX_READY)
		return;
	if (st->s->stop == STOP_NONE && st->spec->restart == RESTART_NEVER)
		st->s->stop = STOP_DONE;
	if (st->s->stop == STOP_NONE)
		act_event(st, NEWS_NORMAL, NO_CTR, "SandboxChanged",
			"Pod sandbox changed, it will be killed and re-created.");
	for (size_t i = 0; i < st->s->ctrs_len; i++)
		ctr_lost(st, i);
	end_sandbox(st);
}

static void sandbox_gone(struct step *st)
{
	if (st->s->sandbox != SANDBOX_ENDING)
		return;
	st->s->sandbox_id[0] = '\0';
	if (st->s->stop != STOP_NONE) {
		(void)pass(st->s, BOX_CLOSE);
		return;
	}
	st->s->sandbox_attempt++;
	start_sandbox(st);
}

/* ---- a step ------------------------------------------------------------------------------------
 */

static void take_event(struct step *st, const struct pod_event *ev)
{
	struct pod_state *s = st->s;

	switch (ev->kind) {
	case EV_ADMIT:
		if (s->sandbox == SANDBOX_NONE && s->sandbox_retry_at_ms == 0)
			start_sandbox(st);
		return;
	case EV_SANDBOX_UP:
		if (pass(s, BOX_UP))
			snprintf(s->sandbox_id, sizeof(s->sandbox_id), "%s", ev->id ? ev->id : "");
		return;
	case EV_SANDBOX_FAILED:
		sandbox_failed(st, ev->text);
		return;
	case EV_SANDBOX_DIED:
		sandbox_died(st);
		return;
	case EV_SANDBOX_GONE:
		sandbox_gone(st);
		return;
	case EV_CTR_UP:
		ctr_up(st, ev);
		return;
	case EV_CTR_FAILED:
		ctr_failed(st, ev);
		return;
	case EV_CTR_DIED:
		ctr_died(st, ev);
		return;
	case EV_PROBE:
		ctr_probe(st, ev);
		return;
	case EV_RESIZED:
		resize_told(st, ev);
		return;
	case EV_STOP:
	case EV_DELETE:
		stop_request(st, ev);
		return;
	case EV_EVICT:
		stop_evict(st, ev);
		return;
	case EV_REJECT:
		stop_reject(st, ev);
		return;
	case EV_TIMER:
	case POD_EVENTS:
		return;
	}
}

/* All containers have ended for good: what is left is the sandbox, then the object. */
static void finish(struct step *st)
{
	struct pod_state *s = st->s;

	for (size_t i = 0; i < s->ctrs_len; i++)
		ctr_conclude(&s->ctrs[i]);
	if (s->sandbox == SANDBOX_NONE)
		(void)pass(s, BOX_CLOSE);
	/* A start in flight is undone only when it does not answer within the grace. */
	if (s->sandbox == SANDBOX_READY ||
		(s->sandbox == SANDBOX_STARTING && st->now.boot_ms >= s->kill_boot_ms))
		end_sandbox(st);
	if (s->sandbox == SANDBOX_GONE && s->stop == STOP_DELETE) {
		s->is_forgotten = true;
		act(st, ACT_FORGET, NO_CTR);
	}
}

static void do_what_is_due(struct step *st)
{
	struct pod_state *s = st->s;

	stop_check_deadline(st);
	stop_kill_due(st);
	if (s->stop == STOP_NONE && s->sandbox == SANDBOX_NONE && s->sandbox_retry_at_ms != 0 &&
		st->now.boot_ms >= s->sandbox_retry_at_ms)
		start_sandbox(st);
	resize_go_on(st); /* before the starts: those have what it allocates */
	if (s->stop == STOP_NONE && s->sandbox == SANDBOX_READY)
		ctr_start_next(st);
	if (s->stop == STOP_NONE && ctr_all_ended(s))
		stop_done(st);
	if (s->stop != STOP_NONE && ctr_all_ended(s))
		finish(st);
}

void lifecycle_step(const struct lifecycle_config *cfg, const struct pod_spec *spec,
	struct pod_state *s, const struct pod_event *ev, struct moment now, struct pod_actions *out)
{
	struct step st = { .cfg = cfg, .spec = spec, .s = s, .now = now, .out = out };

	assert(s->ctrs_len == spec->containers_len);
	if (s->is_forgotten)
		return;
	take_event(&st, ev);
	do_what_is_due(&st);
}

static void lower(int64_t *to, int64_t at)
{
	if (at < *to)
		*to = at;
}

/* Only what a step at that time would act on: a time that has passed and changes nothing would make
 * the caller spin. */
int64_t lifecycle_next_timer(const struct pod_spec *spec, const struct pod_state *s)
{
	int64_t at = INT64_MAX, retry_at = INT64_MAX;
	bool is_starting = false;

	(void)spec;
	if (s->stop == STOP_NONE && s->deadline_boot_ms != 0)
		lower(&at, s->deadline_boot_ms);
	if (s->stop == STOP_NONE && s->sandbox == SANDBOX_NONE && s->sandbox_retry_at_ms != 0)
		lower(&at, s->sandbox_retry_at_ms);
	if (s->stop != STOP_NONE && s->sandbox == SANDBOX_STARTING)
		lower(&at, s->kill_boot_ms);
	for (size_t i = 0; i < s->ctrs_len; i++) {
		const struct ctr_state *c = &s->ctrs[i];

		is_starting = is_starting || c->phase == CTR_STARTING;
		if (c->phase == CTR_BACKOFF)
			lower(&retry_at, c->retry_at_ms);
		if ((c->phase == CTR_ENDING ||
			    (c->phase == CTR_STARTING && s->stop != STOP_NONE)) &&
			c->kill_at_ms >= 0)
			lower(&at, c->kill_at_ms);
	}
	if (s->sandbox == SANDBOX_READY && !is_starting)
		lower(&at, retry_at);
	if (s->sandbox == SANDBOX_READY && s->resize && s->resize->is_running &&
		s->resize->retry_at_ms != 0)
		lower(&at, s->resize->retry_at_ms);
	return at;
}

/* ---- life of the state -------------------------------------------------------------------------
 */

struct pod_state *pod_state_new(const struct pod_spec *spec, struct moment now)
{
	struct pod_state *s = mem_zalloc(sizeof(*s));

	s->sandbox = SANDBOX_NONE;
	s->phase = POD_PENDING;
	s->created_wall_ms = now.wall_ms;
	if (spec->deadline_seconds >= 0)
		s->deadline_boot_ms = now.boot_ms + spec->deadline_seconds * 1000;
	s->ctrs_len = spec->containers_len;
	s->ctrs = mem_resize(NULL, s->ctrs_len, sizeof(*s->ctrs));
	for (size_t i = 0; i < s->ctrs_len; i++)
		s->ctrs[i] = (struct ctr_state){
			.phase = CTR_WAITING,
			.startup = -1,
			.liveness = -1,
			.readiness = -1,
		};
	for (size_t i = 0; i < ARRAY_LEN(s->conditions); i++)
		s->conditions[i].value = -1;
	return s;
}

void pod_state_free(struct pod_state *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->ctrs_len; i++) {
		struct ctr_state *c = &s->ctrs[i];

		free(c->image_id);
		json_free(c->user);
		free(c->waiting_reason);
		free(c->waiting_message);
		ctr_end_clear(&c->last);
		ctr_end_clear(&c->before);
	}
	free(s->ctrs);
	resize_free(s->resize);
	free(s->reason);
	free(s->message);
	free(s);
}

/* ---- names -------------------------------------------------------------------------------------
 */

static const char *const ctr_phase_names[] = {
	[CTR_WAITING] = "waiting",
	[CTR_STARTING] = "starting",
	[CTR_RUNNING] = "running",
	[CTR_ENDING] = "ending",
	[CTR_BACKOFF] = "backoff",
	[CTR_EXITED] = "exited",
};
static_assert(ARRAY_LEN(ctr_phase_names) == CTR_PHASES, "every phase has a name");

static const char *const pod_phase_names[] = {
	[POD_PENDING] = "Pending",
	[POD_RUNNING] = "Running",
	[POD_SUCCEEDED] = "Succeeded",
	[POD_FAILED] = "Failed",
};
static_assert(ARRAY_LEN(pod_phase_names) == POD_PHASES, "every phase has a name");

static const char *const event_names[] = {
	[EV_ADMIT] = "admit",
	[EV_SANDBOX_UP] = "sandbox-up",
	[EV_SANDBOX_FAILED] = "sandbox-failed",
	[EV_SANDBOX_DIED] = "sandbox-died",
	[EV_SANDBOX_GONE] = "sandbox-gone",
	[EV_CTR_UP] = "ctr-up",
	[EV_CTR_FAILED] = "ctr-failed",
	[EV_CTR_DIED] = "ctr-died",
	[EV_PROBE] = "probe",
	[EV_TIMER] = "timer",
	[EV_RESIZED] = "resized",
	[EV_STOP] = "stop",
	[EV_DELETE] = "delete",
	[EV_EVICT] = "evict",
	[EV_REJECT] = "reject",
};
static_assert(ARRAY_LEN(event_names) == POD_EVENTS, "every event has a name");

static const char *const action_names[] = {
	[ACT_START_SANDBOX] = "start-sandbox",
	[ACT_END_SANDBOX] = "end-sandbox",
	[ACT_START_CTR] = "start-ctr",
	[ACT_SIGNAL_CTR] = "signal-ctr",
	[ACT_KILL_CTR] = "kill-ctr",
	[ACT_PROBES_START] = "probes-start",
	[ACT_PROBES_STOP] = "probes-stop",
	[ACT_EVENT] = "event",
	[ACT_RESIZE] = "resize",
	[ACT_FORGET] = "forget",
};
static_assert(ARRAY_LEN(action_names) == POD_ACTIONS, "every action has a name");

const char *ctr_phase_name(enum ctr_phase p)
{
	return ctr_phase_names[p];
}

const char *pod_phase_name(enum pod_phase p)
{
	return pod_phase_names[p];
}

const char *pod_event_name(enum pod_event_kind k)
{
	return event_names[k];
}

const char *pod_action_name(enum pod_action_kind k)
{
	return action_names[k];
}
