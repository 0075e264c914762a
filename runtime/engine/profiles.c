#include "engine/profiles.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/child.h"
#include "engine/engine.h"
#include "sys/starter.h"

/* PROFILES_MAX: of which the filters are held open; those that are asked for least go. */
enum { SOURCE_MAX = 1 << 20, PROFILES_MAX = 48 };

struct profile {
	struct profile *next;
	struct engine *g;
	uint64_t caps;
	uint64_t sum; /* of the text that it is made from; 0: the usual one */
	int fd;       /* -1: being compiled */
	int said_fd;  /* what the compiler says meanwhile */
	struct profile_wait *waits;
	bool is_waking; /* they are being called */
};

struct profile_wait {
	struct profile_wait *next, **link;
	void (*ready)(void *arg, const struct err *e);
	void *arg;
};

/* The name holds what the program was made from: the capabilities, the text if there is one, and
 * the compiler's build. */
static char *path_of(const struct engine *g, uint64_t caps, uint64_t sum, const char *suffix)
{
	return sum ? str_fmt("%s/seccomp/%016" PRIx64 "-%016" PRIx64 "-%s%s", g->layout.run, caps,
			     sum, g->compiler, suffix)
		   : str_fmt("%s/seccomp/%016" PRIx64 "-%s%s", g->layout.run, caps, g->compiler,
			     suffix);
}

/* Moves it to the front. */
static struct profile *find(struct engine *g, uint64_t caps, uint64_t sum)
{
	struct profile **at = &g->profiles, *p;

	while ((p = *at) && (p->caps != caps || p->sum != sum))
		at = &p->next;
	if (!p)
		return NULL;
	*at = p->next;
	p->next = g->profiles;
	g->profiles = p;
	return p;
}

static void release(struct profile *p)
{
	cleanup_fd(&p->fd);
	cleanup_fd(&p->said_fd);
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

/* The file stays, so opening one again is cheap. */
static void forget_old(struct engine *g)
{
	struct profile *last = NULL;
	size_t len = 0;

	for (struct profile *p = g->profiles; p; p = p->next, len++)
		if (p->fd >= 0 && !p->is_waking)
			last = p;
	if (len >= PROFILES_MAX && last)
		forget(last);
}

static struct profile *add(struct engine *g, uint64_t caps, uint64_t sum, int fd)
{
	struct profile *p = mem_zalloc(sizeof(*p));

	forget_old(g);
	*p = (struct profile){
		.next = g->profiles, .g = g, .caps = caps, .sum = sum, .fd = fd, .said_fd = -1
	};
	g->profiles = p;
	return p;
}

/* Each one may start a container and ask for further profiles. */
static void wake(struct profile *p, const struct err *e)
{
	p->is_waking = true;
	while (p->waits) {
		struct profile_wait *w = p->waits;

		p->waits = w->next;
		if (w->next)
			w->next->link = &p->waits;
		w->link = NULL;
		w->ready(w->arg, e);
		free(w);
	}
	p->is_waking = false;
}

/* "carpel-launch: error: profile: …": the reason is of use to whoever wrote the profile. */
static int failure(const struct profile *p, struct err *e)
{
	static const char prefix[] = "carpel-launch: error: ";
	char text[512];
	ssize_t n = p->said_fd < 0 ? 0 : pread(p->said_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_say(e, EINVAL, "seccomp profile: %s",
		!*text                     ? "it could not be compiled"
		: str_starts(text, prefix) ? text + strlen(prefix)
					   : text);
}

static int publish(struct profile *p, int wait_status, struct err *e)
{
	CLEANUP(cleanup_free) char *new = path_of(p->g, p->caps, p->sum, ".new");
	CLEANUP(cleanup_free) char *path = path_of(p->g, p->caps, p->sum, "");
	struct stat st;

	if (wait_status != 0)
		return failure(p, e);
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

	cleanup_fd(&p->said_fd);
	if (rc < 0)
		log_err("%s", e.text);
	wake(p, &e);
	if (rc < 0)
		forget(p); /* the next start tries again */
}

/* text: a descriptor of the profile to compile, -1 for the usual one. */
static int compile(struct profile *p, int text, struct err *e)
{
	CLEANUP(cleanup_free) char *new = path_of(p->g, p->caps, p->sum, ".new");
	CLEANUP(cleanup_free) char *program = layout_program(&p->g->layout, "carpel-launch");
	CLEANUP(cleanup_free) char *mask = str_fmt("%016" PRIx64, p->caps);
	CLEANUP(cleanup_fd)
	int out = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	char name[] = "carpel-launch", usual[] = "--seccomp-profile", json[] = "--seccomp-json";
	char *argv[] = { name, p->sum ? json : usual, mask, NULL }, *envp[] = { NULL };
	pid_t pid;
	int pidfd;

	p->said_fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (out < 0 || p->said_fd < 0)
		return err_set(e, errno, "open %s", new);

	const int fds[] = { text, out, p->said_fd };
	const struct spawn s = { .path = program,
		.argv = argv,
		.envp = envp,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.is_expendable = true };

	pidfd = starter_spawn(p->g->starter, &s, &pid, e);
	if (pidfd < 0)
		return pidfd;
	(void)child_watch(p->g, pidfd, pid, on_compiled, p);
	return 0;
}

/* One that an earlier carpeld had compiled. */
static int open_kept(const struct engine *g, uint64_t caps, uint64_t sum)
{
	CLEANUP(cleanup_free) char *path = path_of(g, caps, sum, "");

	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* Opened so that a FIFO or a device cannot hold us. */
static int read_regular(const char *path, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "%s is no regular file", path);
	rc = fd_read_all(fd, SOURCE_MAX, out, e);
	return rc < 0 ? err_wrap(e, rc, "%s", path) : 0;
}

/* The text as a file of ours, so that what is hashed is what is compiled. */
static int read_source(const char *source, uint64_t *out_sum, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = memfd_create("profile", MFD_CLOEXEC);
	int rc = read_regular(source, &text, e);

	if (rc < 0)
		return err_wrap(e, rc, "seccomp profile");
	if (fd < 0)
		return err_set(e, errno, "make a file for the seccomp profile");
	if ((rc = fd_write_all(fd, text.data ? text.data : "", text.len)) < 0 ||
		lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, rc < 0 ? -rc : errno, "copy the seccomp profile");
	*out_sum = hash_bytes(HASH_START, text.data ? text.data : "", text.len) | 1;
	return take_fd(&fd);
}

/* One that was compiled before, whatever its text says now. */
static struct profile *known(struct engine *g, uint64_t caps, uint64_t sum)
{
	struct profile *p = find(g, caps, sum);
	int fd = p ? -1 : open_kept(g, caps, sum);

	return fd < 0 ? p : add(g, caps, sum, fd);
}

int profile_get(struct engine *g, uint64_t caps, const char *source, uint64_t *sum,
	void (*ready)(void *arg, const struct err *e), void *arg, struct profile_wait **out,
	struct err *e)
{
	CLEANUP(cleanup_fd) int text = -1;
	struct profile *p = source && !*sum ? NULL : known(g, caps, *sum);
	struct profile_wait *w;
	int rc;

	if (!p && source) {
		if ((text = read_source(source, sum, e)) < 0)
			return text;
		p = known(g, caps, *sum);
	}
	if (!p) {
		p = add(g, caps, *sum, -1);
		if ((rc = compile(p, text, e)) < 0) {
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
