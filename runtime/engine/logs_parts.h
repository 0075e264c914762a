/* What logs.c (the link to carpel-log) and logs_reopen.c share.  Nobody else includes it. */
#pragma once

#include "engine/ctr.h"
#include "log/wire.h"

struct logs {
	struct engine *g;
	struct loop_io io;
	struct loop_timer restart, again;
	int sock;
	int64_t restart_ms;
	pid_t pid;
	uint32_t serial; /* of the last LOG_REOPEN */
};

/* A message that does not get away makes carpel-log be told everything again. */
int logs_tell(struct logs *l, enum log_op op, unsigned flags, const char *id, const int *fds,
	size_t n, struct err *e);
size_t logs_fds(bool is_tty); /* how many LOG_ADD has */
/* To write at its end; made where it is missing.  Regular files only, since others may be able to
 * put something into a log's directory, and a FIFO or a terminal takes a log only while somebody
 * reads it. */
int log_file_open(const struct ctr *c, struct err *e);

/* logs_reopen.c */
void reopen_answered(struct engine *g, const struct log_msg *m); /* LOG_REOPENED */
void reopen_over(struct ctr *c, const char *id); /* that log is complete: so is its reopening */
/* Sends LOG_REOPEN again for each reopening that the store tells of.  Adds the ids that could not
 * be sent, of which nothing else may be said, and tags that nobody knows any more.  After a failure
 * nothing may be said of any id of this sandbox. */
int reopen_resume(struct sandbox *s, const struct fdstore *store, struct strv *out_unsent,
	struct strv *out_unknown, struct err *e);
bool reopen_is_tag(const char *tag);
