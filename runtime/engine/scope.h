/* Scopes of systemd's, for --cgroup-driver=systemd: one for each sandbox, one for our helpers.
 * Making one takes a process to put into it.  systemd-run does it and becomes cat, which answers
 * from within and stays until it is released: by then something else lives there, or systemd
 * removes the scope again.  An empty scope's end is systemd's work; see cgroup_remove().
 */
#pragma once

#include "base/err.h"
#include "sys/systemd.h"

struct engine;
struct scope;

enum scope_age { SCOPE_NEW = 1, SCOPE_NEW_OR_THERE };

/* done is called once, in a later turn, unless scope_release() comes first: the cgroup is there,
 * and no process in it but in cgroups below.  An older scope of that name is waited for, as long as
 * its end takes, or taken as it is. */
int scope_start(struct engine *g, const struct systemd_scope *what, enum scope_age age,
	void (*done)(void *arg, int rc, const struct err *e), void *arg, struct scope **out,
	struct err *e);
void scope_release(struct scope *s); /* NULL is fine */
/* Makes one and runs the loop until it is there; for the time before anything else runs. */
int scope_await(struct engine *g, const struct systemd_scope *what, enum scope_age age,
	struct scope **out, struct err *e);
/* Tells systemd of other limits than those it was made with, so that it keeps them, too. */
void scope_set_limits(struct engine *g, const char *path, const struct cgroup_limits *l);
/* Asks systemd to end a unit and all in it; does not wait for that. */
void scope_stop(struct engine *g, const char *unit);
