#include "engine/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "sys/starter.h"

int helper_start(struct engine *g, const struct helper *h, struct err *e)
{
	CLEANUP(cleanup_free) char *path = layout_program(&g->layout, h->program);
	CLEANUP(cleanup_free) char *name = str_dup(h->program);
	CLEANUP(cleanup_free) char *option = str_dup(h->option);
	CLEANUP(cleanup_free) char *operand = str_dup(h->operand);
	CLEANUP(cleanup_fd) int ours = -1;
	CLEANUP(cleanup_fd) int theirs = -1;
	char *argv[] = { name, option, operand, NULL }, *envp[] = { NULL };
	int pair[2], pidfd, fds[] = { -1, STDERR_FILENO, STDERR_FILENO, -1 }, rc;
	const struct spawn s = { .path = path,
		.exe_fd = h->exe_fd,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.dies_with_us = h->dies_with_us };
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	fds[HELPER_SOCKET_FD] = theirs;
	pidfd = starter_spawn(g->starter, &s, &pid, e);
	if (pidfd < 0)
		return pidfd;
	(void)child_watch(g, pidfd, pid, NULL, NULL);
	rc = cgroup_join(g->cgroups, HELPERS_CGROUP, pid, e);
	if (rc < 0)
		return rc; /* our end closes, which ends it */
	(void)fd_set_nonblock(ours);
	return take_fd(&ours);
}
