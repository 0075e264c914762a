/* One container's life: a table of what may follow what, and what each passage brings with it.
 *
 * An instance's number is used up only when the instance was made: a start that failed before that
 * is tried again under the same number, so restartCount and the log file's number count instances.
 * News is told apart by the container id, since it may be late, doubled or of a former instance.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/backoff.h"
#include "pod/lifecycle_step.h"

enum ctr_passage {
	PASS_START = 1, /* its turn has come */
	PASS_UP,
	PASS_AGAIN, /* ended or not started, and comes back */
	PASS_END,   /* ended or not started, for good */
	PASS_ASK,   /* is asked to end: by the pod's stop or by a probe */
	PASS_LOST,  /* a start that the sandbox's death undid */
	CTR_PASSAGES
};

static const uint8_t next[CTR_PHASES][CTR_PASSAGES] = {
	[CTR_WAITING] = { [PASS_START] = CTR_STARTING, [PASS_END] = CTR_EXITED },
	[CTR_STARTING] = {
		[PASS_UP] = CTR_RUNNING,
		[PASS_AGAIN] = CTR_BACKOFF,
		[PASS_END] = CTR_EXITED,
		[PASS_LOST] = CTR_WAITING,
	}, /* no PASS_ASK: its answer is waited for */
	[CTR_RUNNING] = {
		[PASS_AGAIN] = CTR_BACKOFF,
		[PASS_END] = CTR_EXITED,
		[PASS_ASK] = CTR_ENDING,
	},
	[CTR_ENDING] = { [PASS_AGAIN] = CTR_BACKOFF, [PASS_END] = CTR_EXITED },
	[CTR_BACKOFF] = { [PASS_START] = CTR_STARTING, [PASS_END] = CTR_EXITED },
};

static bool pass(struct ctr_state *c, enum ctr_passage p)
{
	uint8_t to = next[c->phase][p];

	if (to == 0)
		return false;
	c->phase = (enum ctr_phase)to;
	return true;
}

bool ctr_runs(const struct ctr_state *c)
{
	return c->phase == CTR_RUNNING || c->phase == CTR_ENDING;
}

bool ctr_has_probe(const struct container_spec *spec, enum probe_type t)
{
	return spec->probes[t].handler != PROBE_NONE;
}

unsigned ctr_probes(const struct container_spec *spec)
{
	unsigned mask = 0;

	for (int t = PROBE_STARTUP; t < PROBE_TYPES; t++)
		if (ctr_has_probe(spec, (enum probe_type)t))
			mask |= 1U << t;
	return mask;
}

bool ctr_all_ended(const struct pod_state *s)
{
	for (size_t i = 0; i < s->ctrs_len; i++)
		if (s->ctrs[i].phase != CTR_EXITED)
			return false;
	return true;
}

static bool is_named(const char *id)
{
	return id && id[0];
}

/* News of a start is late when it names an instance that is known to have ended. */
static bool is_former(const struct ctr_state *c, const char *id)
{
	return is_named(id) && (str_eq(id, c->last.id) || str_eq(id, c->before.id));
}

static void set_id(char to[65], const char *id)
{
	snprintf(to, 65, "%s", id ? id : "");
}

static void set_text(char **to, const char *text)
{
	free(*to);
	*to = str_dup(text);
}

/* ---- ends --------------------------------------------------------------------------------------
 */

void ctr_end_clear(struct ctr_end *e)
{
	free(e->reason);
	free(e->message);
	*e = (struct ctr_end){ 0 };
}

/* Takes the texts of e. */
static void push_end(struct ctr_state *c, const struct ctr_end *e)
{
	ctr_end_clear(&c->before);
	c->before = c->last;
	c->last = *e;
	c->last.is_set = true;
	c->started = c->ready = false;
}

static bool wants_restart(const struct pod_spec *spec, const struct ctr_state *c)
{
	switch (spec->restart) {
	case RESTART_ALWAYS:
		return true;
	case RESTART_ON_FAILURE: /* exit codes have no say in probe kills */
		return c->killed_by_probe || c->last.exit_code != 0;
	case RESTART_NEVER:
		return false;
	}
	return false;
}

