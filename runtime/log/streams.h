/* What carpel-log does: moves the bytes of containers' pipes into their log files, each byte
 * exactly once however often carpel-log is killed.  Opens nothing, all descriptors are handed in.
 * Called by control.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/loop.h"
#include "log/wire.h"

struct streams;

/* Made before the process is confined. */
struct streams_tools {
	int scratch_read, scratch_write; /* an empty pipe, to look at bytes without taking them */
	int null;                        /* /dev/null, where bytes end that are safe in the file */
};

/* Who is told. */
struct streams_owner {
	void (*done)(void *arg, const char *id);
	void (*full)(void *arg, const char *id); /* the file; nothing is read of id meanwhile */
	void *arg;
};

struct streams *streams_new(
	struct loop *l, const struct streams_tools *tools, const struct streams_owner *owner);
size_t streams_count(const struct streams *s); /* containers */
void streams_each(const struct streams *s, void (*item)(void *arg, const char *id), void *arg);

bool streams_has(const struct streams *s, const char *id);

/* For LOG_ADD and LOG_REOPEN.  fds as wire.h says, taken in any case.  With LOG_ADD an id that is
 * there already only gets the new limit, with LOG_REOPEN it goes on in the new file; it is told
 * again if it is done or its file is full.  On failure an id goes on as it was, or is not there. */
int streams_add(
	struct streams *s, const struct log_msg *m, const int *fds, size_t n, struct err *e);
/* Ends the streams of id with what is in them now; an unknown id is told to be done. */
void streams_drain(struct streams *s, const char *id);
/* Takes sock; closed at once when id is not there. */
void streams_attach(struct streams *s, const char *id, int sock);
