/* /proc says of each process which number it has in which pid namespace ("NSpid: 812 17 1": ours,
 * pause's, the container's).  A number is looked up, the process taken by pidfd, and the number
 * looked up again: what changed in between was somebody else.
 */
#include "engine/find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/engine.h"

enum { PIDS_MAX = 4096, STATUS_MAX = 16 * 1024, LEVELS_MAX = 8 };

static int open_pid(int32_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int find_check(struct err *e)
{
	CLEANUP(cleanup_fd) int fd = open_pid(getpid());

	return fd < 0 ? err_set(e, errno, "pidfd_open") : 0;
}

/* The numbers in NSpid, ours first; 0 when the process is gone. */
static size_t namespace_pids(int32_t pid, int64_t out[LEVELS_MAX])
{
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/%d/status", (int)pid);
	CLEANUP(buf_free) struct buf text = { 0 };
	char *line, *save = NULL;
	size_t n = 0;

	if (fd_read_file(AT_FDCWD, path, STATUS_MAX, &text, NULL) < 0 || !text.len)
		return 0;
	line = strstr(text.data, "\nNSpid:");
	if (!line)
		return 0;
	line += strlen("\nNSpid:");
	line[strcspn(line, "\n")] = '\0';
	for (char *word = strtok_r(line, " \t", &save); word && n < LEVELS_MAX;
		word = strtok_r(NULL, " \t", &save))
		if (str_to_i64(word, 1, INT32_MAX, &out[n]) == 0)
			n++;
	return n;
}

int find_pause(const struct engine *g, const char *cgroup)
{
	CLEANUP(cleanup_fd) int fd = -1;
	int64_t pids[LEVELS_MAX];
	int32_t pid;

	if (cgroup_pids(g->cgroups, cgroup, &pid, 1) < 1)
		return -ENOENT;
	fd = open_pid(pid);
	/* PID 1 of its own namespace, or it is not pause. */
	if (fd < 0 || namespace_pids(pid, pids) < 2 || pids[1] != 1)
		return -ENOENT;
	return take_fd(&fd);
}

/* 1: carpel-launch, which is still at work on it.  0: something else.  -errno: it has ended. */
static int runs_launch(const struct engine *g, int32_t pid)
{
	CLEANUP(cleanup_free) char *exe = str_fmt("/proc/%d/exe", (int)pid);
	CLEANUP(cleanup_free) char *launch = layout_program(&g->layout, "carpel-launch");
	struct stat a, b;

	if (stat(exe, &a) < 0)
		return -errno;
	return stat(launch, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The container's first process: PID 1 of a namespace of its own, or, with a shared one, the one
 * that the record names or else the oldest. */
static bool is_first(const int64_t *pids, size_t n, int32_t want)
{
	if (want)
		return n > 1 && pids[1] == want;
	return n == 2 || (n == 3 && pids[2] == 1);
}

struct found find_container(const struct engine *g, const char *cgroup, int32_t want, bool in_node)
{
	CLEANUP(cleanup_free) int32_t *all = mem_resize(NULL, PIDS_MAX, sizeof(*all));
	int count = cgroup_pids(g->cgroups, cgroup, all, PIDS_MAX);

	for (int i = 0; i < count; i++) {
		CLEANUP(cleanup_fd) int fd = open_pid(all[i]);
		int64_t pids[LEVELS_MAX];
		size_t n = fd < 0 ? 0 : namespace_pids(all[i], pids);
		int launch = n ? runs_launch(g, all[i]) : -ESRCH;

		bool is_it = in_node ? n > 0 && (!want || pids[0] == want)
				     : n > 1 && is_first(pids, n, want);

		if (is_it && launch >= 0)
			return (struct found){ .pidfd = take_fd(&fd),
				.pid = (int32_t)pids[in_node ? 0 : 1],
				.has_started = !launch };
	}
	return (struct found){ .pidfd = -1 };
}
