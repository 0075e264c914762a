#include "launch/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "launch/limits.h"
#include "launch/wait.h"
#include "sys/cred.h"
#include "sys/ns.h"

enum { STREAMS = 3, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* A process killed at birth, before its first instruction.  KERNEL 6.14 to at least 6.18: one born
 * into another cgroup than its parent's (CLONE_INTO_CGROUP) is killed when cgroup.kill was ever
 * written in only one of the two, since the kernel compares the two counts of that.  So it is born
 * beside us and moves, which is slow: the kernel waits for every fork of the machine. */
static int start_beside(struct job *j, struct ns_child *c, pid_t *pid, int *pidfd, struct err *e)
{
	(void)waitpid(*pid, NULL, 0);
	cleanup_fd(pidfd);
	j->cgroup_procs = openat(j->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (j->cgroup_procs < 0)
		return err_set(e, errno, "open %s/cgroup.procs", j->plan->cgroup_v2);
	c->cgroup_fd = -1;
	return ns_start(c, pid, pidfd, e);
}

/* Whoever means to kill what we make closes our result socket first. */
static bool is_wanted(const struct job *j)
{
	struct pollfd result = { .fd = j->plan->result_fd };

	return result.fd < 0 || poll(&result, 1, 0) <= 0 || !(result.revents & POLLHUP);
}

int process_start_helper(struct job *j, uint64_t flags, void (*run)(void *), pid_t *out_pid,
	int *out_pidfd, struct err *e)
{
	/* Whoever starts another one in turn is in the cgroup already. */
	struct ns_child c = {
		.flags = flags, .cgroup_fd = j->is_born ? -1 : j->cgroup_fd, .run = run, .arg = j
	};
	int rc = ns_start(&c, out_pid, out_pidfd, e);

	if (rc == 0 && !j->is_born && j->cgroup_fd >= 0 && is_wanted(j))
		rc = start_beside(j, &c, out_pid, out_pidfd, e);
	return rc;
}

int process_start(struct job *j, uint64_t namespaces, void (*run)(void *), struct err *e)
{
	int rc = process_start_helper(j, namespaces, run, &j->pid, &j->pidfd, e);

	/* A start that failed is reaped by whoever made it.  pause would take the zombie for the
	 * end of a container; an exec's would keep the container's PID namespace from ending. */
	if (rc == 0 && (!j->is_executing || j->rc < 0))
		(void)waitpid(j->pid, NULL, 0);
	return rc;
}

/* What a process in the container's namespaces has open shall be no way to the host's files. */
static void close_cgroups(struct job *j)
{
	for (size_t i = 0; i < j->plan->cgroups.len; i++)
		cleanup_fd(&j->cgroup_tasks[i]);
	cleanup_fd(&j->cgroup_procs);
	cleanup_fd(&j->cgroup_fd);
}

int process_join_cgroups(struct job *j, struct err *e)
{
	j->is_born = true;
	if (j->cgroup_procs >= 0 && write(j->cgroup_procs, "0", 1) < 0)
		return err_set(e, errno, "join %s", j->plan->cgroup_v2);
	for (size_t i = 0; i < j->plan->cgroups.len; i++)
		if (write(j->cgroup_tasks[i], "0", 1) < 0)
			return err_set(e, errno, "join %s", j->plan->cgroups.at[i]);
	close_cgroups(j);
	return 0;
}

/* Two passes, since a source may have the number that another one's copy needs. */
int process_place(int *from, int n, int first, struct err *e)
{
	for (int i = 0; i < n; i++)
		if (from[i] < first + n &&
			(from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, first + n)) < 0)
			return err_set(e, errno, "copy a descriptor");
	for (int i = 0; i < n; i++)
		if (dup2(from[i], first + i) < 0)
			return err_set(e, errno, "place descriptor %d", first + i);
	return 0;
}

/* Of no session of ours: neither our terminal's signals nor its control reach the program. */
static int start_session(struct job *j, struct err *e)
{
	(void)j;
	return setsid() < 0 ? err_set(e, errno, "setsid") : 0;
}

/* A program that is not root may open /dev/stdout again only when the pipe or terminal is its own.
 * Nothing else changes its owner: a stream may be the host's /dev/null.  Nor does a pipe that has a
 * name: that is somebody's file. */
static bool is_ours(const struct job *j, int fd)
{
	struct statfs fs;

	return j->plan->tty_fd >= 0 || (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC);
}

static int give_stream(const struct job *j, int fd, struct err *e)
{
	const int64_t uid = plan_host_id(&j->plan->uid_map, j->user.uid);

	if (uid == 0 || !is_ours(j, fd))
		return 0;
	return fchown(fd, (uid_t)uid, (gid_t)-1) < 0
		       ? err_set(e, errno, "give stream %d to uid %u", fd, (uid_t)uid)
		       : 0;
}

int process_give_streams(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	const int given[] = { p->tty_fd, p->stdin_fd, p->stdout_fd, p->stderr_fd };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < (p->tty_fd >= 0 ? 1 : ARRAY_LEN(given)); i++)
		if (given[i] >= 0)
			rc = give_stream(j, given[i], e);
	return rc;
}

