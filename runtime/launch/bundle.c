/* OCI's container: its process is born of carpel-launch itself, in the namespaces that the plan
 * lists, and then waits for somebody to start it, perhaps for long.  carpel-launch does not wait
 * with it: it ends as soon as the process is born, which goes on alone on the memory that both
 * had, reports by itself, and is from then on the child of whoever is the subreaper above us, as
 * callers of OCI runtimes expect.
 *
 * Its mount namespace begins as a copy of the host's, cut off from it.  The root is attached at its
 * own path there, since hooks look for it there; with the pivot all that is the host's is gone.
 *
 * With a user namespace of its own it is born there, as is all that is new, but has the host's uid
 * until its root is attached.
 */
#include "launch/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "launch/binds.h"
#include "launch/devices.h"
#include "launch/limits.h"
#include "launch/mask.h"
#include "launch/namespaces.h"
#include "launch/prepare.h"
#include "launch/process.h"
#include "launch/root.h"
#include "launch/tree.h"
#include "launch/userns.h"
#include "launch/wait.h"
#include "sys/mount.h"
#include "sys/ns.h"

/* ---- in the container's first process ---- */

static int leave_peers(struct job *j, struct err *e)
{
	cleanup_fd(&j->proc_fd); /* no longer needed */
	return mount_leave_peers(e);
}

/* Opened anew: a descriptor from before is of the host's mount namespace. */
static int attach_root(struct job *j, struct err *e)
{
	const char *path = j->plan->rootfs;
	CLEANUP(cleanup_fd) int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (place < 0)
		return err_set(e, errno, "open %s", path);
	return mount_attach(j->mounts.root, place, e);
}

/* The kernel makes the files of an IPC namespace with it, for whoever makes it. */
static int become_root(struct job *j, struct err *e)
{
	int rc = userns_become_root(j, e);

	return rc == 0 && j->userns_fd >= 0 && j->new_namespaces & CLONE_NEWIPC
		       ? ns_leave(CLONE_NEWIPC, e)
		       : rc;
}

static int share_root(struct job *j, struct err *e)
{
	return j->plan->is_root_shared
		       ? mount_restrict_peers(j->mounts.root, 0, MS_SHARED, MOUNT_ONE, e)
		       : 0;
}

static const struct step first_process[] = {
	{ "join cgroups", process_join_cgroups }, /* before anything is charged to us */
	{ "take a cgroup namespace", namespaces_take_cgroup }, /* now that we are inside */
	{ "set host name", namespaces_set_names },             /* of a new UTS namespace */
	{ "bring loopback up", namespaces_raise_loopback },    /* of a new network namespace */
	{ "leave the host's mounts", leave_peers },            /* nothing of ours shows there */
	{ "attach root", attach_root },                        /* where hooks look for it */
	{ "become the container's root", become_root },        /* who may not see the path to it */
	{ "set sysctls", namespaces_set_sysctls },             /* of what is new */
	{ "make /dev", tree_make_bare_dev },  /* where no mount of the plan makes one */
	{ "attach mounts", binds_attach },    /* in the plan's order */
	{ "attach devices", devices_attach }, /* in /dev, anywhere */
	{ "finish /dev", tree_finish_dev },   /* whoever made it */
	{ "finish mounts", binds_finish },    /* read-only: nothing is made in them any more */
	{ "wait for hooks", wait_for_hooks }, /* all is there, and nothing is hidden */
	{ "make working directory", root_make_cwd }, /* while the root is writable */
	{ "make root read-only", root_restrict },    /* after the last thing made in it */
	{ "apply masks", mask_apply_given },         /* volumes are there, and their paths count */
	{ "enter root", root_enter },                /* the host's mounts are gone */
	{ "share root", share_root },                /* its parent is gone, which could not be */
};

static void first_process_main(void *arg)
{
	struct job *j = arg;

	j->rc = steps_run(j, first_process, ARRAY_LEN(first_process), &j->err);
	if (j->rc == 0)
		j->rc = process_execute(j, &j->err);
	wait_report_failure(j);
}

