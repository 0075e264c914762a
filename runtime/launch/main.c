/* carpel-launch: reads a launch plan on descriptor 3, makes what it asks for, reports, ends.
 *
 * The report comes when the program has been executed or has failed to be, never before: what runs
 * on our memory (sys/ns.h) holds us until then.  What was made is killed again only when somebody
 * says so: a supervisor that was killed meanwhile is no reason to end a program that runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "launch/bundle.h"
#include "launch/container.h"
#include "launch/prepare.h"
#include "launch/profile_json.h"
#include "launch/protect.h"
#include "launch/report.h"
#include "launch/sandbox.h"
#include "launch/serve.h"
#include "launch/userns.h"
#include "sys/seccomp_profile.h"
#include "sys/sig.h"

enum { EXIT_FAILED = 128, EXIT_USAGE = 125 };

static const char usage_text[] =
	"Usage: carpel-launch 3<PLAN\n"
	"       carpel-launch --seccomp-profile CAPS\n"
	"       carpel-launch --seccomp-json CAPS <PROFILE\n"
	"       carpel-launch --try-users DIR\n"
	"       carpel-launch --show-users <NAMESPACE\n"
	"       carpel-launch --serve [PAUSE] 3<>SOCKET\n"
	"\n"
	"Makes a pod's sandbox, a container or an exec as the plan on descriptor 3 says.\n"
	"\n"
	"  --seccomp-profile CAPS  write the default system call filter for a container with\n"
	"                          the capabilities CAPS (a hexadecimal mask) to standard output\n"
	"  --seccomp-json CAPS     the same for a profile in JSON on standard input\n"
	"  --try-users DIR         say whether pods can have user namespaces of their own\n"
	"                          with layers below DIR\n"
	"  --show-users            write the maps of a user namespace\n"
	"  --serve                 carry out the orders that come on the socket, until it closes;\n"
	"                          PAUSE is the carpel-pause that most of them will name\n"
	"  --help                  this text\n"
	"  --version               the version\n"
	"\n"
	"See carpel-launch(8) for the plan's format.\n";

static const char *kind_text(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_SANDBOX:
		return "sandbox";
	case PLAN_CONTAINER:
		return "container";
	case PLAN_EXEC:
		return "exec";
	case PLAN_BUNDLE:
		return "bundle";
	}
	return "?";
}

static int launch(struct job *j, struct err *e)
{
	switch (j->plan->kind) {
	case PLAN_SANDBOX:
		return sandbox_launch(j, e);
	case PLAN_CONTAINER:
		return container_launch(j, e);
	case PLAN_EXEC:
		return exec_launch(j, e);
	case PLAN_BUNDLE:
		return bundle_launch(j, e);
	}
	return err_say(e, EINVAL, "unknown kind of plan");
}

/* The process on our memory leaves its error in the job; without one and without having come to
 * exec it was killed. */
static int result_of(const struct job *j, int rc, struct err *e)
{
	if (rc < 0)
		return rc;
	if (j->rc < 0) {
		*e = j->err;
		return j->rc;
	}
	return j->is_executing ? 0 : err_say(e, ESRCH, "the new process was killed");
}

static int carry_out(const struct plan *p, const struct job_shared *shared, struct err *e)
{
	struct job j;
	int rc;

	job_init(&j, p, shared);
	rc = result_of(&j, launch(&j, e), e);
	if (rc < 0) {
		(void)err_wrap(e, rc, "%s %s: %s", kind_text(p->kind), p->id, j.step);
		rc = j.exit_code ? j.exit_code : EXIT_FAILED;
		(void)report_failed(p->result_fd, rc, e);
		return rc;
	}
	if (report_started(p->result_fd, &j) == 0) {
		/* The end of file tells that exec succeeded.  Our own end is slower: the kernel
		 * takes detached mounts apart first. */
		if (p->result_fd >= 0)
			(void)close(p->result_fd);
		return 0;
	}
	if (!report_is_unwanted(p->result_fd))
		return 0; /* whoever wanted it has died: it is for the next one to find */
	(void)syscall(SYS_pidfd_send_signal, j.pidfd, SIGKILL, NULL, 0);
	return EXIT_FAILED;
}

