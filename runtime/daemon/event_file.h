/* The events on disk: a journal of lines, each an event as it was written last or the word that one
 * is gone.  Replayed by the next carpeld of this boot, rewritten whole when it has grown.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

struct event_file {
	char *path;
	int fd; /* -1: not open */
	size_t bytes;
};

enum { EVENT_FILE_BYTES = 4 << 20 }; /* grown: to be rewritten */

struct event_line {
	uint64_t key; /* of pod/event_fold.h */
	int64_t last_boot_ms;
	const struct json *event;
};

/* Calls item for each event that is there, the newest state of each. */
int event_file_replay(const char *path, void (*item)(void *arg, const struct event_line *l),
	void *arg, struct err *e);
/* A new file takes the old one's place: begin, add each event, commit. */
int event_file_begin(struct event_file *f, const char *path, struct err *e);
int event_file_add(struct event_file *f, const struct event_line *l, struct err *e);
int event_file_commit(struct event_file *f, struct err *e);
int event_file_add_gone(struct event_file *f, const char *ns, const char *name, struct err *e);
void event_file_close(struct event_file *f);
