#include "probes/schedule.h"

/* The value that stands before any attempt: not ready, alive, startup undecided. */
static const int8_t first_value[PROBE_TYPES] = {
	[PROBE_STARTUP] = -1,
	[PROBE_LIVENESS] = 1,
	[PROBE_READINESS] = 0,
};

void prober_init(struct prober *p, enum probe_type type, const struct probe_timing *timing)
{
	*p = (struct prober){ .type = type, .timing = *timing, .phase = PROBER_IDLE, .last = -1 };
	p->published = first_value[type];
	if (p->timing.period_ms < 1)
		p->timing.period_ms = 1;
	if (p->timing.success_threshold < 1)
		p->timing.success_threshold = 1;
	if (p->timing.failure_threshold < 1)
		p->timing.failure_threshold = 1;
}

/* A startup probe is over with its first verdict, a liveness probe with its first bad one: what
 * follows is a new instance, and until then an attempt could only disturb. */
static bool is_on_hold(const struct prober *p)
{
	switch (p->type) {
	case PROBE_STARTUP:
		return p->published >= 0 || p->is_started;
	case PROBE_LIVENESS:
		return p->published == 0 || !p->is_started;
	case PROBE_READINESS:
		return !p->is_started;
	case PROBE_TYPES:
		break;
	}
	return true;
}

/* The first tick later than now, which is not before the anchor. */
static int64_t tick_after(const struct prober *p, int64_t now_ms)
{
	int64_t periods = (now_ms - p->anchor_ms) / p->timing.period_ms + 1;

	return p->anchor_ms + periods * p->timing.period_ms;
}

static unsigned attempt_when_due(struct prober *p, int64_t now_ms)
{
	if (p->at_ms > now_ms) {
		p->phase = PROBER_WAITING;
		return 0;
	}
	p->phase = PROBER_RUNNING;
	p->began_ms = now_ms;
	p->at_ms = tick_after(p, now_ms);
	return PROBER_ATTEMPT;
}

static unsigned on_instance(struct prober *p, const struct prober_event *ev, int64_t now_ms)
{
	unsigned actions = p->phase == PROBER_RUNNING ? PROBER_CANCEL : 0;

	if (ev->instance == p->instance)
		return 0; /* told twice */
	p->phase = PROBER_IDLE;
	p->instance = ev->instance;
	p->started_ms = ev->started_ms;
	p->is_started = ev->is_started;
	p->last = -1;
	p->run = 0;
	p->run_since_ms = now_ms;
	p->published = first_value[p->type];
	if (ev->is_taken_over) {
		p->last = ev->last;
		p->run = ev->run;
	}
	if (ev->is_taken_over && ev->published >= 0)
		p->published = ev->published;
	if (is_on_hold(p))
		return actions;
	p->anchor_ms = p->at_ms = p->started_ms + p->timing.delay_ms;
	/* Taken over: whoever probed before us has served the ticks so far; a thousand probes need
	 * not start in the same millisecond because their prober was restarted. */
	if (ev->is_taken_over && p->at_ms < now_ms)
		p->at_ms = tick_after(p, now_ms - 1);
	return actions | attempt_when_due(p, now_ms);
}

static unsigned on_started(struct prober *p, int64_t now_ms)
{
	if (p->is_started || p->type == PROBE_STARTUP)
		return 0;
	p->is_started = true;
	p->anchor_ms = p->started_ms + p->timing.delay_ms;
	if (p->anchor_ms < now_ms)
		p->anchor_ms = now_ms;
	p->at_ms = p->anchor_ms;
	return attempt_when_due(p, now_ms);
}

static unsigned on_ended(struct prober *p)
{
	unsigned actions = p->phase == PROBER_RUNNING ? PROBER_CANCEL : 0;

	p->phase = PROBER_IDLE;
	p->instance = 0;
	return actions;
}

static unsigned count(struct prober *p, bool is_success)
{
	int32_t threshold = is_success ? p->timing.success_threshold : p->timing.failure_threshold;

	if (p->last != is_success) {
		p->last = is_success ? 1 : 0;
		p->run = 0;
		p->run_since_ms = p->began_ms;
	}
	if (p->run < INT32_MAX)
		p->run++;
	if (p->run < threshold || p->published == is_success)
		return 0;
	p->published = is_success ? 1 : 0;
	return PROBER_PUBLISH;
}

static unsigned on_result(struct prober *p, bool is_success, int64_t now_ms)
{
	unsigned actions;

	if (p->phase != PROBER_RUNNING)
		return 0;
	actions = count(p, is_success);
	p->phase = PROBER_IDLE;
	if (is_on_hold(p))
		return actions;
	return actions | attempt_when_due(p, now_ms);
}

unsigned probe_step(struct prober *p, const struct prober_event *ev, int64_t now_ms)
{
	/* The end comes for whatever instance there is; an instance comes in place of it. */
	bool is_ours = p->instance && ev->instance == p->instance;

	switch (ev->kind) {
	case PROBER_EV_INSTANCE:
		return on_instance(p, ev, now_ms);
	case PROBER_EV_STARTED:
		return is_ours ? on_started(p, now_ms) : 0;
	case PROBER_EV_ENDED:
		return on_ended(p);
	case PROBER_EV_RESULT:
		return is_ours ? on_result(p, ev->is_success, now_ms) : 0;
	case PROBER_EV_TIMER:
		return p->phase == PROBER_WAITING ? attempt_when_due(p, now_ms) : 0;
	case PROBER_EVENTS:
		break;
	}
	return 0;
}

int64_t prober_next_timer(const struct prober *p)
{
	return p->phase == PROBER_WAITING ? p->at_ms : INT64_MAX;
}
