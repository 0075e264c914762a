/* The plan's mounts: sources copied in the host's view, targets resolved and made below the new
 * root, where every component may be a stranger's.
 */
#pragma once

#include "launch/job.h"

int binds_copy(struct job *j, struct err *e);   /* host's view: j->mounts.binds */
int binds_attach(struct job *j, struct err *e); /* in the container's mount namespace */
int binds_finish(struct job *j, struct err *e); /* read-only, what only now may be */

const struct plan_mount *binds_find_dev(const struct plan *p); /* the mount at /dev, or NULL */

enum target_kind { TARGET_DIRECTORY = 1, TARGET_FILE };
/* Opens path below root (O_PATH), making what is missing.  Links are followed below root, dangling
 * ones too: many images link /etc/resolv.conf to a file that only systemd makes. */
int target_open(int root, const char *path, enum target_kind kind, struct err *e);
/* Attaches the detached mount there, and not where it would replace the root or part of /proc. */
int target_attach(struct job *j, int mount, const char *path, enum target_kind kind, struct err *e);
