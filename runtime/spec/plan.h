/* The launch plan: what carpeld tells carpel-launch to make.  Text, so that a shell can write one:
 * records `key=value` closed by NUL, read from descriptor 3 up to end of file (1 MiB at most).  A
 * key may repeat where a list is meant.  Unknown keys, missing or out-of-range values and repeated
 * single keys are refused by name.  Descriptors are named by number and inherited.
 *
 * `tr '\n' '\0' < plan.txt | carpel-launch 3<&0` is how a person uses it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* bundle: a container of its own, without a pod and its pause: what OCI calls one. */
enum plan_kind { PLAN_SANDBOX = 1, PLAN_CONTAINER, PLAN_EXEC, PLAN_BUNDLE };

enum { PLAN_FD = 3, PLAN_BYTES_MAX = 1 << 20, PLAN_MOUNT_OPTIONS_MAX = 1000, PLAN_IDS_MAX = 64 };

/* What mounting and unmounting below one of source and target means for the other: nothing; what
 * the host does appears in the container too (Kubernetes' HostToContainer); both (Bidirectional).
 */
enum plan_propagation { PLAN_PRIVATE, PLAN_SLAVE, PLAN_SHARED };

enum plan_atime { PLAN_ATIME_USUAL, PLAN_ATIME_NEVER, PLAN_ATIME_STRICT };

/* A range of ids of a user namespace, as a line of /proc/PID/uid_map. */
struct plan_ids {
	uint32_t inside, outside, size;
};

struct plan_map {
	struct plan_ids *at;
	size_t len;
};

struct plan_mount {
	char *source, *target; /* host path, whose links are followed; path in the container */
	bool is_volume; /* the source is /NAME[/PATH] instead: of a volume of the sandbox, and
			   a directory in it, made when missing, whatever links it holds */
	bool read_only; /* this mount; those below it stay as they are */
	bool recursive_read_only;      /* and those below it; needs read_only and PLAN_PRIVATE */
	bool is_file;                  /* the target to create is a file */
	bool is_alone;                 /* without what is mounted below source */
	bool no_exec, no_dev, no_suid; /* also of what is mounted below it */
	bool is_mapped; /* idmapped by the plan's uid-map and gid-map, with what is mounted below
			   it; files on the host keep the ids that they have in the container */
	struct plan_map uids, gids; /* or by these: files have the ids inside, and on the mount the
				       host's outside */
	enum plan_propagation propagation; /* slave: the source's mount must be shared or slave;
					      shared: it must be shared */

	/* bundle: a new file system of that type, which source names, with its own options
	 * ("mode=755,size=64k"); NULL: what is at source.  Type "cgroup" is the container's own
	 * part of each hierarchy of the host. */
	char *type, *options;
	enum plan_atime atime; /* bundle */
	bool copies_up;        /* a tmpfs: begins with what is below its target */
};

/* A tmpfs that the sandbox holds for its containers, and that goes with it. */
struct plan_volume {
	char *name; /* letters, digits, '-' and '.' */
	int64_t size_bytes;
	int64_t gid; /* of its root, which is then setgid; -1: root's */
};

/* The PID namespace of a container's first process: a new one below the pod's; the pod's; that of
 * another container; the host's. */
enum plan_pid { PLAN_PID_CONTAINER, PLAN_PID_POD, PLAN_PID_TARGET, PLAN_PID_HOST };

/* What is hidden and what is read-only in a container: the usual lists (none for a privileged one),
 * or exactly what the plan lists. */
enum plan_masks { PLAN_MASKS_DEFAULT, PLAN_MASKS_GIVEN };

struct plan_sysctl {
	char *name, *value;
};

enum { PLAN_MKNOD = 1, PLAN_READ = 2, PLAN_WRITE = 4 }; /* access to a device */
enum { PLAN_DEVICES_MAX = 256, PLAN_DEVICE_RULES_MAX = 512 };

/* A node in the container.  The host's own, which nobody in the container can change the owner or
 * mode of; or, where any of mode, uid and gid is given or a number instead of a path, a new one,
 * below /dev only. */
