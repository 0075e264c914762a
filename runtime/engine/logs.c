#include "engine/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/logs_parts.h"
#include "engine/terminal.h"
#include "sys/starter.h"

enum { RESTART_FIRST_MS = 0, RESTART_MAX_MS = 5000, AGAIN_MS = 10, AGAIN_LATER_MS = 1000 };

static void on_message(struct loop_io *io, unsigned events);
static void schedule_restart(struct logs *l);

static void unix_address(const struct engine *g, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(out->sun_path, sizeof(out->sun_path), "%s/log.sock", g->layout.run);
}

static int try_connect(struct logs *l, struct err *e)
{
	CLEANUP(cleanup_fd) int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	unix_address(l->g, &address);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(e, errno, "connect to carpel-log");
	l->sock = take_fd(&sock);
	(void)fd_set_nonblock(l->sock);
	loop_io_start(l->g->loop, &l->io, l->sock, LOOP_READ, on_message, l);
	return 0;
}

static int listen_fd(struct engine *g, struct err *e)
{
	CLEANUP(cleanup_fd)
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;

	unix_address(g, &address);
	(void)unlink(address.sun_path); /* of a dead one: nobody answered there */
	mode_t old = umask(0177);
	int rc = sock < 0 ? -1 : bind(sock, (struct sockaddr *)&address, sizeof(address));

	(void)umask(old);
	if (rc < 0 || listen(sock, 8) < 0)
		return err_set(e, errno, "listen on %s", address.sun_path);
	return take_fd(&sock);
}

static int spawn_log(struct logs *l, struct err *e)
{
	CLEANUP(cleanup_free) char *path = layout_program(&l->g->layout, "carpel-log");
	CLEANUP(cleanup_fd) int listening = listen_fd(l->g, e);
	char name[] = "carpel-log";
	char *argv[] = { name, NULL }, *envp[] = { NULL };
	const int fds[] = { -1, STDERR_FILENO, STDERR_FILENO, listening };
	const struct spawn s = {
		.path = path, .argv = argv, .envp = envp, .fds = fds, .nfds = ARRAY_LEN(fds)
	};
	int pidfd = listening < 0 ? listening : starter_spawn(l->g->starter, &s, &l->pid, e);

	if (pidfd < 0)
		return pidfd;
	(void)child_watch(l->g, pidfd, l->pid, NULL, NULL);
	return cgroup_join(l->g->cgroups, HELPERS_CGROUP, l->pid, e);
}

/* The one that runs, or a new one. */
static int connect_or_spawn(struct logs *l, struct err *e)
{
	int rc = try_connect(l, NULL);

	if (rc == 0)
		return 0;
	rc = spawn_log(l, e);
	return rc < 0 ? rc : try_connect(l, e);
}

static void take_over_all(struct engine *g)
{
	for (struct sandbox *s = g->sandboxes; s; s = s->next)
		if (s->pause_fd >= 0)
			logs_take_over(s);
}

static void on_restart(struct loop_timer *t)
{
	struct logs *l = t->arg;
	struct err e = { 0 };

	if (connect_or_spawn(l, &e) < 0) {
		log_err("carpel-log cannot be started: %s", e.text);
		schedule_restart(l);
		return;
	}
	log_info("carpel-log runs again");
	take_over_all(l->g);
}

static void schedule_restart(struct logs *l)
{
	loop_timer_start(l->g->loop, &l->restart, l->restart_ms, on_restart, l);
	l->restart_ms = l->restart_ms ? l->restart_ms * 2 : 50;
	if (l->restart_ms > RESTART_MAX_MS)
		l->restart_ms = RESTART_MAX_MS;
}

static void lost(struct logs *l)
{
	loop_io_stop(&l->io);
	close(l->sock);
	l->sock = -1;
	log_warn("carpel-log went away, its streams wait in the sandboxes' stores");
	schedule_restart(l);
}

static void log_done(struct engine *g, const char *id)
{
	struct ctr *c = ctr_by_id(g, id);
	struct fdstore store;
	struct err e = { 0 };

	if (!c)
		return;
	reopen_over(c, id);
	if (str_eq(ctr_log_id(c), id))
		c->is_logging = false;
	if (str_eq(c->logging_id, id))
		c->logging_id[0] = '\0';
	if (c->sandbox->pause_fd >= 0 && sandbox_store(c->sandbox, &store, &e) == 0) {
		if (fdstore_drop(&store, id, &e) < 0)
			log_warn("sandbox=%s %s", c->sandbox->name, e.text);
		fdstore_close(&store);
	}
	if (g->log_changed)
		g->log_changed(g->log_arg);
	sandbox_log_done(c->sandbox);
}

