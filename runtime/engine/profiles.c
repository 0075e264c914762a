#include "engine/profiles.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/engine.h"

struct profile {
	struct profile *next;
	struct engine *g;
	uint64_t caps;
	int fd; /* -1: being compiled */
	struct profile_wait *waits;
};

struct profile_wait {
	struct profile_wait *next, **link;
	void (*ready)(void *arg, const struct err *e);
	void *arg;
};

/* The name holds what the program was made from: the capabilities and the compiler's build. */
static char *path_of(const struct engine *g, uint64_t caps, const char *suffix)
{
	return str_fmt("%s/seccomp/%016" PRIx64 "-%s%s", g->layout.run, caps, g->compiler, suffix);
}

static struct profile *find(const struct engine *g, uint64_t caps)
{
	struct profile *p = g->profiles;

	while (p && p->caps != caps)
		p = p->next;
	return p;
}

static struct profile *add(struct engine *g, uint64_t caps, int fd)
{
	struct profile *p = mem_zalloc(sizeof(*p));

	*p = (struct profile){ .next = g->profiles, .g = g, .caps = caps, .fd = fd };
	g->profiles = p;
	return p;
}

static void release(struct profile *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void forget(struct profile *p)
{
	struct profile **at = &p->g->profiles;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	release(p);
}

/* Each one may start a container and ask for further profiles. */
static void wake(struct profile *p, const struct err *e)
{
	while (p->waits) {
		struct profile_wait *w = p->waits;

		p->waits = w->next;
		if (w->next)
			w->next->link = &p->waits;
		w->link = NULL;
		w->ready(w->arg, e);
		free(w);
	}
}

static int publish(struct profile *p, int wait_status, struct err *e)
{
	CLEANUP(cleanup_free) char *new = path_of(p->g, p->caps, ".new");
	CLEANUP(cleanup_free) char *path = path_of(p->g, p->caps, "");
	struct stat st;

	if (wait_status != 0)
		return err_say(e, EIO, "carpel-launch could not compile the seccomp profile");
	if (rename(new, path) < 0)
		return err_set(e, errno, "rename %s", new);
	p->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0)
		return err_set(e, errno, "open %s", path);
	if (fstat(p->fd, &st) < 0 || st.st_size == 0)
		return err_say(e, EIO, "%s is empty", path);
	return 0;
}

static void on_compiled(void *arg, int wait_status)
{
	struct profile *p = arg;
	struct err e = { 0 };
	int rc = publish(p, wait_status, &e);

	if (rc < 0)
		log_err("%s", e.text);
	wake(p, &e);
	if (rc < 0)
		forget(p); /* the next start tries again */
}

static int compile(struct profile *p, struct err *e)
{
	CLEANUP(cleanup_free) char *new = path_of(p->g, p->caps, ".new");
	CLEANUP(cleanup_free) char *program = layout_program(&p->g->layout, "carpel-launch");
	CLEANUP(cleanup_free) char *mask = str_fmt("%016" PRIx64, p->caps);
	CLEANUP(cleanup_fd)
	int out = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	char name[] = "carpel-launch", option[] = "--seccomp-profile";
	char *argv[] = { name, option, mask, NULL }, *envp[] = { NULL };
	const int fds[] = { -1, out, STDERR_FILENO };
	const struct spawn s = {
		.path = program, .argv = argv, .envp = envp, .fds = fds, .nfds = ARRAY_LEN(fds)
	};
	pid_t pid;
	int pidfd;

	if (out < 0)
		return err_set(e, errno, "open %s", new);
	pidfd = spawn_process(&s, &pid, e);
	if (pidfd < 0)
		return pidfd;
	(void)child_watch(p->g, pidfd, pid, on_compiled, p);
	return 0;
}

/* One that an earlier carpeld had compiled. */
static int open_kept(const struct engine *g, uint64_t caps)
{
	CLEANUP(cleanup_free) char *path = path_of(g, caps, "");

	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int profile_get(struct engine *g, uint64_t caps, void (*ready)(void *arg, const struct err *e),
	void *arg, struct profile_wait **out, struct err *e)
{
	struct profile *p = find(g, caps);
	struct profile_wait *w;
	int rc;

	if (!p) {
		p = add(g, caps, open_kept(g, caps));
		if (p->fd < 0 && (rc = compile(p, e)) < 0) {
			forget(p);
			return rc;
		}
	}
	if (p->fd >= 0)
		return p->fd;
	if (!ready)
		return err_say(e, EAGAIN, "the seccomp profile is being compiled");
	w = mem_zalloc(sizeof(*w));
	*w = (struct profile_wait){
		.next = p->waits, .link = &p->waits, .ready = ready, .arg = arg
	};
	if (w->next)
		w->next->link = &w->next;
	p->waits = w;
	*out = w;
	return -EINPROGRESS;
}

void profile_cancel(struct profile_wait *w)
{
	if (!w || !w->link)
		return; /* it is being called: wake() frees it */
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	free(w);
}

int profiles_open(struct engine *g, struct err *e)
{
	CLEANUP(cleanup_free) char *program = layout_program(&g->layout, "carpel-launch");
	CLEANUP(cleanup_free) char *dir = str_fmt("%s/seccomp", g->layout.run);
	struct stat st;

	if (stat(program, &st) < 0)
		return err_set(e, errno, "%s", program);
	g->compiler = str_fmt("%jx-%jx%09lx", (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
		(unsigned long)st.st_mtim.tv_nsec);
	return fd_mkdir_all(AT_FDCWD, dir, 0700, e);
}

void profiles_close(struct engine *g)
{
	while (g->profiles) {
		struct profile *p = g->profiles;

		g->profiles = p->next;
		release(p);
	}
	free(g->compiler);
	g->compiler = NULL;
}
