/* The kernel's file systems in a container: /proc, /sys, /dev, /sys/fs/cgroup, and what of them is
 * hidden or read-only.  All are new instances or the container's own part; steps of the container's
 * table, in its mount namespace.
 */
#pragma once

#include "launch/job.h"

int tree_copy_views(struct job *j, struct err *e); /* host's view: cgroup directories, console */
/* Only with a user namespace, for the steps below: in the pod's namespaces, just before the user
 * namespace is entered. */
int tree_prepare_inside(struct job *j, struct err *e);
int tree_attach_root(struct job *j, struct err *e);
int tree_make_proc(struct job *j, struct err *e);
int tree_make_dev(struct job *j, struct err *e);
int tree_make_sys(struct job *j, struct err *e);
int tree_attach_cgroups(struct job *j, int target, struct err *e); /* the views */

/* A bundle's: its /dev where no mount of the plan says what is there; then the console in it, and
 * its null becomes j->mounts.null. */
int tree_make_bare_dev(struct job *j, struct err *e);
int tree_finish_dev(struct job *j, struct err *e);
