/* Standard streams, terminal and kept descriptors of a new process. */
#pragma once

#include "oci/config.h"
#include "oci/launch.h"

struct stream_options {
	const char *console_socket; /* NULL */
	const char *pid_file;       /* NULL */
	int64_t preserved;          /* --preserve-fds, and those of LISTEN_FDS */
};

struct streams {
	int master, slave; /* -1: no terminal */
};
void streams_close(struct streams *s);
#define STREAMS_NONE ((struct streams){ .master = -1, .slave = -1 })

/* Before anything is made: do terminal and console socket go together? */
int streams_check(const struct stream_options *o, bool has_terminal, struct err *e);
int streams_prepare(const struct stream_options *o, const struct config *c, struct launch *l,
	struct plan *p, struct streams *out, struct err *e);
/* Sends the terminal to the console socket. */
int streams_send(const struct stream_options *o, const struct streams *s, struct err *e);
int streams_write_pid(const struct stream_options *o, int64_t pid, struct err *e);
