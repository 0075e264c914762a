/* Places below a container's root, where every component may be a stranger's and may change while
 * it is looked at: opened, made where they are missing, mounted on.
 */
#pragma once

#include "base/err.h"

enum target_kind { TARGET_DIRECTORY = 1, TARGET_FILE };

/* Opens path below root (O_PATH), making what is missing.  Links are followed below root, dangling
 * ones too: many images link /etc/resolv.conf to a file that only systemd makes. */
int target_open(int root, const char *path, enum target_kind kind, struct err *e);
/* -ELOOP: path is a link itself.  What the kernel fills must be where its name says: masks name it
 * so. */
int target_refuse_link(int root, const char *path, struct err *e);
/* -EPERM: a mount there would replace the root or part of /proc.  Of the descriptor that the mount
 * goes onto: what the path leads to by then is moot. */
int target_check(int target, int root, struct err *e);
/* Attaches the detached mount there, checked so. */
int target_attach(int root, int mount, const char *path, enum target_kind kind, struct err *e);
