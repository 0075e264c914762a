/* A container comes to be in this order, and whatever fails undoes what was done:
 *
 *     check       config.json as a whole, before anything exists
 *     record      its directory, with the cgroup that is about to be
 *     cgroup      made and limited
 *     launch      carpel-launch: namespaces, mounts; hooks while it waits before its root
 *     created     the process waits on start.sock for `start`
 */
#include "oci/create.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "oci/groups.h"
#include "oci/hooks.h"
#include "oci/launch.h"
#include "oci/unit.h"

struct making {
	const struct oci *o;
	const struct create_options *options;
	struct container *c;
	struct cgroups *cgroups;
	struct config config;
	struct launch launch;
	struct streams streams;
	struct unit unit; /* holds the cgroup until the container does */
	int filter, listener;
};

static void making_free(struct making *m)
{
	groups_close(&m->cgroups);
	unit_release(&m->unit);
	config_free(&m->config);
	launch_close(&m->launch);
	streams_close(&m->streams);
	cleanup_fd(&m->filter);
	cleanup_fd(&m->listener);
}

static bool has_hooks(const struct json *config)
{
	return hooks_has(config, "prestart") || hooks_has(config, "createRuntime") ||
	       hooks_has(config, "createContainer");
}

static int read_joined_maps(struct config *c, struct err *e)
{
	const char *path = config_user_path(c->json);
	int rc = path ? launch_show_users(path, &c->plan.uid_map, &c->plan.gid_map, e) : 0;

	return rc < 0 ? err_wrap(e, rc, "config.json: linux.namespaces") : 0;
}

