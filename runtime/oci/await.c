#include "oci/await.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BY_SIGNAL = 128 };

static void forwarded(sigset_t *set)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
		SIGWINCH };

	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(set, signals[i]);
}

int await_prepare(struct err *e)
{
	sigset_t set;

	forwarded(&set);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set(e, errno, "prepare to wait");
	return 0;
}

int await_end(int pidfd, struct err *e)
{
	struct signalfd_siginfo got;
	siginfo_t info = { 0 };
	sigset_t set;

	forwarded(&set);

	CLEANUP(cleanup_fd) int signals = signalfd(-1, &set, SFD_CLOEXEC);
	struct pollfd p[] = { { pidfd, POLLIN, 0 }, { signals, POLLIN, 0 } };

	if (signals < 0)
		return err_set(e, errno, "wait for signals");
	while (!(p[0].revents & POLLIN)) {
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_set(e, errno, "wait for the process");
		if (p[1].revents & POLLIN && read(signals, &got, sizeof(got)) == sizeof(got))
			(void)syscall(SYS_pidfd_send_signal, pidfd, (int)got.ssi_signo, NULL, 0);
	}
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return err_set(e, errno, "wait for the process");
	return info.si_code == CLD_EXITED ? info.si_status : BY_SIGNAL + info.si_status;
}
