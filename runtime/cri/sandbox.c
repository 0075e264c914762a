/* Sandboxes: run, stopped, removed.  Each of these can be asked for at any moment and by several at
 * once; a later one takes over what an earlier one is doing.
 *
 *     MAKING -> READY -> STOPPING -> STOPPED -> gone
 *        \________________/^  (failed, cancelled or stopped before it was up)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cri/state.h"
#include "engine/discard.h"
#include "sys/cgroup.h"

static struct cri_sandbox *of(const struct sandbox *s)
{
	return container_of(s, struct cri_sandbox, box);
}

/* On a full disk what is wished still happens; only a crash would find the older state. */
static void note(struct cri_sandbox *s)
{
	struct err e = { 0 };

	if (sandbox_record(s, &e) < 0)
		log_err("sandbox=%s cannot write its record: %s", s->id, e.text);
}

/* ---- going ---- */

static void go(struct cri_sandbox *s)
{
	const Runtime__V1__RemovePodSandboxResponse removed =
		RUNTIME__V1__REMOVE_POD_SANDBOX_RESPONSE__INIT;
	struct cri *c = s->cri;

	discard_dir(c->engine, s->box.at.dir);
	sandbox_forget(s);
	if (!s->is_undone)
		event_tell(s, s->id, CRI_DELETED);
	wait_reply(&s->remove, &removed.base);
	if (s->is_undone) {
		CLEANUP(cleanup_free) char *why = str_dup(s->why.text);

		wait_fail(&s->run, s->why.code == ECANCELED ? GRPC_CANCELLED : GRPC_UNKNOWN, why);
	}
	log_info("sandbox=%s id=%s gone", s->box.name, s->id);
	sandbox_unlink_free(s);
	cri_went(c);
}

/* When it is stopped and nothing is left in it, it may go. */
static void try_to_go(struct cri_sandbox *s)
{
	if (s->state != SANDBOX_STOPPED || !(s->is_removing || s->is_undone))
		return;
	if (s->containers) {
		struct cri_container *next;

		for (struct cri_container *c = s->containers; c; c = next) {
			next = c->next;
			container_remove(c); /* the last one calls sandbox_went_on() */
		}
		return;
	}
	go(s);
}

static void on_end(struct loop_timer *t)
{
	struct cri_sandbox *s = t->arg;

	sandbox_end(&s->box);
}

/* In a turn of its own, since the end may come at once and take s with it. */
static void try_to_stop(struct cri_sandbox *s)
{
	for (const struct cri_container *c = s->containers; c; c = c->next)
		if (container_is_alive(c))
			return; /* its end brings us here again */
	loop_timer_start(s->cri->engine->loop, &s->end, 0, on_end, s);
}

void sandbox_went_on(struct cri_sandbox *s)
{
	if (s->state == SANDBOX_STOPPING && !s->box.is_ending)
		try_to_stop(s);
	else if (s->state == SANDBOX_STOPPED && !s->containers)
		try_to_go(s);
}

void sandbox_stop(struct cri_sandbox *s)
{
	if (s->state == SANDBOX_STOPPING || s->state == SANDBOX_STOPPED)
		return;
	s->state = SANDBOX_STOPPING;
	note(s);
	for (struct cri_container *c = s->containers; c; c = c->next)
		container_kill(c);
	try_to_stop(s);
}

/* One that never was up is undone by whatever ends it. */
static void undo(struct cri_sandbox *s, int code, const char *text)
{
	if (s->state != SANDBOX_MAKING)
		return;
	s->is_undone = true;
	(void)err_say(&s->why, code, "%s", text);
	sandbox_stop(s);
}

void sandbox_remove(struct cri_sandbox *s)
{
	undo(s, ECANCELED, "the sandbox was removed before it was up");
	if (!s->is_removing) {
		s->is_removing = true;
		note(s);
	}
	sandbox_stop(s);
	try_to_go(s);
}

/* ---- what the engine tells ---- */