static void log_full(struct engine *g, const char *id)
{
	struct ctr *c = ctr_by_id(g, id);

	if (c && str_eq(ctr_log_id(c), id) && c->owner->log_full)
		c->owner->log_full(c);
}

static void on_message(struct loop_io *io, unsigned events)
{
	struct logs *l = io->arg;
	struct log_msg m;
	ssize_t n = fd_recv(l->sock, &m, sizeof(m), NULL, NULL);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		lost(l);
		return;
	}
	if (n != (ssize_t)sizeof(m) || m.version != LOG_WIRE_VERSION ||
		!memchr(m.id, '\0', sizeof(m.id)))
		return;
	l->restart_ms = RESTART_FIRST_MS; /* it works */
	if (m.op == LOG_DONE)
		log_done(l->g, m.id);
	else if (m.op == LOG_REOPENED)
		reopen_answered(l->g, &m);
	else if (m.op == LOG_FULL)
		log_full(l->g, m.id);
}

/* It did not take a message.  All that matters is in the sandboxes' stores: it is told everything
 * again.
 */
static void on_again(struct loop_timer *t)
{
	struct logs *l = t->arg;

	take_over_all(l->g);
}

int logs_tell(struct logs *l, enum log_op op, unsigned flags, const char *id, const int *fds,
	size_t n, struct err *e)
{
	struct log_msg m = { .version = LOG_WIRE_VERSION,
		.op = op,
		.flags = flags,
		.serial = op == LOG_REOPEN ? l->serial : 0 };
	const struct ctr *c = ctr_by_id(l->g, id);
	ssize_t rc;

	if (l->sock < 0)
		return err_say(e, ENOTCONN,
			"carpel-log is not there"); /* it will get all streams when it is */
	(void)snprintf(m.id, sizeof(m.id), "%s", id);
	m.max_kib = c ? c->log_max_kib : 0;
	rc = fd_send(l->sock, &m, sizeof(m), fds, n);
	if (rc == -EAGAIN && !loop_timer_is_set(&l->again))
		loop_timer_start(l->g->loop, &l->again, AGAIN_MS, on_again, l);
	return rc < 0 ? err_set(e, (int)-rc, "tell carpel-log") : 0;
}

/* Without one, what it writes is read and lost, so that it never waits for a reader. */
static int open_log_file(const struct ctr *c, struct err *e)
{
	int fd;

	if (c->log_file)
		return log_file_open(c, e);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open /dev/null") : fd;
}

/* The mode lets the container's own user open /dev/stdout again; nobody else can reach the pipe's
 * name. */
static int make_pipe(int *read_end, int *write_end, struct err *e)
{
	int rc = fd_pipe(read_end, write_end, e);

	if (rc < 0)
		return rc;
	(void)fchmod(*write_end, 0666);
	(void)fd_set_nonblock(*read_end);
	return 0;
}

