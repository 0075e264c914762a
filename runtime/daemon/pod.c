/* A pod's events go through lifecycle_step one at a time; what came out is recorded on disk, then
 * done, then shown.  Carrying out an action can itself be news (a start that fails at once): such
 * events wait in a queue until the running step is finished, so a step is never entered twice.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/disk.h"
#include "engine/ctr_record.h"
#include "engine/discard.h"
#include "pod/record.h"
#include "pod/status.h"

struct pending_event {
	struct pending_event *next;
	struct pod_event ev;
	char *id, *reason, *text;
};

struct pod_ctr *pod_ctr(struct pod *p, const char *name)
{
	for (size_t i = 0; i < p->spec->containers_len; i++)
		if (str_eq(p->spec->containers[i].name, name))
			return &p->ctrs[i];
	return NULL;
}

struct pod *pod_new(struct daemon *d, struct json *object, struct pod_spec *spec)
{
	struct pod *p = mem_zalloc(sizeof(*p));

	*p = (struct pod){ .d = d, .spec = spec, .object = object, .generation = 1 };
	pod_sandbox_open(p);
	p->facts = d->engine.facts;
	p->facts.pod_ip = spec->host_network ? d->host_ip : NULL;
	p->pending_end = &p->pending;
	p->ctrs = mem_zalloc(spec->containers_len * sizeof(*p->ctrs));
	for (size_t i = 0; i < spec->containers_len; i++)
		pod_ctr_open(p, i);
	return p;
}

static void free_pending(struct pending_event *e)
{
	free(e->id);
	free(e->reason);
	free(e->text);
	free(e);
}

void pod_free(struct pod *p)
{
	while (p->pending) {
		struct pending_event *e = p->pending;

		p->pending = e->next;
		free_pending(e);
	}
	for (size_t i = 0; i < p->spec->containers_len; i++)
		ctr_close(&p->ctrs[i].ctr);
	free(p->ctrs);
	sandbox_close(&p->sandbox);
	loop_timer_stop(&p->timer);
	disk_forget(p);
	pod_state_free(p->state);
	pod_spec_free(p->spec);
	json_free(p->object);
	free(p);
}

/* What the kernel has of each container: enough to find it again by its cgroup. */
static struct json *runtime_json(const struct pod *p)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < p->spec->containers_len; i++) {
		const struct ctr *c = &p->ctrs[i].ctr;
		struct json *j = json_new_object();

		json_set_str(j, "id", c->id);
		ctr_to_json(c, j);
		json_push(list, j);
	}
	return list;
}

int pod_record(struct pod *p, struct err *e)
{
	CLEANUP(cleanup_json) struct json *body = json_new_object();

	json_set(body, "object", json_copy(p->object));
	json_set_i64(body, "generation", p->generation);
	pod_users_to_json(p, body);
	json_set(body, "state", pod_state_to_json(p->state));
	json_set(body, "containers", runtime_json(p));
	return record_write(p->d->pods_dir, p->spec->uid, body, &p->record_sum, e);
}

void pod_publish(struct pod *p)
{
	CLEANUP(cleanup_json) struct json *object = pod_object(p);

	objects_put(p->d, OBJECT_POD, object);
	p->shown_sum = p->record_sum;
}

/* The record holds all that an object is made from. */
static void publish_change(struct pod *p)
{
	if (!p->record_sum || p->record_sum != p->shown_sum)
		pod_publish(p);
}

static void forget(struct pod *p)
{
	CLEANUP(cleanup_json) struct json *last = pod_object(p);
	CLEANUP(cleanup_free) char *logs = layout_log_pod_dir(&p->d->engine.layout, p->spec);
	struct err e = { 0 };

	prober_forget(p);
	/* A sandbox that came up took these with it.  One that failed left what was made before. */
	discard_dir(&p->d->engine, p->sandbox.at.dir);
	discard_cgroup(&p->d->engine, p->sandbox.at.cgroup);
	pod_ctr_drop_leases(p);
	pod_ctr_unlink_logs(p);
	/* The record last: while it is there, the next supervisor forgets the pod once more. */
	discard_dir(&p->d->engine, logs);
	if (record_remove(p->d->pods_dir, p->spec->uid, &e) < 0)
		log_warn("pod=%s/%s %s", p->spec->namespace, p->spec->name, e.text);
	objects_delete(p->d, OBJECT_POD, p->spec->namespace, p->spec->name, last);
	log_info("pod=%s/%s uid=%s gone", p->spec->namespace, p->spec->name, p->spec->uid);
	p->is_removed = true;
}