struct plan_device {
	char *source, *target;  /* source: host path, whose links are followed: a device, or a
				   directory of devices, which appear below target; or the type and
				   number: "c10.229", "b7.0", "p" for a FIFO */
	unsigned access;        /* allowed to the container; 0: no rule, only a node */
	int32_t mode, uid, gid; /* -1: not given */
};

/* See sys/device_rules.h. */
struct plan_device_rule {
	bool is_allowed;
	char type;            /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1: any */
	unsigned access;
};

enum plan_hook_kind {
	PLAN_HOOK_PRESTART = 1,
	PLAN_HOOK_CREATE_RUNTIME,
	PLAN_HOOK_CREATE_CONTAINER
};
enum { PLAN_HOOKS_MAX = 64 };

/* A program of the host, as the host's root, before the container's program: see launch/hooks.h. */
struct plan_hook {
	enum plan_hook_kind kind;
	int32_t timeout_s; /* 0: none */
	char *path;
	struct strv args, env; /* args empty: the path alone; env empty: a PATH */
};
const char *plan_hook_name(enum plan_hook_kind kind);

struct plan {
	enum plan_kind kind; /* kind=sandbox|container|exec */
	char *id;            /* id=: of the sandbox, container or exec; for messages */
	int32_t result_fd;   /* result-fd=: SEQPACKET socket for struct launch_report */
	int32_t pause_fd;    /* pause-fd=: container: pidfd of the pod's pause.  exec: pidfd of the
				container's init */
	int32_t stdin_fd, stdout_fd, stderr_fd; /* stdin-fd= …; -1: /dev/null */
	int32_t tty_fd;     /* tty-fd=: the slave of a pty: becomes stdin, stdout, stderr and the
			       controlling terminal; -1 */
	int32_t seccomp_fd; /* seccomp-fd=: sock_filter program to load; -1: unconfined */
	int32_t start_fd;   /* start-fd=: bundle: a listening SEQPACKET socket.  The process waits
			       before its program until somebody connects and sends a byte; it answers
			       with a report if that fails, else the connection ends with exec */

	/* cgroups: paths below the mount of each controller, made and limited by the caller
	 * beforehand */
	struct strv cgroups; /* cgroup=: absolute directories to join, v1 ones by writing "0", */
	char *cgroup_v2;     /* cgroup-v2=: this one by CLONE_INTO_CGROUP; NULL: none */

	/* uid-map=CONTAINER:HOST:SIZE gid-map=, PLAN_IDS_MAX of each at most, without overlap and
	 * with container id 0: the user namespace of the pod or the bundle, whose new namespaces
	 * belong to it.  All plans of a pod, or of a bundle, have the same; a process whose plan
	 * says other than those namespaces is not started.  Neither: the host's.  upper= and what
	 * is in it belong to the ids on the host's side */
	struct plan_map uid_map, gid_map;

	/* sandbox */
	char *pause_path;            /* pause=: host path of carpel-pause */
	char *hostname;              /* hostname= */
	bool host_network, host_ipc; /* host-network=1 host-ipc=1 */
	struct plan_sysctl *sysctls; /* sysctl=NAME=VALUE */
	size_t sysctls_len;
	int64_t shm_bytes;           /* shm-bytes=: 0 means 64 MiB */
	struct plan_volume *volumes; /* volume=SIZE:[GID]:NAME */
	size_t volumes_len;

