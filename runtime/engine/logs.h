/* carpel-log and the streams it reads.  Every descriptor that matters is in the sandbox's
 * descriptor store before carpel-log hears of it: a killed carpel-log is replaced and given the
 * same ones again, a killed carpeld finds carpel-log still working.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct ctr;
struct engine;
struct sandbox;

int logs_open(struct engine *g, struct err *e);
void logs_close(struct engine *g); /* leaves it running */

/* The streams of a new instance: made, put into the descriptor store, handed to carpel-log.  The
 * ends that the container gets are the caller's to close. */
struct ctr_streams {
	int in, out, err, tty; /* -1: none */
};
int logs_begin(struct ctr *c, struct ctr_streams *out, struct err *e);
void logs_end(struct ctr *c); /* the instance is dead: what is in its pipes is the rest */
/* Its log goes on in the file that log_file names now.  0: done is called when nothing is written
 * to the former one any more, or the container has ended; 1: it is that file already.  -EBUSY: it
 * does not run.  -EAGAIN: an earlier reopening is under way; the done of that one, or where nobody
 * waits for it this one, is called when it is over, and then one may ask again. */
int logs_reopen(struct ctr *c, void (*done)(void *arg), void *arg, struct err *e);
void logs_reopen_forget(struct ctr *c); /* frees what is kept of one; no callback */
/* Nobody will ask for them any more; what carpel-log has not written yet is lost. */
void logs_forget(struct ctr *c);
void logs_take_over(struct sandbox *s); /* hands what the store holds to carpel-log again */
bool logs_is_over(const struct engine *g, const char *id);
int logs_attach(struct ctr *c, int sock, struct err *e); /* borrowed */
void logs_close_stdin(struct ctr *c);                    /* for good: the container reads its end */
