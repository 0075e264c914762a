#include "engine/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/ctr.h"
#include "engine/find.h"
#include "engine/launch.h"
#include "engine/scope.h"
#include "engine/slice.h"
#include "pod/sandbox.h"
#include "sys/spawn.h"

/* Descriptors of pause, see pause/pause.c. */
enum { PAUSE_EXIT_READ = 3, PAUSE_STORE_WRITE = 5, PAUSE_STORE_READ = 6 };
enum {
	NOTES_A_TURN = 64,
	NODE_FILE_MAX = 1 << 20,
	LOG_WAIT_MS = 5000, /* for carpel-log to write an ended container's last words */
	NOTES_AGAIN_MS = 1000,
	LOG_RETRY_MS = 10,
	LOG_TRIES = 1000, /* then a log that cannot be finished is given up */
	END_RETRY_MS =
		2, /* while it is an instant; then seldom, since the kernel may take for ever */
	END_TRIES_SOON = 500,
	END_RETRY_LATE_MS = 100,
	END_TRIES_STRANGE = 20,
	END_TRIES_UNIT = 250, /* systemd sees by itself that a scope is empty, or is told */
	END_TRIES_LOUD = 540, /* five seconds */
};

struct exit_note {
	int32_t pid, wait_status;
};

int sandbox_store(const struct sandbox *s, struct fdstore *out, struct err *e)
{
	out->write_fd = (int)syscall(SYS_pidfd_getfd, s->pause_fd, PAUSE_STORE_WRITE, 0);
	out->read_fd = (int)syscall(SYS_pidfd_getfd, s->pause_fd, PAUSE_STORE_READ, 0);
	if (out->write_fd >= 0 && out->read_fd >= 0)
		return 0;
	int rc = err_set(e, errno, "take the descriptor store from carpel-pause");

	fdstore_close(out);
	return rc;
}

static struct ctr *ctr_of_pid(struct sandbox *s, int32_t pid)
{
	struct ctr *c = s->ctrs;

	while (c && (c->pid != pid || ctr_is_in_node(c)))
		c = c->next;
	return c;
}

static bool is_launching(const struct sandbox *s)
{
	for (const struct ctr *c = s->ctrs; c; c = c->next)
		if (c->launch)
			return true;
	return false;
}

/* Copies what is in the pipe by tee(2) and leaves it there.  Returns how many notes. */
static size_t peek_exits(const struct sandbox *s, struct exit_note *notes, size_t max)
{
	int copy[2];
	ssize_t n;

	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		return 0;
	n = tee(s->exit_fd, copy[1], max * sizeof(*notes), SPLICE_F_NONBLOCK);
	if (n > 0)
		n = read(copy[0], notes, max * sizeof(*notes));
	close(copy[0]);
	close(copy[1]);
	return n > 0 ? (size_t)n / sizeof(*notes) : 0;
}

static void on_log_timer(struct loop_timer *t)
{
	sandbox_take_exits(t->arg, CTR_MUST_NOT_WAIT);
	sandbox_watch_exits(t->arg);
}

static void drop_notes(struct sandbox *s, size_t n)
{
	struct exit_note notes[NOTES_A_TURN];

	if (n > 0 && s->exit_fd >= 0 && read(s->exit_fd, notes, n * sizeof(notes[0])) < 0)
		log_warn("sandbox=%s cannot take exit notes: %s", s->name, strerror(errno));
}

/* An owner cannot free s here: the sandbox has yet to end, and that takes a turn of the loop.
 * The notes are acted upon and so recorded on disk, and only then taken out of the pipe: a
 * supervisor that dies in between finds them again. */
void sandbox_take_exits(struct sandbox *s, enum ctr_patience patience)
{
	struct exit_note notes[NOTES_A_TURN];
	size_t n = peek_exits(s, notes, ARRAY_LEN(notes)), done = 0;

	/* Out of descriptors, say: the notes stay, and we look again instead of spinning. */
	if (n == 0 && patience == CTR_MAY_WAIT) {
		loop_io_stop(&s->exit_io);
		loop_timer_start(s->engine->loop, &s->log_timer, NOTES_AGAIN_MS, on_log_timer, s);
		return;
	}
	while (done < n) {
		struct ctr *c = ctr_of_pid(s, notes[done].pid);

		if (c && !ctr_ended(c, notes[done].wait_status, patience)) {
			loop_io_stop(&s->exit_io);
			loop_timer_start(
				s->engine->loop, &s->log_timer, LOG_WAIT_MS, on_log_timer, s);
			break;
		}
		done++;
	}
	drop_notes(s, done);
}

void sandbox_log_done(struct sandbox *s)
{
	if (!loop_timer_is_set(&s->log_timer))
		return;
	loop_timer_stop(&s->log_timer);
	sandbox_watch_exits(s);
}

/* Recorded already, but its supervisor was killed before it could take the note away. */
static bool is_told(const struct sandbox *s, int32_t pid)
{
	const struct ctr *c = s->ctrs;

	while (c && c->ended_pid != pid)
		c = c->next;
	return c != NULL;
}