static void on_up(struct sandbox *box)
{
	Runtime__V1__RunPodSandboxResponse answer = RUNTIME__V1__RUN_POD_SANDBOX_RESPONSE__INIT;
	struct cri_sandbox *s = of(box);
	struct err e = { 0 };

	if (s->state != SANDBOX_MAKING)
		return;
	s->state = SANDBOX_IS_READY;
	if (sandbox_record(s, &e) < 0) {
		s->state = SANDBOX_MAKING; /* it would not be there after a crash */
		undo(s, e.code, e.text);
		return;
	}
	log_info("sandbox=%s id=%s ready", box->name, s->id);
	event_tell(s, s->id, CRI_CREATED);
	event_tell(s, s->id, CRI_STARTED);
	answer.pod_sandbox_id = s->id;
	wait_reply(&s->run, &answer.base);
}

static void on_failed(struct sandbox *box, const struct err *e)
{
	undo(of(box), e->code, e->text);
}

/* pause was killed by somebody, and the kernel killed all that lived in its pid namespace. */
static void on_died(struct sandbox *box)
{
	struct cri_sandbox *s = of(box);
	struct cri_container *next;

	undo(s, EIO, "the sandbox died");
	sandbox_stop(s); /* first, or the end of one container starts the next */
	for (struct cri_container *c = s->containers; c; c = next) {
		next = c->next; /* one that is being removed goes now */
		if (container_is_alive(c))
			container_exited(c, 255, "Unknown", "the sandbox died");
	}
}

/* On a hybrid layout the parents that the client made and will remove have a directory in the v2
 * tree, too, which it does not know of.  Where another sandbox lives below one it stays. */
static void leave_parents(const struct cri_sandbox *s)
{
	CLEANUP(cleanup_free) char *path = str_dup(s->spec->cgroup_parent);

	for (char *end; path && (end = strrchr(path, '/')) && path[1]; *end = '\0')
		cgroup_remove_tracking(s->cri->engine->cgroups, path);
}

static void on_gone(struct sandbox *box)
{
	const Runtime__V1__StopPodSandboxResponse stopped =
		RUNTIME__V1__STOP_POD_SANDBOX_RESPONSE__INIT;
	struct cri_sandbox *s = of(box);

	leave_parents(s);
	s->state = SANDBOX_STOPPED;
	note(s);
	log_info("sandbox=%s id=%s stopped", box->name, s->id);
	if (!s->is_undone)
		event_tell(s, s->id, CRI_STOPPED);
	wait_reply(&s->stop, &stopped.base);
	try_to_go(s); /* s may be no more */
}

static void on_stuck(struct sandbox *s, const struct err *e)
{
	log_warn("sandbox=%s cannot be stopped yet: %s", s->name, e->text);
}

static bool keeps_logs(const struct sandbox *s)
{
	(void)s;
	return true; /* they lie where the client keeps them */
}

const struct sandbox_owner cri_sandbox_owner = {
	.up = on_up,
	.failed = on_failed,
	.died = on_died,
	.gone = on_gone,
	.stuck = on_stuck,
	.keeps_logs = keeps_logs,
};

/* ---- RunPodSandbox ---- */

/* Its caller gave up: nothing of it is to stay. */
static void on_run_gone(struct cri_wait *w)
{
	struct cri_sandbox *s = w->arg;

	wait_drop(w);
	if (!s->run.first)
		undo(s, ECANCELED, "the call was cancelled");
}

static int check_cgroup(const struct cri_sandbox *s, struct err *e)
{
	int rc = cgroup_check_path(s->box.at.cgroup, e);

	return rc < 0 ? err_wrap(e, -EINVAL, "config.linux.cgroup_parent") : 0;
}

static struct cri_sandbox *make(
	struct cri *c, const Runtime__V1__PodSandboxConfig *config, struct err *e)
{
	struct cri_sandbox *s;
	char id[65];

	ctr_new_id(id);
	s = sandbox_new(c, id);
	s->config = message_copy(config);
	s->state = SANDBOX_MAKING;
	s->created_ns = clock_wall_ns();
	/* The path with its id: a sandbox whose cgroup can have no such name could not end. */
	if (sandbox_read_config(s, e) < 0 || check_cgroup(s, e) < 0 || sandbox_record(s, e) < 0) {
		sandbox_forget(s);
		sandbox_free(s);
		return NULL;
	}
	sandbox_link(s);
	return s;
}

