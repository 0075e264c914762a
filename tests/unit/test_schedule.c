#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "probes/schedule.h"
#include "probes/timers.h"

enum { START = 1000000, DELAY = 3000, PERIOD = 10000, DAY_MS = 86400000 };

static const struct probe_timing timing = { DELAY, 1000, PERIOD, 1, 3 };

static unsigned instance(
	struct prober *p, uint64_t n, int64_t started_ms, bool is_started, int64_t now_ms)
{
	const struct prober_event ev = { .kind = PROBER_EV_INSTANCE,
		.instance = n,
		.started_ms = started_ms,
		.is_started = is_started };

	return probe_step(p, &ev, now_ms);
}

static unsigned tell(struct prober *p, enum prober_event_kind kind, int64_t now_ms)
{
	return probe_step(
		p, &(struct prober_event){ .kind = kind, .instance = p->instance }, now_ms);
}

static unsigned result(struct prober *p, bool is_success, int64_t now_ms)
{
	const struct prober_event ev = {
		.kind = PROBER_EV_RESULT, .instance = p->instance, .is_success = is_success
	};

	return probe_step(p, &ev, now_ms);
}

/* One attempt at its time, answered 5 ms later. */
static unsigned turn(struct prober *p, bool is_success)
{
	int64_t at = prober_next_timer(p);

	assert_int_equal(tell(p, PROBER_EV_TIMER, at), PROBER_ATTEMPT);
	return result(p, is_success, at + 5);
}

static void ready_prober(struct prober *p, enum probe_type type)
{
	prober_init(p, type, &timing);
	assert_int_equal(instance(p, 1, START, type != PROBE_STARTUP, START), 0);
}

static void test_first_values(void **state)
{
	static const int8_t want[PROBE_TYPES] = {
		[PROBE_STARTUP] = -1, [PROBE_LIVENESS] = 1, [PROBE_READINESS] = 0
	};
	struct prober p;

	(void)state;
	for (enum probe_type t = PROBE_STARTUP; t < PROBE_TYPES; t++) {
		prober_init(&p, t, &timing);
		assert_int_equal(p.published, want[t]);
		assert_int_equal(p.phase, PROBER_IDLE);
		assert_true(prober_next_timer(&p) == INT64_MAX);
	}
}

/* The clock starts with the container, however late we hear of it. */
static void test_first_attempt_is_exact(void **state)
{
	struct prober p;

	(void)state;
	prober_init(&p, PROBE_READINESS, &timing);
	assert_int_equal(instance(&p, 1, START, true, START + 40), 0);
	assert_int_equal(prober_next_timer(&p), START + DELAY);
	assert_int_equal(tell(&p, PROBER_EV_TIMER, START + DELAY - 1), 0);
	assert_int_equal(p.phase, PROBER_WAITING);
	assert_int_equal(tell(&p, PROBER_EV_TIMER, START + DELAY), PROBER_ATTEMPT);
	assert_int_equal(p.phase, PROBER_RUNNING);
	assert_true(prober_next_timer(&p) == INT64_MAX);
	/* A timer that was on its way finds the attempt running: attempts never overlap. */
	assert_int_equal(tell(&p, PROBER_EV_TIMER, START + DELAY + PERIOD), 0);

	prober_init(&p, PROBE_READINESS, &timing);
	assert_int_equal(instance(&p, 1, START, true, START + DELAY + 7), PROBER_ATTEMPT);
	assert_int_equal(result(&p, false, START + DELAY + 9), 0);
	assert_int_equal(prober_next_timer(&p), START + DELAY + PERIOD);
}

static void test_no_delay_attempts_at_once(void **state)
{
	static const struct probe_timing at_once = { 0, 1000, PERIOD, 1, 3 };
	struct prober p;

	(void)state;
	prober_init(&p, PROBE_STARTUP, &at_once);
	assert_int_equal(instance(&p, 1, START, false, START), PROBER_ATTEMPT);
}

/* Timers that are late and attempts that take time do not move the ticks: a day later they stand
 * where they stood. */
static void test_day_without_drift(void **state)
{
	int64_t attempts = 0, now = START;
	struct prober p;

	(void)state;
	ready_prober(&p, PROBE_LIVENESS);
	while ((now = prober_next_timer(&p)) < START + DAY_MS) {
		assert_int_equal((now - START - DELAY) % PERIOD, 0);
		assert_int_equal(tell(&p, PROBER_EV_TIMER, now + attempts % 7), PROBER_ATTEMPT);
		assert_int_equal(result(&p, true, now + 7 + attempts % 900), 0);
		attempts++;
	}
	assert_int_equal(attempts, (DAY_MS - DELAY + PERIOD - 1) / PERIOD);
	assert_int_equal(p.run, attempts);
}