int32_t sandbox_find_exit(struct sandbox *s)
{
	struct exit_note notes[NOTES_A_TURN];
	size_t n = s->exit_fd < 0 ? 0 : peek_exits(s, notes, ARRAY_LEN(notes));

	for (size_t i = 0; i < n; i++)
		if (!ctr_of_pid(s, notes[i].pid) && !is_told(s, notes[i].pid))
			return notes[i].pid;
	return 0;
}

bool sandbox_has_note(const struct sandbox *s, int32_t pid)
{
	struct exit_note notes[NOTES_A_TURN];
	size_t n = s->exit_fd < 0 ? 0 : peek_exits(s, notes, ARRAY_LEN(notes));

	for (size_t i = 0; i < n; i++)
		if (notes[i].pid == pid)
			return true;
	return false;
}

static void on_exits(struct loop_io *io, unsigned events)
{
	(void)events;
	sandbox_take_exits(io->arg, CTR_MAY_WAIT);
}

/* While a start is in flight its pid is not known yet, so the notes wait in the pipe. */
void sandbox_watch_exits(struct sandbox *s)
{
	if (s->exit_fd < 0)
		return;
	if (is_launching(s) || loop_timer_is_set(&s->log_timer))
		loop_io_stop(&s->exit_io);
	else if (!s->exit_io.loop)
		loop_io_start(s->engine->loop, &s->exit_io, s->exit_fd, LOOP_READ, on_exits, s);
}

static void drop_sandbox(struct sandbox *s)
{
	loop_io_stop(&s->pause_io);
	loop_io_stop(&s->exit_io);
	loop_timer_stop(&s->log_timer);
	if (s->pause_fd >= 0)
		close(s->pause_fd);
	if (s->exit_fd >= 0)
		close(s->exit_fd);
	s->pause_fd = s->exit_fd = -1;
}

static void on_pause_end(struct loop_io *io, unsigned events)
{
	struct sandbox *s = io->arg;
	int status;

	(void)events;
	(void)spawn_reap(s->pause_fd,
		&status); /* ours when this supervisor started it, the keeper's otherwise */
	if (s->exit_fd >= 0 && !is_launching(s))
		sandbox_take_exits(s, CTR_MUST_NOT_WAIT);
	drop_sandbox(s);
	if (s->is_ending) {
		loop_timer_stop(&s->end_timer);
		sandbox_end(s);
		return;
	}
	log_warn("sandbox=%s died", s->name);
	for (struct ctr *c = s->ctrs; c; c = c->next)
		ctr_release(c);
	s->owner->died(s);
}

int sandbox_adopt(struct sandbox *s, int pause_fd, struct err *e)
{
	int exit_fd = (int)syscall(SYS_pidfd_getfd, pause_fd, PAUSE_EXIT_READ, 0);

	if (exit_fd < 0)
		return err_set(e, errno, "take the exit pipe from carpel-pause");
	s->pause_fd = pause_fd;
	s->exit_fd = exit_fd;
	loop_io_start(s->engine->loop, &s->pause_io, pause_fd, LOOP_READ, on_pause_end, s);
	sandbox_watch_exits(s);
	return 0;
}

static void on_launched(void *arg, struct launch_result *r)
{
	struct sandbox *s = arg;

	s->launch = NULL;
	scope_release(s->scope);
	s->scope = NULL;
	if (r->rc == -ETIMEDOUT) {
		CLEANUP(cleanup_free) char *pause = sandbox_cgroup(&s->at);

		(void)cgroup_kill(s->engine->cgroups, pause, NULL);
	}
	if (r->rc == 0 && (r->rc = sandbox_adopt(s, r->pidfd, &r->err)) < 0)
		close(r->pidfd);
	if (r->rc < 0)
		s->owner->failed(s, &r->err);
	else
		s->owner->up(s);
}

static void read_node_file(const char *path, struct buf *out)
{
	if (fd_read_file(AT_FDCWD, path, NODE_FILE_MAX, out, NULL) < 0)
		buf_adds(out, "");
}

/* Its cgroup may be made. */
static int make_and_launch(struct sandbox *s, struct err *e)
{
	struct engine *g = s->engine;
	CLEANUP(cleanup_free) char *pause = layout_program(&g->layout, "carpel-pause");
	CLEANUP(plan_free) struct plan plan;
	const struct launch_fds fds = { 0 };
	const struct sandbox_facts f = { .node_name = s->facts->node_name,
		.pause_path = pause,
		.node_memory_bytes = s->facts->node_memory_bytes,
		.lsm = &g->lsm };
	int rc = sandbox_make_cgroups(&s->at, g->cgroups, s->spec, e);

	plan_init(&plan);
	if (rc < 0)
		return rc;
	rc = sandbox_plan(&s->at, g->cgroups, s->spec, &f, s->launch_id, &plan, e);
	if (rc < 0)
		return rc;
	return launch_start(g, &plan, &fds, on_launched, s, &s->launch, e);
}