static int place_streams(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	const bool has_tty = p->tty_fd >= 0;
	const int given[STREAMS] = { has_tty ? p->tty_fd : p->stdin_fd,
		has_tty ? p->tty_fd : p->stdout_fd, has_tty ? p->tty_fd : p->stderr_fd };
	int from[STREAMS], rc;

	for (int i = 0; i < STREAMS; i++)
		from[i] = given[i] >= 0 ? given[i] : j->null_fd;
	if ((rc = process_place(from, STREAMS, 0, e)) < 0)
		return rc;
	if (has_tty && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return err_set(e, errno, "make the terminal the controlling one");
	return 0;
}

static int new_keyring(struct job *j, struct err *e)
{
	(void)j;
	return cred_new_keyring(e);
}

/* Resolved below our root and without magic links: a working directory of "/proc/self/fd/7" leads
 * nowhere.  The kernel's own word on where we are is checked too. */
static int enter_cwd(struct job *j, struct err *e)
{
	const char *cwd = j->plan->cwd;
	CLEANUP(cleanup_fd) int dir = -1;
	char path[PATH_MAX];

	if (!cwd || strcmp(cwd, "/") == 0)
		return 0; /* there already */
	dir = fd_walk(AT_FDCWD, cwd, O_PATH | O_DIRECTORY, 0, e);
	if (dir < 0)
		return dir;
	if (fchdir(dir) < 0)
		return err_set(e, errno, "enter %s", cwd);
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return err_set(e, errno, "enter %s", cwd);
	return path[0] == '/' ? 0 : err_say(e, EXDEV, "enter %s: it is not below the root", cwd);
}

static int drop_bounding(struct job *j, struct err *e)
{
	return cred_keep_bounding(j->caps_mask, e);
}

/* Another identity makes the kernel dump us as fs.suid_dumpable says, and what may be dumped may be
 * traced by whoever is that user. */
static int set_identity(struct job *j, struct err *e)
{
	const struct user *u = &j->user;
	int rc = cred_become(u->uid, u->gid, u->groups, u->groups_len, e);

	return rc < 0 ? rc : cred_undumpable(e);
}

static int keep_for_filter(struct job *j, struct err *e)
{
	return j->caps_filter ? cred_apply_caps(j->caps_filter, e) : 0;
}

static int drop_capabilities(struct job *j, struct err *e)
{
	int rc = cred_apply_caps(j->caps, e);

	return rc == 0 && j->ambient_mask ? cred_raise_ambient(j->ambient_mask, e) : rc;
}

static int no_new_privs(struct job *j, struct err *e)
{
	(void)j;
	return cred_no_new_privs(e);
}

static int load_filter(struct job *j, struct err *e)
{
	return j->filter.code ? seccomp_install(&j->filter, e) : 0;
}

/* Whoever waits for a bundle's start hears of a failure until the very end: there exec closes. */
static int sweep(struct job *j, struct err *e)
{
	const size_t kept = j->kept_len;
	const unsigned how = j->start_conn >= 0 ? CLOSE_RANGE_CLOEXEC : 0;
	int rc;

	/* Out of their way. */
	if (j->start_conn >= 0 &&
		(j->start_conn = fcntl(j->start_conn, F_DUPFD_CLOEXEC, STREAMS + (int)kept)) < 0)
		return err_set(e, errno, "copy a descriptor");
	rc = kept ? process_place(j->kept_fds, (int)kept, STREAMS, e) : 0;

	if (rc < 0)
		return rc;
	return syscall(SYS_close_range, STREAMS + (unsigned)kept, ~0U, how) < 0
		       ? err_set(e, errno, "close_range")
		       : 0;
}

/* What a shell would answer. */
static int exec_failed(struct job *j, int code, struct err *e)
{
	bool is_missing = code == ENOENT || code == ENOTDIR;

	j->exit_code = is_missing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	return err_set(e, code, "%s", j->argv[0]);
}

/* As execvp(3) does, but on the container's PATH and without going on to a shell.  A directory that
 * may not be searched is remembered: when nothing better is found it is the reason.  try returns
 * only what errno says; 0 ends the search. */
static int search_path(struct job *j, int (*try)(struct job *j, const char *path), struct err *e)
{
	char path[PATH_MAX];
	int code = ENOENT;

	for (const char *at = j->path; at;) {
		size_t len = strcspn(at, ":");
		const char *dir = len ? at : ".";
		int n = snprintf(
			path, sizeof(path), "%.*s/%s", (int)(len ? len : 1), dir, j->argv[0]);
		int got = n < (int)sizeof(path) ? try(j, path) : ENOENT;

		if (got == 0)
			return 0;
		if (got == EACCES)
			code = EACCES;
		else if (got != ENOENT && got != ENOTDIR)
			return exec_failed(j, got, e);
		at = at[len] ? at + len + 1 : NULL;
	}
	if (code != ENOENT)
		return exec_failed(j, code, e);
	j->exit_code = EXIT_NOT_FOUND;
	return err_say(e, ENOENT, "%s: executable file not found in PATH", j->argv[0]);
}

static int try_program(struct job *j, int (*try)(struct job *j, const char *path), struct err *e)
{
	int code;

	if (!strchr(j->argv[0], '/'))
		return search_path(j, try, e);
	code = try(j, j->argv[0]);
	return code ? exec_failed(j, code, e) : 0;
}

static int look(struct job *j, const char *path)
{
	struct stat st;

	(void)j;
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 || stat(path, &st) < 0)
		return errno;
	return S_ISREG(st.st_mode) ? 0 : EACCES;
}

