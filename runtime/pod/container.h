/* What to ask carpel-launch for, to start one instance of a container or to execute a program in
 * it: translation into a plan, and the instance's directories and cgroup beforehand.  Knows nothing
 * of the life cycle; every call can be repeated.
 */
#pragma once

#include "image/record.h"
#include "pod/env.h"
#include "pod/layout.h"
#include "pod/lsm.h"
#include "spec/cdi.h"
#include "spec/plan.h"
#include "sys/cgroup.h"

enum { CONTAINER_FDS_MAX = 12 };

struct container_request {
	const struct place *at; /* the sandbox's */
	const char *dir;        /* the instance's own, below at->dir: layers, termination message */
	const struct pod_spec *pod;
	const struct container_spec *spec;
	const struct image_record *image;
	const struct env_facts *facts;
	const struct node_lsm *lsm; /* NULL: the node has no security module */
	const char *id;             /* 64 hexadecimal digits */
	/* What its CDI devices bring, in order; the engine has read it. */
	const struct cdi_edits *cdi;
	size_t cdi_len;
};

/* Descriptors that the plan's mounts name: descriptor first + i of the child. */
struct container_fds {
	int at[CONTAINER_FDS_MAX];
	size_t len;
};
void container_fds_close(struct container_fds *f);

/* -EPERM with the kubelet's text when runAsNonRoot forbids the user that would run. */
int container_check_user(const struct container_request *q, struct err *e);

/* The capabilities that its programs may have, as a mask: the bounding set. */
uint64_t container_caps(const struct security_spec *s);

/* Writable layer, termination message file, cgroup. */
int container_prepare(const struct container_request *q, struct cgroups *cg, struct err *e);

/* The plan but for descriptors other than those of mounts, which begin at first_fd. -ENODATA: the
 * environment cannot be built (CreateContainerConfigError). plan_free() it in any case. */
int container_plan(const struct container_request *q, const struct cgroups *cg, int first_fd,
	struct plan *out, struct container_fds *fds, struct err *e);

/* A plan to execute command in a running instance, with its identity and confinement. exec_id names
 * its cgroup. */
int container_exec_plan(const struct container_request *q, const struct cgroups *cg,
	const char *exec_id, const struct strv *command, struct plan *out, struct err *e);
/* The path of the exec's cgroup; remove it when the exec is over. */
#define CONTAINER_EXEC_PREFIX "exec-" /* of its last component */
char *container_exec_cgroup(const struct place *at, const char *id, const char *exec_id);

char *container_cgroup(const struct place *at, const char *id);
char *container_message_path(
	const char *dir); /* on the host, of the instance with that directory */
/* "SIGQUIT", "QUIT", "3", "SIGRTMIN+3"; SIGTERM when NULL, empty or unknown. Pure. */
int container_stop_signal(const char *name);
