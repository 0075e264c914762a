#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/sim/sim.h"

/* ---- news --------------------------------------------------------------------------------------
 */

static struct news *post(struct sim *m, enum pod_event_kind kind, size_t ctr, int64_t delay_ms)
{
	struct news *n = &m->news[m->news_len];

	if (m->news_len == SIM_NEWS)
		sim_fail(m, "too much news");
	m->news_len++;
	*n = (struct news){ .due_ms = m->now.boot_ms + delay_ms };
	n->ev.kind = kind;
	n->ev.ctr = ctr;
	if (ctr != NO_CTR)
		memcpy(n->id, m->ctrs[ctr].id, sizeof(n->id));
	return n;
}

size_t env_first(const struct sim *m)
{
	size_t first = SIM_NEWS;

	for (size_t i = 0; i < m->news_len; i++)
		if (first == SIM_NEWS || m->news[i].due_ms < m->news[first].due_ms)
			first = i;
	return first;
}

/* Order among the rest is kept: of two at the same time, the older comes first. */
static void drop(struct sim *m, size_t i)
{
	m->news_len--;
	memmove(&m->news[i], &m->news[i + 1], (m->news_len - i) * sizeof(m->news[0]));
}

struct news env_take(struct sim *m, size_t i)
{
	struct news n = m->news[i];

	drop(m, i);
	if (n.ev.kind == EV_SANDBOX_UP)
		m->box = SIM_BOX_UP;
	if (n.ev.kind == EV_SANDBOX_FAILED || n.ev.kind == EV_SANDBOX_GONE)
		m->box = SIM_BOX_NONE;
	if ((n.ev.kind == EV_CTR_UP || n.ev.kind == EV_CTR_FAILED || n.ev.kind == EV_CTR_DIED) &&
		(!n.id[0] || str_eq(n.id, m->ctrs[n.ev.ctr].id))) {
		struct sim_ctr *c = &m->ctrs[n.ev.ctr];

		if (c->is_starting && n.ev.kind == EV_CTR_FAILED && n.id[0])
			c->made++; /* and could not run */
		c->is_starting = false;
	}
	return n;
}

static void drop_kind(struct sim *m, enum pod_event_kind kind, size_t ctr)
{
	for (size_t i = m->news_len; i-- > 0;)
		if (m->news[i].ev.kind == kind && (ctr == NO_CTR || m->news[i].ev.ctr == ctr))
			drop(m, i);
}

/* ---- containers --------------------------------------------------------------------------------
 */

static int32_t random_status(struct sim *m)
{
	switch (sim_below(m, 6)) {
	case 0:
	case 1:
		return 0;
	case 2:
		return SIGKILL;
	case 3:
		return SIGTERM;
	case 4:
		return -1;
	default:
		return (int32_t)sim_below(m, 256) << 8;
	}
}

/* The process ends now; its news takes its time, and may come twice. */
static void die(struct sim *m, size_t ctr, int32_t wait_status, int64_t delay_ms)
{
	struct sim_ctr *c = &m->ctrs[ctr];
	struct news *n;

	if (!c->is_alive)
		return;
	c->is_alive = false;
	n = post(m, EV_CTR_DIED, ctr, delay_ms);
	n->ev.wait_status = wait_status;
	n->ev.is_oom = sim_one_in(m, 8);
	if (sim_one_in(m, 16))
		*post(m, EV_CTR_DIED, ctr, delay_ms + sim_below(m, 30000)) = *n;
}