static void test_slow_attempt_is_followed_at_once(void **state)
{
	int64_t first = START + DELAY;
	struct prober p;

	(void)state;
	ready_prober(&p, PROBE_READINESS);
	assert_int_equal(tell(&p, PROBER_EV_TIMER, first), PROBER_ATTEMPT);
	/* It took two and a half periods: one attempt at once, the other missed tick is lost. */
	assert_int_equal(result(&p, false, first + 25000), PROBER_ATTEMPT);
	assert_int_equal(result(&p, false, first + 25001), 0);
	assert_int_equal(prober_next_timer(&p), first + 3 * PERIOD);
	/* One that ends exactly at the tick is that tick's attempt. */
	assert_int_equal(tell(&p, PROBER_EV_TIMER, first + 3 * PERIOD), PROBER_ATTEMPT);
	assert_int_equal(result(&p, true, first + 4 * PERIOD), PROBER_PUBLISH | PROBER_ATTEMPT);
	assert_int_equal(result(&p, true, first + 4 * PERIOD + 1), 0);
	assert_int_equal(prober_next_timer(&p), first + 5 * PERIOD);
}

static void test_readiness_flips_at_thresholds(void **state)
{
	static const struct probe_timing two_of_each = { 0, 1000, PERIOD, 2, 2 };
	struct prober p;

	(void)state;
	prober_init(&p, PROBE_READINESS, &two_of_each);
	assert_int_equal(instance(&p, 1, START, true, START - 1), 0);
	assert_int_equal(turn(&p, true), 0);
	assert_int_equal(turn(&p, false), 0); /* begins the count anew */
	assert_int_equal(turn(&p, true), 0);
	assert_int_equal(turn(&p, true), PROBER_PUBLISH);
	assert_int_equal(p.published, 1);
	assert_int_equal(turn(&p, true), 0); /* no news */
	assert_int_equal(p.run, 3);
	assert_int_equal(turn(&p, false), 0);
	assert_int_equal(p.run_since_ms, START + 5 * PERIOD);
	assert_int_equal(turn(&p, false), PROBER_PUBLISH);
	assert_int_equal(p.published, 0);
	assert_int_equal(p.phase, PROBER_WAITING); /* readiness is never on hold */
	/* A readiness that fails from the start is known to be false: no news. */
	prober_init(&p, PROBE_READINESS, &two_of_each);
	assert_int_equal(instance(&p, 1, START, true, START - 1), 0);
	assert_int_equal(turn(&p, false) | turn(&p, false) | turn(&p, false), 0);
}

static void test_liveness_holds_after_failure(void **state)
{
	struct prober p;

	(void)state;
	ready_prober(&p, PROBE_LIVENESS);
	assert_int_equal(turn(&p, true), 0); /* alive is what it was */
	assert_int_equal(turn(&p, false) | turn(&p, false), 0);
	assert_int_equal(turn(&p, false), PROBER_PUBLISH);
	assert_int_equal(p.published, 0);
	assert_int_equal(p.phase, PROBER_IDLE);
	assert_int_equal(p.run, 3); /* for the message */
	assert_int_equal(tell(&p, PROBER_EV_STARTED, START + DAY_MS), 0);
	assert_int_equal(tell(&p, PROBER_EV_TIMER, START + DAY_MS), 0);
	/* The next instance: alive again, nothing of the old count. */
	assert_int_equal(instance(&p, 2, START + DAY_MS, true, START + DAY_MS), 0);
	assert_int_equal(p.published, 1);
	assert_int_equal(prober_next_timer(&p), START + DAY_MS + DELAY);
	assert_int_equal(turn(&p, false) | turn(&p, false), 0);
}

static void test_startup_holds_after_any_verdict(void **state)
{
	struct prober p;

	(void)state;
	ready_prober(&p, PROBE_STARTUP);
	assert_int_equal(turn(&p, false), 0);
	assert_int_equal(turn(&p, true), PROBER_PUBLISH);
	assert_int_equal(p.published, 1);
	assert_int_equal(p.phase, PROBER_IDLE);
	assert_int_equal(instance(&p, 2, START + 50000, false, START + 50000), 0);
	assert_int_equal(p.published, -1);
	assert_int_equal(turn(&p, false) | turn(&p, false), 0);
	assert_int_equal(turn(&p, false), PROBER_PUBLISH);
	assert_int_equal(p.published, 0);
	assert_int_equal(p.phase, PROBER_IDLE);
	/* Of an instance that has started there is nothing to ask. */
	assert_int_equal(instance(&p, 3, START + 90000, true, START + 99000), 0);
	assert_int_equal(p.phase, PROBER_IDLE);
}

