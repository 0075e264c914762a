/* What an unprivileged program of ours gives away before it listens to anybody: its identity, its
 * capabilities, every file, and all system calls but those it names.  There is no way back.
 * carpel-log, carpel-probe, `carpel-image usage` and `carpel-image cdi` call it, each with its own
 * table of calls. lockdown.c alone of base sees libseccomp, and only those programs link it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { LOCKDOWN_ARGS_MAX = 2 };

/* User and group of each program, which nothing else on a machine has: neither may signal or trace
 * the other.  Above what adduser(8) gives out, above subordinate ids and systemd-nspawn's blocks
 * (they end at 0x6fffffff), below 0x7fff0000, where systemd begins again and signed ids soon end.
 */
enum {
	LOCKDOWN_ID_LOG = 0x70cab001,
	LOCKDOWN_ID_PROBE = 0x70cab002,
	LOCKDOWN_ID_USAGE = 0x70cab003,
	LOCKDOWN_ID_CDI = 0x70cab004
};

/* One argument of a call: allowed when (argument & mask) == value.  mask 0 allows anything. */
struct lockdown_arg {
	unsigned index;
	uint64_t mask, value;
};

struct lockdown_call {
	int number; /* SYS_… */
	struct lockdown_arg only[LOCKDOWN_ARGS_MAX];
};

/* id: user and group to become, when root calls.  calls: what the program needs beyond the loop,
 * the heap, standard error and its end. */
int lockdown(uid_t id, const struct lockdown_call *calls, size_t len, struct err *e);
/* The same for a program that lists directories, those of anybody: it keeps CAP_DAC_READ_SEARCH,
 * and still can open no file. */
int lockdown_lister(uid_t id, const struct lockdown_call *calls, size_t len, struct err *e);
