/* Taking over from a supervisor that ended at any instruction.  Owners know what was meant to be,
 * the kernel says what is; the difference becomes ordinary news.  What was half made is finished
 * when it already runs the user's program and undone otherwise; nothing here waits for more than an
 * instant, since clients wait for us.
 */
#pragma once

#include "engine/ctr.h"

/* pause, if it is there: then the sandbox is as it was. */
void resume_sandbox(struct sandbox *s);
/* Everything of a sandbox that was being made, or should not be. */
void resume_undo(struct engine *g, const char *cgroup);

/* An instance whose start was under way.  true: it runs (or ran and ended): up() was called, its
 * end follows by itself.  false: nothing of it is left, it may be started anew. */
bool resume_starting(struct ctr *c);
/* An instance that ran.  false: it is gone, and ended() was called. */
bool resume_running(struct ctr *c);
/* Ends what an earlier carpeld executed in it, whose callers are gone. */
void resume_end_execs(const struct ctr *c);
