/* At least a million random steps of pods x events against what must always hold, see check().
 * Usage: sim_pods [SEED [STEPS]]; else SIM_SEED and SIM_STEPS of the environment count.  A failure
 * prints the seed and the history of the pod that broke a rule; the same seed repeats it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "tests/sim/sim.h"

/* ---- chance ------------------------------------------------------------------------------------
 */

uint64_t sim_random(struct sim *m)
{
	/* xorshift64*: good enough, and the same on every machine. */
	m->rng ^= m->rng >> 12;
	m->rng ^= m->rng << 25;
	m->rng ^= m->rng >> 27;
	return m->rng * 0x2545f4914f6cdd1dULL;
}

int64_t sim_below(struct sim *m, int64_t n)
{
	return (int64_t)(sim_random(m) >> 33) % n;
}

bool sim_one_in(struct sim *m, int64_t n)
{
	return sim_below(m, n) == 0;
}

noreturn void sim_fail(struct sim *m, const char *fmt, ...)
{
	size_t from = m->history_len > 40 ? m->history_len - 40 : 0;
	va_list ap;

	for (size_t i = from; i < m->history_len; i++) {
		const struct record *r = &m->history[i];

		printf("%12lld %-14s ctr %zu id %s probe %d ok %d status %d grace %lld\n",
			(long long)r->at.boot_ms, pod_event_name(r->ev.kind), r->ev.ctr, r->id,
			r->ev.probe, r->ev.is_success, r->ev.wait_status,
			(long long)r->ev.grace_seconds);
	}
	printf("SIM_SEED=%llu, policy %d, at %lld: ", (unsigned long long)m->seed, m->spec.restart,
		(long long)m->now.boot_ms);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

/* ---- what must always hold ---------------------------------------------------------------------
 */

/* What a step is compared with. */
struct before {
	enum pod_phase phase;
	enum stop_cause stop;
	struct {
		enum ctr_phase phase;
		uint32_t restart_count;
		int64_t backoff_ms, last_start_boot_ms;
		bool is_probe_kill;
	} ctrs[SIM_CTRS];
};

static void remember(const struct pod_state *s, struct before *b)
{
	*b = (struct before){ .phase = s->phase, .stop = s->stop };
	for (size_t i = 0; i < s->ctrs_len; i++) {
		const struct ctr_state *c = &s->ctrs[i];

		b->ctrs[i].phase = c->phase;
		b->ctrs[i].restart_count = c->restart_count;
		b->ctrs[i].backoff_ms = c->backoff_ms;
		b->ctrs[i].last_start_boot_ms = c->last_start_boot_ms;
		b->ctrs[i].is_probe_kill = c->killed_by_probe;
	}
}

static void check_ctr(struct sim *m, size_t i, const struct before *b)
{
	const struct ctr_state *c = &m->s->ctrs[i];
	bool runs = c->phase == CTR_RUNNING || c->phase == CTR_ENDING;
	bool is_void = m->now.boot_ms - b->ctrs[i].last_start_boot_ms >= m->cfg.backoff_reset_ms;

	if (c->ready && !(runs && c->started))
		sim_fail(m, "container %zu is ready but does not run or has not started", i);
	if (c->started && !runs)
		sim_fail(m, "container %zu has started but does not run", i);
	if (c->restart_count < b->ctrs[i].restart_count)
		sim_fail(m, "the restart count of container %zu fell", i);
	if (c->backoff_ms < b->ctrs[i].backoff_ms && !is_void)
		sim_fail(m, "the back-off of container %zu fell", i);
	if (m->spec.restart == RESTART_NEVER && (m->ctrs[i].made > 1 || c->restart_count > 0))
		sim_fail(m, "container %zu of a Never pod restarted", i);
	if (pod_is_final(m->s) && m->s->stop != STOP_DEADLINE && !m->s->reason &&
		c->phase != CTR_EXITED)
		sim_fail(m, "container %zu goes on in a pod that has ended", i);
}

/* A container that is started again: may it be, and has it waited long enough? */
static void check_restart(struct sim *m, size_t i, const struct before *b)
{
	const struct ctr_state *c = &m->s->ctrs[i];
	int64_t from = c->last.finished_boot_ms;
	int64_t until = from + b->ctrs[i].backoff_ms;
	int64_t void_at = b->ctrs[i].last_start_boot_ms + m->cfg.backoff_reset_ms;

	/* A start that was allowed and then lost with its sandbox is made up for at once. */
	if (b->ctrs[i].phase == CTR_WAITING || b->ctrs[i].is_probe_kill || !c->last.is_set)
		return;
	/* One that follows a start that failed is that start's repetition. */
	if (m->spec.restart == RESTART_ON_FAILURE && c->last.exit_code == 0 && !c->waiting_reason)
		sim_fail(m, "container %zu restarts though it had done its work", i);
	if (b->ctrs[i].backoff_ms > 0 && m->now.boot_ms < until && m->now.boot_ms < void_at)
		sim_fail(m, "container %zu did not wait for its back-off", i);
}

static void check(struct sim *m, const struct before *b)
{
	for (size_t i = 0; i < m->s->ctrs_len; i++)
		check_ctr(m, i, b);
	if ((b->phase == POD_SUCCEEDED || b->phase == POD_FAILED) && m->s->phase != b->phase)
		sim_fail(m, "a final phase was left");
	if (m->s->reason && m->s->phase != POD_FAILED)
		sim_fail(m, "the deadline has passed and the pod has not failed");
	if (lifecycle_next_timer(&m->spec, m->s) <= m->now.boot_ms)
		sim_fail(m, "a timer that is due already: the daemon would spin");
	if (pod_is_ready(&m->spec, m->s) != (m->s->conditions[COND_READY].value == 1))
		sim_fail(m, "the Ready condition lags behind");
	for (size_t i = 0; i < m->out.len; i++) {
		const struct pod_action *a = &m->out.at[i];

		if ((a->kind == ACT_START_CTR || a->kind == ACT_START_SANDBOX) &&
			(b->stop != STOP_NONE || m->s->stop != STOP_NONE))
			sim_fail(m, "a start in a pod that stops");
		if (a->kind == ACT_START_CTR)
			check_restart(m, a->ctr, b);
	}
}

/* ---- steps and replay --------------------------------------------------------------------------
 */

static void mix(uint64_t *h, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*h = (*h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3ULL;
}

static uint64_t digest(const struct pod_actions *out)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < out->len; i++) {
		const struct pod_action *a = &out->at[i];

		mix(&h, &a->kind, sizeof(a->kind));
		mix(&h, &a->ctr, sizeof(a->ctr));
		mix(&h, &a->probes, sizeof(a->probes));
		if (a->kind == ACT_EVENT) {
			mix(&h, a->reason, strlen(a->reason));
			mix(&h, a->text, strlen(a->text));
		}
	}
	return h;
}