static struct backoff entry_of(const struct ctr_state *c)
{
	return (struct backoff){ c->backoff_ms, c->last_start_boot_ms };
}

static void set_entry(struct ctr_state *c, const struct backoff *b)
{
	c->backoff_ms = b->wait_ms;
	c->last_start_boot_ms = b->allowed_boot_ms;
}

/* The instance's end is recorded; decides what follows.  A probe's kill waits for the end of the
 * instance before the killed one, and not at all when there is none (kubernetes/kubernetes#22240).
 */
static void after_end(struct step *st, size_t ctr)
{
	struct ctr_state *c = &st->s->ctrs[ctr];
	const struct ctr_end *from = c->killed_by_probe ? &c->before : &c->last;
	struct backoff b = entry_of(c);

	if (st->s->stop != STOP_NONE || !wants_restart(st->spec, c)) {
		(void)pass(c, PASS_END);
		return;
	}
	(void)pass(c, PASS_AGAIN);
	c->retry_at_ms = st->now.boot_ms;
	if (from->is_set)
		c->retry_at_ms = backoff_retry_at(st->cfg, &b, from->finished_boot_ms);
	if (c->retry_at_ms > st->now.boot_ms)
		act_event(st, NEWS_WARNING, ctr, "BackOff",
			"Back-off restarting failed container %s in pod %s_%s(%s)",
			st->spec->containers[ctr].name, st->spec->name, st->spec->namespace,
			st->spec->uid);
}

void ctr_conclude(struct ctr_state *c)
{
	struct ctr_end e = { .exit_code = 137 };

	if (c->last.is_set)
		return;
	e.reason = str_dup("ContainerStatusUnknown");
	e.message = str_dup("The container could not be located when the pod was terminated");
	push_end(c, &e);
}

/* ---- starts ------------------------------------------------------------------------------------
 */

static void start(struct step *st, size_t ctr)
{
	struct ctr_state *c = &st->s->ctrs[ctr];
	bool is_restart = c->phase == CTR_BACKOFF && c->last.is_set;
	bool is_first_probe_kill = c->killed_by_probe && !c->before.is_set;
	struct backoff b = entry_of(c);

	(void)pass(c, PASS_START);
	if (is_restart && !is_first_probe_kill) {
		backoff_advance(st->cfg, &b, st->now.boot_ms);
		set_entry(c, &b);
	}
	c->attempt = c->id[0] ? c->restart_count + 1 : 0;
	c->killed_by_probe = false;
	if (st->s->resize)
		resize_in_force(st->s->resize, ctr);
	act(st, ACT_START_CTR, ctr);
}

void ctr_start_next(struct step *st)
{
	struct pod_state *s = st->s;
	size_t first = NO_CTR;

	for (size_t i = 0; i < s->ctrs_len; i++) {
		const struct ctr_state *c = &s->ctrs[i];

		if (c->phase == CTR_STARTING)
			return;
		if (first == NO_CTR && next[c->phase][PASS_START] != 0 &&
			(c->phase == CTR_WAITING || c->retry_at_ms <= st->now.boot_ms))
			first = i;
	}
	if (first != NO_CTR)
		start(st, first);
}

static void set_user(struct ctr_state *c, const struct json *user)
{
	json_free(c->user);
	c->user = user ? json_copy(user) : NULL;
}

static void record_up(struct step *st, const struct pod_event *ev)
{
	const size_t ctr = ev->ctr;
	const struct container_spec *spec = &st->spec->containers[ctr];
	struct ctr_state *c = &st->s->ctrs[ctr];

	set_id(c->id, ev->id);
	c->restart_count = c->attempt;
	c->started_wall_ms = st->now.wall_ms;
	c->started_boot_ms = st->now.boot_ms;
	if (ev->text)
		set_text(&c->image_id, ev->text);
	set_user(c, ev->user);
	set_text(&c->waiting_reason, NULL);
	set_text(&c->waiting_message, NULL);
	c->startup = c->liveness = c->readiness = -1;
	c->started = !ctr_has_probe(spec, PROBE_STARTUP);
	c->ready = c->started && !ctr_has_probe(spec, PROBE_READINESS);
	act_event(st, NEWS_NORMAL, ctr, "Pulled",
		"Container image \"%s\" already present on machine and can be accessed by the pod",
		spec->image);
	act_event(st, NEWS_NORMAL, ctr, "Created", "Container created");
	act_event(st, NEWS_NORMAL, ctr, "Started", "Container started");
}

