/* One of our programs run for an answer: what it writes to standard output, or one line on standard
 * error and an errno as its exit status.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct engine;
struct job;

enum { JOB_ANSWER_MAX = 1 << 20 }; /* what is beyond is not kept; of what it says of errors, too */

struct job_options {
	const char *program; /* one of ours */
	const struct strv *words;
	int64_t deadline_ms; /* 0: none; else it is killed then, and -ETIMEDOUT */
	bool dies_with_us;
	int input;         /* its standard input; 0: none */
	size_t answer_max; /* 0: JOB_ANSWER_MAX */
	/* What it says as it comes, instead of keeping it for done.  The deadline is then how long
	 * it may be silent. */
	void (*said)(void *arg, const char *bytes, size_t len);
	/* Its deadline is over and it is being killed; done follows when it has ended, which for
	 * what hangs in the kernel may be never.  NULL: done does not wait for that. */
	void (*late)(void *arg, int rc, const struct buf *out, const struct err *e);
};

/* done is called once, later: out is what it said and was kept, also before a failure. */
int job_start(struct engine *g, const struct job_options *o,
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e), void *arg,
	struct job **out, struct err *e);
void job_kill(struct job *j);   /* as if its deadline were over, without calling late */
void job_cancel(struct job *j); /* no callback any more, and it is killed; NULL is fine */
