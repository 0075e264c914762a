/* Processes that an earlier supervisor started, found again by the cgroup that the record names. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct engine;

/* Fails where processes cannot be held at all: to the functions below all would be gone. */
int find_check(struct err *e);

/* Pidfd of the pause whose cgroup this is; -ENOENT when it is gone. */
int find_pause(const struct engine *g, const char *cgroup);

struct found {
	int pidfd;        /* -1: nothing lives there */
	int32_t pid;      /* in pause's pid namespace */
	bool has_started; /* it runs the container's program, not carpel-launch any more */
};

/* The first process of the container whose cgroup this is.  want: its pid in pause's namespace; 0:
 * not known, whichever pause would reap.  in_node: it lives in our PID namespace, and so does its
 * number. */
struct found find_container(const struct engine *g, const char *cgroup, int32_t want, bool in_node);
