/* Maps of more than one id are written by somebody outside, in the namespace's parent, and through
 * a process inside.  That process never runs: it ends as its first act, and the maps are written
 * while it is a zombie of ours.  So there is nobody inside without a map, and when we are killed in
 * between nothing is left: the zombie goes with us, and the namespace with the zombie.
 */
#include "sys/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/ns.h"

static void end_at_once(void *arg)
{
	(void)arg;
	_exit(0);
}

static int open_below(int proc, const char *path, int flags, struct err *e)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };

	return fd_openat2(proc, path, &how, e);
}

static int write_map(int proc, pid_t pid, const char *name, const char *map, struct err *e)
{
	char path[40];
	size_t len = strlen(map);

	(void)snprintf(path, sizeof(path), "%d/%s", pid, name);

	CLEANUP(cleanup_fd) int fd = open_below(proc, path, O_WRONLY, e);

	if (fd < 0)
		return fd;
	if (write(fd, map, len) != (ssize_t)len)
		return err_set(e, errno, "write %s", name);
	return 0;
}

/* The magic link is the point: it is the namespace itself. */
static int open_namespace(int proc, pid_t pid, struct err *e)
{
	char path[40];
	int fd;

	(void)snprintf(path, sizeof(path), "%d/ns/user", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open the user namespace") : fd;
}

int userns_make(int proc, const char *uid_map, const char *gid_map, struct err *e)
{
	const struct ns_child c = { .flags = CLONE_NEWUSER, .cgroup_fd = -1, .run = end_at_once };
	CLEANUP(cleanup_fd) int pidfd = -1;
	pid_t pid;
	int rc = ns_start(&c, &pid, &pidfd, e);

	if (rc < 0)
		return err_wrap(e, rc, "new user namespace");
	rc = write_map(proc, pid, "uid_map", uid_map, e);
	if (rc == 0)
		rc = write_map(proc, pid, "gid_map", gid_map, e);
	if (rc == 0)
		rc = open_namespace(proc, pid, e);
	(void)waitpid(pid, NULL, 0);
	return rc;
}

int userns_read_map(int proc, const char *name, char *out, size_t size, struct err *e)
{
	char path[40];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "self/%s", name);

	CLEANUP(cleanup_fd) int fd = open_below(proc, path, O_RDONLY, e);

	if (fd < 0)
		return fd;
	n = read(fd, out, size - 1);
	if (n < 0)
		return err_set(e, errno, "read our %s", name);
	out[n] = '\0';
	return 0;
}
