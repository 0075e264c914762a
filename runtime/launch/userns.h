/* The user namespace of a pod, or a bundle.  carpel-launch enters it itself, last of all namespaces
 * and before it starts anything: so nothing of the pod is ever born outside.  What takes the host's
 * power is done before: mapped copies of layers and volumes, device nodes, sysfs, the owner of the
 * streams, limits that rise.  In there a process has the host's uid until it becomes the pod's
 * root, its first step: the cgroups that it is born into are the host's.
 *
 * Every function applies only to plans with maps, unless it says otherwise.
 */
#pragma once

#include "launch/job.h"

/* Host's view: j->userns_fd, with the plan's maps: the sandbox's own, or for mapped mounts; or the
 * one that the plan names, which may have others: see userns_enter_own(). */
int userns_prepare(struct job *j, struct err *e);
/* A detached mount with all below it, as the plan's maps say. */
int userns_map_mount(const struct job *j, int mount, struct err *e);
/* The same as m's own maps say, in plans without maps, too. */
int userns_map_mount_by(const struct job *j, const struct plan_mount *m, int mount, struct err *e);
/* Host's view: the plan's ids of the resolved user are in the namespace. */
int userns_check_user(const struct job *j, struct err *e);
/* The one of the process behind pause_fd, which must have the plan's maps.  For every plan: without
 * maps, that process must be in ours. */
int userns_enter(struct job *j, struct err *e);
/* A bundle's own, which userns_prepare() has made or opened; it must have the plan's maps. */
int userns_enter_own(struct job *j, struct err *e);
/* Step of the new process, inside. */
int userns_become_root(struct job *j, struct err *e);

/* Of the user namespace that standard input is: its maps to standard output, as uid_map and gid_map
 * of a process in it, and an empty line between.  It must be below ours. */
int userns_show(struct err *e);

/* Whether there are such namespaces here, and dir is on a file system that can be mapped to one. */
int userns_try(const char *dir, struct err *e);

uid_t userns_root_uid(const struct job *j); /* as the host sees it; 0 without maps */
gid_t userns_root_gid(const struct job *j);
