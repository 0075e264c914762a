/* One attempt by hand, without carpeld: carpel-probe http://127.0.0.1:8080/healthz.  Everything
 * that needs the system (names, sockets) is fetched before the process confines itself; the attempt
 * is the one that pods get.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "spec/probe.h"

struct once {
	const char *url; /* http://… or tcp://… */
	int64_t timeout_ms;
	struct probe_header *headers; /* taken over */
	size_t headers_len;
	uid_t id; /* to run as */
};

/* 0 success, 1 failure; negative: could not even try (-EINVAL: the URL is none of ours). */
int once_run(struct once *o, struct err *e);
/* "1s", "500ms", "2m", "3": seconds.  At most an hour. */
int once_duration(const char *text, int64_t *out_ms);
