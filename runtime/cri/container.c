/* The calls that make, start, stop and remove containers.  What becomes of a container's process is
 * in container_run.c.
 *
 *     CREATED -> STARTING -> RUNNING -> EXITED -> gone
 *
 * In a sandbox one start is under way at a time: after a crash, an exit note of pause that belongs
 * to no known process is then that start's and no other's.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cri/state.h"
#include "engine/discard.h"
#include "engine/logs.h"
#include "image/lease.h"

enum { LEASE_TRIES = 3 };

/* ---- its image ---- */

/* The lease outlives its sandbox's records no longer than they do; see resume.c. */
static char *lease_of(const struct cri_container *c)
{
	return str_fmt("%s.cri", c->ctr.id);
}

/* Between the two its layers may be taken away. */
int container_take_image(struct cri_container *c, struct err *e)
{
	const char *store = c->cri->engine->layout.images;
	CLEANUP(cleanup_free) char *holder = lease_of(c);
	int rc = -ENOENT;

	for (int tries = 0; rc == -ENOENT && tries < LEASE_TRIES; tries++) {
		image_record_free(&c->ctr.image);
		rc = cri_image_find(c->cri, c->spec->image, &c->ctr.image, e);
		if (rc < 0)
			return rc;
		rc = image_lease_take(store, holder, &c->ctr.image, e);
	}
	return rc;
}

void container_drop_image(struct cri_container *c)
{
	CLEANUP(cleanup_free) char *holder = lease_of(c);
	struct err e = { 0 };

	if (image_lease_drop(c->cri->engine->layout.images, holder, &e) < 0)
		log_warn("container=%s %s", c->ctr.id, e.text);
}

/* ---- CreateContainer ---- */

static int sandbox_must_be_ready(const struct cri_sandbox *s, struct err *e)
{
	return s->state == SANDBOX_IS_READY ? 0
					    : err_say(e, EBUSY, "sandbox %s is not ready", s->id);
}

static int check_request(const Runtime__V1__CreateContainerRequest *q, const struct cri_sandbox *s,
	struct container_spec **out, struct err *e)
{
	if (!q->config)
		return err_say(e, EINVAL, "config: Required value");
	if (config_check_size(q->config, e) < 0)
		return -E2BIG;
	return cri_read_container(q->config, s->config, out, e);
}

/* What security modules are asked for is judged again at the start; here it is only told early. */
static int check_lsm(const struct cri_container *c, struct err *e)
{
	CLEANUP(plan_free) struct plan unused;

	plan_init(&unused);
	return lsm_plan(&c->cri->engine->lsm, c->spec, &unused, e);
}

static int fill(struct cri_container *c, const Runtime__V1__ContainerConfig *config, struct err *e)
{
	int rc;

	c->config = message_copy(config);
	if (config->linux && config->linux->resources)
		c->resources = message_copy(config->linux->resources);
	c->state = CONTAINER_IS_CREATED;
	c->created_ns = clock_wall_ns();
	if ((rc = container_read_config(c, e)) < 0 || (rc = check_lsm(c, e)) < 0 ||
		(rc = container_take_image(c, e)) < 0)
		return rc;
	c->ctr.stop_signal = c->spec->stop_signal ? c->spec->stop_signal
						  : container_stop_signal(c->ctr.image.stop_signal);
	return container_record(c, e);
}

static struct cri_container *make(
	struct cri_sandbox *s, const Runtime__V1__ContainerConfig *config, struct err *e)
{
	struct cri_container *c;
	char id[65];

	ctr_new_id(id);
	c = container_new(s, id);
	if (fill(c, config, e) < 0) {
		container_drop_image(c);
		container_forget(c);
		container_free(c);
		return NULL;
	}
	container_link(c);
	return c;
}

/* A client that lost its answer in a crash of ours asks again, and gets the same container. */
static void answer_taken(
	struct cri_container *c, const Runtime__V1__ContainerConfig *config, struct grpc_call *call)
{
	Runtime__V1__CreateContainerResponse answer = RUNTIME__V1__CREATE_CONTAINER_RESPONSE__INIT;
	const Runtime__V1__ContainerMetadata *m = c->config->metadata;
	struct err e = { 0 };

	if (c->is_adopted && c->state == CONTAINER_IS_CREATED &&
		config_is_same(c->config, config)) {
		answer.container_id = c->ctr.id;
		grpc_reply(call, &answer.base);
		return;
	}
	grpc_fail_err(call,
		err_say(&e, EEXIST, "container %s has name %s and attempt %u in this pod already",
			c->ctr.id, m->name, m->attempt),
		&e);
}

enum creation_step { CREATION_CDI_UNKNOWN, CREATION_CDI_KNOWN };
static void create(struct cri *c, struct grpc_call *call, enum creation_step step);

/* A call that waits for what CDI's files say: that is read again at the start, here it is only told
 * early.  Whatever else was looked at is looked at again afterwards. */
