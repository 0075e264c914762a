/* A pod's sandbox: carpel-pause and what it holds.  Coming up: directories and cgroups,
 * carpel-launch, then the descriptors that pause keeps for us.  Going down: kill the pod's cgroup,
 * wait until pause is reaped by the kernel (everything in its pid namespace is then gone too),
 * remove the cgroups, retrying while the kernel still finishes the dead.
 */
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
#include "daemon/child.h"
#include "daemon/daemon.h"
#include "daemon/launch.h"
#include "daemon/qos.h"
#include "pod/sandbox.h"

/* Descriptors of pause, see pause/pause.c. */
enum { PAUSE_EXIT_READ = 3, PAUSE_STORE_WRITE = 5, PAUSE_STORE_READ = 6 };
enum {
	NOTES_A_TURN = 64,
	LOG_WAIT_MS = 1000, /* for carpel-log to write an ended container's last words */
	LOG_RETRY_MS = 10,
	LOG_TRIES = 1000, /* then a log that cannot be finished is given up */
	END_RETRY_MS = 2,
	END_TRIES_STRANGE = 20,
	END_TRIES_LOUD = 2500,
	NODE_FILE_MAX = 1 << 20
};

struct exit_note {
	int32_t pid, wait_status;
};

int sandbox_store(const struct pod *p, struct fdstore *out, struct err *e)
{
	out->write_fd = (int)syscall(SYS_pidfd_getfd, p->pause_fd, PAUSE_STORE_WRITE, 0);
	out->read_fd = (int)syscall(SYS_pidfd_getfd, p->pause_fd, PAUSE_STORE_READ, 0);
	if (out->write_fd >= 0 && out->read_fd >= 0)
		return 0;
	int rc = err_set(e, errno, "take the descriptor store from carpel-pause");

	fdstore_close(out);
	return rc;
}

static struct ctr *ctr_of_pid(struct pod *p, int32_t pid)
{
	for (size_t i = 0; i < p->spec->containers_len; i++)
		if (p->ctrs[i].pid == pid)
			return &p->ctrs[i];
	return NULL;
}

static bool is_launching(const struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++)
		if (p->ctrs[i].launch)
			return true;
	return false;
}

