#include "engine/ctr.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/discard.h"
#include "engine/exec_run.h"
#include "engine/find.h"
#include "engine/launch.h"
#include "engine/logs.h"
#include "engine/profiles.h"
#include "sys/spawn.h"

enum { ID_BYTES = 32, LOG_RETRY_MS = 10, LOG_TRIES = 500 };

static char *cgroup_of(const struct ctr *c)
{
	return container_cgroup(&c->sandbox->at, c->id);
}

void ctr_open(struct ctr *c, struct sandbox *s, const struct ctr_owner *o,
	const struct container_spec *spec)
{
	*c = (struct ctr){ .sandbox = s,
		.owner = o,
		.spec = spec,
		.pidfd = -1,
		.stdin_fd = -1,
		.next = s->ctrs,
		.link = &s->ctrs };
	if (c->next)
		c->next->link = &c->next;
	s->ctrs = c;
}

void ctr_close(struct ctr *c)
{
	ctr_release(c);
	logs_reopen_forget(c);
	image_record_free(&c->image);
	cdi_set_free(&c->cdi);
	free(c->dir);
	free(c->log_file);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
}

const char *ctr_log_id(const struct ctr *c)
{
	return c->log_id[0] ? c->log_id : c->id;
}

struct ctr *ctr_by_id(const struct engine *g, const char *id)
{
	for (struct sandbox *s = g->sandboxes; s; s = s->next)
		for (struct ctr *c = s->ctrs; c; c = c->next)
			if (str_eq(ctr_log_id(c), id) || str_eq(c->logging_id, id))
				return c;
	return NULL;
}

int32_t ctr_host_pid(const struct ctr *c)
{
	return spawn_pid(c->pidfd);
}

void ctr_release(struct ctr *c)
{
	exec_run_orphan_all(c);
	c->owner->released(c);
	launch_cancel(c->launch);
	profile_cancel(c->profile);
	cdi_cancel(c->cdi_wait);
	child_forget(c->child);
	loop_timer_stop(&c->end_timer);
	c->launch = NULL;
	c->profile = NULL;
	c->cdi_wait = NULL;
	c->child = NULL;
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->stdin_fd >= 0)
		close(c->stdin_fd);
	c->pidfd = c->stdin_fd = -1;
	c->pid = 0;
	json_free(TAKE(c->user));
}

