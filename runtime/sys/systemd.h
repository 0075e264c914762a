/* systemd as the owner of the cgroup tree: names of its units, the cgroups that they are, and the
 * command that makes a scope.  Pure but for systemd_is_init().  Knows nothing of pods.
 *
 * A slice's name is its place: "a-b.slice" is the cgroup /a.slice/a-b.slice.  A scope is one cgroup
 * in a slice; with Delegate= what is below it is its owner's.  See contrib/adr/0015.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "sys/cgroup.h"

#define SYSTEMD_RUN "/usr/bin/systemd-run"
#define SYSTEMD_CTL "/usr/bin/systemctl"

/* -ENOTSUP: the machine was not booted by systemd; -ENOENT …: one of the two programs is missing.
 */
int systemd_is_init(struct err *e);

/* -EINVAL, -ENAMETOOLONG. */
int systemd_check_slice(const char *name, struct err *e);
char *systemd_slice_path(const char *name); /* of a checked one; the caller frees */
/* "a-b.scope", as systemd-run takes it unchanged.  -EINVAL, -ENAMETOOLONG. */
int systemd_check_scope(const char *name, struct err *e);
/* The last component of a path. */
const char *systemd_unit_of(const char *path);
bool systemd_is_scope(const char *path); /* its last component is a scope's name */

struct systemd_scope {
	const char *path; /* "/a.slice/a-b.slice/name.scope", so it is clear in which slice */
	/* Of its cgroup, as far as systemd knows of them, so that `systemctl daemon-reload` writes
	 * what was written before; NULL: none. */
	const struct cgroup_limits *limits;
	const char *wants; /* slices that are to be there, too, by blanks; NULL: none */
};

/* "TasksMax=2048" …, each behind prefix: limits as systemd's properties, those that it knows of;
 * what is left alone has no word. */
void systemd_limit_words(const struct cgroup_limits *l, const char *prefix, struct strv *out);
/* A command that makes the scope and becomes program in it, or fails with one line. */
void systemd_scope_command(const struct systemd_scope *s, const char *program, struct strv *out);
/* What systemd keeps in files of a unit's changes, when it goes. */
int systemd_forget(const char *unit, struct err *e);
