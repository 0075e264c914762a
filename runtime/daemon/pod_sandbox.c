/* A pod's sandbox: what the Pod life cycle asks of the engine, and how it hears of it. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/daemon.h"
#include "daemon/qos.h"
#include "engine/discard.h"
#include "pod/sandbox.h"

enum { NODE_FILE_MAX = 1 << 20 };

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

static void read_node_file(const char *path, struct buf *out)
{
	if (fd_read_file(AT_FDCWD, path, NODE_FILE_MAX, out, NULL) < 0)
		buf_adds(out, "");
}

static int prepare(struct pod *p, struct plan *plan, struct err *e)
{
	struct engine *g = &p->d->engine;
	CLEANUP(buf_free) struct buf hosts = { 0 };
	CLEANUP(buf_free) struct buf resolv = { 0 };
	CLEANUP(cleanup_free) char *pause = layout_program(&g->layout, "carpel-pause");
	CLEANUP(cleanup_free) char *warning = NULL;
	int rc;

	read_node_file("/etc/hosts", &hosts);
	read_node_file("/etc/resolv.conf", &resolv);

	const struct sandbox_facts facts = { .node_name = p->d->node_name,
		.node_hosts = hosts.data ? hosts.data : "",
		.node_resolv = resolv.data ? resolv.data : "",
		.pod_ip = p->facts.pod_ip,
		.pause_path = pause };

	rc = sandbox_prepare(&p->sandbox.at, g->cgroups, p->spec, &facts, &warning, e);
	if (rc == 0 && warning)
		event_emit(p, NO_CTR, true, "DNSConfigForming", warning);
	if (rc == 0)
		sandbox_plan(&p->sandbox.at, g->cgroups, p->spec, &facts, p->spec->name, plan);
	return rc;
}

void pod_sandbox_start(struct pod *p)
{
	struct plan plan;
	struct err e = { 0 };
	int rc;

	plan_init(&plan);
	qos_weigh(p->d, p->spec->qos);
	rc = prepare(p, &plan, &e);
	if (rc == 0)
		rc = sandbox_launch(&p->sandbox, &plan, &e);
	plan_free(&plan);
	if (rc < 0)
		on_failed(&p->sandbox, &e);
}