/* Counters are of one instance: failures of the former do not kill the next (kubernetes 53530). */
static void test_new_instance_resets(void **state)
{
	struct prober p;

	(void)state;
	ready_prober(&p, PROBE_LIVENESS);
	assert_int_equal(turn(&p, false) | turn(&p, false), 0);
	assert_int_equal(tell(&p, PROBER_EV_ENDED, START + 20000), 0);
	assert_int_equal(p.phase, PROBER_IDLE);
	assert_int_equal(instance(&p, 2, START + 30000, true, START + 30000), 0);
	assert_int_equal(p.run, 0);
	assert_int_equal(p.last, -1);
	assert_int_equal(turn(&p, false) | turn(&p, false), 0);
	assert_int_equal(turn(&p, false), PROBER_PUBLISH);
}

static void test_others_wait_for_startup(void **state)
{
	struct prober p;

	(void)state;
	for (enum probe_type t = PROBE_LIVENESS; t < PROBE_TYPES; t++) {
		prober_init(&p, t, &timing);
		assert_int_equal(instance(&p, 1, START, false, START), 0);
		assert_int_equal(p.phase, PROBER_IDLE);
		assert_int_equal(tell(&p, PROBER_EV_TIMER, START + 2 * PERIOD), 0);
		/* Probed at once when the startup probe succeeds; the periods count from here. */
		assert_int_equal(tell(&p, PROBER_EV_STARTED, START + 45678), PROBER_ATTEMPT);
		assert_int_equal(tell(&p, PROBER_EV_STARTED, START + 45679), 0);
		(void)result(&p, true, START + 45700);
		assert_int_equal(prober_next_timer(&p), START + 45678 + PERIOD);
		/* Not before the delay. */
		assert_int_equal(instance(&p, 2, START, false, START), 0);
		assert_int_equal(tell(&p, PROBER_EV_STARTED, START + 100), 0);
		assert_int_equal(prober_next_timer(&p), START + DELAY);
	}
}

static void test_news_of_others_is_dropped(void **state)
{
	struct prober_event ev = { .kind = PROBER_EV_RESULT, .instance = 1, .is_success = true };
	struct prober p;

	(void)state;
	prober_init(&p, PROBE_READINESS, &timing);
	ev.instance = 0;
	assert_int_equal(probe_step(&p, &ev, START), 0); /* no instance, no result */
	ev.kind = PROBER_EV_STARTED;
	assert_int_equal(probe_step(&p, &ev, START), 0);
	assert_false(p.is_started);
	assert_int_equal(instance(&p, 2, START, false, START), 0);
	ev.kind = PROBER_EV_STARTED;
	ev.instance = 1;
	assert_int_equal(probe_step(&p, &ev, START + DELAY), 0);
	assert_false(p.is_started);
	assert_int_equal(tell(&p, PROBER_EV_STARTED, START + DELAY), PROBER_ATTEMPT);
	ev.kind = PROBER_EV_RESULT;
	assert_int_equal(probe_step(&p, &ev, START + DELAY + 1), 0);
	assert_int_equal(p.phase, PROBER_RUNNING);
	/* The same instance told twice changes nothing. */
	assert_int_equal(instance(&p, 2, START, false, START + DELAY + 1), 0);
	assert_true(p.is_started);
	assert_int_equal(result(&p, true, START + DELAY + 2), PROBER_PUBLISH);
	assert_int_equal(result(&p, false, START + DELAY + 3), 0); /* nothing was asked */
	assert_int_equal(p.run, 1);
	assert_int_equal(p.last, 1);
}

static void test_attempt_in_flight_is_cancelled(void **state)
{
	struct prober p;

	(void)state;
	ready_prober(&p, PROBE_LIVENESS);
	assert_int_equal(tell(&p, PROBER_EV_TIMER, START + DELAY), PROBER_ATTEMPT);
	assert_int_equal(tell(&p, PROBER_EV_ENDED, START + DELAY + 1), PROBER_CANCEL);
	assert_int_equal(tell(&p, PROBER_EV_ENDED, START + DELAY + 2), 0);
	assert_int_equal(instance(&p, 2, START, true, START + DELAY + 3), PROBER_ATTEMPT);
	assert_int_equal(instance(&p, 3, START + DELAY, true, START + DELAY + 4), PROBER_CANCEL);
	assert_int_equal(p.phase, PROBER_WAITING);
	assert_int_equal(tell(&p, PROBER_EV_TIMER, START + 2 * DELAY), PROBER_ATTEMPT);
	assert_int_equal(
		instance(&p, 4, START, true, START + 2 * DELAY), PROBER_CANCEL | PROBER_ATTEMPT);
}

static unsigned take_over(
	struct prober *p, enum probe_type type, int8_t published, int32_t run, int64_t now_ms)
{
	const struct prober_event ev = { .kind = PROBER_EV_INSTANCE,
		.instance = 5,
		.started_ms = START,
		.is_started = type != PROBE_STARTUP,
		.is_taken_over = true,
		.last = published,
		.published = published,
		.run = run };

