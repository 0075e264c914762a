/* Security modules that give a process a label: AppArmor a profile's name, SELinux a context.  One
 * that is asked for is in force after the next exec, or there is no next exec.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum lsm { LSM_APPARMOR, LSM_SELINUX };

/* Whether this kernel has it and it is switched on.  By the host's paths. */
bool lsm_is_active(enum lsm m);
const char *lsm_name(enum lsm m);       /* "AppArmor", for messages */
const char *lsm_label_name(enum lsm m); /* "AppArmor profile" */

/* The label that the calling process, and whatever it makes by clone, has once it executes a
 * program.  proc: the root of the procfs that we are in.  Through nothing that is mounted in it,
 * and read back.  Only of a module that is active; -ENOENT: AppArmor has no such profile. */
int lsm_set_exec(int proc, enum lsm m, const char *label, struct err *e);
/* Whether label is what the kernel writes as text: it sorts categories and knows types by several
 * names.  selinux: an open /sys/fs/selinux/context. */
bool lsm_is_context(int selinux, const char *label, const char *text);