struct creation {
	struct cri *cri;
	struct creation *next, **link;
	struct grpc_call *call;
	struct cdi_wait *cdi;
};

static void creation_free(struct creation *n)
{
	cdi_cancel(n->cdi);
	*n->link = n->next;
	if (n->next)
		n->next->link = n->link;
	free(n);
}

static void on_gone(void *arg, enum grpc_gone why)
{
	(void)why;
	creation_free(arg);
}

static void on_cdi(void *arg, int rc, struct cdi_set *set, const struct err *e)
{
	struct creation *n = arg;
	struct grpc_call *call = n->call;
	struct cri *c = n->cri;

	(void)set;
	n->cdi = NULL;
	creation_free(n);
	if (rc < 0)
		grpc_fail_err(call, rc, e);
	else
		create(c, call, CREATION_CDI_KNOWN);
}

static int await_cdi(struct cri *c, struct grpc_call *call, const struct strv *names, struct err *e)
{
	struct creation *n = mem_zalloc(sizeof(*n));
	int rc;

	*n = (struct creation){ .cri = c, .call = call, .next = c->creations };
	n->link = &c->creations;
	if (n->next)
		n->next->link = &n->next;
	c->creations = n;
	rc = cdi_ask(c->engine, names, on_cdi, n, &n->cdi, e);
	if (rc < 0)
		creation_free(n);
	else
		grpc_on_gone(call, on_gone, n);
	return rc;
}

void creations_close(struct cri *c)
{
	for (struct creation *n = c->creations, *next; n; n = next) {
		next = n->next;
		grpc_fail(n->call, GRPC_UNAVAILABLE, "carpeld is shutting down");
		creation_free(n);
	}
}

static void create_now(struct cri_sandbox *s, struct grpc_call *call)
{
	const Runtime__V1__CreateContainerRequest *q = (const void *)grpc_request(call);
	Runtime__V1__CreateContainerResponse answer = RUNTIME__V1__CREATE_CONTAINER_RESPONSE__INIT;
	struct err e = { 0 };
	struct cri_container *c = make(s, q->config, &e);

	if (!c) {
		grpc_fail_err(call, -e.code, &e);
		return;
	}
	log_info("sandbox=%s container=%s id=%s created", s->box.name, c->spec->name, c->ctr.id);
	event_tell(s, c->ctr.id, CRI_CREATED);
	answer.container_id = c->ctr.id;
	grpc_reply(call, &answer.base);
}

static void create(struct cri *c, struct grpc_call *call, enum creation_step step)
{
	const Runtime__V1__CreateContainerRequest *q = (const void *)grpc_request(call);
	CLEANUP(cleanup_container_spec) struct container_spec *spec = NULL;
	CLEANUP(cleanup_free) char *key = NULL;
	struct cri_container *taken = NULL;
	struct cri_sandbox *s = NULL;
	struct err e = { 0 };
	int rc = sandbox_find(c, q->pod_sandbox_id, &s, &e);

	if (rc == 0)
		rc = check_request(q, s, &spec, &e);
	if (rc == 0)
		rc = sandbox_must_be_ready(s, &e);
	if (rc == 0) {
		key = container_key(q->config->metadata, s->config->metadata);
		taken = container_by_key(c, key);
		if (!taken && spec->devices.cdi.len && step == CREATION_CDI_UNKNOWN &&
			(rc = await_cdi(c, call, &spec->devices.cdi, &e)) == 0)
			return;
	}
	if (rc < 0)
		grpc_fail_err(call, rc, &e);
	else if (taken)
		answer_taken(taken, q->config, call);
	else
		create_now(s, call);
}

void rpc_create_container(void *ctx, struct grpc_call *call)
{
	create(ctx, call, CREATION_CDI_UNKNOWN);
}

/* ---- StartContainer ---- */

static struct cri_container *next_to_start(const struct cri_sandbox *s)
{
	struct cri_container *oldest = NULL;

	if (s->starting || s->state != SANDBOX_IS_READY)
		return NULL;
	for (struct cri_container *c = s->containers; c; c = c->next)
		if (c->wants_start)
			oldest = c; /* the list begins with the newest */
	return oldest;
}

void container_start_next(struct cri_sandbox *s)
{
	struct cri_container *c;

	if (s->is_choosing)
		return; /* one failed at once: the loop below goes on */
	s->is_choosing = true;
	while ((c = next_to_start(s))) {
		c->wants_start = false;
		c->state = CONTAINER_STARTING;
		s->starting = c;
		ctr_start(&c->ctr);
	}
	s->is_choosing = false;
}

static int check_start(const struct cri_container *c, struct err *e)
{
	if (c->state == CONTAINER_HAS_EXITED)
		return err_say(e, EBUSY, "container %s has exited: a container is started once",
			c->ctr.id);
	if (c->is_removing)
		return err_say(e, EBUSY, "container %s is being removed", c->ctr.id);
	return sandbox_must_be_ready(c->sandbox, e);
}