static void start_ctr(struct sim *m, size_t ctr)
{
	struct sim_ctr *c = &m->ctrs[ctr];
	int64_t delay = sim_below(m, sim_one_in(m, 10) ? 5000 : 40);

	if (m->box != SIM_BOX_UP)
		sim_fail(m, "container %zu is started without a sandbox", ctr);
	if (c->is_alive)
		sim_fail(m, "a second instance of container %zu", ctr);
	for (size_t i = 0; i < m->spec.containers_len; i++)
		if (m->ctrs[i].is_starting)
			sim_fail(m, "container %zu is started while %zu starts", ctr, i);
	*c = (struct sim_ctr){ .made = c->made, .is_starting = true };
	c->is_deaf = sim_one_in(m, 4);
	snprintf(c->id, sizeof(c->id), "id%u", m->next_id++);
	if (sim_one_in(m, 40))
		return; /* hangs until it is killed */
	if (sim_one_in(m, 8)) {
		post(m, EV_CTR_FAILED, ctr, delay)->ev.reason = "CreateContainerError";
		if (sim_one_in(m, 4)) /* doubled: known as such by its id only */
			post(m, EV_CTR_FAILED, ctr, delay + sim_below(m, 30000));
		else if (sim_one_in(m, 2))
			m->news[m->news_len - 1].id[0] = '\0';
		return;
	}
	c->is_alive = true;
	c->made++;
	post(m, EV_CTR_UP, ctr, delay);
	if (sim_one_in(m, 16))
		post(m, EV_CTR_UP, ctr, delay + sim_below(m, 30000));
	if (sim_one_in(m, 6)) /* its end may be known before its start */
		die(m, ctr, random_status(m), sim_below(m, 2 * delay + 1));
}

static void kill_ctr(struct sim *m, size_t ctr)
{
	struct sim_ctr *c = &m->ctrs[ctr];

	if (c->signalled_ms != 0 && !m->is_forced &&
		m->now.boot_ms < c->signalled_ms + m->cfg.min_kill_wait_ms)
		sim_fail(m, "container %zu is killed too soon after its signal", ctr);
	if (c->is_alive)
		die(m, ctr, SIGKILL, sim_below(m, 20));
	else if (c->is_starting) { /* it hung, or fails already */
		drop_kind(m, EV_CTR_FAILED, ctr);
		post(m, EV_CTR_FAILED, ctr, sim_below(m, 20));
	}
}

static void signal_ctr(struct sim *m, size_t ctr)
{
	struct sim_ctr *c = &m->ctrs[ctr];

	if (c->signalled_ms != 0)
		sim_fail(m, "container %zu is asked to end twice", ctr);
	c->signalled_ms = m->now.boot_ms;
	if (!c->is_deaf)
		die(m, ctr, sim_one_in(m, 2) ? 0 : SIGTERM, sim_below(m, 3000));
}

/* ---- the sandbox -------------------------------------------------------------------------------
 */

static void start_box(struct sim *m)
{
	int64_t delay = sim_below(m, sim_one_in(m, 10) ? 5000 : 40);

	if (m->box != SIM_BOX_NONE)
		sim_fail(m, "a second sandbox");
	m->box = SIM_BOX_STARTING;
	if (sim_one_in(m, 40))
		return; /* hangs until it is ended */
	if (sim_one_in(m, 6))
		post(m, EV_SANDBOX_FAILED, NO_CTR, delay)->ev.text = "no space";
	else
		snprintf(post(m, EV_SANDBOX_UP, NO_CTR, delay)->id, 16, "box%u", m->next_id++);
}

/* From here nothing that was asked for in this sandbox is answered any more; ends may still be
 * told. */
static void end_box(struct sim *m)
{
	if (m->box != SIM_BOX_STARTING && m->box != SIM_BOX_UP)
		sim_fail(m, "no sandbox to end");
	m->box = SIM_BOX_ENDING;
	drop_kind(m, EV_SANDBOX_UP, NO_CTR);
	drop_kind(m, EV_SANDBOX_FAILED, NO_CTR);
	for (size_t i = 0; i < m->spec.containers_len; i++) {
		die(m, i, SIGKILL, sim_below(m, 500));
		if (!m->ctrs[i].is_starting)
			continue;
		drop_kind(m, EV_CTR_UP, i);
		drop_kind(m, EV_CTR_FAILED, i);
		drop_kind(m, EV_CTR_DIED, i);
		m->ctrs[i].is_starting = false;
	}
	post(m, EV_SANDBOX_GONE, NO_CTR, sim_below(m, 100));
}

