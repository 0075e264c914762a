/* Counters of a network namespace's interfaces, as /proc/PID/net/dev tells them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { NETSTAT_NAME_MAX = 48 }; /* 15 bytes, each of which may become U+FFFD */

struct netstat_way {
	uint64_t bytes, packets, errors, dropped;
};

struct netstat {
	char name[NETSTAT_NAME_MAX]; /* valid UTF-8, though the kernel takes any bytes */
	struct netstat_way rx, tx;
};

/* Pure.  The first max interfaces, in the order of the text, whose last line counts only when it is
 * whole. Returns how many; -EPROTO: this is not such a text. */
int netstat_parse(const char *text, struct netstat *out, size_t max, struct err *e);
/* Of the namespace of the process behind pidfd, whose number is pid.  -ESRCH: it has ended. */
int netstat_read(int pidfd, int32_t pid, struct netstat *out, size_t max, struct err *e);