/* By a procfs of our own, which the job has afterwards: what is at /proc is whoever's. */
static int protect(
	struct job_shared *shared, const struct buf *plan, bool is_second_try, struct err *e)
{
	int *proc = &shared->fd[SHARED_PROC];

	if (*proc < 0 && (*proc = prepare_make_proc("pid", e)) < 0)
		return *proc;
	return protect_ourselves(*proc, plan, is_second_try, e);
}

static int run_plan(bool is_second_try, struct job_shared shared)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(plan_free) struct plan p;
	struct err e = { 0 };
	int rc;

	plan_init(&p);
	if (!is_second_try)
		sig_reset(); /* what is ignored stays so across exec, and a program expects none */
	(void)umask(0);      /* modes are what we say */
	if ((rc = fd_read_all(PLAN_FD, PLAN_BYTES_MAX, &text, &e)) < 0)
		(void)err_wrap(&e, rc, "plan");
	else
		rc = plan_parse(text.data ? text.data : "", text.len, &p, &e);
	/* Nothing of a container sees us while we make a sandbox. */
	if (rc == 0 && p.kind != PLAN_SANDBOX &&
		(rc = protect(&shared, &text, is_second_try, &e)) < 0)
		(void)err_wrap(&e, rc, "%s %s: protect our executable", kind_text(p.kind), p.id);
	if (rc == 0)
		return carry_out(&p, &shared, &e);
	(void)report_failed(report_find_fd(text.data ? text.data : "", text.len), EXIT_FAILED, &e);
	return EXIT_FAILED;
}

/* The server was started from where it is safe, and so are its copies. */
static int run_served(const struct job_shared *shared)
{
	sig_reset(); /* the server ignores SIGCHLD; no program may inherit that */
	return run_plan(true, *shared);
}

static int write_profile(uint64_t caps, struct err *e)
{
	CLEANUP(buf_free) struct buf program = { 0 };
	int rc = seccomp_profile(caps, &program, e);

	if (rc == 0 && (rc = fd_write_all(STDOUT_FILENO, program.data, program.len)) < 0)
		(void)err_set(e, -rc, "write the filter");
	return rc;
}

static int compile(int (*write)(uint64_t caps, struct err *e), const char *caps)
{
	struct err e = { 0 };
	uint64_t mask;
	char rest;
	int rc;

	if (strlen(caps) > 16 || strspn(caps, "0123456789abcdefABCDEF") != strlen(caps) ||
		sscanf(caps, "%" SCNx64 "%c", &mask, &rest) != 1) {
		log_err("%s is no hexadecimal mask of capabilities", caps);
		return EXIT_USAGE;
	}
	rc = write(mask, &e);
	if (rc < 0)
		log_err("%s", e.text);
	return rc < 0 ? 1 : 0;
}

/* Who asks hands the reason on, and has to tell one that will not pass by the errno. */
static int users(const char *dir)
{
	struct err e = { 0 };
	int rc = dir ? userns_try(dir, &e) : userns_show(&e);

	if (rc < 0)
		(void)fprintf(stderr, "%s\n", e.text);
	return rc < 0 ? -rc : 0;
}

int main(int argc, char **argv)
{
	log_set_name("carpel-launch");
	if (argc == 1)
		return run_plan(false, job_nothing_shared);
	if (argc == 2 && strcmp(argv[1], protect_argument) == 0)
		return run_plan(true, job_nothing_shared);
	if ((argc == 2 || argc == 3) && strcmp(argv[1], "--serve") == 0)
		return serve(argv[2], run_served);
	if (argc == 3 && strcmp(argv[1], "--seccomp-profile") == 0)
		return compile(write_profile, argv[2]);
	if (argc == 3 && strcmp(argv[1], "--seccomp-json") == 0)
		return compile(profile_json_convert, argv[2]);
	if (argc == 3 && strcmp(argv[1], "--try-users") == 0)
		return users(argv[2]);
	if (argc == 2 && strcmp(argv[1], "--show-users") == 0)
		return users(NULL);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage_text, stdout) < 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("carpel-launch " CARPEL_VERSION) < 0;
	(void)fputs(usage_text, stderr);
	return EXIT_USAGE;
}
