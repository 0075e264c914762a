/* The first stage: everything that needs the host's view of files, before any foreign namespace is
 * entered.  See launch/job.h.
 */
#pragma once

#include "launch/job.h"

int prepare_null(struct job *j, struct err *e); /* for standard streams that the plan leaves out */
int prepare_proc(struct job *j, struct err *e);
int prepare_sysctls(struct job *j, struct err *e); /* what they are written through */
int prepare_cgroups(struct job *j, struct err *e); /* what to join */
int prepare_labels(struct job *j, struct err *e);  /* AppArmor, SELinux */
int prepare_oom(struct job *j, struct err *e);     /* set here, inherited by what we start */
int prepare_hiding(struct job *j, struct err *e);  /* non-dumpable: before a stranger can see us */
int prepare_filter(struct job *j, struct err *e);
int prepare_caps(struct job *j, struct err *e);
int prepare_arrays(struct job *j, struct err *e); /* argv, envp, PATH; after the user is known */
/* A procfs that nobody else has, so that nothing can be mounted over its files, detached.  It shows
 * the processes of the PID namespace that we are in.  With subset "pid" it has only them, no
 * sysctls. */
int prepare_make_proc(const char *subset, struct err *e);
/* Resolves the plan's user against the files below root. */
int prepare_user(struct job *j, int root, struct err *e);
