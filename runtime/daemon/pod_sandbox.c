/* A pod's sandbox: what the Pod life cycle asks of the engine, and how it hears of it. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "daemon/qos.h"
#include "engine/discard.h"

static struct pod *pod_of(const struct sandbox *s)
{
	return container_of(s, struct pod, sandbox);
}

static void on_up(struct sandbox *s)
{
	struct pod *p = pod_of(s);

	pod_step(p, &(struct pod_event){ .kind = EV_SANDBOX_UP, .id = p->state->sandbox_id });
}

static void on_failed(struct sandbox *s, const struct err *e)
{
	pod_step(pod_of(s), &(struct pod_event){ .kind = EV_SANDBOX_FAILED, .text = e->text });
}

static void on_died(struct sandbox *s)
{
	pod_step(pod_of(s), &(struct pod_event){ .kind = EV_SANDBOX_DIED });
}

static void on_gone(struct sandbox *s)
{
	struct pod *p = pod_of(s);
	const enum qos_class qos = p->spec->qos;
	struct daemon *d = p->d;

	/* The volumes and layers go with the pod, not with one of its sandboxes. */
	if (p->state->stop != STOP_NONE) {
		discard_dir(&d->engine, s->at.dir);
		pod_ctr_drop_leases(p);
	}
	pod_step(p, &(struct pod_event){ .kind = EV_SANDBOX_GONE }); /* p may be no more */
	qos_weigh(d, qos);
}

static void on_stuck(struct sandbox *s, const struct err *e)
{
	event_emit(pod_of(s), NO_CTR, true, "FailedKillPod", e->text);
}

/* One that is deleted loses its logs anyway. */
static bool keeps_logs(const struct sandbox *s)
{
	return pod_of(s)->state->stop != STOP_DELETE;
}

static const struct sandbox_owner owner = {
	.up = on_up,
	.failed = on_failed,
	.died = on_died,
	.gone = on_gone,
	.stuck = on_stuck,
	.keeps_logs = keeps_logs,
};

void pod_sandbox_open(struct pod *p)
{
	struct engine *g = &p->d->engine;

	sandbox_open(&p->sandbox, g, &owner, str_fmt("%s/%s", p->spec->namespace, p->spec->name),
		layout_pod_place(&g->layout, p->spec));
}

void pod_sandbox_start(struct pod *p)
{
	CLEANUP(cleanup_free) char *warning = NULL;
	struct err e = { 0 };
	int rc;

	qos_weigh(p->d, p->spec->qos);
	rc = sandbox_start(&p->sandbox, p->spec, &p->facts, p->spec->name, &warning, &e);
	if (warning)
		event_emit(p, NO_CTR, true, "DNSConfigForming", warning);
	if (rc < 0)
		on_failed(&p->sandbox, &e);
}
