/* Who wants programs executed: clients (exec and attach sessions, the backend half of api/stream)
 * and carpel-probe (exec probes, with a deadline and a bounded answer).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/daemon.h"
#include "engine/exec_run.h"
#include "engine/logs.h"

enum { PROBE_OUTPUT_MAX = 10 * 1024, ATTACH_CHUNK = 64 * 1024 };

struct exec_session {
	struct exec_session *next, **link;
	struct daemon *d;
	struct pod_ctr *ctr; /* attach: NULL once its instance has ended */
	struct exec_peer *peer;
	struct exec_run *run;    /* exec */
	int attach_fd, stdin_fd; /* attach: our end of carpel-log's copy; the container's stdin */
	struct loop_io attach_io, input_io;
	struct buf input; /* what the program has not read yet */
	bool input_ends, tty;
	/* attach: carpel-log shows what is written from now on.  Before, input and sizes wait: the
	 * program's answer would be missed. */
	bool is_attached;
	struct winsize size; /* that waits; of no columns: none */
};

struct probe_exec {
	struct exec_run *run;
	struct loop_timer deadline;
	struct buf output;
	bool is_timed_out;
	void (*done)(void *arg, int rc, const char *output, size_t len, const struct err *e);
	void *arg;
};

static void session_free(struct exec_session *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	loop_io_stop(&s->attach_io);
	loop_io_stop(&s->input_io);
	cleanup_fd(&s->attach_fd);
	cleanup_fd(&s->stdin_fd);
	buf_free(&s->input);
	free(s);
}

static struct exec_session *session_new(
	struct pod_ctr *c, const struct exec_request *q, struct exec_peer *peer)
{
	struct exec_session *s = mem_zalloc(sizeof(*s));
	struct daemon *d = c->pod->d;

	*s = (struct exec_session){ .d = d,
		.ctr = c,
		.peer = peer,
		.attach_fd = -1,
		.stdin_fd = -1,
		.tty = q->tty,
		.next = d->execs,
		.link = &d->execs };
	if (s->next)
		s->next->link = &s->next;
	d->execs = s;
	return s;
}

static bool on_output(void *arg, int channel, const char *bytes, size_t len)
{
	struct exec_session *s = arg;

	return s->peer->output(s->peer, channel, bytes, len) <= EXEC_QUEUE_HIGH;
}

static void flush_input(struct exec_session *s);
static void apply_size(const struct exec_session *s);

static void session_done(struct exec_session *s, int exit_code, const struct err *e)
{
	struct exec_peer *peer = s->peer;

	session_free(s);
	peer->done(peer, exit_code, e);
}

static void on_ended(void *arg, int rc, const struct err *e)
{
	static const struct err none;
	struct exec_session *s = arg;

	s->run = NULL;
	session_done(s, rc < 0 ? e->code : rc, rc < 0 ? e : &none);
}

static void on_attached_output(struct loop_io *io, unsigned events)
{
	static const struct err none;
	struct exec_session *s = io->arg;
	CLEANUP(cleanup_free) char *bytes = mem_zalloc(ATTACH_CHUNK);
	ssize_t n = recv(s->attach_fd, bytes, ATTACH_CHUNK, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		session_done(s, 0, &none); /* attach does not tell an exit code, as in Kubernetes */
		return;
	}
	if (n > 1 && !on_output(s, bytes[0], bytes + 1, (size_t)n - 1))
		loop_io_stop(&s->attach_io);
	if (!s->is_attached) {
		s->is_attached = true;
		apply_size(s);
		flush_input(s);
	}
}