static int make_stage(int *fds, struct err *e)
{
	int stage[2];

	if (pipe2(stage, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(e, errno, "make a pipe");
	fds[0] = stage[0];
	fds[1] = stage[1];
	return 0;
}

static int make_streams(struct ctr *c, int *fds, struct ctr_streams *s, struct err *e)
{
	const struct container_spec *spec = c->spec;
	int rc = fds[LOG_FD_FILE] = open_log_file(c, e);

	if (rc >= 0)
		rc = make_stage(fds + LOG_FD_OUT_STAGE_R, e);
	if (rc == 0 && spec->tty) {
		rc = terminal_open(&fds[LOG_FD_OUT], &s->tty, e);
		if (rc == 0)
			c->stdin_fd = fcntl(fds[LOG_FD_OUT], F_DUPFD_CLOEXEC, 0);
		return rc;
	}
	if (rc == 0)
		rc = make_pipe(&fds[LOG_FD_OUT], &s->out, e);
	if (rc == 0)
		rc = make_pipe(&fds[LOG_FD_ERR], &s->err, e);
	if (rc == 0)
		rc = make_stage(fds + LOG_FD_ERR_STAGE_R, e);
	if (rc == 0 && spec->stdin_open) {
		rc = make_pipe(&s->in, &c->stdin_fd, e);
		if (rc == 0 &&
			(fcntl(s->in, F_SETFL, O_RDONLY) < 0 || fd_set_nonblock(c->stdin_fd) < 0))
			rc = err_set(e, errno, "prepare stdin");
	}
	return rc;
}

size_t logs_fds(bool is_tty)
{
	return is_tty ? LOG_FD_ERR : LOG_FDS;
}

/* "<id>" in the store: what kind of set it is shows in the number of descriptors. */
static int store_streams(struct ctr *c, const int *fds, size_t n, struct err *e)
{
	struct fdstore store;
	int all[LOG_FDS + 1], rc;

	memcpy(all, fds, n * sizeof(int));
	if (c->stdin_fd >= 0)
		all[n++] = c->stdin_fd;
	if ((rc = sandbox_store(c->sandbox, &store, e)) < 0)
		return rc;
	rc = fdstore_put(&store, ctr_log_id(c), all, n, e);
	fdstore_close(&store);
	return rc;
}

int logs_begin(struct ctr *c, struct ctr_streams *out, struct err *e)
{
	bool is_tty = c->spec->tty;
	int fds[LOG_FDS];
	struct err ignored;
	int rc;

	for (size_t i = 0; i < LOG_FDS; i++)
		fds[i] = -1;
	*out = (struct ctr_streams){ -1, -1, -1, -1 };
	rc = make_streams(c, fds, out, e);
	if (rc == 0)
		rc = store_streams(c, fds, logs_fds(is_tty), e);
	if (rc == 0) {
		c->is_logging = true;
		(void)logs_tell(c->sandbox->engine->logs, LOG_ADD, is_tty ? LOG_IS_TTY : 0,
			ctr_log_id(c), fds, logs_fds(is_tty), &ignored);
	}
	for (size_t i = 0; i < LOG_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return rc;
}

void logs_end(struct ctr *c)
{
	struct logs *l = c->sandbox->engine->logs;

	if (!c->is_logging)
		return;
	memcpy(c->logging_id, ctr_log_id(c), sizeof(c->logging_id));
	c->is_logging = false;
	/* While something has not got away, that may be this one's LOG_ADD, which would come after
	 * the end of what it adds: on_again() tells both in their order. */
	if (!loop_timer_is_set(&l->again))
		(void)logs_tell(l, LOG_DRAIN, 0, ctr_log_id(c), NULL, 0, NULL);
}

void logs_forget(struct ctr *c)
{
	const char *id = c->logging_id[0] ? c->logging_id : c->is_logging ? ctr_log_id(c) : NULL;
	struct fdstore store;
	struct err e = { 0 };

	if (!id || c->sandbox->pause_fd < 0 || sandbox_store(c->sandbox, &store, &e) < 0)
		return; /* the store goes with its sandbox */
	reopen_over(c, id);
	if (fdstore_drop(&store, id, &e) < 0)
		log_warn("sandbox=%s %s", c->sandbox->name, e.text);
	fdstore_close(&store);
	(void)logs_tell(c->sandbox->engine->logs, LOG_DRAIN, 0, id, NULL, 0, NULL);
}

struct take_over {
	struct sandbox *s;
	struct strv unknown; /* tags of instances that nobody knows any more */
	struct strv unsent;  /* ids that are not to be spoken of now */
	struct strv seen;    /* all tags */
};

/* An entry of the store of a container of ours goes to carpel-log again, which ignores what it has.
 */
static int hand_over(void *arg, const char *tag, const int *fds, size_t n)
{
	struct take_over *t = arg;
	struct logs *l = t->s->engine->logs;
	struct ctr *c = ctr_by_id(t->s->engine, tag);
	bool is_tty = n == LOG_FD_ERR + 1 || n == LOG_FD_ERR;
	size_t streams = logs_fds(is_tty);

	strv_add(&t->seen, tag);
	if (!c && !reopen_is_tag(tag)) {
		strv_add(&t->unknown, tag);
	} else if (c && n >= streams && !strv_has(&t->unsent, tag)) {
		int rc = logs_tell(l, LOG_ADD, is_tty ? LOG_IS_TTY : 0, tag, fds, streams, NULL);

		/* A start that a crash broke off: its record is older than its streams. */
		if (c->is_made && str_eq(ctr_log_id(c), tag) && !str_eq(c->logging_id, tag))
			c->is_logging = true;
		/* Of what is not there there is no end either: both are told again. */
		if (rc == 0 && str_eq(c->logging_id, tag))
			(void)logs_tell(l, LOG_DRAIN, 0, tag, NULL, 0, NULL);
		if (n > streams && str_eq(ctr_log_id(c), tag) && c->stdin_fd < 0)
			c->stdin_fd = fcntl(fds[streams], F_DUPFD_CLOEXEC, 0);
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return 0;
}

/* What is not in the store, or had one that went with pause, is written: an earlier carpeld heard
 * so and did not live to record it.  Nobody says it again. */
static void forget_written(const struct take_over *t)
{
	for (struct ctr *c = t->s->ctrs; c; c = c->next) {
		if (c->logging_id[0] && !strv_has(&t->seen, c->logging_id))
			c->logging_id[0] = '\0';
		if (c->is_logging && !strv_has(&t->seen, ctr_log_id(c)))
			c->is_logging = false;
	}
}

void logs_take_over(struct sandbox *s)
{
	struct take_over t = { .s = s };
	struct logs *l = s->engine->logs;
	struct fdstore store;
	struct err e = { 0 };
	int rc;

	if (s->pause_fd < 0) {
		forget_written(&t);
		return;
	}
	rc = sandbox_store(s, &store, &e);
	if (rc == 0) {
		/* Without it the log's former file would be told as the one to go on in. */
		rc = reopen_resume(s, &store, &t.unsent, &t.unknown, &e);
		if (rc == 0)
			rc = fdstore_each(&store, hand_over, &t, &e);
		if (rc == 0)
			forget_written(&t);
		for (size_t i = 0; rc >= 0 && i < t.unknown.len; i++)
			rc = fdstore_drop(&store, t.unknown.at[i], &e);
		fdstore_close(&store);
	}
	if (rc < 0) {
		/* Out of descriptors, say.  What is not handed over is not read. */
		log_warn("sandbox=%s its logs wait: %s", s->name, e.text);
		if (!loop_timer_is_set(&l->again))
			loop_timer_start(s->engine->loop, &l->again, AGAIN_LATER_MS, on_again, l);
	}
	strv_free(&t.unknown);
	strv_free(&t.unsent);
	strv_free(&t.seen);
}

bool logs_is_over(const struct engine *g, const char *id)
{
	const struct ctr *c = ctr_by_id(g, id);

	return !c || !((str_eq(ctr_log_id(c), id) && (c->is_logging || c->pid)) ||
			     str_eq(c->logging_id, id));
}

int logs_attach(struct ctr *c, int sock, struct err *e)
{
	return logs_tell(c->sandbox->engine->logs, LOG_ATTACH, 0, ctr_log_id(c), &sock, 1, e);
}

void logs_close_stdin(struct ctr *c)
{
	bool is_tty = c->spec->tty;
	struct fdstore store;
	struct err e = { 0 };

	if (c->stdin_fd < 0)
		return;
	cleanup_fd(&c->stdin_fd);
	if (c->sandbox->pause_fd < 0 || sandbox_store(c->sandbox, &store, &e) < 0)
		return; /* the store goes with its sandbox */
	if (fdstore_cut(&store, ctr_log_id(c), logs_fds(is_tty), &e) < 0)
		log_warn("sandbox=%s %s", c->sandbox->name, e.text);
	fdstore_close(&store);
}

int logs_open(struct engine *g, struct err *e)
{
	struct logs *l = mem_zalloc(sizeof(*l));

	l->g = g;
	l->sock = -1;
	g->logs = l;
	return connect_or_spawn(l, e);
}

void logs_close(struct engine *g)
{
	if (!g->logs)
		return;
	loop_timer_stop(&g->logs->restart);
	loop_timer_stop(&g->logs->again);
	loop_io_stop(&g->logs->io);
	if (g->logs->sock >= 0)
		close(g->logs->sock);
	free(g->logs);
	g->logs = NULL;
}
