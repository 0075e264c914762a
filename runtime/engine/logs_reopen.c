/* A running container's log goes on in another file; the order of the steps A to E is log/wire.h's.
 * The descriptors of a reopening wait in the sandbox's store under the id and a '+'.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/logs.h"
#include "engine/logs_parts.h"

struct log_reopen {
	char id[65]; /* of its streams; the container may have others by now */
	uint32_t serial;
	void (*done)(void *arg); /* NULL: whoever asked is gone */
	void *arg;
};

static char *tag_of(const char *id)
{
	return str_fmt("%s+", id);
}

bool reopen_is_tag(const char *tag)
{
	return str_ends(tag, "+");
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static void new_reopen(struct ctr *c, const char *id, void (*done)(void *arg), void *arg)
{
	c->reopen = mem_zalloc(sizeof(*c->reopen));
	*c->reopen = (struct log_reopen){ .done = done, .arg = arg };
	(void)snprintf(c->reopen->id, sizeof(c->reopen->id), "%s", id);
}

static int send(struct ctr *c, const int *fds, size_t n, struct err *e)
{
	struct logs *l = c->sandbox->engine->logs;

	c->reopen->serial = ++l->serial;
	return logs_tell(l, LOG_REOPEN, c->spec->tty ? LOG_IS_TTY : 0, c->reopen->id, fds, n, e);
}

static void finish(struct ctr *c)
{
	struct log_reopen *r = c->reopen;

	c->reopen = NULL;
	if (r->done)
		r->done(r->arg);
	free(r);
}

/* ---- asked for ---- */

static int open_new(const struct ctr *c, struct err *e)
{
	return log_file_open(c, e);
}

static int check(const struct ctr *c, struct err *e)
{
	if (!c->is_logging || !c->pid)
		return err_say(e, EBUSY, "container %s does not run", c->id);
	if (!c->log_file)
		return err_say(e, EINVAL, "container %s keeps no log", c->id);
	return 0;
}

/* One is under way whose asker an earlier supervisor took with it: this one hears of its end. */
static int wait_for(struct ctr *c, void (*done)(void *arg), void *arg, struct err *e)
{
	if (!c->reopen->done) {
		c->reopen->done = done;
		c->reopen->arg = arg;
	}
	return err_say(e, EAGAIN, "the log of container %s is being reopened", c->id);
}

/* B and C.  What is in the store will happen, so a message that did not get away is no failure. */
static int begin(struct ctr *c, const struct fdstore *store, const int *fds, size_t n,
	void (*done)(void *arg), void *arg, struct err *e)
{
	CLEANUP(cleanup_free) char *tag = tag_of(ctr_log_id(c));
	int rc = fdstore_put(store, tag, fds, n, e);

	if (rc < 0)
		return rc;
	new_reopen(c, ctr_log_id(c), done, arg);
	(void)send(c, fds, n, NULL);
	return 0;
}

/* One that was answered and could not be settled (see there): D and E are still to come, after C
 * once more.  0: there is none. */
static int go_on(struct ctr *c, const struct fdstore *store, void (*done)(void *arg), void *arg,
	struct err *e)
{
	CLEANUP(cleanup_free) char *tag = tag_of(ctr_log_id(c));
	int fds[FDSTORE_FDS_MAX], n = fdstore_get(store, tag, fds, e);

	if (n < 0)
		return n == -ENOENT ? 0 : n;
	new_reopen(c, ctr_log_id(c), NULL, NULL);
	(void)send(c, fds, (size_t)n, NULL);
	close_all(fds, (size_t)n);
	return wait_for(c, done, arg, e);
}

int logs_reopen(struct ctr *c, void (*done)(void *arg), void *arg, struct err *e)
{
	int fds[FDSTORE_FDS_MAX + 1], n, rc = check(c, e);
	size_t streams = logs_fds(c->spec->tty);
	struct fdstore store;

	if (rc == 0 && c->reopen)
		return wait_for(c, done, arg, e);
	if (rc < 0 || (rc = sandbox_store(c->sandbox, &store, e)) < 0)
		return rc;
	rc = go_on(c, &store, done, arg, e);
	n = rc < 0 ? 0 : fdstore_get(&store, ctr_log_id(c), fds, e);
	rc = rc < 0 ? rc : n;
	if (rc >= 0 && (size_t)n < streams)
		rc = err_say(e, EIO, "the streams of container %s are not all there", c->id);
	if (rc >= 0) {
		int fd = open_new(c, e);

		for (size_t i = streams; i < (size_t)n; i++)
			close(fds[i]); /* stdin */
		n = (int)streams;
		rc = fd;
		if (fd >= 0)
			fds[n++] = fd;
	}
	if (rc >= 0 && is_same_file(fds[LOG_FD_FILE], fds[n - 1]))
		rc = 1; /* A: it is open already */
	else if (rc >= 0)
		rc = begin(c, &store, fds, (size_t)n, done, arg, e);
	if (n > 0)
		close_all(fds, (size_t)n);
	fdstore_close(&store);
	return rc;
}

/* ---- answered ---- */

/* D and E. */
static int settle(struct ctr *c, struct err *e)
{
	CLEANUP(cleanup_free) char *tag = tag_of(c->reopen->id);
	struct fdstore store;
	int fds[FDSTORE_FDS_MAX], n, rc = sandbox_store(c->sandbox, &store, e);

	if (rc < 0)
		return rc;
	n = fdstore_get(&store, tag, fds, e);
	rc = n <= 0 ? n : fdstore_swap(&store, c->reopen->id, LOG_FD_FILE, fds[n - 1], e);
	if (rc >= 0)
		rc = fdstore_drop(&store, tag, e);
	if (n > 0)
		close_all(fds, (size_t)n);
	fdstore_close(&store);
	return rc;
}

void reopen_answered(struct engine *g, const struct log_msg *m)
{
	struct ctr *c = ctr_by_id(g, m->id);
	struct err e = { 0 };

	if (!c || !c->reopen || c->reopen->serial != m->serial || !str_eq(c->reopen->id, m->id))
		return;
	if (settle(c, &e) < 0)
		log_warn("sandbox=%s %s", c->sandbox->name, e.text);
	finish(c);
}

void reopen_over(struct ctr *c, const char *id)
{
	CLEANUP(cleanup_free) char *tag = tag_of(id);
	struct fdstore store;

	if (!c->reopen || !str_eq(c->reopen->id, id))
		return;
	if (c->sandbox->pause_fd >= 0 && sandbox_store(c->sandbox, &store, NULL) == 0) {
		(void)fdstore_drop(&store, tag, NULL);
		fdstore_close(&store);
	}
	finish(c);
}

void logs_reopen_forget(struct ctr *c)
{
	free(c->reopen);
	c->reopen = NULL;
}

/* ---- after a crash ---- */

struct resume {
	struct sandbox *s;
	struct strv *unsent, *unknown;
};

static int resume_one(void *arg, const char *tag, const int *fds, size_t n)
{
	struct resume *r = arg;
	CLEANUP(cleanup_free) char *id = str_ndup(tag, strlen(tag) - 1);
	struct ctr *c = reopen_is_tag(tag) ? ctr_by_id(r->s->engine, id) : NULL;

	if (c && (!c->reopen || str_eq(c->reopen->id, id))) {
		if (!c->reopen)
			new_reopen(c, id, NULL, NULL);
		if (send(c, fds, n, NULL) < 0)
			strv_add(r->unsent, id);
	} else if (reopen_is_tag(tag)) {
		strv_add(r->unknown, tag);
	}
	close_all(fds, n);
	return 0;
}

int reopen_resume(struct sandbox *s, const struct fdstore *store, struct strv *out_unsent,
	struct strv *out_unknown, struct err *e)
{
	struct resume r = { s, out_unsent, out_unknown };

	return fdstore_each(store, resume_one, &r, e);
}