/* ---- carpel-launch itself ---- */

/* It joins its v2 cgroup by itself: whether one that is born there lives (launch/process.c) is only
 * known to who waits. */
static int open_cgroup_procs(struct job *j, struct err *e)
{
	if (j->cgroup_fd < 0)
		return 0;
	j->cgroup_procs = openat(j->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	cleanup_fd(&j->cgroup_fd);
	return j->cgroup_procs < 0 ? err_set(e, errno, "open %s/cgroup.procs", j->plan->cgroup_v2)
				   : 0;
}

/* Device nodes of an image are files of a stranger; devices live in /dev only. */
static int copy_root(struct job *j, struct err *e)
{
	j->mounts.root = mount_copy(AT_FDCWD, j->plan->rootfs, MOUNT_WITH_BELOW, e);
	return j->mounts.root < 0
		       ? j->mounts.root
		       : mount_restrict(j->mounts.root, MOUNT_ATTR_NODEV, MOUNT_WITH_BELOW, e);
}

static int resolve_user(struct job *j, struct err *e)
{
	int rc = prepare_user(j, j->mounts.root, e);

	return rc < 0 ? rc : userns_check_user(j, e);
}

static int start_alone(struct job *j, struct err *e)
{
	const int later = CLONE_NEWCGROUP | (j->userns_fd >= 0 ? CLONE_NEWIPC : 0);
	const struct ns_child c = {
		.flags = (unsigned)(CLONE_NEWNS | (j->new_namespaces & ~later)),
		.cgroup_fd = -1,
		.is_left_alone = true,
		.run = first_process_main,
		.arg = j,
	};
	int pidfd = -1; /* ours, which ends with us: it opens one of its own */
	int rc = ns_start(&c, &j->pid, &pidfd, e);

	if (rc == 0)
		_exit(0);
	return rc;
}

static const struct step bundle_steps[] = {
	{ "open /dev/null", prepare_null },         /* for streams that the plan leaves out */
	{ "open procfs", prepare_proc },            /* for the score */
	{ "open sysctls", prepare_sysctls },        /* as we are, outside */
	{ "open cgroups", prepare_cgroups },        /* to join */
	{ "open namespaces", namespaces_open },     /* by the host's paths */
	{ "set oom_score_adj", prepare_oom },       /* inherited */
	{ "set security labels", prepare_labels },  /* inherited */
	{ "read seccomp filter", prepare_filter },  /* before the capabilities: they depend on it */
	{ "prepare capabilities", prepare_caps },   /* libcap allocates: here, not after clone */
	{ "prepare limits", limits_prepare },       /* allocates, too */
	{ "make user namespace", userns_prepare },  /* with its maps, and nobody in it */
	{ "copy mounts", binds_copy },              /* by the host's paths, detached */
	{ "copy cgroup views", tree_copy_views },   /* by the host's paths, detached */
	{ "make devices", devices_make },           /* while the cgroup does not forbid us to */
	{ "restrict devices", devices_restrict },   /* before anyone is in the cgroup */
	{ "open cgroup.procs", open_cgroup_procs }, /* of the v2 tree */
	{ "copy root", copy_root },                 /* detached */
	{ "resolve user", resolve_user },           /* in the image, below the detached root */
	{ "give streams", process_give_streams },   /* to whom the program will be */
	{ "prepare arguments", prepare_arrays },    /* HOME is known now */
	{ "become non-dumpable", prepare_hiding },  /* before a stranger can see us */
	{ "join namespaces", namespaces_join },     /* those that are there */
	{ "raise limits", limits_raise },           /* while we have the host's power */
	{ "enter user namespace", userns_enter_own }, /* the new ones belong to it */
	{ "start process", start_alone },             /* runs the table above; we are done */
};

int bundle_launch(struct job *j, struct err *e)
{
	return steps_run(j, bundle_steps, ARRAY_LEN(bundle_steps), e);
}