/* What of it is wrong is said before anything is made. */
static int read_bundle(struct making *m, const char *id, struct buf *text, struct err *e)
{
	const char *given = m->options->bundle ? m->options->bundle : ".";
	CLEANUP(cleanup_free) char *bundle = realpath(given, NULL);
	CLEANUP(cleanup_fd) int dir = -1;
	int rc = m->o->by_systemd ? unit_check(e) : 0;

	if (rc < 0)
		return rc;
	if (!bundle || (dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_set(e, errno, "--bundle %s", given);
	if ((rc = config_read_file(dir, text, e)) < 0)
		return err_wrap(e, rc, "--bundle %s", bundle);
	if ((rc = config_parse(text->data ? text->data : "", text->len, &m->config, e)) < 0 ||
		(rc = read_joined_maps(&m->config, e)) < 0 ||
		(rc = config_translate(&m->config, id, bundle, e)) < 0 ||
		(rc = hooks_check(m->config.json, e)) < 0 ||
		(rc = streams_check(&m->options->streams, m->config.has_terminal, e)) < 0)
		return rc;
	m->c->r.bundle = TAKE(bundle);
	return 0;
}

static int begin_record(struct making *m, const struct buf *text, struct err *e)
{
	const struct part whole = part_of(m->config.json, "");
	struct record *r = &m->c->r;
	char now[CLOCK_TEXT_MAX];
	struct part annotations;
	int rc = part_get(&whole, "annotations", JSON_OBJECT, &annotations, e);

	r->is_unit = m->o->by_systemd;
	if (rc == 0)
		rc = r->is_unit ? unit_path(m->config.cgroup, r->id, &r->cgroup, e)
				: groups_path(m->config.cgroup, r->id, &r->cgroup, e);
	if (rc < 0)
		return rc;
	clock_rfc3339_nano(clock_wall_ns(), now);
	r->created = str_dup(now);
	r->rootfs = str_dup(m->config.plan.rootfs);
	r->has_pid_namespace = m->config.has_pid_namespace;
	r->annotations = annotations.json ? json_copy(annotations.json) : NULL;
	rc = fd_replace_file(m->c->dir, "config.json", text->data, text->len, FD_SURVIVES_CRASH, e);
	return rc < 0 ? rc : container_save(m->c, e);
}

static int make_filter(struct making *m, struct err *e)
{
	CLEANUP(buf_free) struct buf profile = { 0 };
	CLEANUP(buf_free) struct buf program = { 0 };
	int rc;

	if (!m->config.seccomp)
		return 0;
	json_write(m->config.seccomp, JSON_COMPACT, &profile);
	m->filter = launch_compile(m->config.plan.caps, profile.data, profile.len, e);
	if (m->filter < 0)
		return m->filter;
	if (lseek(m->filter, 0, SEEK_SET) < 0)
		return err_set(e, errno, "rewind the filter");
	rc = fd_read_all(m->filter, CONFIG_BYTES_MAX, &program, e);
	if (rc == 0) /* for exec */
		rc = fd_replace_file(
			m->c->dir, "seccomp", program.data, program.len, FD_SURVIVES_CRASH, e);
	return rc < 0 ? rc : launch_fd(&m->launch, m->filter, &m->config.plan.seccomp_fd, e);
}

static int make_unit(struct making *m, struct err *e)
{
	int rc = cgroups_have_units(m->cgroups, e);

	return rc < 0 ? rc : unit_make(m->c->r.cgroup, &m->config.limits, &m->unit, e);
}

static int make_cgroup(struct making *m, struct err *e)
{
	const char *path = m->c->r.cgroup;
	int rc = groups_open(m->o, &m->cgroups, e);

	if (rc == 0 && (rc = groups_check_unused(m->cgroups, path, e)) < 0)
		groups_close(&m->cgroups); /* it is not ours to remove */
	if (rc == 0 && m->c->r.is_unit && (rc = make_unit(m, e)) < 0)
		groups_close(&m->cgroups); /* nor is that */
	if (rc == 0)
		rc = cgroup_make(m->cgroups, path, CGROUP_LEAF, &m->config.limits, e);
	if (rc == 0)
		groups_to_plan(m->cgroups, path, &m->config.plan);
	return rc;
}

static int run_hooks(struct making *m, struct err *e)
{
	const struct json *config = m->config.json;
	int pidfd = -1, rc = launch_expect(&m->launch, REPORT_READY, &pidfd, e);

	if (rc < 0 || (rc = container_adopt(m->c, pidfd, e)) < 0 ||
		(rc = hooks_run(config, "prestart", m->c, STATUS_CREATING, NULL, e)) < 0 ||
		(rc = hooks_run(config, "createRuntime", m->c, STATUS_CREATING, NULL, e)) < 0 ||
		(rc = hooks_run(
			 config, "createContainer", m->c, STATUS_CREATING, &m->config.plan, e)) < 0)
		return rc;
	cleanup_fd(&m->c->pidfd);
	return launch_go_on(&m->launch, e);
}

static int launch(struct making *m, struct err *e)
{
	struct plan *p = &m->config.plan;
	int pidfd = -1, rc;

	if ((m->listener = container_listen(m->c, e)) < 0)
		return m->listener;
	p->stops_before_root = has_hooks(m->config.json);
	if ((rc = launch_fd(&m->launch, m->listener, &p->start_fd, e)) < 0 ||
		(rc = streams_prepare(
			 &m->options->streams, &m->config, &m->launch, p, &m->streams, e)) < 0 ||
		(rc = launch_begin(&m->launch, p, e)) < 0)
		return rc;
	/* The waiting process is to be the only one that has it. */
	cleanup_fd(&m->listener);
	if (p->stops_before_root && (rc = run_hooks(m, e)) < 0)
		return rc;
	if ((rc = launch_expect(&m->launch, REPORT_STARTED, &pidfd, e)) < 0)
		return rc;
	launch_reap(&m->launch); /* before that, its end is not ours to wait for */
	if ((rc = container_adopt(m->c, pidfd, e)) < 0 ||
		(rc = streams_send(&m->options->streams, &m->streams, e)) < 0)
		return rc;
	return streams_write_pid(&m->options->streams, m->c->r.pid, e);
}

static int make_all(struct making *m, const struct buf *text, struct err *e)
{
	int rc;

	/* Hooks inside are orphans of carpel-launch, and ours to wait for. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return err_set(e, errno, "become a subreaper");
	if ((rc = begin_record(m, text, e)) < 0 || (rc = make_cgroup(m, e)) < 0 ||
		(rc = make_filter(m, e)) < 0)
		return rc;
	return launch(m, e);
}

static void undo(struct making *m)
{
	unit_release(&m->unit);
	if (m->cgroups)
		(void)groups_remove(m->cgroups, &m->c->r, NULL);
	if (m->c->r.pid)
		hooks_run_all(m->config.json, "poststop", m->c, STATUS_STOPPED);
	(void)container_forget(m->o, m->c->r.id, NULL);
}

int create_container(const struct oci *o, const char *id, const struct create_options *options,
	struct container *out, struct err *e)
{
	CLEANUP(making_free)
	struct making m = { .o = o,
		.options = options,
		.c = out,
		.launch = LAUNCH_NONE,
		.streams = STREAMS_NONE,
		.unit = UNIT_NONE,
		.filter = -1,
		.listener = -1 };
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = record_check_id(id, e);

	config_init(&m.config);
	if (rc < 0 || (rc = read_bundle(&m, id, &text, e)) < 0 ||
		(rc = container_make(o, id, out, e)) < 0)
		return rc;
	if ((rc = make_all(&m, &text, e)) < 0)
		undo(&m);
	return rc;
}

/* A namespace that it has joined may no longer be where it was. */
int container_maps(
	const struct container *c, const struct json *config, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/%" PRId64 "/ns/user", c->r.pid);
	int rc =
		config_user_path(config) ? launch_show_users(path, &p->uid_map, &p->gid_map, e) : 0;

	return rc < 0 ? rc : config_maps(config, p, e);
}

int saved_config(const struct container *c, struct config *out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	config_init(out);
	rc = config_read_file(c->dir, &text, e);
	return rc < 0 ? rc : config_parse(text.data ? text.data : "", text.len, out, e);
}

/* The process answers only if it could not execute its program. */
static int send_start(const struct container *c, struct err *e)
{
	CLEANUP(cleanup_fd) int conn = container_connect(c, e);
	struct launch_report r = { 0 };
	size_t nfds = 0;
	ssize_t n;

	if (conn < 0)
		return err_say(e, EINVAL, "container %s is not created, or was started", c->r.id);
	if (fd_send(conn, "", 1, NULL, 0) != 1)
		return err_say(e, ESRCH, "container %s: its process has ended", c->r.id);
	do
		n = fd_recv(conn, &r, sizeof(r), NULL, &nfds);
	while (n == -EINTR);
	return n == (ssize_t)sizeof(r) ? launch_check_failure(&r, e) : 0;
}

int start_container(const struct oci *o, struct container *c, struct err *e)
{
	CLEANUP(config_free) struct config config;
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	int rc = saved_config(c, &config, e);

	if (rc < 0)
		return rc;
	if (hooks_has(config.json, "startContainer")) {
		if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
			return err_set(e, errno, "become a subreaper");
		if ((rc = groups_open(o, &cgroups, e)) < 0 ||
			(rc = container_maps(c, config.json, &config.plan, e)) < 0)
			return rc;
		groups_to_plan(cgroups, c->r.cgroup, &config.plan);
		rc = hooks_run(config.json, "startContainer", c, STATUS_CREATED, &config.plan, e);
		if (rc < 0)
			return rc;
	}
	if ((rc = send_start(c, e)) < 0)
		return rc;
	rc = hooks_run(config.json, "poststart", c, STATUS_RUNNING, NULL, e);
	if (rc < 0 && c->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
	return rc;
}

int remove_container(const struct oci *o, struct container *c, struct err *e)
{
	CLEANUP(config_free) struct config config;
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	const bool has_config = saved_config(c, &config, NULL) == 0;
	int rc = groups_open(o, &cgroups, e);

	if (rc == 0)
		rc = groups_remove(cgroups, &c->r, e);
	if (rc < 0)
		return rc;
	if (has_config && c->r.pid)
		hooks_run_all(config.json, "poststop", c, STATUS_STOPPED);
	return container_forget(o, c->r.id, e);
}