void env_apply(struct sim *m)
{
	for (size_t i = 0; i < m->out.len; i++) {
		const struct pod_action *a = &m->out.at[i];

		switch (a->kind) {
		case ACT_START_SANDBOX:
			start_box(m);
			break;
		case ACT_END_SANDBOX:
			end_box(m);
			break;
		case ACT_START_CTR:
			start_ctr(m, a->ctr);
			break;
		case ACT_SIGNAL_CTR:
			signal_ctr(m, a->ctr);
			break;
		case ACT_KILL_CTR:
			kill_ctr(m, a->ctr);
			break;
		case ACT_FORGET:
			if (m->box != SIM_BOX_NONE)
				sim_fail(m, "forgotten before its sandbox is gone");
			break;
		case ACT_PROBES_START:
		case ACT_PROBES_STOP:
		case ACT_EVENT:
		case ACT_RESIZE: /* nobody asks for one */
		case POD_ACTIONS:
			break;
		}
	}
}

/* ---- surprises ---------------------------------------------------------------------------------
 */

static void probe_result(struct sim *m, size_t ctr, struct news *n)
{
	n->ev.kind = EV_PROBE;
	n->ev.ctr = ctr;
	n->ev.probe = (enum probe_type)(1 + sim_below(m, PROBE_TYPES - 1));
	n->ev.is_success = sim_below(m, 10) < (n->ev.probe == PROBE_READINESS ? 5 : 8);
	if (sim_one_in(m, 2))
		snprintf(n->id, sizeof(n->id), "%s", m->ctrs[ctr].id);
	else if (sim_one_in(m, 8))
		snprintf(n->id, sizeof(n->id), "former");
}

static void box_dies(struct sim *m, struct news *n)
{
	if (m->box != SIM_BOX_UP)
		return;
	n->ev.kind = EV_SANDBOX_DIED;
	for (size_t i = 0; i < m->spec.containers_len; i++)
		die(m, i, SIGKILL, sim_below(m, 2) * sim_below(m, 100));
}

/* News out of place: what no answer in flight could be mistaken for. */
static void nonsense(struct sim *m, size_t ctr, struct news *n)
{
	static const enum pod_event_kind kinds[] = { EV_ADMIT, EV_SANDBOX_UP, EV_SANDBOX_FAILED,
		EV_SANDBOX_GONE, EV_CTR_FAILED, EV_CTR_DIED, EV_CTR_UP };

	n->ev.kind = kinds[sim_below(m, sizeof(kinds) / sizeof(kinds[0]))];
	n->ev.ctr = ctr;
	if ((n->ev.kind == EV_SANDBOX_UP || n->ev.kind == EV_SANDBOX_FAILED) &&
		m->box == SIM_BOX_STARTING)
		n->ev.kind = EV_TIMER;
	if (n->ev.kind == EV_SANDBOX_GONE && m->box == SIM_BOX_ENDING)
		n->ev.kind = EV_TIMER;
	/* Of an instance that has been: the present one's own news is not to be forged. */
	snprintf(n->id, sizeof(n->id), "%.15s", m->s->ctrs[ctr].last.id);
	if (!n->id[0] || str_eq(n->id, m->ctrs[ctr].id))
		n->ev.kind = n->ev.kind >= EV_CTR_UP ? EV_TIMER : n->ev.kind;
}

/* Those who wait for a stop like to ask again, for a shorter one. */
static void request(struct sim *m, struct news *n)
{
	n->ev.kind = sim_one_in(m, 2) ? EV_STOP : EV_DELETE;
	n->ev.grace_seconds = sim_below(m, sim_one_in(m, 3) ? 4 : 60) - 1;
}

struct news env_surprise(struct sim *m)
{
	size_t ctr = (size_t)sim_below(m, (int64_t)m->spec.containers_len);
	struct news n = { .due_ms = m->now.boot_ms, .ev = { .kind = EV_TIMER } };
	int64_t dice = sim_below(m, 1000);

	if (dice < 500) {
		probe_result(m, ctr, &n);
	} else if (dice < 800) {
		if (!m->ctrs[ctr].is_starting)
			die(m, ctr, random_status(m), sim_below(m, 5));
	} else if (dice < 815) {
		box_dies(m, &n);
	} else if (dice < (m->s->stop == STOP_NONE ? 820 : 870)) {
		request(m, &n);
	} else if (dice < 920) {
		nonsense(m, ctr, &n);
	}
	return n;
}
