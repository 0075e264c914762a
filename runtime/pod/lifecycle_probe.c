/* What a published probe result does to its container.  Thresholds, retries and clocks are the
 * prober's; here a result is a fact, and only liveness and startup failures have consequences.
 */
#include "base/str.h"
#include "pod/lifecycle_step.h"

static void probe_kill(struct step *st, size_t ctr, enum probe_type t)
{
	const struct container_spec *spec = &st->spec->containers[ctr];
	int64_t grace_ms = (spec->probes[t].grace_seconds >= 0 ? spec->probes[t].grace_seconds
							       : st->spec->grace_seconds) *
			   1000;

	if (grace_ms < st->cfg->min_kill_wait_ms)
		grace_ms = st->cfg->min_kill_wait_ms;
	st->s->ctrs[ctr].killed_by_probe = true;
	act_event(st, NEWS_NORMAL, ctr, "Killing", "Container %s failed %s probe%s", spec->name,
		t == PROBE_STARTUP ? "startup" : "liveness",
		st->spec->restart == RESTART_NEVER ? "" : ", will be restarted");
	ctr_ask(st, ctr, st->now.boot_ms + grace_ms);
}

static void startup_result(struct step *st, size_t ctr, bool is_success)
{
	struct ctr_state *c = &st->s->ctrs[ctr];

	if (c->phase != CTR_RUNNING || c->started)
		return;
	c->startup = is_success;
	c->started = is_success;
	c->ready = is_success && !ctr_has_probe(&st->spec->containers[ctr], PROBE_READINESS);
	if (!is_success)
		probe_kill(st, ctr, PROBE_STARTUP);
}

static void liveness_result(struct step *st, size_t ctr, bool is_success)
{
	struct ctr_state *c = &st->s->ctrs[ctr];

	if (c->phase != CTR_RUNNING || !c->started)
		return;
	c->liveness = is_success;
	if (!is_success)
		probe_kill(st, ctr, PROBE_LIVENESS);
}

/* Goes on while the instance ends, both ways: clients may still be served in the grace. */
static void readiness_result(struct step *st, size_t ctr, bool is_success)
{
	struct ctr_state *c = &st->s->ctrs[ctr];

	if (!ctr_runs(c) || !c->started)
		return;
	c->readiness = is_success;
	c->ready = is_success;
}

void ctr_probe(struct step *st, const struct pod_event *ev)
{
	const struct ctr_state *c = &st->s->ctrs[ev->ctr];

	if (!ctr_has_probe(&st->spec->containers[ev->ctr], ev->probe) ||
		(ev->id && ev->id[0] && !str_eq(ev->id, c->id)))
		return;
	switch (ev->probe) {
	case PROBE_STARTUP:
		startup_result(st, ev->ctr, ev->is_success);
		return;
	case PROBE_LIVENESS:
		liveness_result(st, ev->ctr, ev->is_success);
		return;
	case PROBE_READINESS:
		readiness_result(st, ev->ctr, ev->is_success);
		return;
	case PROBE_TYPES:
		return;
	}
}
