/* carpel-launch, asynchronously: hands a plan over, hears the report, calls back once. */
#pragma once

#include "base/err.h"
#include "spec/plan.h"

struct engine;
struct launch;

enum { LAUNCH_FDS_MAX = 20, LAUNCH_RESULT_FD = 4, LAUNCH_FIRST_FD = 5 };

struct launch_result {
	int rc;    /* 0: it runs, after a successful exec */
	int pidfd; /* of the new process; the callback owns it */
	int32_t pid;
	struct launch_user user;
	int32_t exit_code; /* of a failure: 127, 126, 128 */
	struct err err;
};

/* Number the next descriptor will have in carpel-launch; used to write descriptors into a plan. */
struct launch_fds {
	int at[LAUNCH_FDS_MAX]; /* borrowed */
	size_t len;
};
int launch_fd(struct launch_fds *f, int fd); /* returns the number there; -1 for fd < 0 */

/* done is called once, in a later turn of the loop, unless launch_cancel() comes first; with
 * -ETIMEDOUT when the engine's deadline passes, and then the cgroup is the caller's to kill. */
int launch_start(struct engine *g, struct plan *p, const struct launch_fds *fds,
	void (*done)(void *arg, struct launch_result *r), void *arg, struct launch **out,
	struct err *e);
/* No callback any more; carpel-launch is killed. What it made is undone by killing its cgroup. */
void launch_cancel(struct launch *l); /* NULL is fine */

/* done is called soon, with -ECANCELED; killing the cgroup is the caller's, and comes after this,
 * so that carpel-launch knows that the kill was meant.  Its end is not waited for: a container that
 * sees the new process can stop it, and carpel-launch waits for that one. */
void launch_give_up(struct launch *l); /* NULL is fine */