	/* container */
	struct strv lowers;    /* lower=: image layer directories, the topmost first */
	char *upper, *work;    /* upper= work= */
	bool read_only_root;   /* read-only-root=1 */
	enum plan_pid pid;     /* pid=container|pod|target|host */
	int32_t pid_target_fd; /* pid-target-fd=: pid=target: pidfd of a process of that container
				*/
	bool privileged;       /* privileged=1: the host's devices and cgroups, nothing hidden or
				  read-only */
	enum plan_masks masks; /* masks=default|given */
	/* masked= readonly-path=: absolute, below the root; passed over where there is nothing.
	 * Only with masks=given, and not of a privileged container */
	struct strv masked, readonly_paths;
	/* mount=[volume,|type=TYPE,][ro,|rro,][file,][alone,][noexec,][nodev,][nosuid,][idmap,]
	 * [uid=INSIDE-OUTSIDE-SIZE,]…[gid=INSIDE-OUTSIDE-SIZE,]…[noatime,|strictatime,]
	 * [slave,|shared,][copyup,]SOURCE:TARGET[:OPTIONS];
	 * "\:" and "\\" escape; attached in this order, so parents come first.  idmap: only with
	 * uid-map, or uid= and gid=, and without volume; shared: only without uid-map */
	struct plan_mount *mounts;
	size_t mounts_len;
	/* device=[ACCESS,][mode=OCTAL,][uid=N,][gid=N,]SOURCE:TARGET; ACCESS: of r, w, m in this
	 * order; escapes as above */
	struct plan_device *devices;
	size_t devices_len;
	/* device-rule=allow|deny,TYPE,MAJOR|*.MINOR|*,ACCESS.  Who is not privileged has the usual
	 * nodes of /dev allowed and all else denied; then come these, then the devices' own, and
	 * the last one that fits counts.  In force only with cgroup-v2 */
	struct plan_device_rule *device_rules;
	size_t device_rules_len;

	/* hook=prestart|createRuntime|createContainer,[timeout=SECONDS,]PATH, and after it
	 * hook=arg=TEXT and hook=env=NAME=VALUE, which are that one's.  Run in the order of the
	 * kinds, then of the plan; needs bundle */
	struct plan_hook *hooks;
	size_t hooks_len;
	char *bundle; /* bundle=: a directory of the host, where hooks find config.json and rootfs,
			 in a file system that only they see */

	/* bundle, which has these of a sandbox, too: hostname, sysctl; and these of a container:
	 * read-only-root, masks, mount.  Its /dev has the usual nodes unless a mount of source is
	 * there. */
	char *rootfs;        /* rootfs=: a directory of the host */
	bool is_root_shared; /* root-shared=1: what is mounted in it may be shared further */
	/* namespace=pid|network|ipc|uts|cgroup[:PATH]: a new one, or the one at PATH; of what is
	 * not listed it has the host's.  namespace=user:PATH: instead of a new one with uid-map and
	 * gid-map, one that has them */
	struct strv namespaces;
	char *domainname;       /* domainname= */
	bool stops_before_root; /* hooks=1: see REPORT_READY */

	/* container and exec */
	struct strv args, env; /* arg= env=NAME=VALUE */
	char *cwd;             /* cwd= */
	/* user=: "uid[:gid]" in digits, or names that the container's /etc/passwd and /etc/group
	 * resolve */
	char *user;
	struct strv groups;      /* group=: supplementary gids in digits */
	bool merge_image_groups; /* merge-groups=1: also those of /etc/group for the user */
	bool refuse_root;        /* refuse-root=1: runAsNonRoot; a resolved uid of 0 is an error */
	uint64_t caps;    /* caps=: hexadecimal mask of the bounding, permitted and effective set */
	uint64_t ambient; /* ambient=: of these, the ambient and inheritable ones; usually none */
	uint64_t inheritable; /* inheritable=: of these, others that are inheritable alone */
	bool no_new_privs;    /* no-new-privs=1 */
	char *umask;          /* umask=: octal digits; NULL: 022 */
	struct strv limits;   /* rlimit=NAME:SOFT:HARD, as "nofile:1024:max" */
	bool keeps_limits;    /* keep-limits=1: others stay the caller's; else the usual ones */
	struct strv kept_fds; /* keep-fd=: numbers of what become 3, 4, … of the program */
	/* What the security modules call the process from its exec on; NULL: as they choose.  Of a
	 * module that this machine does not have it is an error. */
	char *apparmor;        /* apparmor=: a loaded profile, or "unconfined" */
	char *selinux;         /* selinux=: a context; sandbox: of pause, too */
	char *selinux_mount;   /* selinux-mount=: sandbox and container: a context for all files of
				  the root, of /dev and of the sandbox's shared memory and volumes */
	int32_t oom_score_adj; /* oom-score-adj= */
	bool has_oom_score_adj;
};