/* Only a look, and early: what matters is what exec finds. */
static int find_program(struct job *j, struct err *e)
{
	return j->plan->kind == PLAN_BUNDLE ? try_program(j, look, e) : 0;
}

static int become(struct job *j, const char *path)
{
	execve(path, j->argv, j->envp);
	return errno;
}

static int execute(struct job *j, struct err *e)
{
	j->is_executing = true;
	return try_program(j, become, e);
}

static const struct step common[] = {
	{ "start session", start_session }, /* before the terminal becomes controlling */
	{ "place streams", place_streams },
	{ "set limits", limits_set },             /* while they may still be raised */
	{ "new session keyring", new_keyring },   /* a filter forbids it */
	{ "enter working directory", enter_cwd }, /* root may enter what the user may not see */
	{ "drop bounding set", drop_bounding },   /* needs CAP_SETPCAP */
	{ "set identity", set_identity },         /* keeps what is permitted, for the rows below */
	{ "find program", find_program },         /* bundle: who creates it hears, not who starts */
	{ "wait for start", wait_for_start },     /* bundle: all but the program is in force */
};

static const struct step without_privs[] = {
	{ "close descriptors", sweep }, /* nothing is open but the streams, while all may be ours */
	{ "drop capabilities", drop_capabilities }, /* nothing below needs one */
	{ "no new privileges", no_new_privs },      /* lets anybody load a filter */
	{ "load seccomp filter", load_filter },     /* last: it may deny all but execve */
	{ "execute", execute },
};

/* Who may gain privileges by exec must not load a filter, says the kernel, unless CAP_SYS_ADMIN
 * does it.  So the filter comes before the last capability goes. */
static const struct step with_privs[] = {
	{ "keep a capability for the filter", keep_for_filter }, /* only that one beside the last */
	{ "close descriptors", sweep },             /* nothing is open at exec but the streams */
	{ "load seccomp filter", load_filter },     /* what follows it must be able to pass it */
	{ "drop capabilities", drop_capabilities }, /* final; by prctl and capset */
	{ "execute", execute },
};

int process_execute(struct job *j, struct err *e)
{
	int rc = steps_run(j, common, ARRAY_LEN(common), e);

	if (rc < 0)
		return rc;
	return j->plan->no_new_privs ? steps_run(j, without_privs, ARRAY_LEN(without_privs), e)
				     : steps_run(j, with_privs, ARRAY_LEN(with_privs), e);
}