static void step(struct sim *m, const struct news *n)
{
	struct record *r = &m->history[m->history_len];
	struct before b;

	if (m->history_len == SIM_HISTORY)
		sim_fail(m, "the history is too long");
	m->history_len++;
	*r = (struct record){ .at = m->now, .ev = n->ev };
	memcpy(r->id, n->id, sizeof(r->id));
	r->ev.id = r->id[0] ? r->id : NULL;
	if (n->ev.kind == EV_DELETE && n->ev.grace_seconds == 0)
		m->is_forced = true;
	remember(m->s, &b);
	lifecycle_step(&m->cfg, &m->spec, m->s, &r->ev, m->now, &m->out);
	status_update(&m->spec, m->s, m->now);
	check(m, &b);
	r->digest = digest(&m->out);
	env_apply(m);
	pod_actions_clear(&m->out);
}

static struct pod_state *through_json(struct sim *m, struct pod_state *s)
{
	CLEANUP(cleanup_json) struct json *written = pod_state_to_json(s), *read = NULL;
	CLEANUP(buf_free) struct buf text = { 0 };
	struct pod_state *got = NULL;
	struct err e;

	json_write(written, JSON_COMPACT, &text);
	if (json_parse(text.data, text.len, NULL, &read, &e) < 0 ||
		pod_state_from_json(read, &m->spec, &got, &e) < 0)
		sim_fail(m, "%s", e.text);
	pod_state_free(s);
	return got;
}

/* The same events must give the same actions, though every few steps the state is only what its
 * record on disk says, as after a crash of carpeld. */
static void replay(struct sim *m)
{
	struct pod_state *s = pod_state_new(&m->spec, m->history[0].at);
	CLEANUP(cleanup_json) struct json *once = pod_state_to_json(m->s), *again = NULL;
	size_t crash = (size_t)sim_below(m, (int64_t)m->history_len); /* one at least */

	for (size_t i = 0; i < m->history_len; i++) {
		const struct record *r = &m->history[i];

		if (i == crash || sim_one_in(m, 64))
			s = through_json(m, s);
		lifecycle_step(&m->cfg, &m->spec, s, &r->ev, r->at, &m->out);
		status_update(&m->spec, s, r->at);
		if (digest(&m->out) != r->digest)
			sim_fail(m, "step %zu of the replay differs", i);
		pod_actions_clear(&m->out);
	}
	again = pod_state_to_json(s);
	if (!json_equal(once, again))
		sim_fail(m, "the replay ended in another state");
	pod_state_free(s);
}

/* ---- pods --------------------------------------------------------------------------------------
 */

