/* The bare system-call floor: what the kernel asks of anybody who makes a pod, and nothing else.
 * floor_box.c makes pods and executes in them, floor_mount.c their mounts, floor_cgroup.c their
 * cgroups, floor.c measures.  No plan, no record, no log, no user lookup, no report: whatever
 * carpel takes above this is its own.  Every failure ends the program.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FLOOR_HIERARCHIES = 8, FLOOR_PATH = 512 };

struct floor_options {
	const char *state;  /* a directory of ours: layers, /etc files */
	const char *rootfs; /* the image: a static /bin/busybox and the mount points */
	const char *pause;  /* carpel-pause */
	struct sock_fprog filter;
	uint64_t caps; /* bounding, permitted and effective set */
};

_Noreturn void floor_die(const char *what);
/* Fails when rc is negative; gives it back otherwise. */
long floor_must(long rc, const char *what);
__attribute__((format(printf, 2, 3))) char *floor_path(char out[FLOOR_PATH], const char *fmt, ...);

/* ---- floor_cgroup.c ----------------------------------------------------------------------------
 */

/* Directories of one cgroup, one in each hierarchy that we use. */
struct floor_cgroup {
	char v2[FLOOR_PATH];
	char v1[FLOOR_HIERARCHIES][FLOOR_PATH]; /* cpu, cpuacct, memory, pids where they are v1 */
	size_t v1_len;
};

/* Our own root cgroup, "carpel-floor", in each hierarchy. */
void floor_cgroup_root(struct floor_cgroup *out);
/* Makes parent/name everywhere. A pod (is_leaf false) gets the limits of BestEffort. */
void floor_cgroup_make(const struct floor_cgroup *parent, const char *name, bool is_leaf,
	struct floor_cgroup *out);
/* Kills what is in it, waits until it is empty, removes it. */
void floor_cgroup_remove(const struct floor_cgroup *g);
void floor_cgroup_kill(const struct floor_cgroup *g);

/* ---- floor_mount.c -----------------------------------------------------------------------------
 */

/* Both give back a detached mount. */
int floor_tmpfs(const char *size, const char *mode);
int floor_copy_mount(const char *path);
void floor_attach(int mount, int dir, const char *name); /* closes it */
/* The file system root becomes the mount that we stand in; the old one goes. */
void floor_pivot(void);
void floor_make_dev(void); /* dev, in the root that we stand in */
/* What the pod security standards hide: one mount for a hidden path, two for a read-only one. */
void floor_hide(void);
void floor_touch(const char *path); /* an empty file, if there is none */

/* ---- floor_box.c -------------------------------------------------------------------------------
 */

struct floor_pod {
	char name[32];
	struct floor_cgroup cgroup, pause_cgroup, ctr_cgroup;
	int pause_fd, ctr_fd; /* pidfds */
	unsigned attempt;
	bool is_in_node_network;
};

/* Returns when pause has been executed. */
void floor_sandbox_start(
	const struct floor_options *o, const struct floor_cgroup *root, struct floor_pod *p);
/* A sandbox and its first container: returns when the container's program has been executed. */
void floor_pod_start(const struct floor_options *o, const struct floor_cgroup *root,
	struct floor_pod *p, const char *const argv[]);
/* One container more in the sandbox of p, where none runs. */
void floor_ctr_start(const struct floor_options *o, struct floor_pod *p, const char *const argv[]);
void floor_ctr_end(struct floor_pod *p); /* kill, wait, remove its cgroup */
/* Executes argv in the container and returns what a shell would say. */
int floor_exec(const struct floor_options *o, const struct floor_pod *p, const char *const argv[]);
void floor_sandbox_end(struct floor_pod *p); /* no container runs: kill, wait, remove its cgroups */
void floor_files_remove(const struct floor_options *o, const struct floor_pod *p);
/* The last three, one after the other. */
void floor_pod_remove(const struct floor_options *o, struct floor_pod *p);
