/* Helper programs that run for a while: watched by pidfd, reaped, answered by callback. */
#pragma once

#include <sys/types.h>

#include "base/loop.h"
#include "sys/spawn.h"

struct engine;

struct child {
	struct engine *g;
	struct child *next, **link;
	struct loop_io io;
	struct loop_timer again;
	int tries;
	int pidfd;
	pid_t pid;
	/* wait_status as waitpid(2) gives it; -1: it was not ours to reap. The child frees itself
	 * afterwards. */
	void (*ended)(void *arg, int wait_status);
	void *arg;
};

/* Takes pidfd. ended may be NULL: only reaped. */
struct child *child_watch(struct engine *g, int pidfd, pid_t pid,
	void (*ended)(void *arg, int wait_status), void *arg);
void child_forget(struct child *c); /* no callback any more; still reaped */
/* Dead processes that became ours because their parent died: nobody waits for them, and as long as
 * they are zombies their cgroup cannot be removed and their PID namespace not end.  Called whenever
 * a child ends; does nothing while a carpel-launch runs, and is called again when it is done. */
void child_reap_strangers(struct engine *g);
void children_free(struct engine *g); /* leaves them running */