static void carry_out(struct pod *p, const struct pod_action *a)
{
	struct pod_ctr *c = a->ctr < p->spec->containers_len ? &p->ctrs[a->ctr] : NULL;

	switch (a->kind) {
	case ACT_START_SANDBOX:
		pod_sandbox_start(p);
		break;
	case ACT_END_SANDBOX:
		sandbox_end(&p->sandbox);
		break;
	case ACT_START_CTR:
		pod_ctr_start(c);
		break;
	case ACT_SIGNAL_CTR:
		pod_ctr_signal(c);
		break;
	case ACT_KILL_CTR:
		pod_ctr_kill(c);
		break;
	case ACT_PROBES_START:
		prober_instance(c);
		break;
	case ACT_PROBES_STOP:
		prober_stop(c, a->probes);
		break;
	case ACT_EVENT:
		event_emit(p, a->ctr, a->is_warning, a->reason, a->text);
		break;
	case ACT_RESIZE:
		pod_resize_tell(p);
		break;
	case ACT_FORGET:
		forget(p);
		break;
	case POD_ACTIONS:
		break;
	}
}

static void on_timer(struct loop_timer *t)
{
	pod_step(t->arg, &(struct pod_event){ .kind = EV_TIMER });
}

static void arm_timer(struct pod *p)
{
	int64_t at = lifecycle_next_timer(p->spec, p->state);

	loop_timer_stop(&p->timer);
	if (at != INT64_MAX)
		loop_timer_start(
			p->d->engine.loop, &p->timer, at - clock_now().boot_ms, on_timer, p);
}

static void one_step(struct pod *p, const struct pod_event *ev)
{
	struct moment now = clock_now();
	struct pod_actions actions = { 0 };
	struct err e = { 0 };

	lifecycle_step(&p->d->config, p->spec, p->state, ev, now, &actions);
	status_update(p->spec, p->state, now);
	log_debug("pod=%s/%s event=%s actions=%zu", p->spec->namespace, p->spec->name,
		pod_event_name(ev->kind), actions.len);
	/* The record first.  On a full disk the pod lives on; its events say what is not safe. */
	if (pod_record(p, &e) < 0) {
		log_err("pod=%s/%s cannot write its record: %s", p->spec->namespace, p->spec->name,
			e.text);
		event_emit(p, NO_CTR, true, "FailedSync", e.text);
	}
	for (size_t i = 0; i < actions.len; i++)
		carry_out(p, &actions.at[i]);
	if (!p->is_removed) {
		publish_change(p);
		arm_timer(p);
	}
	pod_actions_free(&actions);
}

static void queue(struct pod *p, const struct pod_event *ev)
{
	struct pending_event *e = mem_zalloc(sizeof(*e));

	e->ev = *ev;
	e->ev.id = e->id = str_dup(ev->id);
	e->ev.reason = e->reason = str_dup(ev->reason);
	e->ev.text = e->text = str_dup(ev->text);
	*p->pending_end = e;
	p->pending_end = &e->next;
}

static void remove_pod(struct pod *p)
{
	struct daemon *d = p->d;

	pod_unlink(p);
	pod_free(p);
	daemon_pod_gone(d);
}

void pod_step(struct pod *p, const struct pod_event *ev)
{
	queue(p, ev);
	if (p->is_stepping)
		return;
	p->is_stepping = true;
	while (p->pending && !p->is_removed) {
		struct pending_event *e = p->pending;

		p->pending = e->next;
		if (!p->pending)
			p->pending_end = &p->pending;
		one_step(p, &e->ev);
		free_pending(e);
	}
	p->is_stepping = false;
	if (p->is_removed)
		remove_pod(p);
}

void pod_drop(struct pod *p)
{
	forget(p);
	remove_pod(p);
}

bool pod_is_over(const struct pod *p)
{
	return p->state->sandbox == SANDBOX_GONE;
}

int pod_admit(struct daemon *d, struct json *object, struct pod_spec *spec,
	const struct pod_event *first, struct err *e)
{
	struct pod *p = pod_new(d, object, spec);
	int rc = pod_users_choose(d, spec, e);

	p->state = pod_state_new(spec, clock_now());
	/* Refused here, before anything of it exists, when there is no room for its record. */
	if (rc < 0 || (rc = pod_record(p, e)) < 0) {
		(void)record_remove(d->pods_dir, spec->uid, NULL);
		rc = err_wrap(e, rc, "pod %s", spec->name);
		pod_free(p);
		return rc;
	}
	pod_link(p);
	prober_add(p);
	disk_watch(p);
	log_info("pod=%s/%s uid=%s %s", spec->namespace, spec->name, spec->uid,
		first->kind == EV_REJECT ? first->text : "admitted");
	pod_step(p, first);
	return 0;
}
