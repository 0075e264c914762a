#include "launch/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/ns.h"

static const struct {
	const char *word;
	int flag;
} kinds[JOB_NAMESPACES] = {
	{ "pid", CLONE_NEWPID },
	{ "network", CLONE_NEWNET },
	{ "ipc", CLONE_NEWIPC },
	{ "uts", CLONE_NEWUTS },
	{ "cgroup", CLONE_NEWCGROUP },
};

/* O_NONBLOCK: a path may turn out to be a FIFO. */
int namespaces_open_path(const char *path, int flag, int *out, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open namespace %s", path);
	if (ioctl(fd, NS_GET_NSTYPE) != flag)
		return err_say(e, EINVAL, "%s is no namespace of that kind", path);
	*out = take_fd(&fd);
	return 0;
}

int namespaces_open(struct job *j, struct err *e)
{
	const struct strv *all = &j->plan->namespaces;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < all->len; i++)
		for (size_t k = 0; rc == 0 && k < JOB_NAMESPACES; k++) {
			const size_t len = strlen(kinds[k].word);

			if (strncmp(all->at[i], kinds[k].word, len) != 0)
				continue;
			if (all->at[i][len] == ':')
				rc = namespaces_open_path(
					all->at[i] + len + 1, kinds[k].flag, &j->namespaces[k], e);
			else
				j->new_namespaces |= kinds[k].flag;
		}
	return rc;
}

static int open_own_cgroup(const struct job *j, struct err *e)
{
	int fd = openat(j->proc_fd, "self/ns/cgroup", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_set(e, errno, "open our cgroup namespace") : fd;
}

int namespaces_open_cgroup(struct job *j, struct err *e)
{
	CLEANUP(cleanup_fd) int own = -1;
	CLEANUP(cleanup_fd) int theirs = -1;
	struct stat a, b;
	int rc;

	if (!j->plan->uid_map.len)
		return 0;
	if ((own = open_own_cgroup(j, e)) < 0)
		return own;
	if ((rc = ns_enter(j->plan->pause_fd, CLONE_NEWCGROUP, e)) < 0)
		return rc;
	if ((theirs = open_own_cgroup(j, e)) < 0)
		return theirs;
	if ((rc = ns_enter(own, CLONE_NEWCGROUP, e)) < 0)
		return rc;
	/* The host's nobody may join from in there, nor needs to. */
	if (fstat(own, &a) < 0 || fstat(theirs, &b) < 0)
		return err_set(e, errno, "look at cgroup namespaces");
	if (a.st_ino == b.st_ino)
		return 0;
	j->namespaces[JOB_NAMESPACES - 1] = take_fd(&theirs);
	return 0;
}

int namespaces_join(struct job *j, struct err *e)
{
	for (size_t k = 0; k < JOB_NAMESPACES; k++)
		if (j->namespaces[k] >= 0 && kinds[k].flag != CLONE_NEWCGROUP &&
			setns(j->namespaces[k], kinds[k].flag) < 0)
			return err_set(e, errno, "join %s namespace", kinds[k].word);
	return 0;
}

int namespaces_take_cgroup(struct job *j, struct err *e)
{
	const int there = j->namespaces[JOB_NAMESPACES - 1];

	if (there >= 0)
		return ns_enter(there, CLONE_NEWCGROUP, e);
	return j->new_namespaces & CLONE_NEWCGROUP ? ns_leave(CLONE_NEWCGROUP, e) : 0;
}

int namespaces_set_names(struct job *j, struct err *e)
{
	const char *name = j->plan->hostname;

	if (name && sethostname(name, strlen(name)) < 0)
		return err_set(e, errno, "hostname %s", name);
	name = j->plan->domainname;
	if (name && setdomainname(name, strlen(name)) < 0)
		return err_set(e, errno, "domainname %s", name);
	return 0;
}

int namespaces_raise_loopback(struct job *j, struct err *e)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	CLEANUP(cleanup_fd) int sock = -1;

	if (j->plan->kind == PLAN_SANDBOX ? j->plan->host_network
					  : !(j->new_namespaces & CLONE_NEWNET))
		return 0;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &r) < 0)
		return err_set(e, errno, "bring lo up");
	return 0;
}

/* In a user namespace the sysctls of the IPC namespace are written as the pod's root.  KERNEL 6.9:
 * and before that as the host's, who we are until then. */
static int open_sysctl(const struct job *j, const char *path, struct err *e)
{
	struct open_how how = { .flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS };
	int fd = fd_openat2(j->sysctls_fd, path, &how, e);

	if (fd != -EACCES || j->userns_fd < 0 || syscall(SYS_setresuid, -1, 0, -1) < 0)
		return fd;
	return fd_openat2(j->sysctls_fd, path, &how, e);
}

/* The same files of procfs show each process the values of its own namespaces.  The plan's reader
 * has checked that the name is one of those, and that no component of it is "..". */
static int write_sysctl(const struct job *j, const struct plan_sysctl *s, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = -1;
	char path[512];
	size_t len = strlen(s->value);

	(void)snprintf(path, sizeof(path), "sys/%s", s->name);
	if (!strchr(s->name, '/'))
		for (char *c = path; *c; c++)
			if (*c == '.')
				*c = '/';
	fd = open_sysctl(j, path, e);
	if (fd < 0)
		return err_wrap(e, fd, "sysctl %s=%s", s->name, s->value);
	if (write(fd, s->value, len) != (ssize_t)len)
		return err_set(e, errno, "sysctl %s=%s", s->name, s->value);
	return 0;
}

int namespaces_set_sysctls(struct job *j, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < j->plan->sysctls_len; i++)
		rc = write_sysctl(j, &j->plan->sysctls[i], e);
	cleanup_fd(&j->sysctls_fd);
	return rc;
}
