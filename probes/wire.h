/* The channel to carpeld: whole JSON messages over descriptor 3, descriptors beside them.  Never
 * blocks: what carpeld does not take at once waits here.  A carpeld that leaves a hundred thousand
 * messages waiting is taken for gone.
 */
#pragma once

#include "base/json.h"
#include "base/loop.h"
#include "spec/probe_wire.h"

struct wire_message;

struct wire {
	struct loop *loop;
	struct loop_io io;
	int sock;                          /* borrowed */
	char *bytes;                       /* of the message being read */
	struct wire_message *first, **end; /* not sent yet */
	size_t waiting;                    /* how many */
	/* fd: came with the message, ours to close; -1: none.  m NULL: carpeld has gone. */
	void (*got)(void *arg, const struct json *m, int fd);
	void *arg;
};

int wire_open(struct wire *w, struct loop *l, int sock, struct err *e);
void wire_close(struct wire *w);
void wire_send(struct wire *w, struct json *m); /* takes m */