void ctr_new_id(char out[65])
{
	unsigned char bytes[ID_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort(); /* cannot happen once the system has booted */
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- in the node's PID namespace ---- */

bool ctr_is_in_node(const struct ctr *c)
{
	return c->spec->pid == PID_NODE;
}

static void on_end_timer(struct loop_timer *t);

static void tell_end(struct ctr *c)
{
	enum ctr_patience patience = c->end_tries++ < LOG_TRIES ? CTR_MAY_WAIT : CTR_MUST_NOT_WAIT;

	if (!ctr_ended(c, c->end_status, patience))
		loop_timer_start(
			c->sandbox->engine->loop, &c->end_timer, LOG_RETRY_MS, on_end_timer, c);
}

static void on_end_timer(struct loop_timer *t)
{
	tell_end(t->arg);
}

static void on_child_end(void *arg, int wait_status)
{
	struct ctr *c = arg;

	c->child = NULL;
	c->end_status = wait_status;
	c->end_tries = 0;
	tell_end(c);
}

void ctr_watch(struct ctr *c)
{
	int fd = fcntl(c->pidfd, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		c->child = child_watch(c->sandbox->engine, fd, c->pid, on_child_end, c);
	else
		log_err("sandbox=%s ctr=%s its end will not be seen: %s", c->sandbox->name,
			c->spec->name, strerror(errno));
}

/* ---- up ---- */

static void start_failed(struct ctr *c, enum ctr_failure how, const struct err *e, int exit_code)
{
	CLEANUP(cleanup_free) char *cgroup = cgroup_of(c);
	struct sandbox *s = c->sandbox;

	if (c->is_made) {
		(void)cgroup_kill(s->engine->cgroups, cgroup, NULL);
		discard_cgroup(s->engine, cgroup);
		logs_end(c);
	}
	ctr_release(c);
	log_info("sandbox=%s ctr=%s start failed: %s", s->name, c->spec->name, e->text);
	c->owner->failed(c, how, e, exit_code ? exit_code : 128);
	sandbox_watch_exits(s);
}

void ctr_is_up(struct ctr *c)
{
	struct sandbox *s = c->sandbox;

	c->owner->up(c);
	sandbox_watch_exits(s);
}

static struct json *user_json(const struct launch_user *u)
{
	struct json *outer, *j, *groups;

	if (u->groups_len > LAUNCH_REPORT_GROUPS_MAX)
		return NULL;
	outer = json_new_object();
	j = json_new_object();
	groups = json_new_array();
	json_set_i64(j, "uid", u->uid);
	json_set_i64(j, "gid", u->gid);
	for (uint32_t i = 0; i < u->groups_len; i++)
		json_push(groups, json_new_i64(u->groups[i]));
	json_set(j, "supplementalGroups", groups);
	json_set(outer, "linux", j);
	return outer;
}

static void on_launched(void *arg, struct launch_result *r)
{
	struct ctr *c = arg;

	c->launch = NULL;
	if (r->rc < 0) {
		start_failed(c, CTR_NOT_RUN, &r->err, r->exit_code);
		return;
	}
	c->pid = r->pid;
	c->pidfd = r->pidfd;
	c->user = user_json(&r->user);
	if (ctr_is_in_node(c))
		ctr_watch(c);
	ctr_is_up(c);
}

/* Whose PID namespace it joins: borrowed, -1 for none. */
static int target_of(const struct ctr *c, int *out, struct err *e)
{
	const char *id = c->spec->pid_target;

	*out = -1;
	if (c->spec->pid != PID_TARGET)
		return 0;
	for (const struct ctr *t = c->sandbox->ctrs; t; t = t->next) {
		if (!str_eq(t->id, id) || t->pidfd < 0)
			continue;
		if (ctr_is_in_node(t))
			return err_say(e, EOPNOTSUPP,
				"container %s is in the node's PID namespace: ask for that one",
				id);
		*out = t->pidfd;
		return 0;
	}
	return err_say(e, EBUSY, "container %s, whose processes it is to see, does not run", id);
}

/* filter: the compiled seccomp profile; -1: none is wanted. */
static int launch_instance(struct ctr *c, const struct container_request *q, int filter,
	const struct ctr_streams *s, struct err *e)
{
	struct engine *g = c->sandbox->engine;
	struct launch_fds fds = { 0 };
	struct container_fds extra = { 0 };
	int target, rc = target_of(c, &target, e);
	const int fixed[] = { c->sandbox->pause_fd, filter, s->in, s->out, s->err, s->tty, target };
	int number[ARRAY_LEN(fixed)];
	struct plan plan;

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		number[i] = launch_fd(&fds, fixed[i]);
	rc = container_plan(q, g->cgroups, LAUNCH_FIRST_FD + (int)fds.len, &plan, &extra, e);
	plan.pause_fd = number[0];
	plan.seccomp_fd = number[1];
	plan.stdin_fd = number[2];
	plan.stdout_fd = number[3];
	plan.stderr_fd = number[4];
	plan.tty_fd = number[5];
	plan.pid_target_fd = number[6];
	for (size_t i = 0; i < extra.len; i++)
		(void)launch_fd(&fds, extra.at[i]);
	if (rc == 0)
		rc = launch_start(g, &plan, &fds, on_launched, c, &c->launch, e);
	container_fds_close(&extra);
	plan_free(&plan);
	return rc;
}

static void close_streams(struct ctr_streams *s)
{
	const int fds[] = { s->in, s->out, s->err, s->tty };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static bool lacks_cdi(const struct ctr *c)
{
	return c->spec->devices.cdi.len && !c->cdi.len;
}

int ctr_request(struct ctr *c, struct container_request *out, struct err *e)
{
	int rc = c->owner->request(c, out, e);

	if (rc == 0 && lacks_cdi(c)) /* another carpeld started it */
		rc = cdi_load(c->dir, &c->cdi, e);
	out->lsm = &c->sandbox->engine->lsm;
	out->cdi = c->cdi.edits;
	out->cdi_len = c->cdi.len;
	return rc;
}

static int make_instance(struct ctr *c, int filter, enum ctr_failure *how, struct err *e)
{
	struct ctr_streams s = { -1, -1, -1, -1 };
	struct container_request q;
	int rc;

	*how = CTR_NOT_MADE;
	if ((rc = ctr_request(c, &q, e)) < 0)
		return rc;
	*how = CTR_BAD_CONFIG;
	if ((rc = container_check_user(&q, e)) < 0)
		return rc;
	*how = CTR_NOT_MADE;
	c->oom_kills_before = 0; /* the cgroup is new */
	c->is_made = true;
	if ((rc = c->owner->record(c, e)) < 0 ||
		(rc = container_prepare(&q, c->sandbox->engine->cgroups, e)) < 0 ||
		(rc = cdi_save(&c->cdi, c->dir, e)) < 0 || (rc = logs_begin(c, &s, e)) < 0)
		return rc;
	rc = launch_instance(c, &q, filter, &s, e);
	if (rc == -ENODATA)
		*how = CTR_BAD_CONFIG;
	close_streams(&s);
	return rc;
}

static void start(struct ctr *c);

static void on_profile(void *arg, const struct err *e)
{
	struct ctr *c = arg;

	c->profile = NULL;
	if (e->code)
		start_failed(c, CTR_NOT_MADE, e, 0);
	else
		start(c);
}

/* A manifest names a profile below our own folder of them. */
static char *profile_path(const struct ctr *c, const char *path)
{
	return !path || *path == '/'
		       ? str_dup(path)
		       : str_fmt("%s/etc/carpel/seccomp/%s", c->sandbox->engine->layout.root, path);
}

int ctr_filter(
	struct ctr *c, void (*ready)(void *arg, const struct err *e), int *out_fd, struct err *e)
{
	const struct security_spec *s = &c->spec->security;
	CLEANUP(cleanup_free) char *path = NULL;
	int fd;

	*out_fd = -1;
	if (s->seccomp == SECCOMP_UNCONFINED || s->privileged)
		return 0;
	path = profile_path(c, s->seccomp_path);
	fd = profile_get(c->sandbox->engine, container_caps(s), path, &c->profile_sum, ready, c,
		&c->profile, e);
	if (fd < 0)
		return fd;
	*out_fd = fd;
	return 0;
}

static void on_cdi(void *arg, int rc, struct cdi_set *set, const struct err *e)
{
	struct ctr *c = arg;

	c->cdi_wait = NULL;
	c->cdi = *set;
	*set = (struct cdi_set){ 0 };
	if (rc < 0)
		start_failed(c, CTR_NOT_MADE, e, 0);
	else
		start(c);
}

static int ask_cdi(struct ctr *c, struct err *e)
{
	int rc = cdi_ask(c->sandbox->engine, &c->spec->devices.cdi, on_cdi, c, &c->cdi_wait, e);

	return rc < 0 ? rc : -EINPROGRESS;
}

static void start(struct ctr *c)
{
	enum ctr_failure how = CTR_NOT_MADE;
	struct err e = { 0 };
	int filter = -1, rc;

	ctr_release(c);
	c->is_made = false;
	rc = lacks_cdi(c) ? ask_cdi(c, &e) : ctr_filter(c, on_profile, &filter, &e);
	if (rc == -EINPROGRESS)
		return; /* each at most once */
	if (rc == 0)
		rc = make_instance(c, filter, &how, &e);
	if (rc < 0)
		start_failed(c, how, &e, 0);
	else
		sandbox_watch_exits(c->sandbox);
}

void ctr_start(struct ctr *c)
{
	c->profile_sum = 0;
	cdi_set_free(&c->cdi);
	start(c);
}

/* ---- down ---- */

void ctr_signal(struct ctr *c, int signal)
{
	if (c->pidfd >= 0 && syscall(SYS_pidfd_send_signal, c->pidfd, signal, NULL, 0) < 0 &&
		errno != ESRCH)
		log_warn("sandbox=%s ctr=%s cannot signal: %s", c->sandbox->name, c->spec->name,
			strerror(errno));
}

void ctr_kill(struct ctr *c)
{
	CLEANUP(cleanup_free) char *cgroup = cgroup_of(c);
	struct err e = { 0 };

	launch_give_up(c->launch); /* before the kill: see there */
	if (c->is_made && cgroup_kill(c->sandbox->engine->cgroups, cgroup, &e) < 0)
		log_warn("sandbox=%s ctr=%s %s", c->sandbox->name, c->spec->name, e.text);
}

static void bury(struct ctr *c, int32_t wait_status)
{
	struct engine *g = c->sandbox->engine;
	CLEANUP(cleanup_free) char *cgroup = cgroup_of(c);
	bool is_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
	bool is_oom = wait_status >= 0 && is_killed &&
		      cgroup_oom_kills(g->cgroups, cgroup) > c->oom_kills_before;

	/* With a shared pid namespace its children outlive it; they are of this instance and go
	 * with it. */
	(void)cgroup_kill(g->cgroups, cgroup, NULL);
	c->ended_pid = c->pid;
	ctr_release(c);
	logs_end(c);
	discard_cgroup(g, cgroup);
	log_info("sandbox=%s ctr=%s ended status=%d", c->sandbox->name, c->spec->name,
		(int)wait_status);
	c->owner->ended(c, wait_status, is_oom);
}

int ctr_set_limits(const struct ctr *c, struct cgroup_limits *l, struct err *e)
{
	CLEANUP(cleanup_free) char *cgroup = cgroup_of(c);
	int rc = 0;

	/* The device of the writable layer, as when it was made. */
	if (cgroup_io_is_limited(&l->io))
		rc = cgroup_io_find_device(c->dir, &l->io, e);
	return rc < 0 ? rc : cgroup_set_limits(c->sandbox->engine->cgroups, cgroup, l, e);
}

/* Its last words may still be on their way through carpel-log. */
static bool waits_for_log(struct ctr *c, int32_t wait_status)
{
	if (!c->owner->wants_log(c, wait_status))
		return false;
	logs_end(c);
	return str_eq(c->logging_id, ctr_log_id(c));
}

bool ctr_ended(struct ctr *c, int32_t wait_status, enum ctr_patience patience)
{
	if (patience == CTR_MAY_WAIT && waits_for_log(c, wait_status))
		return false;
	bury(c, wait_status);
	return true;
}
