/* One launch: what the plan asks for and what was prepared for it.  carpel-launch prepares in the
 * host's view (descriptors, detached mounts, arrays), and the new process applies, on the same
 * memory, from a table of steps.  So an error or a pid needs no pipe: it is here.  Nothing is
 * released one by one: carpel-launch ends right after, and its end releases everything at once.
 *
 * The order of things, and what each stage must not do yet:
 *
 *     prepare   in the host's namespaces: every host path is opened here and nowhere else
 *     join      one setns() on the pod's pause or the container's first process.  From here on no
 *               host path exists, and nothing of libc is loaded (we are static)
 *     apply     in the new process, in the order of its table, up to exec.  No heap: descriptors,
 *               small buffers on the stack
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "base/err.h"
#include "launch/user.h"
#include "spec/plan.h"
#include "sys/seccomp.h"

enum { JOB_CGROUPS_MAX = 16, JOB_NAMESPACES = 5 };

struct cred_limit;

/* Detached mounts, each made in the host's view, -1: none. */
struct job_mounts {
	int root;                    /* the overlay */
	int dev;                     /* a tmpfs with the nodes and links of /dev */
	int console;                 /* the pty's slave, for /dev/console */
	int cgroup[JOB_CGROUPS_MAX]; /* the container's own directories, in the order of the plan */
	int cgroup_v2;
	int host_cgroups; /* privileged: all of /sys/fs/cgroup */
	int *binds;       /* one for each mount of the plan, those of volumes later; heap */
	/* With a user namespace, since only the host's power makes them: */
	int sys;    /* of the pod's network namespace */
	int shm;    /* the pod's /dev/shm, writable */
	int mqueue; /* the pod's message queues */
	int null;   /* our /dev/null, by which no volume can be meant; for the plan's masks */
};

struct job_device {
	int mount;    /* a detached copy of the host's node */
	char *target; /* in the container */
	char type;    /* 'c', 'b' */
	dev_t number;
	unsigned access; /* of enum plan's; 0: no rule */
};

/* What whoever starts many has made once for all of them, see serve.c; -1: each makes its own. */
enum job_shared_fd {
	SHARED_DEVICE_PROGRAM, /* of the usual rules, loaded */
	SHARED_PROC,           /* see prepare_make_proc() */
	SHARED_PAUSE,          /* see sandbox_copy_pause() */
	SHARED_FDS,
};

struct job_shared {
	int fd[SHARED_FDS];
	const char *pause_path; /* what SHARED_PAUSE is of; NULL */
};

struct job {
	const struct plan *plan;
	struct job_shared shared;

	const char *step;  /* the running one; for messages */
	bool is_born;      /* the new process has run its first step */
	bool is_executing; /* the last step was reached: what happens now is the program's doing */
	int exit_code;     /* of a failure, 0: 128 */
	int rc;            /* of the new process: what its last step returned, */
	struct err err;    /* and why.  Counts only with rc < 0: a step may note and go on */

	int null_fd;
	int proc_fd;    /* a procfs of our own, of processes; closed before anybody can see it */
	int sysctls_fd; /* one of everything, for the plan's sysctls; -1: it has none */
	int userns_fd;  /* one with the plan's maps; -1: it has none */
	int cgroup_fd;  /* v2, to be born in; closed once that is done */
	int cgroup_tasks[JOB_CGROUPS_MAX]; /* v1, to write "0" into */
	int cgroup_procs; /* v2, to write "0" into where being born there does not work; else -1 */
	int program_fd;   /* sandbox: carpel-pause */
	int kept[4];      /* sandbox: exit pipe and descriptor store */
	int shm_fd;       /* sandbox: the detached /dev/shm */
	int *volumes;     /* sandbox: the detached volumes of the plan; heap */

	int hooks_fd;    /* to who keeps the host's view for hooks; -1: there are none */
	pid_t hooks_pid; /* that one */

	int new_namespaces;             /* bundle: CLONE_NEW* of those to be made, */
	int namespaces[JOB_NAMESPACES]; /* and those to join; -1 */
	int start_conn;                 /* bundle: who started it, and hears if that fails */
	int *kept_fds;                  /* what becomes 3, 4, … of the program; heap */
	size_t kept_len;
	struct cred_limit *limits; /* the plan's; heap */
	size_t limits_len;

	struct job_mounts mounts;
	struct job_device *devices; /* those of the plan that are no nodes of our own; heap */
	size_t devices_len;

	struct user user;
	uint64_t caps_mask, ambient_mask;
	cap_t caps, caps_filter; /* final; final and what loading a filter needs */
	struct seccomp_filter filter;
	char **argv, **envp; /* NULL-closed arrays of borrowed texts */
	const char *path;    /* the PATH to search, borrowed */
	char *home;          /* HOME=…, when the plan names none */

	pid_t pid; /* as struct launch_report says */
	int pidfd;
};

void job_init(struct job *j, const struct plan *p, const struct job_shared *shared);
extern const struct job_shared job_nothing_shared;

/* A row of a launch.  Each checks itself whether it applies. */
struct step {
	const char *name;
	int (*run)(struct job *j, struct err *e);
};

/* Runs rows until one fails.  j->step names that one afterwards. */
int steps_run(struct job *j, const struct step *steps, size_t len, struct err *e);
