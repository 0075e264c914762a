/* Rotation of the logs of pods, as the kubelet does it; CRI's clients rotate theirs themselves.
 * carpel-log says when a file is full and holds its container until we have given it another one.
 *
 * A crash may come between any two steps.  What is left then is a log that goes on in a renamed
 * file, beside which there is no new one or one that nobody writes: the new one is not full, so the
 * next attempt renames nothing and goes on with the reopening.  carpel-log asks for that attempt,
 * since the file that it writes is full.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "engine/logs.h"
#include "log/rotated.h"

static int rename_to(const char *file, const char *name, struct err *e)
{
	CLEANUP(cleanup_free)
	char *path = str_fmt("%.*s/%s", (int)(strrchr(file, '/') - file), file, name);

	if (rename(file, path) < 0)
		return err_set(e, errno, "rename %s to %s", file, name);
	return 0;
}

static int set_aside(const char *file, unsigned max_files, struct err *e)
{
	struct strv names = { 0 };
	int rc = rotated_list(file, &names, e);

	if (rc == 0) {
		CLEANUP(cleanup_free)
		char *name = rotated_name(strrchr(file, '/') + 1, &names, time(NULL));

		rotated_remove(file, &names, rotated_excess(names.len, max_files));
		rc = name ? rename_to(file, name, e)
			  : err_say(e, EEXIST, "no name is left for %s", file);
	}
	strv_free(&names);
	return rc;
}

static bool is_full(const struct ctr *c)
{
	struct stat st;

	return lstat(c->log_file, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size >= (off_t)c->log_max_kib * 1024;
}

/* The former file is complete: its followers may go on. */
static void reopened(void *arg)
{
	const struct engine *g = arg;

	if (g->log_changed)
		g->log_changed(g->log_arg);
}

void pod_log_started(struct pod_ctr *c)
{
	if (is_full(&c->ctr))
		pod_log_rotate(c);
}

void pod_log_rotate(struct pod_ctr *c)
{
	const struct daemon *d = c->pod->d;
	struct err e = { 0 };
	int rc = 0;

	/* It is being done, or can be done when the start is over; see on_up(). */
	if (c->ctr.reopen || !c->ctr.pid)
		return;
	if (is_full(&c->ctr))
		rc = set_aside(c->ctr.log_file, d->log_max_files, &e);
	if (rc == 0)
		rc = logs_reopen(&c->ctr, reopened, &c->pod->d->engine, &e);
	if (rc < 0)
		log_warn("pod=%s ctr=%s its log is not rotated: %s", c->pod->sandbox.name,
			c->ctr.spec->name, e.text);
}
