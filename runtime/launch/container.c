/* Three processes on one memory.  carpel-launch joins the namespaces of pause; for a PID namespace
 * that only takes effect for what it starts.  So it starts an intermediate, which is in the pod's
 * PID namespace; that starts the container's first process and ends, and the kernel hands the
 * orphan to the init of the pod: pause, which will reap it and keep its exit status.
 *
 * An orphan goes to the init of the namespace that its parent was in, not of its own.  So a
 * container in another one's PID namespace is pause's child too, since only the first process
 * enters there.  In the host's PID namespace the intermediate is in it as well, and whoever is the
 * subreaper above carpel-launch gets the orphan.
 */
#include "launch/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "launch/binds.h"
#include "launch/devices.h"
#include "launch/hooks.h"
#include "launch/limits.h"
#include "launch/mask.h"
#include "launch/namespaces.h"
#include "launch/overlay.h"
#include "launch/prepare.h"
#include "launch/process.h"
#include "launch/root.h"
#include "launch/tree.h"
#include "launch/userns.h"
#include "launch/volumes.h"
#include "sys/mount.h"
#include "sys/ns.h"

/* ---- in the container's first process ---- */

/* The namespace's root is where we are when it is made: so not at clone, but after joining. */
static int leave_cgroup_namespace(struct job *j, struct err *e)
{
	bool needs_own = !j->plan->privileged || j->plan->uid_map.len;

	return needs_own ? ns_leave(CLONE_NEWCGROUP, e) : 0;
}

static const struct step first_process[] = {
	{ "become the pod's root", userns_become_root },    /* what is made below belongs to it */
	{ "new cgroup namespace", leave_cgroup_namespace }, /* the intermediate has joined */
	{ "attach root", tree_attach_root },                /* over pause's empty one */
	{ "make /proc", tree_make_proc },                   /* of our PID namespace */
	{ "make /dev", tree_make_dev },              /* its /dev/null hides files in the next */
	{ "make /sys", tree_make_sys },              /* of the pod's network namespace */
	{ "hide paths", mask_hide_default },         /* before volumes can stand in the way */
	{ "attach mounts", binds_attach },           /* in the plan's order */
	{ "attach devices", devices_attach },        /* in /dev, on volumes, anywhere */
	{ "run hooks", hooks_run },                  /* all is there, and nothing is masked */
	{ "make working directory", root_make_cwd }, /* while the root is writable */
	{ "make root read-only", root_restrict },    /* after the last thing made in it */
	{ "apply masks", mask_apply_given },         /* volumes are there, and their paths count */
	{ "enter root", root_enter },                /* the pod's empty root is gone */
};

static void first_process_main(void *arg)
{
	struct job *j = arg;

	j->rc = steps_run(j, first_process, ARRAY_LEN(first_process), &j->err);
	if (j->rc == 0)
		j->rc = process_execute(j, &j->err);
}

/* ---- the intermediate, in the pod's PID namespace ---- */

/* Takes effect for what we start.  The kernel lets us only into namespaces below our own, the
 * pod's. */
static int join_target(struct job *j, struct err *e)
{
	return j->plan->pid == PLAN_PID_TARGET ? ns_enter(j->plan->pid_target_fd, CLONE_NEWPID, e)
					       : 0;
}

/* With a shared PID namespace it is seen by containers that run already, and they may stop or kill
 * it.  So it is in the container's cgroup as well, and what kills that ends this start. */
static const struct step intermediate[] = {
	{ "join cgroups", process_join_cgroups },           /* before anything is charged to us */
	{ "join the target's PID namespace", join_target }, /* for the first process */
};

static void intermediate_main(void *arg)
{
	struct job *j = arg;
	int rc = steps_run(j, intermediate, ARRAY_LEN(intermediate), &j->err);

	if (rc == 0)
		rc = process_start(j,
			CLONE_NEWNS | (j->plan->pid == PLAN_PID_CONTAINER ? CLONE_NEWPID : 0),
			first_process_main, &j->err);
	if (rc < 0) {
		j->rc = rc;
		_exit(1);
	}
	_exit(0);
}

/* ---- carpel-launch itself ---- */

static int resolve_user(struct job *j, struct err *e)
{
	int rc = prepare_user(j, j->mounts.root, e);

	return rc < 0 ? rc : userns_check_user(j, e);
}

/* We are not in the container's PID namespace; what we start is, and it shall have no directory of
 * the host open, nor what we share with other launches. */
static int close_ours(struct job *j, struct err *e)
{
	(void)e;
	cleanup_fd(&j->proc_fd);
	for (size_t i = 0; i < SHARED_FDS; i++)
		cleanup_fd(&j->shared.fd[i]);
	return 0;
}

static int join_pod(struct job *j, struct err *e)
{
	return ns_enter(j->plan->pause_fd,
		CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			(j->plan->pid == PLAN_PID_HOST ? 0 : CLONE_NEWPID),
		e);
}

static int start_container(struct job *j, struct err *e)
{
	/* Shared descriptors: the pidfd that the intermediate is given is ours to report. */
	int pidfd = -1, rc;
	pid_t pid;

	rc = process_start_helper(j, CLONE_FILES, intermediate_main, &pid, &pidfd, e);
	if (rc == 0)
		(void)waitpid(pid, NULL, 0);
	hooks_end(j);
	return rc;
}

