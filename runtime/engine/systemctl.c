#include "engine/systemctl.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "sys/starter.h"
#include "sys/systemd.h"

int systemctl_run(struct engine *g, const struct strv *words, void (*done)(void *arg, int status),
	void *arg, struct err *e)
{
	CLEANUP(strv_free) struct strv all = { 0 };
	CLEANUP(cleanup_free) char **argv = NULL;
	char *envp[] = { NULL };
	const int fds[] = { -1, -1, STDERR_FILENO };
	struct spawn p = { .path = SYSTEMD_CTL,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.is_expendable = true };
	pid_t pid;
	int pidfd;

	strv_add(&all, "systemctl");
	for (size_t i = 0; i < words->len; i++)
		strv_add(&all, words->at[i]);
	argv = strv_argv(&all);
	p.argv = argv;
	pidfd = starter_spawn(g->starter, &p, &pid, e);
	if (pidfd < 0)
		return pidfd;
	(void)child_watch(g, pidfd, pid, done, arg);
	return 0;
}
