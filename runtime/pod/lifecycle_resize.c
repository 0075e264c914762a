/* What an in-place resize takes of the life cycle: an instance whose resizePolicy wants that is
 * restarted, the others' cgroups are written (ACT_RESIZE, answered by EV_RESIZED), and what failed
 * is tried again.  An instance that starts has what is allocated from the beginning.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/lifecycle_step.h"

static void restart(struct step *st, size_t ctr)
{
	int64_t grace_ms = st->spec->grace_seconds * 1000;

	if (grace_ms < st->cfg->min_kill_wait_ms)
		grace_ms = st->cfg->min_kill_wait_ms;
	st->s->ctrs[ctr].killed_by_probe = true; /* comes back as after a probe's kill */
	act_event(st, NEWS_NORMAL, ctr, "Killing", "Container %s resize requires restart",
		st->spec->containers[ctr].name);
	ctr_ask(st, ctr, st->now.boot_ms + grace_ms);
}

static void complete(struct step *st)
{
	struct pod_resize *r = st->s->resize;
	CLEANUP(cleanup_free) char *text = resize_text(r, st->spec, NULL, r->generation, NULL);

	r->is_running = false;
	free(TAKE(r->error));
	act_event(st, NEWS_NORMAL, NO_CTR, "ResizeCompleted", "Pod resize completed: %s", text);
}

/* Returns whether a cgroup is still to be told. */
static bool settle_containers(struct step *st, bool *out_can_tell)
{
	struct pod_resize *r = st->s->resize;
	bool is_stale = false;

	*out_can_tell = false;
	for (size_t i = 0; i < r->ctrs_len; i++) {
		const struct ctr_state *c = &st->s->ctrs[i];

		if (!r->ctrs[i].is_stale)
			continue;
		if (c->phase == CTR_RUNNING && resize_needs_restart(r, st->spec, i))
			restart(st, i);
		else if (c->phase == CTR_RUNNING)
			*out_can_tell = true;
		else if (c->phase != CTR_STARTING && c->phase != CTR_ENDING)
			resize_in_force(r, i); /* of the next instance, if there is one */
		is_stale = is_stale || r->ctrs[i].is_stale;
	}
	return is_stale;
}

void resize_go_on(struct step *st)
{
	const struct pod_state *s = st->s;
	struct pod_resize *r = s->resize;
	bool is_stale, can_tell;

	if (!r || !r->is_running || r->is_asked)
		return;
	is_stale = settle_containers(st, &can_tell);
	if (s->sandbox == SANDBOX_ENDING || s->sandbox == SANDBOX_GONE)
		r->is_stale = false;
	if (st->now.boot_ms >= r->retry_at_ms)
		r->retry_at_ms = 0;
	if (!is_stale && !r->is_stale) {
		complete(st);
	} else if (s->sandbox == SANDBOX_READY && r->retry_at_ms == 0 && (can_tell || !is_stale)) {
		r->is_asked = true;
		act(st, ACT_RESIZE, NO_CTR);
	}
}

/* A container's cgroup has been told; or the pod's, or why one of them could not be. */
void resize_told(struct step *st, const struct pod_event *ev)
{
	struct pod_resize *r = st->s->resize;
	CLEANUP(cleanup_free) char *text = NULL;

	if (!r || !r->is_running)
		return;
	if (ev->ctr < r->ctrs_len) {
		/* Another instance has what it began with. */
		if (ev->id && str_eq(ev->id, st->s->ctrs[ev->ctr].id))
			resize_in_force(r, ev->ctr);
		return;
	}
	r->is_asked = false;
	r->is_stale = r->is_stale && !ev->is_success;
	if (!ev->text)
		return;
	r->retry_at_ms = st->now.boot_ms + st->cfg->resize_retry_ms;
	if (str_eq(r->error, ev->text))
		return;
	free(r->error);
	r->error = str_dup(ev->text);
	text = resize_text(r, st->spec, NULL, r->generation, r->error);
	act_event(st, NEWS_WARNING, NO_CTR, "ResizeError", "Pod resize error: %s", text);
}
