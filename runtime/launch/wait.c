/* The process that waits runs on the memory that carpel-launch left: see bundle.c.  It is the first
 * of its PID namespace, and the kernel drops signals for that one which have no handler; so it has
 * some, or only SIGKILL would end a container that was created and never started.  Exec takes
 * handlers away.
 */
#include "launch/wait.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "launch/report.h"

enum { EXIT_FAILED = 128 };

static int know_ourselves(struct job *j, struct err *e)
{
	if (j->pidfd >= 0)
		return 0;
	j->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	return j->pidfd < 0 ? err_set(e, errno, "open our own pidfd") : 0;
}

int wait_for_hooks(struct job *j, struct err *e)
{
	int rc;
	char go;

	if (!j->plan->stops_before_root)
		return 0;
	if ((rc = know_ourselves(j, e)) < 0)
		return rc;
	if ((rc = report_ready(j->plan->result_fd, j)) < 0)
		return err_set(e, -rc, "report");
	if (recv(j->plan->result_fd, &go, 1, 0) != 1)
		return err_say(e, ECANCELED, "nobody wants us any more");
	return 0;
}

static void end_by(int sig)
{
	_exit(EXIT_FAILED + sig);
}

static void hear_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
		SIGALRM };
	const struct sigaction ends = { .sa_handler = end_by };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)sigaction(signals[i], &ends, NULL);
}

int wait_for_start(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	char go;
	int rc;

	if (p->kind != PLAN_BUNDLE)
		return 0;
	if ((rc = know_ourselves(j, e)) < 0)
		return rc;
	hear_signals();
	if ((rc = report_started(p->result_fd, j)) < 0)
		return err_set(e, -rc, "report");
	(void)close(p->result_fd);
	for (;;) {
		int conn = accept4(p->start_fd, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			return err_set(e, errno, "wait for start");
		j->start_conn = conn;
		if (recv(conn, &go, 1, 0) == 1) {
			/* For all who may have it open: from here on nobody takes us for waiting.
			 */
			(void)shutdown(p->start_fd, SHUT_RDWR);
			return 0;
		}
		(void)close(conn); /* it went away, or only looked whether we wait */
		j->start_conn = -1;
	}
}

void wait_report_failure(struct job *j)
{
	const int code = j->exit_code ? j->exit_code : EXIT_FAILED;

	(void)err_wrap(&j->err, j->rc, "container %s: %s", j->plan->id, j->step);
	(void)report_failed(j->start_conn >= 0 ? j->start_conn : j->plan->result_fd, code, &j->err);
}
