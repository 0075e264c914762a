/* The ways in which a pod ends, and the death of its sandbox, by a story each. */
#include "tests/unit/pod_fixture.h"

static void test_stop_keeps_the_pod(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_has_probe(&f, A, PROBE_LIVENESS);
	fx_has_probe(&f, A, PROBE_READINESS);
	fx_run(&f);
	assert_string_equal(fx_stop(&f, EV_STOP, -1),
		EVENT_STOPPING("a") ", probes-stop a 4, signal-ctr a, " EVENT_STOPPING(
			"b") ", signal-ctr b");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 30000);
	/* Readiness goes on, both ways, and liveness has no say any more. */
	fx_probe(&f, A, PROBE_READINESS, true);
	assert_true(pod_is_ready(&f.spec, f.s));
	fx_probe(&f, A, PROBE_READINESS, false);
	assert_false(pod_is_ready(&f.spec, f.s));
	assert_string_equal(fx_probe(&f, A, PROBE_LIVENESS, false), "");
	assert_string_equal(fx_died(&f, A, EXIT_0), "probes-stop a 12"); /* never restarted */
	assert_string_equal(fx_timer(&f, 30000), "kill-ctr b");
	assert_int_equal(f.s->phase, POD_RUNNING);
	assert_string_equal(fx_died(&f, B, EXIT_0), "end-sandbox");
	assert_int_equal(f.s->phase, POD_SUCCEEDED);
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), INT64_MAX);
	assert_string_equal(fx_event(&f, EV_ADMIT), "");
	assert_string_equal(fx_stop(&f, EV_STOP, 0), "");
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), "forget");
	assert_true(f.s->is_forgotten);
	assert_string_equal(fx_stop(&f, EV_DELETE, 0), "");
}

static void test_delete(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&f);
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), EVENT_STOPPING("a") ", signal-ctr a");
	assert_int_equal(f.s->delete_wall_ms, FX_WALL + 30000);
	assert_int_equal(f.s->stop_boot_ms, FX_BOOT);
	assert_int_equal(f.s->grace_seconds, 30);
	assert_string_equal(fx_died(&f, A, BY_SIGTERM), "end-sandbox");
	assert_int_equal(f.s->phase, POD_FAILED); /* 143 is not 0 */
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "forget");
}

/* --force kills at once; one second is still a grace, with two between signal and kill. */
static void test_grace_floors(void **state)
{
	CLEANUP(fx_close) struct fx forced = fx_spec(RESTART_ALWAYS, 1);
	CLEANUP(fx_close) struct fx now = fx_spec(RESTART_ALWAYS, 1);
	CLEANUP(fx_close) struct fx spec = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&forced);
	assert_string_equal(fx_stop(&forced, EV_DELETE, 0), EVENT_STOPPING("a") ", kill-ctr a");
	assert_int_equal(forced.s->delete_wall_ms, FX_WALL);

	fx_run(&now);
	assert_string_equal(fx_stop(&now, EV_DELETE, 1), EVENT_STOPPING("a") ", signal-ctr a");
	assert_int_equal(now.s->delete_wall_ms, FX_WALL + 1000);
	assert_int_equal(lifecycle_next_timer(&now.spec, now.s), now.now.boot_ms + 2000);

	spec.spec.grace_seconds = 0; /* in the manifest it is no force */
	fx_run(&spec);
	assert_string_equal(fx_stop(&spec, EV_DELETE, -1), EVENT_STOPPING("a") ", signal-ctr a");
	assert_int_equal(spec.s->grace_seconds, 1);
}