void ctr_up(struct step *st, const struct pod_event *ev)
{
	struct ctr_state *c = &st->s->ctrs[ev->ctr];

	assert(is_named(ev->id)); /* else later news could not be told from older */
	if (str_eq(ev->id, c->id) && !c->image_id) { /* its end was faster than this */
		set_text(&c->image_id, ev->text);
		set_user(c, ev->user);
	}
	if (is_former(c, ev->id) || !pass(c, PASS_UP))
		return;
	record_up(st, ev);
	if (ctr_probes(&st->spec->containers[ev->ctr]) != 0)
		act(st, ACT_PROBES_START, ev->ctr);
	if (st->s->stop != STOP_NONE)
		ctr_stop(st, ev->ctr);
}

/* What Kubernetes says before "Failed": only images have an event of their own. */
static const struct {
	const char *reason, *event;
} image_failures[] = {
	{ "ErrImageNeverPull", "ErrImageNeverPull" }, /* */
	{ "InvalidImageName", "InspectFailed" },      /* */
	{ "ImageInspectError", "InspectFailed" },     /* */
};

static void tell_failure(struct step *st, size_t ctr, const char *reason, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(image_failures); i++) {
		if (!str_eq(reason, image_failures[i].reason))
			continue;
		act_event(st, NEWS_WARNING, ctr, image_failures[i].event, "%s", text);
		text = reason;
		break;
	}
	act_event(st, NEWS_WARNING, ctr, "Failed", "Error: %s", text);
}

static void push_start_error(struct ctr_state *c, struct moment now, const struct pod_event *ev)
{
	struct ctr_end e = {
		.exit_code = ev->exit_code ? ev->exit_code : 128,
		.finished_wall_ms = now.wall_ms,
		.finished_boot_ms = now.boot_ms,
		.reason = str_dup("StartError"),
		.message = str_dup(ev->text),
	};

	set_id(e.id, ev->id);
	push_end(c, &e);
}

/* Trying again at once would fail alike, so the kubelet's distance between syncs is the least, and
 * the end of the last instance counts as it does for one that ran. */
static int64_t start_again_at(const struct step *st, const struct ctr_state *c)
{
	const struct backoff b = entry_of(c);
	int64_t at = st->now.boot_ms + st->cfg->start_retry_ms;
	int64_t allowed = 0;

	if (c->last.is_set)
		allowed = backoff_retry_at(st->cfg, &b, c->last.finished_boot_ms);
	return allowed > at ? allowed : at;
}

/* Policy Never forbids a second instance; a first one that could not be made is tried again. */
void ctr_failed(struct step *st, const struct pod_event *ev)
{
	struct ctr_state *c = &st->s->ctrs[ev->ctr];
	const char *reason = ev->reason ? ev->reason : "RunContainerError";
	const char *text = ev->text ? ev->text : "";
	bool was_made = is_named(ev->id);
	bool is_over = st->s->stop != STOP_NONE || (was_made && st->spec->restart == RESTART_NEVER);

	if (c->phase != CTR_STARTING || is_former(c, ev->id))
		return;
	(void)pass(c, is_over ? PASS_END : PASS_AGAIN);
	set_text(&c->waiting_reason, reason);
	set_text(&c->waiting_message, text);
	tell_failure(st, ev->ctr, reason, text);
	if (was_made) {
		set_id(c->id, ev->id);
		c->restart_count = c->attempt;
	}
	if (was_made || is_over)
		push_start_error(c, st->now, ev);
	if (!is_over)
		c->retry_at_ms = start_again_at(st, c);
}

/* ---- while it runs -----------------------------------------------------------------------------
 */