/* Copies what is in the pipe by tee(2) and leaves it there.  Returns how many notes. */
static size_t peek_exits(const struct pod *p, struct exit_note *notes, size_t max)
{
	int copy[2];
	ssize_t n;

	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		return 0;
	n = tee(p->exit_fd, copy[1], max * sizeof(*notes), SPLICE_F_NONBLOCK);
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

static void drop_notes(struct pod *p, size_t n)
{
	struct exit_note notes[NOTES_A_TURN];

	if (n > 0 && p->exit_fd >= 0 && read(p->exit_fd, notes, n * sizeof(notes[0])) < 0)
		log_warn("pod=%s/%s cannot take exit notes: %s", p->spec->namespace, p->spec->name,
			strerror(errno));
}

/* A step cannot free p here: its sandbox has yet to end, and that takes a turn of the loop.
 * The notes are acted upon and so recorded on disk, and only then taken out of the pipe: a
 * supervisor that dies in between finds them again. */
void sandbox_take_exits(struct pod *p, enum ctr_patience patience)
{
	struct exit_note notes[NOTES_A_TURN];
	size_t n = peek_exits(p, notes, ARRAY_LEN(notes)), done = 0;

	/* Out of descriptors, say: the notes stay, and we look again instead of spinning. */
	if (n == 0 && patience == CTR_MAY_WAIT) {
		loop_io_stop(&p->exit_io);
		loop_timer_start(p->d->loop, &p->log_timer, LOG_WAIT_MS, on_log_timer, p);
		return;
	}
	while (done < n) {
		struct ctr *c = ctr_of_pid(p, notes[done].pid);

		if (c && !ctr_ended(c, notes[done].wait_status, patience)) {
			loop_io_stop(&p->exit_io);
			loop_timer_start(p->d->loop, &p->log_timer, LOG_WAIT_MS, on_log_timer, p);
			break;
		}
		done++;
	}
	drop_notes(p, done);
}

void sandbox_log_done(struct pod *p)
{
	if (!loop_timer_is_set(&p->log_timer))
		return;
	loop_timer_stop(&p->log_timer);
	sandbox_watch_exits(p);
}

int32_t sandbox_find_exit(struct pod *p)
{
	struct exit_note notes[NOTES_A_TURN];
	size_t n = p->exit_fd < 0 ? 0 : peek_exits(p, notes, ARRAY_LEN(notes));

	for (size_t i = 0; i < n; i++)
		if (!ctr_of_pid(p, notes[i].pid))
			return notes[i].pid;
	return 0;
}

bool sandbox_has_note(const struct pod *p, int32_t pid)
{
	struct exit_note notes[NOTES_A_TURN];
	size_t n = p->exit_fd < 0 ? 0 : peek_exits(p, notes, ARRAY_LEN(notes));

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
void sandbox_watch_exits(struct pod *p)
{
	if (p->exit_fd < 0)
		return;
	if (is_launching(p) || loop_timer_is_set(&p->log_timer))
		loop_io_stop(&p->exit_io);
	else if (!p->exit_io.loop)
		loop_io_start(p->d->loop, &p->exit_io, p->exit_fd, LOOP_READ, on_exits, p);
}

static void drop_sandbox(struct pod *p)
{
	loop_io_stop(&p->pause_io);
	loop_io_stop(&p->exit_io);
	loop_timer_stop(&p->log_timer);
	if (p->pause_fd >= 0)
		close(p->pause_fd);
	if (p->exit_fd >= 0)
		close(p->exit_fd);
	p->pause_fd = p->exit_fd = -1;
}

static void on_pause_end(struct loop_io *io, unsigned events)
{
	struct pod *p = io->arg;
	int status;

	(void)events;
	(void)spawn_reap(p->pause_fd,
		&status); /* ours when this supervisor started it, the keeper's otherwise */
	if (p->exit_fd >= 0 && !is_launching(p))
		sandbox_take_exits(p, CTR_MUST_NOT_WAIT);
	drop_sandbox(p);
	if (p->is_ending) {
		loop_timer_stop(&p->end_timer);
		sandbox_end(p);
		return;
	}
	log_warn("pod=%s/%s its sandbox died", p->spec->namespace, p->spec->name);
	for (size_t i = 0; i < p->spec->containers_len; i++)
		ctr_release(&p->ctrs[i]);
	pod_step(p, &(struct pod_event){ .kind = EV_SANDBOX_DIED });
}

int sandbox_adopt(struct pod *p, int pause_fd, struct err *e)
{
	int exit_fd = (int)syscall(SYS_pidfd_getfd, pause_fd, PAUSE_EXIT_READ, 0);

	if (exit_fd < 0)
		return err_set(e, errno, "take the exit pipe from carpel-pause");
	p->pause_fd = pause_fd;
	p->exit_fd = exit_fd;
	loop_io_start(p->d->loop, &p->pause_io, pause_fd, LOOP_READ, on_pause_end, p);
	sandbox_watch_exits(p);
	return 0;
}

static void sandbox_failed(struct pod *p, const struct err *e)
{
	pod_step(p, &(struct pod_event){ .kind = EV_SANDBOX_FAILED, .text = e->text });
}

static void on_launched(void *arg, struct launch_result *r)
{
	struct pod *p = arg;

	p->launch = NULL;
	if (r->rc == 0 && (r->rc = sandbox_adopt(p, r->pidfd, &r->err)) < 0)
		close(r->pidfd);
	if (r->rc < 0)
		sandbox_failed(p, &r->err);
	else
		pod_step(p,
			&(struct pod_event){ .kind = EV_SANDBOX_UP, .id = p->state->sandbox_id });
}

static void read_node_file(const char *path, struct buf *out)
{
	if (fd_read_file(AT_FDCWD, path, NODE_FILE_MAX, out, NULL) < 0)
		buf_adds(out, "");
}

static int prepare(struct pod *p, struct plan *plan, struct err *e)
{
	CLEANUP(buf_free) struct buf hosts = { 0 };
	CLEANUP(buf_free) struct buf resolv = { 0 };
	CLEANUP(cleanup_free) char *pause = layout_program(&p->d->layout, "carpel-pause");
	CLEANUP(cleanup_free) char *warning = NULL;
	int rc;

	read_node_file("/etc/hosts", &hosts);
	read_node_file("/etc/resolv.conf", &resolv);

	const struct sandbox_facts facts = { .node_name = p->d->node_name,
		.node_hosts = hosts.data ? hosts.data : "",
		.node_resolv = resolv.data ? resolv.data : "",
		.pod_ip = p->facts.pod_ip,
		.pause_path = pause };

	rc = sandbox_prepare(&p->at, p->d->cgroups, p->spec, &facts, &warning, e);
	if (rc == 0 && warning)
		event_emit(p, NO_CTR, true, "DNSConfigForming", warning);
	if (rc == 0)
		sandbox_plan(&p->at, p->d->cgroups, p->spec, &facts, p->spec->name, plan);
	return rc;
}

void sandbox_start(struct pod *p)
{
	const struct launch_fds fds = { 0 };
	struct plan plan;
	struct err e = { 0 };
	int rc;

	plan_init(&plan);
	p->is_ending = false;
	qos_weigh(p->d, p->spec->qos);
	rc = prepare(p, &plan, &e);
	if (rc == 0)
		rc = launch_start(p->d, &plan, &fds, on_launched, p, &p->launch, &e);
	plan_free(&plan);
	if (rc < 0)
		sandbox_failed(p, &e);
}

static void on_end_timer(struct loop_timer *t)
{
	sandbox_end(t->arg);
}

static void sandbox_gone(struct pod *p)
{
	const enum qos_class qos = p->spec->qos;
	const struct daemon *d = p->d;

	p->is_ending = false;
	p->end_tries = p->log_tries = 0;
	/* The volumes and layers go with the pod, not with one of its sandboxes. */
	if (p->state->stop != STOP_NONE) {
		daemon_discard(p->d, p->at.dir);
		ctr_drop_leases(p);
	}
	pod_step(p, &(struct pod_event){ .kind = EV_SANDBOX_GONE }); /* p may be no more */
	qos_weigh(d, qos);
}

/* Entered again by its own timer until the kernel has let go of everything. */
/* With pause go the streams that wait in its store, and a carpel-log that was just killed has no
 * others.  So a pod that is kept keeps pause until its logs are whole; one that is deleted loses
 * them anyway. */
static bool waits_for_logs(const struct pod *p)
{
	if (p->pause_fd < 0 || p->state->stop == STOP_DELETE || p->log_tries >= LOG_TRIES)
		return false;
	for (size_t i = 0; i < p->spec->containers_len; i++)
		if (p->ctrs[i].logging_id[0])
			return true;
	return false;
}

void sandbox_end(struct pod *p)
{
	struct err e = { 0 };

	p->is_ending = true;
	if (waits_for_logs(p)) {
		p->log_tries++;
		loop_timer_start(p->d->loop, &p->end_timer, LOG_RETRY_MS, on_end_timer, p);
		return;
	}
	launch_cancel(p->launch);
	p->launch = NULL;
	for (size_t i = 0; i < p->spec->containers_len; i++)
		ctr_release(&p->ctrs[i]);
	if (cgroup_kill(p->d->cgroups, p->at.cgroup, &e) < 0)
		log_warn("pod=%s/%s %s", p->spec->namespace, p->spec->name, e.text);
	if (p->pause_fd < 0 && cgroup_remove(p->d->cgroups, p->at.cgroup, &e) == 0) {
		sandbox_gone(p);
		return;
	}
	if (++p->end_tries % END_TRIES_STRANGE == 0)
		child_reap_strangers(p->d);
	if (p->end_tries % END_TRIES_LOUD == 0)
		event_emit(p, NO_CTR, true, "FailedKillPod", e.text);
	loop_timer_start(p->d->loop, &p->end_timer, END_RETRY_MS, on_end_timer, p);
}