static int attach(struct exec_session *s, bool has_stdin, struct err *e)
{
	struct pod_ctr *c = s->ctr;
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a socket pair");
	s->attach_fd = pair[0];
	(void)fd_set_nonblock(pair[1]);
	rc = logs_attach(&c->ctr, pair[1], e);
	close(pair[1]);
	if (rc < 0)
		return rc;
	if (has_stdin && c->ctr.stdin_fd >= 0)
		s->stdin_fd = fcntl(c->ctr.stdin_fd, F_DUPFD_CLOEXEC, 0);
	loop_io_start(
		s->d->engine.loop, &s->attach_io, s->attach_fd, LOOP_READ, on_attached_output, s);
	return 0;
}

static int session_start(void *ctx, const struct exec_request *q, struct exec_peer *peer,
	struct exec_session **out, struct err *e)
{
	struct pod *p = pod_find(ctx, q->ns, q->pod);
	struct pod_ctr *c = p ? pod_ctr(p, q->container) : NULL;
	struct exec_session *s;
	int rc;

	if (!c || c->ctr.pidfd < 0)
		return err_say(e, c ? EBUSY : ENOENT, "container not found (\"%s\")", q->container);
	s = session_new(c, q, peer);
	if (q->command.len) {
		const struct exec_run_options o = {
			.command = &q->command, .has_stdin = q->has_stdin, .tty = q->tty
		};
		const struct exec_run_peer run_peer = {
			.output = on_output, .ended = on_ended, .arg = s
		};

		rc = exec_run_start(&c->ctr, &o, &run_peer, &s->run, e);
	} else {
		s->tty = c->ctr.spec->tty; /* the container's own, whatever was asked */
		rc = attach(s, q->has_stdin, e);
	}
	if (rc < 0) {
		session_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

static int input_fd(const struct exec_session *s)
{
	return s->run ? exec_run_input(s->run) : s->stdin_fd;
}

/* stdinOnce: what the first client does not say nobody will.  The container reads the end when the
 * last copy is closed, those of other sessions too. */
static void close_stdin_once(struct pod_ctr *c)
{
	if (!c->ctr.spec->stdin_once)
		return;
	for (struct exec_session *s = c->pod->d->execs; s; s = s->next) {
		if (s->run || s->ctr != c)
			continue;
		loop_io_stop(&s->input_io);
		cleanup_fd(&s->stdin_fd);
		buf_clear(&s->input);
	}
	logs_close_stdin(&c->ctr);
}

static void end_input(struct exec_session *s)
{
	loop_io_stop(&s->input_io);
	if (s->run && !s->tty) {
		exec_run_close_input(s->run);
	} else if (s->tty && input_fd(s) >= 0) {
		if (write(input_fd(s), "\004", 1) < 0) /* a terminal's end of input */
			return;
	} else if (!s->run && s->ctr) {
		close_stdin_once(s->ctr);
	}
}

static void on_input_ready(struct loop_io *io, unsigned events)
{
	(void)events;
	flush_input(io->arg);
}

static bool is_held(const struct exec_session *s)
{
	return !s->run && !s->is_attached;
}

static void flush_input(struct exec_session *s)
{
	if (is_held(s))
		return;
	while (s->input.len && input_fd(s) >= 0) {
		ssize_t n = write(input_fd(s), s->input.data, s->input.len);

		if (n < 0 && errno == EAGAIN) {
			loop_io_start(s->d->engine.loop, &s->input_io, input_fd(s), LOOP_WRITE,
				on_input_ready, s);
			return;
		}
		if (n < 0) {
			buf_clear(&s->input); /* nobody reads any more */
			break;
		}
		buf_drop(&s->input, (size_t)n);
	}
	loop_io_stop(&s->input_io);
	if (s->input_ends)
		end_input(s);
}

static void session_input(struct exec_session *s, const char *bytes, size_t len)
{
	if (input_fd(s) < 0)
		return;
	buf_add(&s->input, bytes, len);
	flush_input(s);
}

static size_t session_input_queued(const struct exec_session *s)
{
	return s->input.len;
}

static void session_close_input(struct exec_session *s)
{
	s->input_ends = true;
	if (!s->input.len)
		flush_input(s);
}

static void apply_size(const struct exec_session *s)
{
	if (s->tty && s->stdin_fd >= 0 && s->size.ws_col > 0)
		(void)ioctl(s->stdin_fd, TIOCSWINSZ, &s->size);
}

static void session_resize(struct exec_session *s, int columns, int rows)
{
	s->size = (struct winsize){ .ws_col = (unsigned short)columns,
		.ws_row = (unsigned short)rows };
	if (s->run)
		exec_run_resize(s->run, columns, rows);
	else if (!is_held(s))
		apply_size(s);
}

static void session_resume(struct exec_session *s)
{
	if (s->run)
		exec_run_resume(s->run);
	else if (!s->attach_io.loop)
		loop_io_start(s->d->engine.loop, &s->attach_io, s->attach_fd, LOOP_READ,
			on_attached_output, s);
}

/* The client is gone: its program goes on, as under Kubernetes, but a terminal hangs up.  What it
 * said before it went still counts. */
static void session_cancel(struct exec_session *s)
{
	if (is_held(s)) {
		s->is_attached = true;
		flush_input(s);
	}
	if (s->run)
		exec_run_abandon(s->run, false);
	else if (s->stdin_fd >= 0 && s->ctr)
		close_stdin_once(s->ctr);
	session_free(s);
}

/* An attach session ends when carpel-log has said the last of the instance, which may be later than
 * the pod's own end when its client takes its time. */
void exec_end_container(struct pod_ctr *c)
{
	for (struct exec_session *s = c->pod->d->execs; s; s = s->next)
		if (s->ctr == c)
			s->ctr = NULL;
}

void exec_backend(struct api_backend *b)
{
	b->exec_start = session_start;
	b->exec_input = session_input;
	b->exec_input_queued = session_input_queued;
	b->exec_close_input = session_close_input;
	b->exec_resize = session_resize;
	b->exec_resume = session_resume;
	b->exec_cancel = session_cancel;
}

/* ---- exec probes ---- */

static bool on_probe_output(void *arg, int channel, const char *bytes, size_t len)
{
	struct probe_exec *x = arg;
	size_t room = PROBE_OUTPUT_MAX - x->output.len;

	(void)channel;
	buf_add(&x->output, bytes, len < room ? len : room);
	return true; /* the rest is read and dropped, so the program never blocks on us */
}

static void probe_free(struct probe_exec *x)
{
	loop_timer_stop(&x->deadline);
	buf_free(&x->output);
	free(x);
}

static void on_probe_ended(void *arg, int rc, const struct err *e)
{
	struct probe_exec *x = arg;

	x->done(x->arg, x->is_timed_out ? -ETIMEDOUT : rc, x->output.data, x->output.len, e);
	probe_free(x);
}

static void on_deadline(struct loop_timer *t)
{
	struct probe_exec *x = t->arg;

	x->is_timed_out = true;
	exec_run_kill(x->run);
}

struct probe_exec *probe_exec_start(struct pod_ctr *c, const struct strv *command,
	int64_t timeout_ms,
	void (*done)(void *arg, int rc, const char *output, size_t len, const struct err *e),
	void *arg, struct err *e)
{
	struct probe_exec *x = mem_zalloc(sizeof(*x));
	const struct exec_run_options o = { .command = command, .kills_rest = true };
	const struct exec_run_peer peer = {
		.output = on_probe_output, .ended = on_probe_ended, .arg = x
	};

	*x = (struct probe_exec){ .done = done, .arg = arg };
	if (exec_run_start(&c->ctr, &o, &peer, &x->run, e) < 0) {
		probe_free(x);
		return NULL;
	}
	loop_timer_start(c->pod->d->engine.loop, &x->deadline, timeout_ms, on_deadline, x);
	return x;
}

void probe_exec_cancel(struct probe_exec *x)
{
	exec_run_abandon(x->run, true);
	probe_free(x);
}
