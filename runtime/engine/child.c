#include "engine/child.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "engine/engine.h"

/* About five seconds in all, for a machine that is busy: at first a millisecond, later twenty. */
enum { ADOPTION_TRIES = 350, ADOPTION_SOON = 100, ADOPTION_SOON_MS = 1, ADOPTION_MS = 20 };

static void look(struct child *c);

/* KERNEL 6.15: a pidfd tells how its process ended, whoever reaped it. */
struct pidfd_info {
	uint64_t mask, cgroup_id;
	uint32_t ids[11]; /* pid, tgid, ppid, user and group ids */
	int32_t exit_status;
};
#define PIDFD_GET_INFO _IOWR(0xff, 11, struct pidfd_info)
enum { PIDFD_INFO_EXIT = 8 };

static bool was_told(int pidfd, int *status)
{
	struct pidfd_info info = { .mask = PIDFD_INFO_EXIT };

	if (ioctl(pidfd, PIDFD_GET_INFO, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT))
		return false;
	*status = info.exit_status;
	return true;
}

static void on_end(struct loop_io *io, unsigned events)
{
	(void)events;
	look(io->arg);
}

static void on_again(struct loop_timer *t)
{
	look(t->arg);
}

static void look(struct child *c)
{
	int status = -1, rc = spawn_reap(c->pidfd, &status);

	if (rc == 0)
		return; /* readable but not reapable yet: comes again */
	loop_io_stop(&c->io);
	if (rc == -ECHILD && was_told(c->pidfd, &status))
		rc = 1;
	/* What carpel-launch executed becomes our child when carpel-launch is gone, which may be an
	 * instant away. */
	if (rc == -ECHILD && c->tries++ < ADOPTION_TRIES) {
		loop_timer_start(c->g->loop, &c->again,
			c->tries < ADOPTION_SOON ? ADOPTION_SOON_MS : ADOPTION_MS, on_again, c);
		return;
	}
	close(c->pidfd);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	if (c->ended)
		c->ended(c->arg, rc == 1 ? status : -1);
	child_reap_strangers(c->g); /* that it may have stood before */
	free(c);
}

struct child *child_watch(struct engine *g, int pidfd, pid_t pid,
	void (*ended)(void *arg, int wait_status), void *arg)
{
	struct child *c = mem_zalloc(sizeof(*c));

	*c = (struct child){
		.g = g, .pidfd = pidfd, .pid = pid, .ended = ended, .arg = arg, .next = g->children
	};
	c->link = &g->children;
	if (c->next)
		c->next->link = &c->next;
	g->children = c;
	loop_io_start(g->loop, &c->io, pidfd, LOOP_READ, on_end, c);
	return c;
}

void child_forget(struct child *c)
{
	if (c)
		c->ended = NULL;
}

void child_reap_strangers(struct engine *g)
{
	/* Among the dead may be what a carpel-launch has just executed and we do not watch yet. */
	while (g->launches == 0) {
		siginfo_t dead = { 0 };

		if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) < 0 || !dead.si_pid)
			return;
		for (const struct child *c = g->children; c; c = c->next)
			if (c->pid == dead.si_pid)
				return; /* its own watch comes first; we are called again */
		(void)waitpid(dead.si_pid, NULL, WNOHANG);
	}
}

void children_free(struct engine *g)
{
	while (g->children) {
		struct child *c = g->children;

		g->children = c->next;
		loop_io_stop(&c->io);
		loop_timer_stop(&c->again);
		close(c->pidfd);
		free(c);
	}
}
