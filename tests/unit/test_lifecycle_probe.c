/* What published probe results do, by a story each. */
#include "tests/unit/pod_fixture.h"

static void test_readiness(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_STARTUP);
	fx_has_probe(&f, A, PROBE_READINESS);
	fx_run(&f);
	assert_false(f.s->ctrs[A].started);
	fx_probe(&f, A, PROBE_READINESS, true); /* not before it has started */
	assert_false(f.s->ctrs[A].ready);
	assert_int_equal(f.s->ctrs[A].readiness, -1);
	assert_string_equal(fx_probe(&f, A, PROBE_STARTUP, true), "");
	assert_int_equal(f.s->ctrs[A].startup, 1);
	assert_true(f.s->ctrs[A].started && !f.s->ctrs[A].ready);
	fx_probe(&f, A, PROBE_READINESS, true);
	assert_int_equal(f.s->ctrs[A].readiness, 1);
	assert_true(f.s->ctrs[A].ready && pod_is_ready(&f.spec, f.s));
	fx_probe(&f, A, PROBE_READINESS, false);
	assert_false(f.s->ctrs[A].ready || pod_is_ready(&f.spec, f.s));
	fx_probe(&f, A, PROBE_READINESS, true);
	assert_string_equal(fx_died(&f, A, EXIT_1), "probes-stop a 10, start-ctr a");
	assert_false(f.s->ctrs[A].ready || f.s->ctrs[A].started);
	fx_up(&f, A, "a1");
	assert_false(f.s->ctrs[A].started); /* cleared with the instance */
	assert_int_equal(f.s->ctrs[A].startup, -1);
}

static void test_started_without_readiness_probe(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_STARTUP);
	fx_run(&f);
	assert_false(f.s->ctrs[A].ready);
	fx_probe(&f, A, PROBE_STARTUP, true);
	assert_true(f.s->ctrs[A].ready);
}

static void test_liveness_kill(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ON_FAILURE, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_LIVENESS);
	fx_has_probe(&f, A, PROBE_READINESS);
	f.ctrs[A].probes[PROBE_LIVENESS].grace_seconds = 5;
	fx_run(&f);
	assert_string_equal(fx_probe(&f, A, PROBE_LIVENESS, true), "");
	assert_int_equal(f.s->ctrs[A].liveness, 1);
	assert_string_equal(fx_probe(&f, A, PROBE_LIVENESS, false),
		"event N Killing a 'Container a failed liveness probe, will be restarted', "
		"probes-stop a 4, signal-ctr a");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 5000);
	assert_string_equal(fx_timer(&f, 4999), "");
	assert_string_equal(fx_timer(&f, 1), "kill-ctr a");
	assert_string_equal(fx_timer(&f, 1), ""); /* once */
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), INT64_MAX);
	/* At once, whatever the exit code says. */
	assert_string_equal(fx_died(&f, A, EXIT_0), "probes-stop a 12, start-ctr a");
	assert_int_equal(f.s->ctrs[A].backoff_ms, 0); /* did not count as a restart in a loop */
}

/* The next instance is one like others: its end is its own, and no probe's. */
static void test_kill_is_of_one_instance(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ON_FAILURE, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_LIVENESS);
	f.ctrs[A].probes[PROBE_LIVENESS].grace_seconds = 0; /* counts, though it is 0 */
	fx_run(&f);
	fx_probe(&f, A, PROBE_LIVENESS, false);
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 2000);
	assert_string_equal(fx_died(&f, A, EXIT_0), "probes-stop a 4, start-ctr a");
	fx_up(&f, A, "a1");
	assert_int_equal(f.s->ctrs[A].liveness, -1);
	assert_string_equal(fx_died(&f, A, EXIT_0), "probes-stop a 4, end-sandbox");
	assert_int_equal(f.s->phase, POD_SUCCEEDED);
}

/* Later kills wait for the end of the instance before, so one that ran for a while waits not at
 * all. */
static void test_later_probe_kills(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_LIVENESS);
	fx_run(&f);
	fx_probe(&f, A, PROBE_LIVENESS, false);
	fx_died(&f, A, BY_SIGTERM);
	fx_up(&f, A, "a1");
	fx_probe(&f, A, PROBE_LIVENESS, false);
	assert_string_equal(fx_died(&f, A, BY_SIGTERM), "probes-stop a 4, start-ctr a");
	assert_int_equal(f.s->ctrs[A].backoff_ms, 10000);
	fx_up(&f, A, "a2");
	fx_pass(&f, 4000);
	fx_probe(&f, A, PROBE_LIVENESS, false);
	assert_string_equal(fx_died(&f, A, BY_SIGTERM), "probes-stop a 4, " EVENT_BACKOFF("a"));
	assert_string_equal(fx_timer(&f, 6000), "start-ctr a");
	fx_up(&f, A, "a3");
	fx_pass(&f, 25000);
	fx_probe(&f, A, PROBE_LIVENESS, false);
	assert_string_equal(fx_died(&f, A, BY_SIGTERM), "probes-stop a 4, start-ctr a");
}

static void test_startup_kill_with_never(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_STARTUP);
	fx_has_probe(&f, A, PROBE_LIVENESS);
	f.spec.grace_seconds = 0;
	fx_run(&f);
	assert_string_equal(fx_probe(&f, A, PROBE_LIVENESS, false), ""); /* not started */
	assert_string_equal(fx_probe(&f, A, PROBE_STARTUP, false),
		"event N Killing a 'Container a failed startup probe', probes-stop a 6, "
		"signal-ctr a");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 2000); /* floor */
	assert_string_equal(fx_died(&f, A, EXIT_0), "probes-stop a 6, end-sandbox");
	assert_int_equal(f.s->phase, POD_SUCCEEDED); /* as the exit code says */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readiness),
		cmocka_unit_test(test_started_without_readiness_probe),
		cmocka_unit_test(test_liveness_kill),
		cmocka_unit_test(test_kill_is_of_one_instance),
		cmocka_unit_test(test_later_probe_kills),
		cmocka_unit_test(test_startup_kill_with_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
