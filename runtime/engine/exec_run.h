/* One program executed in a running container: starting it through carpel-launch, its output, its
 * end. Exec probes, exec sessions and CRI's ExecSync are made of this.
 */
#pragma once

#include "engine/ctr.h"

struct exec_run;

struct exec_run_peer {
	/* channel 1 stdout, 2 stderr. Returns false to be left alone until exec_run_resume(). */
	bool (*output)(void *arg, int channel, const char *bytes, size_t len);
	/* The end, after the last output: an exit code (128+n by signal), or negative and e. The
	 * run is gone after it. */
	void (*ended)(void *arg, int rc, const struct err *e);
	void *arg;
};

struct exec_run_options {
	const struct strv *command;
	bool has_stdin, tty;
	bool kills_rest; /* what the program leaves behind is killed when it ends (probes) */
};

int exec_run_start(struct ctr *c, const struct exec_run_options *o,
	const struct exec_run_peer *peer, struct exec_run **out, struct err *e);
void exec_run_resume(struct exec_run *r);
void exec_run_kill(struct exec_run *r); /* the whole tree; ended follows */
/* No callback any more; kill: the tree ends too, otherwise it may go on without us. */
void exec_run_abandon(struct exec_run *r, bool kill);
int exec_run_input(const struct exec_run *r); /* write end of its stdin, non-blocking; -1 */
void exec_run_close_input(struct exec_run *r);
void exec_run_resize(struct exec_run *r, int columns, int rows);
void exec_run_orphan_all(struct ctr *c); /* its instance is gone, of which they were */
