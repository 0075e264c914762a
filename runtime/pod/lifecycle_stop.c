/* The ways in which a pod ends.  Whatever the cause, every container is asked to end at once, what
 * is left at the end of the grace is killed, nothing is restarted, and a later request may only
 * shorten.
 */
#include "base/cleanup.h"
#include "pod/lifecycle_step.h"

/* Keeps the products below within 64 bits, whatever a request says. */
enum { GRACE_MAX_SECONDS = INT32_MAX };

/* Only a delete that says 0 is forced; everything else has Kubernetes' floor of one second. */
static int64_t grace_of(const struct pod_spec *spec, const struct pod_event *ev)
{
	int64_t grace = ev->grace_seconds < 0 ? spec->grace_seconds : ev->grace_seconds;

	if (grace > GRACE_MAX_SECONDS)
		return GRACE_MAX_SECONDS;
	if (grace < 1)
		return ev->kind == EV_DELETE && ev->grace_seconds == 0 ? 0 : 1;
	return grace;
}

static int64_t kill_time(const struct step *st, int64_t grace_seconds)
{
	int64_t wait_ms = grace_seconds * 1000;

	if (grace_seconds > 0 && wait_ms < st->cfg->min_kill_wait_ms)
		wait_ms = st->cfg->min_kill_wait_ms;
	return st->now.boot_ms + wait_ms;
}

static void ask_all(struct step *st, int64_t grace_seconds)
{
	st->s->grace_seconds = grace_seconds;
	st->s->kill_boot_ms = kill_time(st, grace_seconds);
	for (size_t i = 0; i < st->s->ctrs_len; i++)
		ctr_stop(st, i);
}

static void begin(struct step *st, enum stop_cause cause, int64_t grace_seconds)
{
	st->s->stop = cause;
	st->s->stop_boot_ms = st->now.boot_ms;
	ask_all(st, grace_seconds);
}

/* deletionTimestamp: when the grace in force will be over, never moved to later. */
static void mark_deleted(struct step *st)
{
	int64_t left_ms = st->s->kill_boot_ms - st->now.boot_ms;
	int64_t at;

	if (left_ms > st->s->grace_seconds * 1000)
		left_ms = st->s->grace_seconds * 1000;
	at = st->now.wall_ms + (left_ms > 0 ? left_ms : 0);
	if (st->s->delete_wall_ms == 0 || at < st->s->delete_wall_ms)
		st->s->delete_wall_ms = at;
}

void stop_request(struct step *st, const struct pod_event *ev)
{
	int64_t grace = grace_of(st->spec, ev);

	if (st->s->stop == STOP_NONE)
		begin(st, STOP_KEEP, grace);
	else if (kill_time(st, grace) < st->s->kill_boot_ms)
		ask_all(st, grace);
	if (ev->kind != EV_DELETE)
		return;
	st->s->stop = STOP_DELETE;
	mark_deleted(st);
}

void stop_done(struct step *st)
{
	begin(st, STOP_DONE, 0);
}

/* At once, while containers still run. */
static void fail(struct step *st, const char *reason, const char *message)
{
	st->s->phase = POD_FAILED;
	st->s->reason = str_dup(reason);
	st->s->message = str_dup(message);
}

/* A grace of one second whatever the pod says, as the kubelet has it for limits. */
void stop_evict(struct step *st, const struct pod_event *ev)
{
	const char *message = ev->text ? ev->text : "";

	if (st->s->stop != STOP_NONE)
		return;
	act_event(st, NEWS_WARNING, NO_CTR, "Evicted", "%s", message);
	fail(st, "Evicted", message);
	begin(st, STOP_EVICTED, 1);
}

/* As the kubelet says it. */
void stop_reject(struct step *st, const struct pod_event *ev)
{
	const char *text = ev->text ? ev->text : "";
	CLEANUP(cleanup_free) char *message = str_fmt("Pod was rejected: %s", text);

	if (st->s->stop != STOP_NONE || st->s->sandbox != SANDBOX_NONE)
		return;
	act_event(st, NEWS_WARNING, NO_CTR, ev->reason, "%s", text);
	fail(st, ev->reason, message);
	begin(st, STOP_REJECTED, 0);
}

void stop_check_deadline(struct step *st)
{
	static const char message[] =
		"Pod was active on the node longer than the specified deadline";
	struct pod_state *s = st->s;

	if (s->stop != STOP_NONE || s->deadline_boot_ms == 0 ||
		st->now.boot_ms < s->deadline_boot_ms)
		return;
	act_event(st, NEWS_NORMAL, NO_CTR, "DeadlineExceeded", "%s", message);
	fail(st, "DeadlineExceeded", message);
	begin(st, STOP_DEADLINE, grace_of(st->spec, &(struct pod_event){ .grace_seconds = -1 }));
}

void stop_kill_due(struct step *st)
{
	for (size_t i = 0; i < st->s->ctrs_len; i++) {
		struct ctr_state *c = &st->s->ctrs[i];
		bool may_be_killed = c->phase == CTR_ENDING ||
				     (c->phase == CTR_STARTING && st->s->stop != STOP_NONE);

		if (!may_be_killed || c->kill_at_ms < 0 || st->now.boot_ms < c->kill_at_ms)
			continue;
		c->kill_at_ms = -1;
		act(st, ACT_KILL_CTR, i);
	}
}