int plan_read(int fd, struct plan *out, struct err *e); /* names the key and value in e */
int plan_parse(const char *bytes, size_t len, struct plan *out, struct err *e);
void plan_write(const struct plan *p, struct buf *out); /* the exact inverse of plan_parse */
void plan_init(struct plan *p);                         /* descriptors -1, rest empty */
void plan_free(struct plan *p);

/* The mount whose target is that path, NULL: none. */
const struct plan_mount *plan_mount_at(const struct plan *p, const char *target);

/* A range more.  -EINVAL: there are no such ids, -E2BIG, -EEXIST: it overlaps another. */
int plan_map_add(struct plan_map *m, const struct plan_ids *ids);
bool plan_take_id(const char **at, char stop, uint32_t *out); /* digits, and stop behind them */
/* The host's id of one in the pod.  Without a map it is the same.  -1: not mapped. */
int64_t plan_host_id(const struct plan_map *m, uint32_t id);

/* What carpel-launch sends on result_fd, one SEQPACKET message each, in this order:
 * where it serves orders, REPORT_BEGUN with one descriptor (its own pidfd, by which it can be
 * killed); REPORT_STARTED with one descriptor (pidfd of the new process: pause, container init,
 * exec process) once exec has succeeded, or REPORT_FAILED instead: the named step failed and
 * nothing is left behind.  Then the descriptor closes.  Before that comes REPORT_HOOK for each hook
 * of the plan's that begins, and one without text when they are done.
 *
 * Who closes the other end before that is taken for dead, and what was started stays for whoever
 * comes after; one byte sent before the close says that it is unwanted and has to end.
 *
 * Of a bundle STARTED means that its process waits at start-fd.  With hooks=1 it first sends
 * REPORT_READY with its pidfd, in its namespaces and with its mounts made but not yet in its root,
 * and waits for a byte from the other end. */
enum launch_report_kind {
	REPORT_STARTED = 1,
	REPORT_FAILED,
	REPORT_BEGUN,
	REPORT_READY,
	REPORT_HOOK
};

enum { LAUNCH_REPORT_GROUPS_MAX = 512 };

/* Who a process began as, with the ids of its own user namespace.  groups: all of them, the primary
 * one too, ascending; the lowest LAUNCH_REPORT_GROUPS_MAX when groups_len says that there are more.
 */
struct launch_user {
	uint32_t uid, gid, groups_len, groups[LAUNCH_REPORT_GROUPS_MAX];
};

struct launch_report {
	int32_t kind; /* enum launch_report_kind */
	int32_t pid;  /* STARTED: pid in pause's pid namespace (container), in the host's (sandbox,
			 exec, container with pid=host) */
	struct launch_user user; /* STARTED, container and exec */
	int32_t exit_code; /* FAILED: what a shell would say: 127 not found, 126 not executable,
			      else 128 */
	struct err err;    /* FAILED: "container web: enter root: open /dev: Permission denied";
			      HOOK: "run hooks: createContainer hook: /PATH" */
};

/* `carpel-launch --serve`: orders on descriptor 3, a SEQPACKET socket, one message each, with the
 * descriptors of one launch beside it.  Descriptor i of the message becomes number[i] of a process
 * of its own; number 3 is the plan.  It ends when the other end closes. */
enum { LAUNCH_ORDER_VERSION = 1, LAUNCH_ORDER_FDS_MAX = 32, LAUNCH_ORDER_NUMBER_MAX = 64 };

struct launch_order {
	uint32_t version, len;
	int32_t result_fd; /* the number of the plan's result-fd */
	int32_t number[LAUNCH_ORDER_FDS_MAX];
};
