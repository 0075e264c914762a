/* Decides when to probe and what the answers mean.  Pure: time and outcomes are arguments, so a day of
 * probing is tested in a microsecond.  Never opens a socket (the daemon and the protocol files do).
 *
 *     probe_step(probe state, event, now) -> probe state', action
 *
 * One struct prober a (container, probe type).  All times are boot-time milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spec/probe.h"

enum prober_phase { PROBER_IDLE = 1 /* no instance, or on hold */, PROBER_WAITING /* until at_ms */, PROBER_RUNNING, PROBER_PHASES };

struct prober {
	enum probe_type type;
	struct probe_timing timing;
	enum prober_phase phase;
	uint64_t instance; /* number of the container's instance; news of another one is dropped */
	int64_t started_ms; /* when that instance started */
	int64_t at_ms; /* PROBER_WAITING: when the next attempt is due */
	bool is_started; /* the container's startup probe succeeded, or it has none */
	int8_t last; /* outcome of the latest attempt: -1 none, 0, 1 */
	int32_t run; /* how many in a row */
	int64_t run_since_ms; /* when the first of them began */
	int8_t published; /* -1 none, 0 failure, 1 success */
};

enum prober_event_kind {
	PROBER_EV_INSTANCE = 1, /* a new instance runs: instance, started_ms, is_started */
	PROBER_EV_STARTED, /* the startup probe of this instance succeeded */
	PROBER_EV_ENDED, /* the instance ended, or probing shall stop */
	PROBER_EV_RESULT, /* is_success: answer to PROBER_ATTEMPT */
	PROBER_EV_TIMER,
	PROBER_EVENTS
};

struct prober_event {
	enum prober_event_kind kind;
	uint64_t instance;
	int64_t started_ms;
	bool is_started, is_success;
};

/* What to do, a mask. */
enum { PROBER_ATTEMPT = 1, PROBER_PUBLISH = 2 /* prober->published changed or is new */, PROBER_CANCEL = 4 /* the attempt in flight */ };

void prober_init(struct prober *p, enum probe_type type, const struct probe_timing *timing);
unsigned probe_step(struct prober *p, const struct prober_event *ev, int64_t now_ms);
int64_t prober_next_timer(const struct prober *p); /* INT64_MAX: none */