static void on_scope(void *arg, int rc, const struct err *why)
{
	struct sandbox *s = arg;
	struct err e = *why;

	if (rc == 0)
		rc = make_and_launch(s, &e);
	if (rc < 0)
		s->owner->failed(s, &e);
}

int sandbox_start(struct sandbox *s, const struct pod_spec *spec, const struct env_facts *facts,
	const char *id, char **out_dns_warning, struct err *e)
{
	CLEANUP(buf_free) struct buf hosts = { 0 };
	CLEANUP(buf_free) struct buf resolv = { 0 };
	const struct cgroup_limits limits = sandbox_limits(spec);
	const struct systemd_scope scope = { .path = s->at.cgroup, .limits = &limits };
	int rc;

	s->is_ending = false;
	s->spec = spec;
	s->facts = facts;
	s->launch_id = id;
	read_node_file("/etc/hosts", &hosts);
	read_node_file("/etc/resolv.conf", &resolv);

	const struct sandbox_facts f = { .node_name = facts->node_name,
		.node_hosts = hosts.data ? hosts.data : "",
		.node_resolv = resolv.data ? resolv.data : "",
		.pod_ip = facts->pod_ip };

	rc = sandbox_prepare(&s->at, spec, &f, out_dns_warning, e);
	if (rc < 0)
		return rc;
	return s->engine->layout.by_systemd
		       ? scope_start(s->engine, &scope, SCOPE_NEW, on_scope, s, &s->scope, e)
		       : make_and_launch(s, e);
}

static void on_end_timer(struct loop_timer *t)
{
	sandbox_end(t->arg);
}

/* With pause go the streams that wait in its store, and a carpel-log that was just killed has no
 * others.  So a sandbox whose logs matter keeps pause until they are whole. */
static bool waits_for_logs(const struct sandbox *s)
{
	if (s->pause_fd < 0 || s->log_tries >= LOG_TRIES || !s->owner->keeps_logs(s))
		return false;
	for (const struct ctr *c = s->ctrs; c; c = c->next)
		if (c->logging_id[0])
			return true;
	return false;
}

/* pause's own first: to look for it in each hierarchy costs as much as removing it. */
static int remove_cgroups(const struct sandbox *s, struct err *e)
{
	CLEANUP(cleanup_free) char *pause = sandbox_cgroup(&s->at);
	int rc = cgroup_remove(s->engine->cgroups, pause, e);

	return rc < 0 ? rc : cgroup_remove(s->engine->cgroups, s->at.cgroup, e);
}

/* Entered again by its own timer until the kernel has let go of everything. */
void sandbox_end(struct sandbox *s)
{
	struct engine *g = s->engine;
	struct err e = { 0 };

	s->is_ending = true;
	if (waits_for_logs(s)) {
		s->log_tries++;
		loop_timer_start(g->loop, &s->end_timer, LOG_RETRY_MS, on_end_timer, s);
		return;
	}
	launch_cancel(s->launch);
	s->launch = NULL;
	scope_release(s->scope);
	s->scope = NULL;
	for (struct ctr *c = s->ctrs; c; c = c->next)
		ctr_release(c);
	if (cgroup_kill(g->cgroups, s->at.cgroup, &e) < 0)
		log_warn("sandbox=%s %s", s->name, e.text);
	if (s->pause_fd < 0 && remove_cgroups(s, &e) == 0) {
		if (g->layout.by_systemd)
			slice_forget(systemd_unit_of(s->at.cgroup));
		s->is_ending = false;
		s->end_tries = s->log_tries = 0;
		s->owner->gone(s); /* s may be no more */
		return;
	}
	if (++s->end_tries % END_TRIES_STRANGE == 0)
		child_reap_strangers(g);
	if (g->layout.by_systemd && s->pause_fd < 0 && s->end_tries % END_TRIES_UNIT == 0)
		scope_stop(g, systemd_unit_of(s->at.cgroup));
	if (s->end_tries % END_TRIES_LOUD == 0)
		s->owner->stuck(s, &e);
	loop_timer_start(g->loop, &s->end_timer,
		s->end_tries < END_TRIES_SOON ? END_RETRY_MS : END_RETRY_LATE_MS, on_end_timer, s);
}

void sandbox_open(struct sandbox *s, struct engine *g, const struct sandbox_owner *o, char *name,
	struct place at)
{
	*s = (struct sandbox){ .engine = g,
		.owner = o,
		.name = name,
		.at = at,
		.pause_fd = -1,
		.exit_fd = -1,
		.next = g->sandboxes,
		.link = &g->sandboxes };
	if (s->next)
		s->next->link = &s->next;
	g->sandboxes = s;
}

void sandbox_close(struct sandbox *s)
{
	launch_cancel(s->launch);
	scope_release(s->scope);
	drop_sandbox(s);
	loop_timer_stop(&s->end_timer);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	free(s->name);
	place_free(&s->at);
}

int32_t sandbox_host_pid(const struct sandbox *s)
{
	return spawn_pid(s->pause_fd);
}
