/* The end of an exec is the end of its first process; then what is in the pipes at that moment is
 * read, and no more: a child that keeps them open, or goes on writing, does not keep us.
 */
#include "engine/exec_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/child.h"
#include "engine/discard.h"
#include "engine/launch.h"
#include "engine/terminal.h"
#include "pod/container.h"

/* TERMINAL_MAX: more than the kernel queues in a pseudoterminal; it does not tell how much. */
enum { CHUNK = 32 * 1024, CHUNKS_A_TURN = 4, CHANNELS = 2, TERMINAL_MAX = 64 * 1024 };

struct stream {
	struct exec_run *run;
	struct loop_io io;
	int fd, channel;
	size_t rest; /* after the end: what is still to be read */
};

struct exec_run {
	struct engine *g;
	struct ctr *ctr;               /* NULL once its instance is gone */
	struct exec_run *next, **link; /* of ctr's */
	struct exec_run_peer peer;
	struct launch *launch;
	struct child *child;
	struct stream out[CHANNELS];
	struct loop_timer finish;
	int input_fd;
	char *cgroup; /* its own, v2 only */
	bool kills_rest, tty, has_ended, is_abandoned, is_paused;
	bool is_killed; /* also what is only about to start */
	int rc;
	struct err err;
};

static void close_stream(struct stream *s)
{
	loop_io_stop(&s->io);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void leave_ctr(struct exec_run *r)
{
	if (!r->ctr)
		return;
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	r->ctr = NULL;
}

static void run_free(struct exec_run *r)
{
	leave_ctr(r);
	launch_cancel(r->launch);
	child_forget(r->child);
	loop_timer_stop(&r->finish);
	for (int i = 0; i < CHANNELS; i++)
		close_stream(&r->out[i]);
	exec_run_close_input(r);
	discard_cgroup(r->g, r->cgroup);
	free(r->cgroup);
	free(r);
}

static void say(struct exec_run *r, const struct stream *s, const char *bytes, size_t len)
{
	if (r->is_abandoned || r->peer.output(r->peer.arg, s->channel, bytes, len))
		return;
	r->is_paused = true;
	for (int i = 0; i < CHANNELS; i++)
		loop_io_stop(&r->out[i].io);
}

/* false: nothing more can come from it now. */
static bool read_some(struct stream *s)
{
	bool has_ended = s->run->has_ended;
	size_t room = has_ended && s->rest < CHUNK ? s->rest : CHUNK;
	char bytes[CHUNK];
	ssize_t n;

	if (s->fd < 0 || room == 0)
		return false;
	n = read(s->fd, bytes, room);
	if (n > 0) {
		s->rest -= has_ended ? (size_t)n : 0;
		say(s->run, s, bytes, (size_t)n);
		return !s->run->is_paused;
	}
	/* A pty's master answers EIO once nobody has the other end open. */
	if (n == 0 || errno != EAGAIN)
		close_stream(s);
	return false;
}

static void try_finish(struct exec_run *r)
{
	struct exec_run_peer peer = r->peer;
	bool is_abandoned = r->is_abandoned;
	struct err e = r->err;
	int rc = r->rc;

	for (int i = 0; i < CHANNELS; i++)
		while (read_some(&r->out[i]))
			;
	if (r->is_paused)
		return; /* resumed later, and tried again */
	if (r->kills_rest)
		exec_run_kill(r);
	run_free(r);
	if (!is_abandoned)
		peer.ended(peer.arg, rc, &e);
}

static void measure_rest(struct exec_run *r)
{
	for (int i = 0; i < CHANNELS; i++) {
		int bytes = 0;

		if (r->out[i].fd >= 0 && !r->tty && ioctl(r->out[i].fd, FIONREAD, &bytes) < 0)
			bytes = 0;
		r->out[i].rest = r->tty ? TERMINAL_MAX : (size_t)bytes;
	}
}

static void on_finish(struct loop_timer *t)
{
	try_finish(t->arg);
}

/* In a turn of its own: whoever called us may still be using the run. */
static void finish_soon(struct exec_run *r)
{
	if (!r->has_ended)
		measure_rest(r);
	r->has_ended = true;
	loop_timer_start(r->g->loop, &r->finish, 0, on_finish, r);
}

static void on_output(struct loop_io *io, unsigned events)
{
	struct stream *s = io->arg;

	(void)events;
	for (int i = 0; i < CHUNKS_A_TURN && read_some(s); i++)
		;
}

static void watch_streams(struct exec_run *r)
{
	for (int i = 0; i < CHANNELS; i++)
		if (r->out[i].fd >= 0)
			loop_io_start(r->g->loop, &r->out[i].io, r->out[i].fd, LOOP_READ, on_output,
				&r->out[i]);
}

void exec_run_resume(struct exec_run *r)
{
	if (!r->is_paused)
		return;
	r->is_paused = false;
	if (r->has_ended)
		finish_soon(r);
	else
		watch_streams(r);
}

static void on_exit_status(void *arg, int status)
{
	struct exec_run *r = arg;

	r->child = NULL;
	if (status < 0)
		r->rc = err_say(&r->err, ECHILD, "its exit status went to somebody else");
	else
		r->rc = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	finish_soon(r);
}

static void on_launched(void *arg, struct launch_result *result)
{
	struct exec_run *r = arg;

	r->launch = NULL;
	if (result->rc == -ETIMEDOUT)
		exec_run_kill(r);
	if (result->rc < 0) {
		r->rc = result->rc;
		r->err = result->err;
		/* Not found and not executable are told as a shell would. */
		r->err.code = result->exit_code ? result->exit_code : 128;
		finish_soon(r);
		return;
	}
	r->child = child_watch(r->g, result->pidfd, result->pid, on_exit_status, r);
	if (r->is_killed)
		exec_run_kill(r);
}

struct pipes {
	int child[3]; /* stdin, stdout, stderr of the program, or -1 */
	int tty;
};

static int make_end(int *ours, int *theirs, bool we_read, struct err *e)
{
	int fds[2], rc = fd_pipe(&fds[0], &fds[1], e);

	if (rc < 0)
		return rc;
	(void)fchmod(fds[1], 0666); /* so that a user of the container's can open /dev/stdout */
	*ours = fds[we_read ? 0 : 1];
	*theirs = fds[we_read ? 1 : 0];
	(void)fd_set_nonblock(*ours);
	return 0;
}

static int make_pipes(
	struct exec_run *r, const struct exec_run_options *o, struct pipes *p, struct err *e)
{
	int rc = 0;

	if (o->tty) {
		rc = terminal_open_in(r->ctr->pidfd, &r->out[0].fd, &p->tty, e);
		if (rc == 0 && o->has_stdin)
			r->input_fd = fcntl(r->out[0].fd, F_DUPFD_CLOEXEC, 0);
		return rc;
	}
	if (o->has_stdin)
		rc = make_end(&r->input_fd, &p->child[0], false, e);
	if (rc == 0)
		rc = make_end(&r->out[0].fd, &p->child[1], true, e);
	if (rc == 0)
		rc = make_end(&r->out[1].fd, &p->child[2], true, e);
	return rc;
}

static int launch_it(struct exec_run *r, const struct container_request *q, const char *exec_id,
	const struct exec_run_options *o, const struct pipes *p, struct err *e)
{
	struct launch_fds fds = { 0 };
	struct plan plan;
	int filter = -1, rc = container_exec_plan(q, r->g->cgroups, exec_id, o->command, &plan, e);

	if (rc == 0)
		rc = ctr_filter(r->ctr, NULL, &filter, e);
	plan.pause_fd = launch_fd(&fds, r->ctr->pidfd);
	plan.seccomp_fd = launch_fd(&fds, filter);
	plan.stdin_fd = launch_fd(&fds, p->child[0]);
	plan.stdout_fd = launch_fd(&fds, p->child[1]);
	plan.stderr_fd = launch_fd(&fds, p->child[2]);
	plan.tty_fd = launch_fd(&fds, p->tty);
	if (rc == 0 && o->tty)
		env_set(&plan.env, "TERM", "xterm");
	if (rc == 0)
		rc = cgroup_make(r->g->cgroups, r->cgroup, CGROUP_TRACKING, NULL, e);
	if (rc == 0)
		rc = launch_start(r->g, &plan, &fds, on_launched, r, &r->launch, e);
	plan_free(&plan);
	return rc;
}

static struct exec_run *run_new(struct ctr *c, const struct exec_run_options *o,
	const struct exec_run_peer *peer, const char *exec_id)
{
	struct exec_run *r = mem_zalloc(sizeof(*r));

	*r = (struct exec_run){ .g = c->sandbox->engine,
		.ctr = c,
		.peer = *peer,
		.input_fd = -1,
		.kills_rest = o->kills_rest,
		.tty = o->tty,
		.cgroup = container_exec_cgroup(&c->sandbox->at, c->id, exec_id) };
	for (int i = 0; i < CHANNELS; i++)
		r->out[i] = (struct stream){ .run = r, .fd = -1, .channel = i + 1 };
	r->next = c->runs;
	r->link = &c->runs;
	if (r->next)
		r->next->link = &r->next;
	c->runs = r;
	return r;
}

int exec_run_start(struct ctr *c, const struct exec_run_options *o,
	const struct exec_run_peer *peer, struct exec_run **out, struct err *e)
{
	struct container_request q;
	struct pipes p = { .child = { -1, -1, -1 }, .tty = -1 };
	struct exec_run *r;
	char exec_id[17];
	uint64_t random;
	int rc;

	if (c->pidfd < 0)
		return err_say(e, ENOTCONN, "container not found (\"%s\")", c->spec->name);
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(e, errno, "get random bytes");
	(void)snprintf(exec_id, sizeof(exec_id), "%016" PRIx64, random);
	if ((rc = ctr_request(c, &q, e)) < 0)
		return rc;
	r = run_new(c, o, peer, exec_id);
	rc = make_pipes(r, o, &p, e);
	if (rc == 0)
		rc = launch_it(r, &q, exec_id, o, &p, e);
	for (int i = 0; i < 3; i++)
		cleanup_fd(&p.child[i]);
	cleanup_fd(&p.tty);
	if (rc < 0) {
		run_free(r);
		return rc;
	}
	watch_streams(r);
	*out = r;
	return 0;
}

void exec_run_kill(struct exec_run *r)
{
	r->is_killed = true;
	launch_give_up(r->launch); /* before the kill: see there */
	(void)cgroup_kill(r->g->cgroups, r->cgroup, NULL);
}

void exec_run_abandon(struct exec_run *r, bool kill)
{
	r->is_abandoned = true;
	if (kill)
		exec_run_kill(r);
	exec_run_close_input(r);
	for (int i = 0; i < CHANNELS; i++)
		close_stream(&r->out[i]);
	r->is_paused = false;
	if (r->has_ended || (!r->child && !r->launch))
		finish_soon(r);
}

int exec_run_input(const struct exec_run *r)
{
	return r->input_fd;
}

void exec_run_close_input(struct exec_run *r)
{
	if (r->input_fd >= 0)
		close(r->input_fd);
	r->input_fd = -1;
}

void exec_run_resize(struct exec_run *r, int columns, int rows)
{
	const struct winsize size = { .ws_col = (unsigned short)columns,
		.ws_row = (unsigned short)rows };

	if (r->tty && r->out[0].fd >= 0)
		(void)ioctl(r->out[0].fd, TIOCSWINSZ, &size);
}

void exec_run_orphan_all(struct ctr *c)
{
	while (c->runs)
		leave_ctr(c->runs);
}
