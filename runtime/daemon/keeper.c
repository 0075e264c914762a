/* Ends when carpeld ends by itself, or when it failed at its very first start: then its reason is
 * in the log and would be the same again.
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sys/spawn.h"

/* A crash is answered at once; one crash after the other, later and later. */
enum { DELAY_FIRST_MS = 50, DELAY_MAX_MS = 5000, GOOD_RUN_MS = 10 * 1000, CHILD_LISTEN_FD = 3 };

struct keeper {
	char *program;
	char **argv;
	int listen_fd;
	pid_t child; /* 0: none runs */
	int64_t started_ms, delay_ms;
	bool was_up; /* one run lasted or was crashed into: starts are worth repeating */
	int wait_status;
};

/* Our own command line, but for what makes us the keeper. */
static void child_words(char **argv, struct strv *out)
{
	CLEANUP(cleanup_free) char *keeper = str_fmt("--keeper=%d", (int)getpid());

	for (char **word = argv; *word; word++)
		if (!str_eq(*word, "--keep"))
			strv_add(out, *word);
	strv_add(out, "--listen-fd=3");
	strv_add(out, keeper);
}

static int start(struct keeper *k)
{
	const int fds[] = { -1, STDERR_FILENO, STDERR_FILENO, k->listen_fd };
	const struct spawn s = { .path = k->program,
		.argv = k->argv,
		.envp = environ,
		.fds = fds,
		.nfds = ARRAY_LEN(fds) };
	struct err e = { 0 };
	int pidfd = spawn_process(&s, &k->child, &e);

	if (pidfd < 0) {
		log_err("%s", e.text);
		return pidfd;
	}
	close(pidfd); /* a child's pid is not reused before we reap it */
	k->started_ms = clock_now().boot_ms;
	return 0;
}

static void reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != k->child)
			continue; /* of a carpeld that crashed */
		k->child = 0;
		k->wait_status = status;
	}
}

static bool should_start_again(struct keeper *k)
{
	bool has_exited = WIFEXITED(k->wait_status);
	bool was_good = clock_now().boot_ms - k->started_ms > GOOD_RUN_MS;

	if (has_exited && WEXITSTATUS(k->wait_status) == 0)
		return false;
	if (has_exited && !was_good && !k->was_up)
		return false;
	k->was_up = true;
	if (was_good)
		k->delay_ms = 0;
	return true;
}

static int exit_code(int wait_status)
{
	return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

/* Waits for a signal of the set, at most ms; 0: none came. */
static int next_signal(const sigset_t *set, int64_t ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	int sig = sigtimedwait(set, NULL, &t);

	return sig < 0 ? 0 : sig;
}

/* Whether a start is still wanted after that time.  What a crashed carpeld left may die meanwhile,
 * and a pod's namespace ends only when the last of its dead is reaped. */
static bool rest(struct keeper *k, const sigset_t *set)
{
	int64_t until_ms = clock_now().boot_ms + k->delay_ms, left_ms = k->delay_ms;

	while (left_ms > 0) {
		int sig = next_signal(set, left_ms);

		if (sig == SIGTERM || sig == SIGINT)
			return false;
		reap(k);
		left_ms = until_ms - clock_now().boot_ms;
	}
	return true;
}

static int keep(struct keeper *k, const sigset_t *set)
{
	bool is_ending = false;

	for (;;) {
		int sig = sigwaitinfo(set, NULL);

		if (sig == SIGTERM || sig == SIGINT) {
			is_ending = true;
			if (k->child)
				(void)kill(k->child, SIGTERM);
		}
		reap(k);
		if (k->child)
			continue;
		if (is_ending || !should_start_again(k))
			return exit_code(k->wait_status);
		log_warn("carpeld ended with status %d, starting it again",
			exit_code(k->wait_status));
		if (!rest(k, set))
			return EXIT_SUCCESS;
		k->delay_ms = k->delay_ms ? k->delay_ms * 2 : DELAY_FIRST_MS;
		if (k->delay_ms > DELAY_MAX_MS)
			k->delay_ms = DELAY_MAX_MS;
		if (start(k) < 0)
			return EXIT_FAILURE;
	}
}

int keeper_run(const struct layout *l, int listen_fd, char **argv)
{
	CLEANUP(cleanup_free) char *program = layout_program(l, "carpeld");
	CLEANUP(strv_free) struct strv words = { 0 };
	CLEANUP(cleanup_free) char **child_argv = NULL;
	struct keeper k = { .program = program, .listen_fd = listen_fd };
	sigset_t set;

	child_words(argv, &words);
	child_argv = strv_argv(&words);
	k.argv = child_argv;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		log_warn("cannot adopt orphans");
	if (start(&k) < 0)
		return EXIT_FAILURE;
	return keep(&k, &set);
}