static void random_spec(struct sim *m)
{
	static char image[] = "img", pod[] = "pod", ns[] = "default", uid[] = "uid";

	m->spec = (struct pod_spec){ .name = pod, .namespace = ns, .uid = uid };
	m->spec.restart = (enum restart_policy)(1 + sim_below(m, 3));
	m->spec.qos = QOS_BEST_EFFORT;
	m->spec.grace_seconds = sim_below(m, 40);
	m->spec.deadline_seconds = sim_one_in(m, 8) ? 1 + sim_below(m, 600) : -1;
	m->spec.containers = m->ctr_specs;
	m->spec.containers_len = 1 + (size_t)sim_below(m, SIM_CTRS);
	for (size_t i = 0; i < m->spec.containers_len; i++) {
		struct container_spec *c = &m->ctr_specs[i];

		*c = (struct container_spec){ .name = m->names[i], .image = image };
		m->names[i][0] = 'c';
		m->names[i][1] = (char)('0' + i);
		for (int t = PROBE_STARTUP; t < PROBE_TYPES; t++) {
			c->probes[t].handler = sim_one_in(m, 2) ? PROBE_EXEC : PROBE_NONE;
			c->probes[t].grace_seconds = sim_one_in(m, 3) ? sim_below(m, 90) : -1;
		}
	}
}

static void move_to(struct sim *m, int64_t boot_ms)
{
	if (boot_ms <= m->now.boot_ms)
		return;
	m->now.wall_ms += boot_ms - m->now.boot_ms;
	m->now.boot_ms = boot_ms;
}

/* The next thing that happens by itself: news or the timer. False: nothing ever will. */
static bool go_on(struct sim *m)
{
	int64_t timer = lifecycle_next_timer(&m->spec, m->s);
	struct news n = { .ev = { .kind = EV_TIMER } };
	size_t first = env_first(m);

	if (first == SIM_NEWS && timer == INT64_MAX)
		return false;
	if (first != SIM_NEWS && m->news[first].due_ms <= timer) {
		move_to(m, m->news[first].due_ms);
		n = env_take(m, first);
	} else {
		move_to(m, timer + (sim_one_in(m, 4) ? sim_below(m, 50) : 0));
	}
	step(m, &n);
	return true;
}

static void surprise(struct sim *m)
{
	size_t first = env_first(m);
	int64_t at = m->now.boot_ms + sim_below(m, sim_one_in(m, 20) ? 700000 : 3000);
	struct news n;

	if (first != SIM_NEWS && at > m->news[first].due_ms)
		at = m->news[first].due_ms;
	move_to(m, at);
	n = env_surprise(m);
	step(m, &n);
}

/* From any state, and whatever hangs, a delete ends: every answer may fail, but kills succeed. */
static void drive_to_the_end(struct sim *m)
{
	struct news n = { .ev = { .kind = EV_DELETE, .grace_seconds = sim_below(m, 40) - 1 } };

	step(m, &n);
	for (int i = 0; !m->s->is_forgotten; i++)
		if (i == 300 || !go_on(m))
			sim_fail(m, "the stop does not end");
	n.ev.kind = EV_ADMIT;
	lifecycle_step(&m->cfg, &m->spec, m->s, &n.ev, m->now, &m->out);
	if (m->out.len != 0)
		sim_fail(m, "a forgotten pod acts");
}

static size_t one_pod(struct sim *m)
{
	struct news admit = { .ev = { .kind = EV_ADMIT } };
	int64_t budget = 10 + sim_below(m, 500);

	m->now = (struct moment){ .boot_ms = 1 + sim_below(m, 1000000), .wall_ms = 1700000000000 };
	m->is_forced = false;
	m->box = SIM_BOX_NONE;
	m->news_len = m->history_len = 0;
	memset(m->ctrs, 0, sizeof(m->ctrs));
	random_spec(m);
	m->s = pod_state_new(&m->spec, m->now);
	step(m, &admit);
	while (budget-- > 0 && !m->s->is_forgotten)
		if (sim_one_in(m, 3) || !go_on(m))
			surprise(m);
	if (!m->s->is_forgotten)
		drive_to_the_end(m);
	replay(m);
	pod_state_free(m->s);
	return m->history_len;
}

/* False when there is a text and it is no number. */
static bool take_setting(const char *argument, const char *name, uint64_t *value)
{
	const char *text = argument ? argument : getenv(name);

	if (text && str_to_u64(text, UINT64_MAX, value) < 0) {
		fprintf(stderr, "usage: sim_pods [SEED [STEPS]]: %s is not a number\n", text);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)clock_wall_ns(), wanted = 1000000, steps = 0, pods = 0;
	struct sim m = { .cfg = lifecycle_defaults };

	if (!take_setting(argc > 1 ? argv[1] : NULL, "SIM_SEED", &seed) ||
		!take_setting(argc > 2 ? argv[2] : NULL, "SIM_STEPS", &wanted))
		return 2;
	m.seed = seed;
	m.rng = seed * 2 + 1; /* never zero */
	m.history = mem_resize(NULL, SIM_HISTORY, sizeof(*m.history));
	for (; steps < wanted; pods++)
		steps += one_pod(&m);
	printf("sim_pods: seed %llu: %llu pods, %llu steps, each replayed\n",
		(unsigned long long)seed, (unsigned long long)pods, (unsigned long long)steps);
	pod_actions_free(&m.out);
	free(m.history);
	return 0;
}