static const struct step container_steps[] = {
	{ "open /dev/null", prepare_null },        /* for streams that the plan leaves out */
	{ "open procfs", prepare_proc },           /* for the score */
	{ "open cgroups", prepare_cgroups },       /* to be born in and to join */
	{ "set oom_score_adj", prepare_oom },      /* inherited */
	{ "read seccomp filter", prepare_filter }, /* before the capabilities: they depend on it */
	{ "prepare capabilities", prepare_caps },  /* libcap allocates: here, not after clone */
	{ "prepare limits", limits_prepare },      /* allocates, too */
	{ "prepare user namespace", userns_prepare }, /* for the copies of mounts and layers */
	{ "copy mounts", binds_copy },                /* by the host's paths, detached */
	{ "copy cgroup views", tree_copy_views },     /* by the host's paths, detached */
	{ "make devices", devices_make },             /* while the cgroup does not forbid us to */
	{ "restrict devices", devices_restrict },     /* before anyone is in the cgroup */
	{ "make root", overlay_make },              /* may change our directory: last of its kind */
	{ "resolve user", resolve_user },           /* in the image, below the detached root */
	{ "give streams", process_give_streams },   /* to whom the program will be */
	{ "prepare arguments", prepare_arrays },    /* HOME is known now */
	{ "become non-dumpable", prepare_hiding },  /* before a stranger can see us */
	{ "prepare hooks", hooks_prepare },         /* who stays where host paths exist */
	{ "set security labels", prepare_labels },  /* inherited, and not by hooks */
	{ "join the pod's namespaces", join_pod },  /* from here on no host path exists */
	{ "copy the pod's volumes", volumes_copy }, /* from pause's root, detached */
	{ "prepare the inside", tree_prepare_inside }, /* while we have the host's power */
	{ "raise limits", limits_raise },              /* the same */
	{ "enter user namespace", userns_enter },      /* nobody has been born yet */
	{ "close what is ours", close_ours },          /* before anybody can see it */
	{ "start process", start_container },          /* runs the tables above to their end */
};

int container_launch(struct job *j, struct err *e)
{
	return steps_run(j, container_steps, ARRAY_LEN(container_steps), e);
}

/* ---- exec ---- */

/* Not with the other namespaces: who is inside may be born only into cgroups that it sees, says
 * cgroup2 where it is mounted with nsdelegate, as systemd does; and we come from outside. */
static int join_cgroup_namespace(struct job *j, struct err *e)
{
	return j->plan->uid_map.len ? namespaces_take_cgroup(j, e)
				    : ns_enter(j->plan->pause_fd, CLONE_NEWCGROUP, e);
}

static const struct step exec_process[] = {
	{ "join cgroups", process_join_cgroups }, /* before anything is charged to us */
	{ "join the cgroup namespace", join_cgroup_namespace }, /* now that we are inside */
};

static void exec_main(void *arg)
{
	struct job *j = arg;

	j->rc = steps_run(j, exec_process, ARRAY_LEN(exec_process), &j->err);
	if (j->rc == 0)
		j->rc = process_execute(j, &j->err);
}

/* What the first process has of its own, its root with the mount namespace. */
static int join_container(struct job *j, struct err *e)
{
	return ns_enter(j->plan->pause_fd,
		CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID, e);
}

static int resolve_user_inside(struct job *j, struct err *e)
{
	int rc = prepare_user(j, AT_FDCWD, e); /* setns has put us into its "/" */

	return rc < 0 ? rc : userns_check_user(j, e);
}

static int start_exec(struct job *j, struct err *e)
{
	return process_start(j, 0, exec_main, e);
}

static const struct step exec_steps[] = {
	{ "open /dev/null", prepare_null },        /* the host's: the container's may be anything */
	{ "open procfs", prepare_proc },           /* for the score */
	{ "open cgroups", prepare_cgroups },       /* to be born in and to join */
	{ "set oom_score_adj", prepare_oom },      /* inherited */
	{ "set security labels", prepare_labels }, /* inherited */
	{ "read seccomp filter", prepare_filter }, /* before the capabilities: they depend on it */
	{ "prepare capabilities", prepare_caps },  /* libcap allocates: here, not after clone */
	{ "prepare limits", limits_prepare },      /* allocates, too */
	{ "become non-dumpable", prepare_hiding }, /* before a stranger can see us */
	{ "open cgroup namespace", namespaces_open_cgroup }, /* while we have the host's power */
	{ "join the container's namespaces",
		join_container },                 /* from here on no host path exists */
	{ "resolve user", resolve_user_inside },  /* as the container's files say now */
	{ "give streams", process_give_streams }, /* to whom the program will be */
	{ "prepare arguments", prepare_arrays },  /* HOME is known now */
	{ "raise limits", limits_raise },         /* while we have the host's power */
	{ "enter user namespace", userns_enter }, /* nobody has been born yet */
	{ "close what is ours", close_ours },     /* before anybody can see it */
	{ "start process", start_exec },          /* runs the tables above to their end */
};

int exec_launch(struct job *j, struct err *e)
{
	return steps_run(j, exec_steps, ARRAY_LEN(exec_steps), e);
}
