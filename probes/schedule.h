/* Decides when to probe and what the answers mean.  Pure: time and outcomes are arguments, so a day
 * of probing is tested in a microsecond.  Never opens a socket (the daemon and the protocol files
 * do).
 *
 *     probe_step(probe state, event, now) -> probe state', action
 *
 * One struct prober a (container, probe type).  All times are boot-time milliseconds.
 *
 * The clock starts with the container: the first attempt is due at start + delay exactly, the next
 * ones whole periods after that moment, however long attempts take and however late timers are.
 * Where a startup probe stands before, the first attempt is due when that one succeeds (but not
 * before start + delay), and the periods count from there.  Attempts never overlap.  One that
 * outlasts its period is followed by the next at once; the other ticks that passed meanwhile are
 * lost.
 *
 * A new instance begins with the value of its type published: readiness failure, liveness success,
 * startup none.  These first values are known to everyone and not announced: PROBER_PUBLISH means
 * that the value differs from the one before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "spec/probe.h"

enum prober_phase {
	PROBER_IDLE = 1, /* no instance, not started yet, or on hold */
	PROBER_WAITING,  /* until at_ms */
	PROBER_RUNNING,
	PROBER_PHASES
};

struct prober {
	enum probe_type type;
	struct probe_timing timing;
	enum prober_phase phase;
	uint64_t instance;  /* number of the container's instance, 0: none; news of another one is
			       dropped */
	int64_t started_ms; /* when that instance started */
	int64_t anchor_ms;  /* when its first attempt was due: periods count from there */
	int64_t at_ms;    /* PROBER_WAITING: when the next attempt is due; PROBER_RUNNING: the tick
			     after */
	int64_t began_ms; /* when the latest attempt began */
	bool is_started;  /* the container's startup probe succeeded, or it has none */
	int8_t last;      /* outcome of the latest attempt: -1 none, 0, 1 */
	int32_t run;      /* how many in a row */
	int64_t run_since_ms; /* when the first of them began */
	int8_t published;     /* -1 none, 0 failure, 1 success */
};

enum prober_event_kind {
	PROBER_EV_INSTANCE = 1, /* a new instance runs: instance, started_ms, is_started */
	PROBER_EV_STARTED,      /* the startup probe of this instance succeeded */
	PROBER_EV_ENDED,        /* the instance ended, or probing shall stop */
	PROBER_EV_RESULT,       /* is_success: answer to PROBER_ATTEMPT */
	PROBER_EV_TIMER,
	PROBER_EVENTS
};

struct prober_event {
	enum prober_event_kind kind;
	uint64_t instance;
	int64_t started_ms;
	bool is_started, is_success;
	/* PROBER_EV_INSTANCE of an instance that was probed before (the prober was restarted): what
	 * was known of it is kept, and the next attempt is at its next tick.  published -1: the
	 * type's first value. */
	bool is_taken_over;
	int8_t last, published;
	int32_t run;
};

/* What to do, a mask; in this order: cancel, publish, attempt. */
enum {
	PROBER_ATTEMPT = 1,
	PROBER_PUBLISH = 2 /* prober->published changed */,
	PROBER_CANCEL = 4 /* the attempt in flight */
};

/* Thresholds and the period are at least 1 from here on. */
void prober_init(struct prober *p, enum probe_type type, const struct probe_timing *timing);
unsigned probe_step(struct prober *p, const struct prober_event *ev, int64_t now_ms);
int64_t prober_next_timer(const struct prober *p); /* INT64_MAX: none */