static void test_later_request_only_shortens(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);
	int64_t begun = FX_BOOT;

	(void)state;
	fx_run(&f);
	fx_stop(&f, EV_STOP, 40);
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), begun + 40000);
	fx_pass(&f, 5000);
	assert_string_equal(fx_stop(&f, EV_DELETE, 600), ""); /* it is a delete from now on */
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), begun + 40000);
	assert_int_equal(f.s->delete_wall_ms, FX_WALL + 40000);
	fx_stop(&f, EV_DELETE, 10);
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), begun + 15000);
	assert_int_equal(f.s->delete_wall_ms, FX_WALL + 15000);
	assert_int_equal(f.s->grace_seconds, 10);
	assert_string_equal(fx_stop(&f, EV_DELETE, 1), "");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), begun + 7000);
	assert_int_equal(f.s->delete_wall_ms, FX_WALL + 6000);
	assert_string_equal(fx_stop(&f, EV_DELETE, INT64_MAX), "");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), begun + 7000);
	assert_string_equal(fx_stop(&f, EV_DELETE, 0), "kill-ctr a");
	assert_string_equal(fx_stop(&f, EV_STOP, 5), "");
	assert_int_equal(f.s->stop, STOP_DELETE); /* a stop does not undo it */
	fx_died(&f, A, BY_SIGKILL);
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "forget");
}

static void test_stop_while_starting(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_has_probe(&f, A, PROBE_STARTUP);
	fx_begin(&f);
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), "");
	fx_pass(&f, 29500);
	/* It gets its signal at once, and two seconds though the grace is almost over. */
	assert_string_equal(fx_up(&f, A, "a0"), EVENT_UP("a") ", probes-start a, " EVENT_STOPPING(
							"a") ", probes-stop a 2, signal-ctr a");
	assert_string_equal(fx_timer(&f, 1999), "");
	assert_string_equal(fx_timer(&f, 1), "kill-ctr a");
	assert_string_equal(fx_died(&f, A, BY_SIGKILL), "probes-stop a 2, end-sandbox");
	/* The one that never was has an end nevertheless. */
	assert_string_equal(f.s->ctrs[B].last.reason, "ContainerStatusUnknown");
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "forget");
}

/* A start that does not answer is killed at the end of the grace like anything else. */
static void test_stop_of_a_hanging_start(void **state)
{
	CLEANUP(fx_close) struct fx ctr = fx_spec(RESTART_ALWAYS, 1);
	CLEANUP(fx_close) struct fx box = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_begin(&ctr);
	fx_stop(&ctr, EV_STOP, -1);
	assert_string_equal(fx_timer(&ctr, 29999), "");
	assert_string_equal(fx_timer(&ctr, 1), "kill-ctr a");
	assert_string_equal(
		fx_failed(&ctr, A, ""), "event W Failed a 'Error: no such file', end-sandbox");
	assert_string_equal(ctr.s->ctrs[A].last.reason, "StartError");

	fx_event(&box, EV_ADMIT);
	assert_string_equal(fx_stop(&box, EV_DELETE, 5), "");
	assert_int_equal(lifecycle_next_timer(&box.spec, box.s), box.now.boot_ms + 5000);
	assert_string_equal(fx_timer(&box, 5000), "end-sandbox");
	assert_string_equal(fx_event(&box, EV_SANDBOX_UP), ""); /* too late */
	assert_string_equal(fx_event(&box, EV_SANDBOX_GONE), "forget");
}

static void test_stop_while_the_sandbox_starts(void **state)
{
	CLEANUP(fx_close) struct fx up = fx_spec(RESTART_ALWAYS, 1);
	CLEANUP(fx_close) struct fx failed = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_event(&up, EV_ADMIT);
	fx_stop(&up, EV_DELETE, -1);
	assert_string_equal(fx_event(&up, EV_SANDBOX_UP), "end-sandbox");

	fx_event(&failed, EV_ADMIT);
	fx_stop(&failed, EV_DELETE, -1);
	assert_string_equal(fx_event(&failed, EV_SANDBOX_FAILED), "forget"); /* and no event */
}

