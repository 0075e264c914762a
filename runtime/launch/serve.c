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
#include "launch/report.h"
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

/* First out of the way of every number that may be asked for, then to its own; all else goes but
 * *program, which is out of the way already. */
static int place(const struct received *r, int *program, struct err *e)
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
	if (*program >= 0) {
		if (dup3(*program, top, O_CLOEXEC) < 0)
			return err_set(e, errno, "dup3");
		*program = top++;
	}
	return syscall(SYS_close_range, (unsigned)top, ~0U, 0) < 0
		       ? err_set(e, errno, "close_range")
		       : 0;
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

static _Noreturn void carry_out(
	const struct received *r, pid_t server, int program, int (*run)(int device_program))
{
	struct err e = { 0 };
	int result = r->order.result_fd;

	/* The order goes with the server, and the server with carpeld. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != server)
		_exit(EXIT_FAILURE);
	if (place(r, &program, &e) < 0)
		result = result_as_received(r);
	else if (tell_begun(r->order.result_fd, &e) == 0)
		_exit(run(program));
	(void)report_failed(result, EXIT_FAILURE, &e);
	_exit(EXIT_FAILURE);
}

/* Loading costs more than all else of a container's rules, so nearly all share one.  Without it
 * each tries by itself, and can say what is wrong. */
static int load_program(void)
{
	CLEANUP(cleanup_fd) int fd = devices_load_usual(NULL);

	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, LAUNCH_ORDER_NUMBER_MAX + 1);
}

int serve(int (*run)(int device_program))
{
	int program = load_program();
	pid_t self = getpid();
	struct err e = { 0 };

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
			carry_out(&r, self, program, run);
		if (pid < 0)
			log_err("cannot fork for a launch");
		close_all(&r);
	}
}
