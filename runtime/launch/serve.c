/* Fork, not exec: this process is small and has nothing open but its socket, so a copy of it is
 * cheaper than a new start, and what it reads comes from carpeld alone.
 */
#include "launch/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "launch/devices.h"
#include "launch/prepare.h"
#include "launch/report.h"
#include "launch/sandbox.h"
#include "spec/plan.h"
#include "sys/cred.h"

enum { ORDERS_FD = PLAN_FD, FIRST_FREE = 3 };

struct received {
	struct launch_order order;
	int fds[LAUNCH_ORDER_FDS_MAX];
	size_t n;
};

static void close_all(const struct received *r)
{
	for (size_t i = 0; i < r->n; i++)
		close(r->fds[i]);
}

/* Numbers are ours to give only where nothing of ours is. */
static bool is_sound(const struct received *r, ssize_t len)
{
	if (len != (ssize_t)sizeof(r->order) || r->order.version != LAUNCH_ORDER_VERSION ||
		r->order.len != r->n)
		return false;
	for (size_t i = 0; i < r->n; i++)
		if (r->order.number[i] < 0 || r->order.number[i] >= LAUNCH_ORDER_NUMBER_MAX)
			return false;
	return true;
}

/* What is shared goes to the numbers from top on, which no order has asked for. */
static int place_shared(struct job_shared *s, int top, struct err *e)
{
	for (size_t i = 0; i < SHARED_FDS; i++) {
		if (s->fd[i] < 0)
			continue;
		if (dup3(s->fd[i], top, O_CLOEXEC) < 0)
			return err_set(e, errno, "dup3");
		s->fd[i] = top++;
	}
	return syscall(SYS_close_range, (unsigned)top, ~0U, 0) < 0
		       ? err_set(e, errno, "close_range")
		       : 0;
}

/* First out of the way of every number that may be asked for, then to its own; all else goes but
 * what is shared, which is out of the way already. */
static int place(const struct received *r, struct job_shared *shared, struct err *e)
{
	int high[LAUNCH_ORDER_FDS_MAX], top = FIRST_FREE;

	for (size_t i = 0; i < r->n; i++) {
		high[i] = fcntl(r->fds[i], F_DUPFD_CLOEXEC, LAUNCH_ORDER_NUMBER_MAX);
		if (high[i] < 0)
			return err_set(e, errno, "copy a descriptor");
	}
	if (syscall(SYS_close_range, FIRST_FREE, LAUNCH_ORDER_NUMBER_MAX - 1, 0) < 0)
		return err_set(e, errno, "close_range");
	for (size_t i = 0; i < r->n; i++) {
		if (dup2(high[i], r->order.number[i]) < 0)
			return err_set(e, errno, "place descriptor %d", r->order.number[i]);
		if (r->order.number[i] >= top)
			top = r->order.number[i] + 1;
	}
	return place_shared(shared, top, e);
}

/* Whoever ordered may want us dead. */
static int tell_begun(int result_fd, struct err *e)
{
	const struct launch_report report = { .kind = REPORT_BEGUN, .pid = getpid() };
	CLEANUP(cleanup_fd) int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	ssize_t n;

	if (self < 0)
		return err_set(e, errno, "pidfd_open");
	n = fd_send(result_fd, &report, sizeof(report), &self, 1);
	return n < 0 ? err_set(e, (int)-n, "tell that a launch has begun") : 0;
}

/* Where the order's result socket is before anything has its number. */
static int result_as_received(const struct received *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->order.number[i] == r->order.result_fd)
			return r->fds[i];
	return -1;
}

static _Noreturn void carry_out(const struct received *r, pid_t server, struct job_shared shared,
	int (*run)(const struct job_shared *shared))
{
	struct err e = { 0 };
	int result = r->order.result_fd;

	/* The order goes with the server, and the server with carpeld. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != server)
		_exit(EXIT_FAILURE);
	if (place(r, &shared, &e) < 0)
		result = result_as_received(r);
	else if (tell_begun(r->order.result_fd, &e) == 0)
		_exit(run(&shared));
	(void)report_failed(result, EXIT_FAILURE, &e);
	_exit(EXIT_FAILURE);
}

/* Out of the way of every number that may be asked for. */
static int keep(int fd)
{
	const int kept =
		fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, LAUNCH_ORDER_NUMBER_MAX + SHARED_FDS);

	cleanup_fd(&fd);
	return kept < 0 ? -1 : kept;
}

/* To load the rules of devices costs more than all else of them, and to close the only descriptor
 * of a mount makes the kernel wait for all processors; so nearly all launches share these.  What
 * cannot be made each tries by itself, and can say what is wrong. */
static void make_shared(const char *pause_path, struct job_shared *out)
{
	out->fd[SHARED_DEVICE_PROGRAM] = keep(devices_load_usual(NULL));
	out->fd[SHARED_PROC] = keep(prepare_make_proc("pid", NULL));
	if (pause_path)
		out->fd[SHARED_PAUSE] = keep(sandbox_copy_pause(pause_path, NULL));
	out->pause_path = pause_path;
}

int serve(const char *pause_path, int (*run)(const struct job_shared *shared))
{
	struct job_shared shared = job_nothing_shared;
	pid_t self = getpid();
	struct err e = { 0 };

	make_shared(pause_path, &shared);
	/* Nor into its copies, until they execute something else. */
	if (cred_undumpable(&e) < 0) {
		log_err("%s", e.text);
		return EXIT_FAILURE;
	}
	/* Nobody waits for the processes that carry orders out: they report for themselves. */
	if (signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		return EXIT_FAILURE;
	for (;;) {
		struct received r = { .n = LAUNCH_ORDER_FDS_MAX };
		ssize_t len = fd_recv(ORDERS_FD, &r.order, sizeof(r.order), r.fds, &r.n);
		pid_t pid;

		if (len == -EINTR)
			continue;
		if (len <= 0)
			return len == 0 || len == -ECONNRESET ? EXIT_SUCCESS : EXIT_FAILURE;
		if (!is_sound(&r, len)) {
			log_err("an order that is none");
			close_all(&r);
			continue;
		}
		pid = fork();
		if (pid == 0)
			carry_out(&r, self, shared, run);
		if (pid < 0)
			log_err("cannot fork for a launch");
		close_all(&r);
	}
}
