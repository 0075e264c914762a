/* `carpel down`: each step begins when the one before has nothing left, and looks again after a
 * moment while it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/own_cgroup.h"
#include "daemon/qos.h"
#include "engine/child.h"
#include "engine/discard.h"
#include "engine/launcher.h"
#include "engine/logs.h"
#include "engine/scope.h"

enum { LOOK_MS = 5, DRAIN_MS = 500 };

static void go_on(struct daemon *d);

static void on_timer(struct loop_timer *t)
{
	go_on(t->arg);
}

/* What is ours below RUN; the lock stays, since it is what tells the next one that we are gone. */
static void remove_files(struct daemon *d)
{
	static const char *const trees[] = { "pods", "cri", "seccomp", "events", "events.new",
		"log.sock", "cgroup-driver" };
	CLEANUP(cleanup_fd)
	int run = open(d->engine.layout.run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(cleanup_fd)
	int lib = open(d->engine.layout.lib, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };

	for (size_t i = 0; run >= 0 && i < ARRAY_LEN(trees); i++)
		if (fd_remove_tree(run, trees[i], &e) < 0)
			log_warn("%s", e.text);
	if (lib >= 0 &&
		(fd_remove_tree(lib, "trash", &e) < 0 || fd_remove_tree(lib, "trash.old", &e) < 0))
		log_warn("%s", e.text);
	(void)unlink(d->engine.layout.socket);
}

static void drained(void *arg)
{
	struct daemon *d = arg;
	CLEANUP(cleanup_free) char *slice = layout_level_cgroup(&d->engine.layout, NULL);

	qos_forget(d);
	if (d->engine.layout.by_systemd)
		scope_stop(&d->engine, systemd_unit_of(slice)); /* and those in it */
	remove_files(d);
	log_info("down");
	loop_stop(d->engine.loop);
}

/* Else we would kill ourselves.  Without a way back the root stays, and only the rest goes. */
static const char *what_to_kill(struct daemon *d)
{
	struct err e = { 0 };

	if (own_cgroup_leave(d, &e) == 0)
		return "";
	log_warn("the instance's cgroup stays: %s", e.text);
	return HELPERS_CGROUP;
}

/* No pod is left, so whatever still runs below our root is a helper or nobody's. rm, which runs
 * beside us, ends by itself. */
static bool is_quiet(struct daemon *d)
{
	const char *all = what_to_kill(d);
	struct err e = { 0 };

	(void)cgroup_kill(d->engine.cgroups, all, NULL);
	scope_release(d->engine.scope);
	d->engine.scope = NULL;
	child_reap_strangers(&d->engine);
	if (d->engine.children || d->engine.discards)
		return false;
	return cgroup_remove(d->engine.cgroups, all, &e) == 0;
}

static void go_on(struct daemon *d)
{
	if (d->pods || cri_sandboxes(d->cri) > 0)
		return; /* the last one of them calls again */
	prober_close(d);
	logs_close(&d->engine);
	launcher_close(&d->engine);
	if (d->engine.has_trash)
		discard_all(&d->engine);
	if (!is_quiet(d)) {
		loop_timer_start(d->engine.loop, &d->shutdown_timer, LOOK_MS, on_timer, d);
		return;
	}
	api_server_shutdown(d->server, DRAIN_MS, drained, d);
}

static void on_cri_ended(void *arg)
{
	daemon_pod_gone(arg);
}

void daemon_shutdown(struct daemon *d, int64_t grace_seconds)
{
	struct pod *next;

	if (!d->is_shutting_down)
		log_info("shutting down, %zu pods", d->pods_len);
	d->is_shutting_down = true;
	for (struct pod *p = d->pods; p; p = next) {
		next = p->next; /* the step may end the pod */
		pod_step(p,
			&(struct pod_event){ .kind = EV_DELETE, .grace_seconds = grace_seconds });
	}
	cri_shutdown(d->cri, on_cri_ended, d);
	loop_timer_start(d->engine.loop, &d->shutdown_timer, 0, on_timer, d);
}

void daemon_pod_gone(struct daemon *d)
{
	if (d->is_shutting_down && !d->pods)
		loop_timer_start(d->engine.loop, &d->shutdown_timer, 0, on_timer, d);
}
