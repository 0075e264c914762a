/* pause's root is an empty read-only file system of its own with the pod's /dev/shm and its volumes
 * in memory mounted in it.  They are read-only there and made writable in each container's copy:
 * pause holds them for those by having them, and can write nowhere.  The pod's message queues need
 * no such holder, since the kernel keeps one file system of them for each IPC namespace.
 */
#include "launch/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "launch/namespaces.h"
#include "launch/prepare.h"
#include "launch/process.h"
#include "launch/userns.h"
#include "launch/volumes.h"
#include "sys/cred.h"
#include "sys/mount.h"
#include "sys/ns.h"

enum { SHM_BYTES = 64 << 20 };
/* Descriptors of pause, see pause/pause.c. */
enum { KEPT_FIRST = 3 };

static const uint64_t harmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

int sandbox_copy_pause(const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int copy = mount_copy(AT_FDCWD, path, MOUNT_ONE, e);
	int rc;

	if (copy < 0)
		return err_set(e, -copy, "open %s", path);
	rc = mount_restrict(copy, MOUNT_ATTR_RDONLY, MOUNT_ONE, e);
	return rc < 0 ? err_wrap(e, rc, "%s", path) : take_fd(&copy);
}

static int open_program(struct job *j, struct err *e)
{
	const char *path = j->plan->pause_path, *shared = j->shared.pause_path;

	j->program_fd = shared && str_eq(path, shared) && j->shared.fd[SHARED_PAUSE] >= 0
				? take_fd(&j->shared.fd[SHARED_PAUSE])
				: sandbox_copy_pause(path, e);
	return j->program_fd < 0 ? j->program_fd : 0;
}

/* Blocking on purpose: pause waits with a record when the pipe is full, and loses none. */
static int make_kept(struct job *j, struct err *e)
{
	if (pipe2(j->kept, O_CLOEXEC) < 0)
		return err_set(e, errno, "make the exit pipe");
	/* Ends 5 (write) and 6 (read): see pod/fdstore.h. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, j->kept + 2) < 0)
		return err_set(e, errno, "make the descriptor store");
	return 0;
}

static int make_shm(struct job *j, struct err *e)
{
	char bytes[24], uid[24], gid[24];
	const struct mount_option options[] = {
		{ "size", bytes },
		{ "mode", "1777" },
		{ "uid", uid },
		{ "gid", gid },
		{ j->plan->selinux_mount ? "context" : NULL, j->plan->selinux_mount },
	};
	const int64_t size = j->plan->shm_bytes ? j->plan->shm_bytes : SHM_BYTES;

	if (j->plan->host_ipc) {
		j->shm_fd = mount_copy(AT_FDCWD, "/dev/shm", MOUNT_ONE, e);
		return j->shm_fd < 0 ? j->shm_fd
				     : mount_restrict(j->shm_fd, harmless | MOUNT_ATTR_RDONLY,
					       MOUNT_ONE, e);
	}
	(void)snprintf(bytes, sizeof(bytes), "%lld", (long long)size);
	(void)snprintf(uid, sizeof(uid), "%u", userns_root_uid(j));
	(void)snprintf(gid, sizeof(gid), "%u", userns_root_gid(j));
	j->shm_fd =
		mount_new("tmpfs", options, ARRAY_LEN(options), harmless | MOUNT_ATTR_RDONLY, e);
	return j->shm_fd < 0 ? j->shm_fd : 0;
}

static int make_root(struct job *j, struct err *e)
{
	char inodes[24];
	const struct mount_option options[] = {
		{ "size", "4k" },
		{ "nr_inodes", inodes },
		{ "mode", "0555" },
	};
	int rc;

	(void)snprintf(inodes, sizeof(inodes), "%zu", 4 + j->plan->volumes_len);
	j->mounts.root = mount_new("tmpfs", options, ARRAY_LEN(options), harmless, e);
	if (j->mounts.root < 0)
		return j->mounts.root;
	if (mkdirat(j->mounts.root, "shm", 0555) < 0)
		return err_set(e, errno, "make /shm");
	if ((rc = volumes_make_places(j, e)) < 0)
		return rc;
	return mount_restrict(j->mounts.root, MOUNT_ATTR_RDONLY, MOUNT_ONE, e);
}

static int attach_root(struct job *j, struct err *e)
{
	int rc = mount_leave_peers(e);

	if (rc == 0)
		rc = mount_attach_at(j->mounts.root, AT_FDCWD, "/", e);
	if (rc == 0)
		rc = mount_attach_at(j->shm_fd, j->mounts.root, "shm", e);
	if (rc == 0)
		rc = volumes_attach(j, e);
	return rc < 0 ? rc : mount_pivot(j->mounts.root, e);
}

static int enter_root(struct job *j, struct err *e)
{
	return j->userns_fd < 0 ? attach_root(j, e) : 0; /* born there */
}