static void test_stop_during_probe_kill(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_LIVENESS);
	f.ctrs[A].probes[PROBE_LIVENESS].grace_seconds = 90;
	fx_run(&f);
	fx_probe(&f, A, PROBE_LIVENESS, false);
	assert_string_equal(fx_stop(&f, EV_STOP, 20), ""); /* it was asked already */
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 20000);
	assert_string_equal(fx_died(&f, A, EXIT_1), "probes-stop a 4, end-sandbox");
}

static void test_stop_in_back_off(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&f);
	fx_died(&f, A, EXIT_3);
	fx_up(&f, A, "a1");
	fx_died(&f, A, EXIT_3);
	assert_string_equal(fx_stop(&f, EV_STOP, -1), "end-sandbox");
	assert_int_equal(f.s->ctrs[A].last.exit_code, 3);
	assert_int_equal(f.s->phase, POD_FAILED);
}

static void test_deadline(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	f.spec.deadline_seconds = 60;
	fx_run(&f);
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), FX_BOOT + 60000);
	assert_string_equal(fx_timer(&f, 59999), "");
	assert_string_equal(fx_timer(&f, 1),
		"event N DeadlineExceeded 'Pod was active on the node longer than the specified "
		"deadline', " EVENT_STOPPING("a") ", signal-ctr a");
	assert_int_equal(f.s->phase, POD_FAILED); /* while it still runs */
	assert_int_equal(f.s->ctrs[A].phase, CTR_ENDING);
	assert_string_equal(f.s->reason, "DeadlineExceeded");
	assert_string_equal(fx_died(&f, A, EXIT_0), "end-sandbox");
	assert_int_equal(f.s->phase, POD_FAILED);
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "");
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), "forget");
}

static const char *evict(struct fx *f, const char *text)
{
	return fx_send(f, &(struct pod_event){ .kind = EV_EVICT, .text = text });
}

static void test_evict(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&f);
	assert_string_equal(evict(&f, "Too much. "),
		"event W Evicted 'Too much. ', " EVENT_STOPPING("a") ", signal-ctr a");
	assert_int_equal(f.s->phase, POD_FAILED); /* while it still runs */
	assert_string_equal(f.s->reason, "Evicted");
	assert_string_equal(f.s->message, "Too much. ");
	assert_string_equal(evict(&f, "Far too much. "), ""); /* once */
	assert_string_equal(f.s->message, "Too much. ");
	assert_string_equal(fx_timer(&f, 2000), "kill-ctr a"); /* and not the pod's 30 seconds */
	assert_string_equal(fx_died(&f, A, BY_SIGKILL), "end-sandbox"); /* never restarted */
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "");
	assert_int_equal(f.s->phase, POD_FAILED);
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), INT64_MAX);
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), "forget");
}

static void test_reject(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);
	const struct pod_event no = { .kind = EV_REJECT, .reason = "AppArmor", .text = "No." };
	const struct status_node node = { 0 };

	(void)state;
	assert_string_equal(fx_send(&f, &no), "event W AppArmor 'No.'");
	assert_int_equal(f.s->phase, POD_FAILED);
	assert_string_equal(f.s->reason, "AppArmor");
	assert_string_equal(f.s->message, "Pod was rejected: No.");
	assert_int_equal(f.s->sandbox, SANDBOX_GONE);

	CLEANUP(cleanup_json) struct json *shown = status_to_json(&f.spec, f.s, &node, 1);

	assert_null(json_get(shown, "conditions"));
	assert_null(json_get(shown, "containerStatuses"));
	assert_string_equal(fx_event(&f, EV_ADMIT), ""); /* for ever */
	assert_string_equal(fx_timer(&f, 100000), "");
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), "forget");
}

/* It waits for its restart: there is nothing to stop, and no restart. */
static void test_evict_in_back_off(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&f);
	fx_died(&f, A, EXIT_0);
	fx_up(&f, A, "a1");
	fx_died(&f, A, EXIT_0);
	assert_int_equal(f.s->ctrs[A].phase, CTR_BACKOFF);
	assert_string_equal(evict(&f, "x"), "event W Evicted 'x', end-sandbox");
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "");
	assert_int_equal(f.s->phase, POD_FAILED);
}