/* A client that lost its answer in a crash of ours asks again, and gets the same sandbox. */
static bool is_same(const struct cri_sandbox *s, const Runtime__V1__PodSandboxConfig *config)
{
	return s->is_adopted && s->state == SANDBOX_IS_READY && !s->containers &&
	       config_is_same(s->config, config);
}

static void answer_taken(
	struct cri_sandbox *s, const Runtime__V1__PodSandboxConfig *config, struct grpc_call *call)
{
	Runtime__V1__RunPodSandboxResponse answer = RUNTIME__V1__RUN_POD_SANDBOX_RESPONSE__INIT;
	const Runtime__V1__PodSandboxMetadata *m = s->config->metadata;
	struct err e = { 0 };

	if (is_same(s, config)) {
		answer.pod_sandbox_id = s->id;
		grpc_reply(call, &answer.base);
		return;
	}
	grpc_fail_err(call,
		err_say(&e, EEXIST, "sandbox %s of pod %s/%s, uid %s, has attempt %u already",
			s->id, m->namespace_, m->name, m->uid, m->attempt),
		&e);
}

/* Judged again at the start; here it is only told early. */
static int check_lsm(const struct cri *c, const struct pod_spec *spec, struct err *e)
{
	CLEANUP(plan_free) struct plan unused;

	plan_init(&unused);
	return lsm_plan_sandbox(&c->engine->lsm, spec, &unused, e);
}

static int check_request(
	const struct cri *c, const Runtime__V1__RunPodSandboxRequest *q, struct err *e)
{
	CLEANUP(cleanup_pod_spec) struct pod_spec *spec = NULL;
	int rc;

	if (!q->config)
		return err_say(e, EINVAL, "config: Required value");
	if (config_check_size(q->config, e) < 0)
		return -E2BIG;
	rc = cri_read_sandbox(q->config, q->runtime_handler, &spec, e);
	return rc < 0 ? rc : check_lsm(c, spec, e);
}

void rpc_run_sandbox(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__RunPodSandboxRequest *q = (const void *)grpc_request(call);
	CLEANUP(cleanup_free) char *key = NULL;
	CLEANUP(cleanup_free) char *warning = NULL;
	struct cri *c = ctx;
	struct cri_sandbox *s;
	struct cri_wait *w;
	struct err e = { 0 };
	int rc = check_request(c, q, &e);

	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	key = sandbox_key(q->config->metadata);
	s = sandbox_by_key(c, key);
	if (s) {
		answer_taken(s, q->config, call);
		return;
	}
	if (cri_is_closing(c, call))
		return;
	s = make(c, q->config, &e);
	if (!s) {
		grpc_fail_err(call, -e.code, &e);
		return;
	}
	w = wait_add(&s->run, call);
	w->gone = on_run_gone;
	w->arg = s;
	if (sandbox_start(&s->box, s->spec, &s->facts, s->id, &warning, &e) < 0)
		on_failed(&s->box, &e);
}

/* ---- StopPodSandbox, RemovePodSandbox ---- */

void rpc_stop_sandbox(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StopPodSandboxRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__StopPodSandboxResponse answer =
		RUNTIME__V1__STOP_POD_SANDBOX_RESPONSE__INIT;
	struct cri_sandbox *s = NULL;
	struct err e = { 0 };
	int rc = sandbox_find(ctx, q->pod_sandbox_id, &s, &e);

	if (rc < 0 && rc != -ENOENT) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	if (!s || s->state == SANDBOX_STOPPED) {
		grpc_reply(call, &answer.base);
		return;
	}
	(void)wait_add(&s->stop, call);
	undo(s, ECANCELED, "the sandbox was stopped before it was up");
	sandbox_stop(s);
}

void rpc_remove_sandbox(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__RemovePodSandboxRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__RemovePodSandboxResponse answer =
		RUNTIME__V1__REMOVE_POD_SANDBOX_RESPONSE__INIT;
	struct cri_sandbox *s = NULL;
	struct err e = { 0 };
	int rc = sandbox_find(ctx, q->pod_sandbox_id, &s, &e);

	if (rc < 0 && rc != -ENOENT) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	if (!s) {
		grpc_reply(call, &answer.base);
		return;
	}
	(void)wait_add(&s->remove, call);
	sandbox_remove(s);
}