/* It runs already: what the call asks for is so.  Or it ran and ended before its client was
 * answered, because of a crash of ours. */
static bool is_started(const struct cri_container *c)
{
	return c->state == CONTAINER_IS_RUNNING ||
	       (c->state == CONTAINER_HAS_EXITED && c->is_adopted && c->started_ns &&
		       !c->is_answered);
}

void rpc_start_container(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StartContainerRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__StartContainerResponse answer =
		RUNTIME__V1__START_CONTAINER_RESPONSE__INIT;
	struct cri_container *c = NULL;
	struct err e = { 0 };
	int rc = container_find(ctx, q->container_id, &c, &e);

	if (rc == 0 && is_started(c)) {
		c->is_answered = true;
		grpc_reply(call, &answer.base);
		return;
	}
	if (rc == 0)
		rc = check_start(c, &e);
	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	(void)wait_add(&c->start, call);
	if (c->state == CONTAINER_IS_CREATED) {
		c->wants_start = true;
		container_start_next(c->sandbox);
	}
}

/* ---- StopContainer ---- */

static void on_kill_due(struct loop_timer *t)
{
	container_kill(t->arg);
}

/* A later call may shorten the wait and never makes it longer. */
static void stop_within(struct cri_container *c, int64_t timeout_s)
{
	int64_t now_ms = clock_now().boot_ms;
	int64_t at_ms = now_ms + timeout_s * 1000;

	if (!c->was_signalled)
		ctr_signal(&c->ctr, c->ctr.stop_signal);
	c->was_signalled = true;
	if (loop_timer_is_set(&c->kill_timer) && c->kill_at_ms <= at_ms)
		return;
	c->kill_at_ms = at_ms;
	loop_timer_start(c->cri->engine->loop, &c->kill_timer, at_ms - now_ms, on_kill_due, c);
}

static void stop(struct cri_container *c, int64_t timeout_s)
{
	enum { TIMEOUT_MAX_S = 10 * 365 * 24 * 3600 };

	if (c->state == CONTAINER_IS_RUNNING && timeout_s > 0)
		stop_within(c, timeout_s < TIMEOUT_MAX_S ? timeout_s : TIMEOUT_MAX_S);
	else
		container_kill(c);
}

void rpc_stop_container(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StopContainerRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__StopContainerResponse answer =
		RUNTIME__V1__STOP_CONTAINER_RESPONSE__INIT;
	struct cri_container *c = NULL;
	struct err e = { 0 };
	int rc = container_find(ctx, q->container_id, &c, &e);

	if (rc < 0 && rc != -ENOENT) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	if (c)
		container_unqueue(c);
	if (!c || !container_is_alive(c)) {
		grpc_reply(call, &answer.base);
		return;
	}
	(void)wait_add(&c->stop, call);
	stop(c, q->timeout);
}

/* ---- RemoveContainer ---- */

static void go(struct cri_container *c)
{
	const Runtime__V1__RemoveContainerResponse removed =
		RUNTIME__V1__REMOVE_CONTAINER_RESPONSE__INIT;
	struct cri_sandbox *s = c->sandbox;
	char id[65];

	memcpy(id, c->ctr.id, sizeof(id));
	logs_forget(&c->ctr);
	discard_dir(c->cri->engine, c->ctr.dir);
	container_drop_image(c);
	container_forget(c);
	wait_fail(&c->reopen, GRPC_CANCELLED, "the container was removed");
	wait_fail(&c->reopen_again, GRPC_CANCELLED, "the container was removed");
	wait_reply(&c->remove, &removed.base);
	log_info("sandbox=%s container=%s id=%s gone", s->box.name, c->spec->name, id);
	container_unlink_free(c);
	event_tell(s, id, CRI_DELETED);
	sandbox_went_on(s);
}

void container_try_to_go(struct cri_container *c)
{
	if (c->is_removing && !container_is_alive(c))
		go(c);
}

void container_remove(struct cri_container *c)
{
	struct err e = { 0 };

	container_unqueue(c);
	if (!c->is_removing) {
		c->is_removing = true;
		if (container_record(c, &e) < 0)
			log_err("container=%s cannot write its record: %s", c->ctr.id, e.text);
	}
	if (container_is_alive(c))
		container_kill(c); /* its end comes later and brings it here */
	else
		go(c);
}

void rpc_remove_container(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__RemoveContainerRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__RemoveContainerResponse answer =
		RUNTIME__V1__REMOVE_CONTAINER_RESPONSE__INIT;
	struct cri_container *c = NULL;
	struct err e = { 0 };
	int rc = container_find(ctx, q->container_id, &c, &e);

	if (rc < 0 && rc != -ENOENT) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	if (!c) {
		grpc_reply(call, &answer.base);
		return;
	}
	(void)wait_add(&c->remove, call);
	container_remove(c);
}