static void test_no_deadline_once_it_stops(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	f.spec.deadline_seconds = 10;
	fx_run(&f);
	fx_stop(&f, EV_STOP, -1);
	assert_string_equal(fx_timer(&f, 20000), "");
	assert_null(f.s->reason);
}

/* ---- the sandbox dies --------------------------------------------------------------------------
 */

#define EVENT_CHANGED                                                                              \
	"event N SandboxChanged 'Pod sandbox changed, it will be killed and re-created.'"

static void test_sandbox_is_made_again(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ON_FAILURE, 3);

	(void)state;
	fx_has_probe(&f, B, PROBE_READINESS);
	fx_run(&f);
	fx_died(&f, A, EXIT_0); /* has done its work */
	fx_died(&f, C, EXIT_3); /* its news came before */
	assert_int_equal(f.s->ctrs[C].phase, CTR_STARTING);
	assert_string_equal(
		fx_event(&f, EV_SANDBOX_DIED), EVENT_CHANGED ", probes-stop b 8, end-sandbox");
	assert_int_equal(f.s->ctrs[B].last.exit_code, 137);
	assert_string_equal(f.s->ctrs[B].last.reason, "Error");
	assert_string_equal(fx_died(&f, B, BY_SIGKILL), ""); /* known already */
	assert_string_equal(fx_event(&f, EV_SANDBOX_DIED), "");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), INT64_MAX); /* nothing can start */
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "start-sandbox");
	assert_string_equal(f.s->sandbox_id, "");
	assert_int_equal(f.s->sandbox_attempt, 1);
	assert_string_equal(fx_event(&f, EV_SANDBOX_UP), "start-ctr b");
	assert_string_equal(fx_up(&f, B, "b1"), EVENT_UP("b") ", probes-start b, start-ctr c");
	assert_int_equal(f.s->ctrs[C].attempt, 1);
	assert_int_equal(f.s->ctrs[A].phase, CTR_EXITED);
	assert_int_equal(f.s->ctrs[B].restart_count, 1);
}

static void test_sandbox_death_ends_a_never_pod(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 2);

	(void)state;
	fx_begin(&f);
	fx_up(&f, A, "a0"); /* b is starting */
	assert_string_equal(fx_event(&f, EV_SANDBOX_DIED), "end-sandbox");
	assert_int_equal(f.s->phase, POD_FAILED);
	assert_string_equal(fx_up(&f, B, "b0"), "");
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "");
	assert_int_equal(f.s->sandbox, SANDBOX_GONE);
}

static void test_sandbox_dies_in_a_stop(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&f);
	fx_stop(&f, EV_DELETE, -1);
	assert_string_equal(fx_event(&f, EV_SANDBOX_DIED), "end-sandbox");
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "forget");
}

static void test_stop_while_the_sandbox_is_made_again(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&f);
	fx_event(&f, EV_SANDBOX_DIED);
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), "");
	assert_string_equal(fx_event(&f, EV_SANDBOX_GONE), "forget");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_keeps_the_pod),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_grace_floors),
		cmocka_unit_test(test_later_request_only_shortens),
		cmocka_unit_test(test_stop_while_starting),
		cmocka_unit_test(test_stop_of_a_hanging_start),
		cmocka_unit_test(test_stop_while_the_sandbox_starts),
		cmocka_unit_test(test_stop_during_probe_kill),
		cmocka_unit_test(test_stop_in_back_off),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_evict),
		cmocka_unit_test(test_evict_in_back_off),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_no_deadline_once_it_stops),
		cmocka_unit_test(test_sandbox_is_made_again),
		cmocka_unit_test(test_sandbox_death_ends_a_never_pod),
		cmocka_unit_test(test_sandbox_dies_in_a_stop),
		cmocka_unit_test(test_stop_while_the_sandbox_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