	prober_init(p, type, &timing);
	return probe_step(p, &ev, now_ms);
}

static void test_take_over(void **state)
{
	int64_t later = START + DELAY + 100 * PERIOD;
	struct prober p;

	(void)state;
	assert_int_equal(take_over(&p, PROBE_READINESS, 1, 7, later + 1), 0);
	assert_int_equal(p.published, 1);
	assert_int_equal(p.run, 7);
	assert_int_equal(prober_next_timer(&p), later + PERIOD);
	assert_int_equal(turn(&p, true), 0);
	/* Exactly at a tick. */
	assert_int_equal(take_over(&p, PROBE_READINESS, 1, 7, later), PROBER_ATTEMPT);
	/* Before the delay is over. */
	assert_int_equal(take_over(&p, PROBE_READINESS, 0, 0, START + 1), 0);
	assert_int_equal(prober_next_timer(&p), START + DELAY);
	/* Nothing was published yet. */
	assert_int_equal(take_over(&p, PROBE_LIVENESS, -1, 0, later + 1), 0);
	assert_int_equal(p.published, 1);
	/* What was on hold stays on hold. */
	(void)take_over(&p, PROBE_LIVENESS, 0, 3, later);
	assert_int_equal(p.phase, PROBER_IDLE);
	(void)take_over(&p, PROBE_STARTUP, 1, 1, later);
	assert_int_equal(p.phase, PROBER_IDLE);
	(void)take_over(&p, PROBE_STARTUP, -1, 2, later + 1);
	assert_int_equal(p.phase, PROBER_WAITING);
	assert_int_equal(p.run, 2);
}

static void test_odd_timing_is_made_safe(void **state)
{
	static const struct probe_timing zero;
	struct prober p;

	(void)state;
	prober_init(&p, PROBE_READINESS, &zero);
	assert_int_equal(instance(&p, 1, START, true, START), PROBER_ATTEMPT);
	assert_int_equal(result(&p, true, START), PROBER_PUBLISH);
	assert_int_equal(prober_next_timer(&p), START + 1);
	assert_int_equal(turn(&p, false),
		PROBER_PUBLISH | PROBER_ATTEMPT); /* 5 ms later: 4 ticks are lost */
}

enum { TIMERS = 1000 };

static void test_heap_gives_the_earliest(void **state)
{
	static struct timer t[TIMERS];
	struct timers s = { 0 };
	uint32_t random = 12345;
	int64_t last = -1;
	size_t left = TIMERS;

	(void)state;
	for (size_t i = 0; i < 3 * (size_t)TIMERS; i++) { /* each is set, then moved twice */
		random = random * 1664525 + 1013904223;
		timers_place(&s, &t[i % TIMERS], random >> 16);
	}
	for (size_t i = 0; i < TIMERS; i += 3, left--)
		timers_stop(&s, &t[i]);
	timers_stop(&s, &t[0]);
	for (struct timer *first; (first = timers_first(&s)); left--) {
		assert_true(first->at_ms >= last);
		last = first->at_ms;
		timers_stop(&s, first);
	}
	assert_int_equal(left, 0);
	timers_free(&s);
}

/* What takes the place of one that is stopped may belong above it. */
static void test_heap_mends_upwards(void **state)
{
	static const int64_t times[] = { 0, 100, 1, 101, 102, 2, 3 };
	struct timer t[ARRAY_LEN(times)] = { 0 };
	struct timers s = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		timers_place(&s, &t[i], times[i]);
	timers_stop(&s, &t[3]);
	for (size_t i = 1; i < s.len; i++)
		assert_true(s.heap[(i - 1) / 2]->at_ms <= s.heap[i]->at_ms);
	timers_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_values),
		cmocka_unit_test(test_first_attempt_is_exact),
		cmocka_unit_test(test_no_delay_attempts_at_once),
		cmocka_unit_test(test_day_without_drift),
		cmocka_unit_test(test_slow_attempt_is_followed_at_once),
		cmocka_unit_test(test_readiness_flips_at_thresholds),
		cmocka_unit_test(test_liveness_holds_after_failure),
		cmocka_unit_test(test_startup_holds_after_any_verdict),
		cmocka_unit_test(test_new_instance_resets),
		cmocka_unit_test(test_others_wait_for_startup),
		cmocka_unit_test(test_news_of_others_is_dropped),
		cmocka_unit_test(test_attempt_in_flight_is_cancelled),
		cmocka_unit_test(test_take_over),
		cmocka_unit_test(test_odd_timing_is_made_safe),
		cmocka_unit_test(test_heap_gives_the_earliest),
		cmocka_unit_test(test_heap_mends_upwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
