/* How long a container that ended waits for its next start: none at first, then 10, 20, 40 … 300 s,
 * each measured from the end of the instance before.  Ten minutes after a start was allowed its
 * entry is void: a run that long begins afresh, and no wait lasts beyond that moment.  Pure; called
 * by the life cycle only.
 */
#pragma once

#include <stdint.h>

struct lifecycle_config;

/* The entry of one container.  Kubernetes' client-go util/flowcontrol. */
struct backoff {
	int64_t wait_ms;         /* 0: no entry, the next start is immediate */
	int64_t allowed_boot_ms; /* when a start was last allowed */
};

/* Boot time from which the next start is allowed, for an instance that ended at ended_boot_ms. */
int64_t backoff_retry_at(
	const struct lifecycle_config *cfg, const struct backoff *b, int64_t ended_boot_ms);
/* A start is allowed now: the wait after it doubles. */
void backoff_advance(const struct lifecycle_config *cfg, struct backoff *b, int64_t now_boot_ms);
