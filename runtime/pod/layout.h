/* Where an instance keeps things: every path is derived here, from the root and checked names only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "spec/pod.h"

struct layout {
	char *root; /* "" or the directory given by --root, absolute */
	char *run, *lib, *logs,
		*links; /* ROOT/run/carpel, ROOT/var/lib/carpel, ROOT/var/log/pods, …/containers */
	char *socket, *images; /* RUN/carpel.sock, LIB/images */
	char *cgroup;          /* of the instance's cgroups: "carpel", or "carpel-<hash of root>" */
	char *slice;           /* of its units of systemd's: "carpel" or "carpel_<hash of root>" */
	bool by_systemd;       /* its cgroups are such units, made by systemd */
	char *programs;        /* directory of carpel-launch and its siblings */
};

/* root may be relative; programs: where the running program lies. */
int layout_init(struct layout *l, const char *root, struct err *e);
void layout_free(struct layout *l);
int layout_make(const struct layout *l, struct err *e); /* the directories, with their modes */
char *layout_program(const struct layout *l, const char *name);

/* LIB/pods/<uid>: etc files, volumes, writable layers. The caller frees all of these. */
char *layout_pod_dir(const struct layout *l, const char *uid);
char *layout_log_dir(const struct layout *l, const struct pod_spec *pod, const char *container);
/* Of one instance, in that directory. */
char *layout_log_file(const struct layout *l, const struct pod_spec *pod, const char *container,
	uint32_t attempt);
char *layout_log_pod_dir(const struct layout *l, const struct pod_spec *pod);
char *layout_log_link(
	const struct layout *l, const struct pod_spec *pod, const char *container, const char *id);

/* The level above the pods of a class: "burstable", "besteffort"; NULL: the instance itself. */
const char *layout_level(enum qos_class qos);
#define LAYOUT_CRI_LEVEL "cri" /* above sandboxes of CRI that name no parent */

/* Paths for sys/cgroup.h.  The root: "carpel", or "carpel.slice/carpel-daemons.scope", where our
 * helpers live.  A level: "" or "burstable", or "/carpel.slice/carpel-burstable.slice"; NULL: the
 * instance.  A sandbox in a level or in a parent that CRI names: "burstable/pod<uid>", or
 * "/carpel.slice/carpel-burstable.slice/carpel-pod<uid>.scope". */
const char *layout_driver(const struct layout *l); /* Kubernetes' word: "cgroupfs", "systemd" */
char *layout_root_cgroup(const struct layout *l);
char *layout_level_cgroup(const struct layout *l, const char *level);
char *layout_sandbox_cgroup(
	const struct layout *l, const char *parent, const char *kind, const char *id);
#define LAYOUT_POD "pod" /* the kind of pods; CRI's sandboxes are of kind "" */
/* The id in the last component of such a path, NULL: it is none of that kind. The caller frees. */
char *layout_sandbox_id(const struct layout *l, const char *kind, const char *name);
char *layout_pod_cgroup(const struct layout *l, const struct pod_spec *pod);

/* Where one sandbox's things are: whoever runs it decides, and decides the same ever after. */
struct place {
	char *dir;    /* host directory: etc files, volumes, writable layers */
	char *cgroup; /* all of it lives there: below the instance's root, or absolute */
};
struct place layout_pod_place(const struct layout *l, const struct pod_spec *pod);
void place_free(struct place *p);
char *place_container_dir(const struct place *p, const char *container, uint32_t attempt);