/* The pod's other namespaces belong to its user namespace; but not the mount namespace of pause,
 * for then the kernel would lock /dev/shm in it against us. */
static int enter_user_namespace(struct job *j, struct err *e)
{
	int rc;

	if (j->userns_fd < 0)
		return 0;
	if ((rc = ns_leave(CLONE_NEWNS, e)) < 0 || (rc = attach_root(j, e)) < 0)
		return rc;
	return ns_enter(j->userns_fd, CLONE_NEWUSER, e);
}

static int place_kept(struct job *j, struct err *e)
{
	enum { KEPT = (int)ARRAY_LEN(j->kept), ALL = KEPT_FIRST + KEPT };
	int from[ALL] = { j->null_fd, j->null_fd, j->null_fd };

	for (int i = 0; i < KEPT; i++)
		from[KEPT_FIRST + i] = j->kept[i];
	/* The program's own descriptor must be out of the way, and stays: it closes on exec. */
	if ((j->program_fd = fcntl(j->program_fd, F_DUPFD_CLOEXEC, ALL)) < 0)
		return err_set(e, errno, "copy a descriptor");
	return process_place(from, ALL, 0, e);
}

static int drop_privileges(struct job *j, struct err *e)
{
	int rc;

	(void)j;
	if (setsid() < 0)
		return err_set(e, errno, "setsid");
	rc = cred_become(0, 0, NULL, 0, e);
	/* With an empty bounding set exec gives root nothing: pause starts without a capability. */
	return rc < 0 ? rc : cred_keep_bounding(0, e);
}

/* What pause waits for.  The kernel drops a signal for PID 1 that has no handler, unless it is
 * blocked: so it must be before there is a PID 1 that anybody knows of. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
}

static int execute(struct job *j, struct err *e)
{
	char name[] = "carpel-pause", *argv[] = { name, NULL }, *envp[] = { NULL };

	/* All above the kept ones but the program's, which closes itself. */
	if (syscall(SYS_close_range, (unsigned)j->program_fd + 1, ~0U, 0) < 0)
		return err_set(e, errno, "close_range");
	if (j->program_fd > KEPT_FIRST + (int)ARRAY_LEN(j->kept) &&
		syscall(SYS_close_range, KEPT_FIRST + (unsigned)ARRAY_LEN(j->kept),
			(unsigned)j->program_fd - 1, 0) < 0)
		return err_set(e, errno, "close_range");
	hold_signals();
	j->is_executing = true;
	(void)syscall(SYS_execveat, j->program_fd, "", argv, envp, AT_EMPTY_PATH);
	return err_set(e, errno, "%s", j->plan->pause_path);
}

static const struct step child_steps[] = {
	{ "join cgroups", process_join_cgroups },           /* before anything is charged to us */
	{ "set hostname", namespaces_set_names },           /* our UTS namespace is new */
	{ "bring loopback up", namespaces_raise_loopback }, /* our network namespace is new */
	{ "set sysctls", namespaces_set_sysctls },          /* of what is new */
	{ "enter empty root", enter_root },                 /* from here on no host path exists */
	{ "place descriptors", place_kept },                /* 3 to 6, what pause holds */
	{ "drop privileges", drop_privileges },             /* nothing below needs one */
	{ "execute carpel-pause", execute },
};

static void child_main(void *arg)
{
	struct job *j = arg;

	j->rc = steps_run(j, child_steps, ARRAY_LEN(child_steps), &j->err);
}

static int start(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;

	return process_start(j,
		(j->userns_fd < 0 ? CLONE_NEWNS : 0) | CLONE_NEWPID | CLONE_NEWUTS |
			(p->host_network ? 0 : CLONE_NEWNET) | (p->host_ipc ? 0 : CLONE_NEWIPC),
		child_main, e);
}

static const struct step steps[] = {
	{ "open carpel-pause", open_program },     /* by the host's path */
	{ "open /dev/null", prepare_null },        /* pause's standard streams */
	{ "open procfs", prepare_proc },           /* for the score, for the maps */
	{ "open sysctls", prepare_sysctls },       /* as we are, outside */
	{ "open cgroups", prepare_cgroups },       /* to be born in and to join */
	{ "set oom_score_adj", prepare_oom },      /* inherited */
	{ "set security labels", prepare_labels }, /* inherited */
	{ "make user namespace", userns_prepare }, /* with its maps, and nobody in it */
	{ "make kept descriptors", make_kept },    /* the exit pipe and the descriptor store */
	{ "make shared memory", make_shm },        /* detached: nobody sees it yet */
	{ "make volumes", volumes_make },          /* detached */
	{ "make empty root", make_root },          /* detached */
	{ "enter user namespace", enter_user_namespace }, /* nobody has been born yet */
	{ "start process", start },                       /* runs the table above to its end */
};

int sandbox_launch(struct job *j, struct err *e)
{
	return steps_run(j, steps, ARRAY_LEN(steps), e);
}