static void read_wait_status(const struct pod_event *ev, bool is_stopping, struct ctr_end *e)
{
	const char *reason = "Error";

	if (ev->wait_status == -1) {
		e->exit_code = 137;
		reason = "ContainerStatusUnknown";
		e->message = str_dup(
			is_stopping
				? "The container could not be located when the pod was terminated"
				: "The container could not be located when the pod was deleted.  "
				  "The container used to be Running");
	} else {
		e->exit_code = WIFSIGNALED(ev->wait_status) ? 128 + WTERMSIG(ev->wait_status)
							    : WEXITSTATUS(ev->wait_status);
		e->message = str_dup(ev->text);
		if (e->exit_code == 0)
			reason = "Completed";
	}
	/* The kernel's counter may have moved for a child of a main process that ended well. */
	e->reason = str_dup(ev->is_oom ? "OOMKilled" : reason);
}

static void ended(struct step *st, size_t ctr, struct ctr_end *e)
{
	struct ctr_state *c = &st->s->ctrs[ctr];

	e->started_wall_ms = c->started_wall_ms;
	e->finished_wall_ms = st->now.wall_ms;
	e->finished_boot_ms = st->now.boot_ms;
	set_id(e->id, c->id);
	push_end(c, e);
	act_probes_stop(st, ctr, ~0U);
	after_end(st, ctr);
}

void ctr_died(struct step *st, const struct pod_event *ev)
{
	struct ctr_state *c = &st->s->ctrs[ev->ctr];
	struct ctr_end e = { 0 };

	if (c->phase == CTR_STARTING && is_named(ev->id) && !is_former(c, ev->id)) {
		/* It was faster than the news of its start. */
		(void)pass(c, PASS_UP);
		record_up(st, &(struct pod_event){ .ctr = ev->ctr, .id = ev->id });
	}
	if (!ctr_runs(c) || (is_named(ev->id) && !str_eq(ev->id, c->id)))
		return;
	read_wait_status(ev, st->s->stop != STOP_NONE, &e);
	ended(st, ev->ctr, &e);
}

void ctr_lost(struct step *st, size_t ctr)
{
	struct ctr_state *c = &st->s->ctrs[ctr];
	struct ctr_end e = { .exit_code = 137 };

	if (ctr_runs(c)) {
		e.reason = str_dup("Error");
		ended(st, ctr, &e);
	} else if (st->s->stop != STOP_NONE) {
		(void)pass(c, PASS_END);
	} else {
		(void)pass(c, PASS_LOST);
	}
}

void ctr_ask(struct step *st, size_t ctr, int64_t kill_at_ms)
{
	struct ctr_state *c = &st->s->ctrs[ctr];

	(void)pass(c, PASS_ASK);
	c->kill_at_ms = kill_at_ms;
	act_probes_stop(st, ctr, 1U << PROBE_STARTUP | 1U << PROBE_LIVENESS);
	if (kill_at_ms > st->now.boot_ms)
		act(st, ACT_SIGNAL_CTR, ctr);
}

void ctr_stop(struct step *st, size_t ctr)
{
	struct ctr_state *c = &st->s->ctrs[ctr];
	int64_t kill_at = st->s->kill_boot_ms;

	switch (c->phase) {
	case CTR_WAITING:
	case CTR_BACKOFF:
		(void)pass(c, PASS_END);
		return;
	case CTR_STARTING:
		c->kill_at_ms = kill_at;
		return;
	case CTR_RUNNING:
		/* One that came up late in the grace still has its two seconds, unless forced. */
		if (st->s->grace_seconds > 0 &&
			kill_at < st->now.boot_ms + st->cfg->min_kill_wait_ms)
			kill_at = st->now.boot_ms + st->cfg->min_kill_wait_ms;
		act_event(st, NEWS_NORMAL, ctr, "Killing", "Stopping container %s",
			st->spec->containers[ctr].name);
		ctr_ask(st, ctr, kill_at);
		return;
	case CTR_ENDING:
		if (c->kill_at_ms > kill_at)
			c->kill_at_ms = kill_at;
		return;
	case CTR_EXITED:
	case CTR_PHASES:
		return;
	}
}
