/* Every passage of a container and of the sandbox, accepted and refused; then each rule by a story.
 */
#include "tests/unit/pod_fixture.h"

#include "base/cleanup.h"
#include "base/json.h"

/* ---- passages ----------------------------------------------------------------------------------
 */

/* Leads container a of a pod to the phase; b runs on meanwhile. */
static void lead_to(struct fx *f, enum ctr_phase phase)
{
	fx_has_probe(f, A, PROBE_LIVENESS);
	if (phase == CTR_WAITING) {
		fx_event(f, EV_ADMIT);
		return;
	}
	fx_begin(f);
	if (phase == CTR_STARTING)
		return;
	fx_up(f, A, "a0");
	fx_up(f, B, "b0");
	if (phase == CTR_ENDING)
		fx_probe(f, A, PROBE_LIVENESS, false);
	if (phase == CTR_EXITED)
		fx_died(f, A, EXIT_0);
	if (phase == CTR_BACKOFF) {
		fx_died(f, A, EXIT_1);
		fx_up(f, A, "a1");
		fx_died(f, A, EXIT_1);
	}
	assert_int_equal(f->s->ctrs[A].phase, phase);
}

struct passage {
	const char *what;
	struct pod_event ev;
	enum ctr_phase to[CTR_PHASES]; /* from each phase; 0: refused, nothing changes at all */
};

static const struct passage passages[] = {
	{ "up", { .kind = EV_CTR_UP, .id = "a9", .text = "sha256:9" },
		{ [CTR_STARTING] = CTR_RUNNING } },
	{ "up of a former instance", { .kind = EV_CTR_UP, .id = "a0" },
		{ [CTR_STARTING] = CTR_RUNNING } }, /* none before the first */
	{ "failed", { .kind = EV_CTR_FAILED, .reason = "RunContainerError" },
		{ [CTR_STARTING] = CTR_BACKOFF } },
	{ "died", { .kind = EV_CTR_DIED, .wait_status = EXIT_0 },
		{ [CTR_RUNNING] = CTR_EXITED, [CTR_ENDING] = CTR_STARTING } },
	{ "died, another instance", { .kind = EV_CTR_DIED, .id = "zz" },
		{ [CTR_STARTING] = CTR_EXITED } },
	{ "liveness failed", { .kind = EV_PROBE, .probe = PROBE_LIVENESS },
		{ [CTR_RUNNING] = CTR_ENDING } },
	{ "startup failed, no such probe", { .kind = EV_PROBE, .probe = PROBE_STARTUP }, { 0 } },
	{ "liveness failed, another instance",
		{ .kind = EV_PROBE, .probe = PROBE_LIVENESS, .id = "zz" }, { 0 } },
	{ "timer too early", { .kind = EV_TIMER }, { 0 } },
	{ "admitted again", { .kind = EV_ADMIT }, { 0 } },
	{ "sandbox gone", { .kind = EV_SANDBOX_GONE }, { 0 } },
	{ "stop", { .kind = EV_STOP, .grace_seconds = -1 },
		{ [CTR_WAITING] = CTR_EXITED,
			[CTR_STARTING] = CTR_STARTING,
			[CTR_RUNNING] = CTR_ENDING,
			[CTR_ENDING] = CTR_ENDING,
			[CTR_BACKOFF] = CTR_EXITED,
			[CTR_EXITED] = CTR_EXITED } },
	{ "sandbox died", { .kind = EV_SANDBOX_DIED },
		{ [CTR_WAITING] = CTR_WAITING,
			[CTR_STARTING] = CTR_WAITING,
			[CTR_RUNNING] = CTR_BACKOFF,
			[CTR_ENDING] = CTR_BACKOFF,
			[CTR_BACKOFF] = CTR_BACKOFF,
			[CTR_EXITED] = CTR_EXITED } },
};

static void check_passage(const struct passage *p, enum ctr_phase from)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ON_FAILURE, 2);

	lead_to(&f, from);
	CLEANUP(cleanup_json) struct json *before = pod_state_to_json(f.s);
	const char *said = fx_send(&f, &p->ev);
	CLEANUP(cleanup_json) struct json *after = pod_state_to_json(f.s);

	if (p->to[from] != 0 && f.s->ctrs[A].phase != p->to[from])
		fail_msg("%s: %s went to %s", p->what, ctr_phase_name(from),
			ctr_phase_name(f.s->ctrs[A].phase));
	if (p->to[from] == 0 && (!json_equal(before, after) || said[0]))
		fail_msg("%s: %s was not left alone: %s", p->what, ctr_phase_name(from), said);
}

static void test_container_passages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(passages); i++)
		for (int from = CTR_WAITING; from < CTR_PHASES; from++)
			check_passage(&passages[i], (enum ctr_phase)from);
}

static void lead_box_to(struct fx *f, enum sandbox_phase phase)
{
	if (phase == SANDBOX_NONE) { /* a start failed */
		fx_event(f, EV_ADMIT);
		fx_event(f, EV_SANDBOX_FAILED);
	} else if (phase == SANDBOX_STARTING) {
		fx_event(f, EV_ADMIT);
	} else {
		fx_run(f);
	}
	if (phase == SANDBOX_ENDING || phase == SANDBOX_GONE) {
		fx_died(f, A, EXIT_0);
		if (phase == SANDBOX_GONE)
			fx_event(f, EV_SANDBOX_GONE);
	}
	assert_int_equal(f->s->sandbox, phase);
}

static const struct {
	struct pod_event ev;
	enum sandbox_phase to[SANDBOX_PHASES]; /* 0: refused */
} box_passages[] = {
	{ { .kind = EV_ADMIT }, { 0 } }, /* the first is in test_start */
	{ { .kind = EV_SANDBOX_UP, .id = "new" }, { [SANDBOX_STARTING] = SANDBOX_READY } },
	{ { .kind = EV_SANDBOX_FAILED }, { [SANDBOX_STARTING] = SANDBOX_NONE } },
	{ { .kind = EV_SANDBOX_DIED },
		{ [SANDBOX_STARTING] = SANDBOX_NONE, [SANDBOX_READY] = SANDBOX_ENDING } },
	{ { .kind = EV_SANDBOX_GONE }, { [SANDBOX_ENDING] = SANDBOX_GONE } },
	{ { .kind = EV_TIMER }, { 0 } }, /* nothing is due */
	{ { .kind = EV_STOP }, { [SANDBOX_NONE] = SANDBOX_GONE,
				       [SANDBOX_STARTING] = SANDBOX_STARTING,
				       [SANDBOX_READY] = SANDBOX_READY } },
	{ { .kind = EV_DELETE },
		{ [SANDBOX_NONE] = SANDBOX_GONE,
			[SANDBOX_STARTING] = SANDBOX_ENDING, /* forced: no waiting */
			[SANDBOX_READY] = SANDBOX_READY,
			[SANDBOX_ENDING] = SANDBOX_ENDING,
			[SANDBOX_GONE] = SANDBOX_GONE } },
};

static void check_box_passage(size_t i, enum sandbox_phase from)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 1);

	lead_box_to(&f, from);
	CLEANUP(cleanup_json) struct json *before = pod_state_to_json(f.s);
	const char *said = fx_send(&f, &box_passages[i].ev);
	CLEANUP(cleanup_json) struct json *after = pod_state_to_json(f.s);
	enum sandbox_phase to = box_passages[i].to[from];

	if (to != 0 && f.s->sandbox != to)
		fail_msg("%s: %d went to %d", pod_event_name(box_passages[i].ev.kind), from,
			f.s->sandbox);
	if (to == 0 && (!json_equal(before, after) || said[0]))
		fail_msg("%s: %d was not left alone: %s", pod_event_name(box_passages[i].ev.kind),
			from, said);
}

static void test_sandbox_passages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(box_passages); i++)
		for (int from = SANDBOX_NONE; from < SANDBOX_PHASES; from++)
			check_box_passage(i, (enum sandbox_phase)from);
}

/* ---- start -------------------------------------------------------------------------------------
 */

static void test_start(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_has_probe(&f, B, PROBE_READINESS);
	assert_string_equal(fx_event(&f, EV_TIMER), ""); /* not before it is admitted */
	assert_string_equal(fx_event(&f, EV_ADMIT), "start-sandbox");
	assert_string_equal(fx_send(&f, &(struct pod_event){ .kind = EV_SANDBOX_UP, .id = "box" }),
		"start-ctr a");
	assert_string_equal(f.s->sandbox_id, "box");
	assert_string_equal(fx_up(&f, A, "a0"), EVENT_UP("a") ", start-ctr b");
	assert_string_equal(fx_up(&f, B, "b0"), EVENT_UP("b") ", probes-start b");
	assert_true(f.s->ctrs[A].ready && f.s->ctrs[A].started);
	assert_true(!f.s->ctrs[B].ready && f.s->ctrs[B].started);
	assert_int_equal(f.s->ctrs[B].started_boot_ms, FX_BOOT);
	assert_int_equal(f.s->ctrs[B].started_wall_ms, FX_WALL);
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), INT64_MAX);
}

/* One that fails does not stop the next ones; it is tried again after a while, never at once. */
static void test_failed_start(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_begin(&f);
	assert_string_equal(
		fx_failed(&f, A, ""), "event W Failed a 'Error: no such file', start-ctr b");
	assert_string_equal(f.s->ctrs[A].waiting_reason, "RunContainerError");
	assert_false(f.s->ctrs[A].last.is_set);
	fx_up(&f, B, "b0");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 10000);
	assert_string_equal(fx_timer(&f, 9999), "");
	assert_string_equal(fx_timer(&f, 1), "start-ctr a");
	assert_int_equal(f.s->ctrs[A].attempt, 0); /* no instance was made: not used up */
	fx_failed(&f, A, "a0");
	assert_int_equal(f.s->ctrs[A].restart_count, 0);
	assert_string_equal(f.s->ctrs[A].last.reason, "StartError");
	assert_int_equal(f.s->ctrs[A].last.exit_code, 128);
	assert_string_equal(f.s->ctrs[A].last.id, "a0");
	assert_string_equal(fx_timer(&f, 10000), "start-ctr a");
	assert_int_equal(f.s->ctrs[A].attempt, 1);
	fx_up(&f, A, "a1");
	assert_int_equal(f.s->ctrs[A].restart_count, 1);
	assert_null(f.s->ctrs[A].waiting_reason);
	assert_null(f.s->ctrs[A].waiting_message);
}

/* Without an instance the same is tried again and again, at the same distance: nothing has run, so
 * there is nothing to back off from. */
static void test_start_without_instance(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_begin(&f);
	for (int i = 0; i < 5; i++) {
		fx_failed(&f, A, "");
		assert_int_equal(f.s->ctrs[A].phase, CTR_BACKOFF);
		assert_string_equal(fx_timer(&f, 9999), "");
		assert_string_equal(fx_timer(&f, 1), "start-ctr a");
	}
	fx_up(&f, A, "a0");
	assert_int_equal(f.s->ctrs[A].restart_count, 0);
	assert_string_equal(fx_died(&f, A, EXIT_1), "start-ctr a"); /* the first restart */
}

/* With instances each failure is an end, and the waits grow. */
static void test_start_errors_back_off(void **state)
{
	static const int64_t waits[] = { 10, 10, 20, 40 };
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ON_FAILURE, 1);

	(void)state;
	fx_begin(&f);
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		char id[] = { 'r', (char)('0' + i), '\0' };

		fx_failed(&f, A, id);
		assert_int_equal(
			lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + waits[i] * 1000);
		assert_string_equal(fx_timer(&f, waits[i] * 1000), "start-ctr a");
		assert_int_equal(f.s->ctrs[A].attempt, i + 1);
	}
	/* One without an instance does not wait for less than the end before it asks for. */
	fx_pass(&f, 10000);
	fx_failed(&f, A, "");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 30000);
}

/* What was never made may still be made; what was is not made again. */
static void test_failed_start_with_never(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 1);
	struct pod_event ev = { .kind = EV_CTR_FAILED,
		.reason = "ErrImageNeverPull",
		.text = "Container image \"busybox\" is not present with pull policy of Never" };

	(void)state;
	fx_begin(&f);
	assert_string_equal(fx_send(&f, &ev),
		"event W ErrImageNeverPull a 'Container image \"busybox\" is not present with pull "
		"policy of Never', event W Failed a 'Error: ErrImageNeverPull'");
	assert_int_equal(f.s->phase, POD_PENDING);
	assert_string_equal(fx_timer(&f, 10000), "start-ctr a");
	ev = (struct pod_event){
		.kind = EV_CTR_FAILED, .id = "a0", .text = "no such file", .exit_code = 127
	};
	assert_string_equal(
		fx_send(&f, &ev), "event W Failed a 'Error: no such file', end-sandbox");
	assert_int_equal(f.s->ctrs[A].last.exit_code, 127);
	assert_string_equal(f.s->ctrs[A].last.message, "no such file");
	assert_int_equal(f.s->phase, POD_FAILED);
}

static void test_image_failures(void **state)
{
	static const struct {
		const char *reason, *said;
	} rows[] = {
		{ "InvalidImageName", "event W InspectFailed a 'why', event W Failed a 'Error: "
				      "InvalidImageName'" },
		{ "ImageInspectError", "event W InspectFailed a 'why', event W Failed a 'Error: "
				       "ImageInspectError'" },
		{ "CreateContainerConfigError", "event W Failed a 'Error: why'" }, /* */
		{ NULL, "event W Failed a 'Error: why'" },                         /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);
		const struct pod_event ev = {
			.kind = EV_CTR_FAILED, .reason = rows[i].reason, .text = "why"
		};

		fx_begin(&f);
		assert_string_equal(fx_send(&f, &ev), rows[i].said);
		assert_string_equal(f.s->ctrs[A].waiting_reason,
			rows[i].reason ? rows[i].reason : "RunContainerError");
		assert_string_equal(f.s->ctrs[A].waiting_message, "why");
	}
}

static void test_sandbox_retry(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 1);
	const struct pod_event ev = { .kind = EV_SANDBOX_FAILED, .text = "no space" };

	(void)state;
	fx_event(&f, EV_ADMIT);
	assert_string_equal(fx_send(&f, &ev),
		"event W FailedCreatePodSandBox 'Failed to create pod sandbox: no space'");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 10000);
	assert_string_equal(fx_timer(&f, 10000), "start-sandbox");
	assert_int_equal(f.s->sandbox_retry_at_ms, 0);
	assert_int_equal(f.s->sandbox_attempt, 0);
	fx_send(&f, &ev);
	assert_string_equal(fx_stop(&f, EV_DELETE, -1), "forget"); /* nothing is there to end */
	assert_int_equal(f.s->phase, POD_FAILED);
}

/* ---- ends and restarts -------------------------------------------------------------------------
 */

static void test_exit_reasons(void **state)
{
	static const struct {
		int32_t wait_status;
		bool is_oom;
		int exit_code;
		const char *reason;
	} rows[] = {
		{ EXIT_0, false, 0, "Completed" },            /* */
		{ EXIT_3, false, 3, "Error" },                /* */
		{ BY_SIGTERM, false, 143, "Error" },          /* */
		{ BY_SIGKILL, true, 137, "OOMKilled" },       /* */
		{ EXIT_0, true, 0, "OOMKilled" },             /* a child's */
		{ -1, false, 137, "ContainerStatusUnknown" }, /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 1);
		const struct pod_event ev = { .kind = EV_CTR_DIED,
			.wait_status = rows[i].wait_status,
			.is_oom = rows[i].is_oom,
			.text = "last words" };

		fx_run(&f);
		fx_pass(&f, 5000);
		fx_send(&f, &ev);
		assert_int_equal(f.s->ctrs[A].last.exit_code, rows[i].exit_code);
		assert_string_equal(f.s->ctrs[A].last.reason, rows[i].reason);
		assert_string_equal(f.s->ctrs[A].last.id, "a0");
		assert_int_equal(f.s->ctrs[A].last.started_wall_ms, FX_WALL);
		assert_int_equal(f.s->ctrs[A].last.finished_wall_ms, FX_WALL + 5000);
		if (rows[i].wait_status != -1)
			assert_string_equal(f.s->ctrs[A].last.message, "last words");
		assert_int_equal(f.s->phase, rows[i].exit_code ? POD_FAILED : POD_SUCCEEDED);
	}
}

static void test_crash_loop(void **state)
{
	static const int64_t waits[] = { 10, 20, 40, 80, 160, 300, 300 };
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&f);
	assert_string_equal(fx_died(&f, A, EXIT_0), "start-ctr a"); /* the first: at once */
	fx_up(&f, A, "a1");
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		char id[] = { 'r', (char)('0' + i), '\0' };

		fx_pass(&f, 50);
		assert_string_equal(fx_died(&f, A, EXIT_1), EVENT_BACKOFF("a"));
		assert_int_equal(f.s->ctrs[A].backoff_ms, waits[i] * 1000);
		assert_int_equal(
			lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + waits[i] * 1000);
		assert_string_equal(fx_timer(&f, waits[i] * 1000 - 1), "");
		assert_string_equal(fx_timer(&f, 1), "start-ctr a");
		fx_up(&f, A, id);
		assert_int_equal(f.s->ctrs[A].restart_count, i + 2);
	}
	fx_pass(&f, 600000);
	assert_string_equal(fx_died(&f, A, EXIT_1), "start-ctr a"); /* ran long enough */
}

static void test_policies(void **state)
{
	CLEANUP(fx_close) struct fx never = fx_spec(RESTART_NEVER, 2);
	CLEANUP(fx_close) struct fx on_failure = fx_spec(RESTART_ON_FAILURE, 2);

	(void)state;
	fx_run(&never);
	assert_string_equal(fx_died(&never, A, EXIT_1), "");
	assert_int_equal(never.s->phase, POD_RUNNING);
	assert_string_equal(fx_died(&never, B, EXIT_0), "end-sandbox");
	assert_int_equal(never.s->phase, POD_FAILED);
	assert_string_equal(fx_event(&never, EV_SANDBOX_GONE), "");
	assert_string_equal(fx_stop(&never, EV_DELETE, -1), "forget");

	fx_run(&on_failure);
	assert_string_equal(fx_died(&on_failure, A, EXIT_1), "start-ctr a");
	fx_up(&on_failure, A, "a1");
	assert_string_equal(fx_died(&on_failure, A, EXIT_0), "");
	assert_string_equal(fx_died(&on_failure, B, EXIT_0), "end-sandbox");
	assert_int_equal(on_failure.s->phase, POD_SUCCEEDED);
}

/* What became of an instance that nobody saw end: the words depend on whether it comes back. */
static void test_unknown_ends(void **state)
{
	CLEANUP(fx_close) struct fx runs = fx_spec(RESTART_ALWAYS, 1);
	CLEANUP(fx_close) struct fx stops = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_run(&runs);
	assert_string_equal(fx_died(&runs, A, -1), "start-ctr a");
	assert_string_equal(runs.s->ctrs[A].last.message,
		"The container could not be located when the pod was deleted.  The container used "
		"to be Running");
	fx_run(&stops);
	fx_stop(&stops, EV_STOP, -1);
	assert_string_equal(fx_died(&stops, A, -1), "end-sandbox");
	assert_string_equal(stops.s->ctrs[A].last.message,
		"The container could not be located when the pod was terminated");
}

/* The exit may be known before the start; then the late answer means nothing. */
static void test_exit_overtakes_start(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);
	CLEANUP(cleanup_json) struct json *user = json_new_object();
	const struct pod_event died = { .kind = EV_CTR_DIED, .id = "a0", .wait_status = EXIT_3 };

	(void)state;
	fx_begin(&f);
	assert_string_equal(fx_send(&f, &died), EVENT_UP("a") ", start-ctr a");
	assert_null(f.s->ctrs[A].image_id);
	assert_string_equal(
		fx_send(&f,
			&(struct pod_event){
				.kind = EV_CTR_UP, .id = "a0", .text = "sha256:1", .user = user }),
		"");
	assert_non_null(f.s->ctrs[A].user);
	assert_string_equal(f.s->ctrs[A].image_id, "sha256:1"); /* alone it is still news */
	assert_string_equal(fx_send(&f, &died), "");
	fx_up(&f, A, "a1");
	assert_int_equal(f.s->ctrs[A].restart_count, 1);
	assert_string_equal(f.s->ctrs[A].id, "a1");
	assert_null(f.s->ctrs[A].user); /* of the one before */
}

/* Two that are due at once start one after the other, in the order of the spec. */
static void test_restarts_take_turns(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_run(&f);
	assert_string_equal(fx_died(&f, B, EXIT_1), "start-ctr b");
	assert_string_equal(fx_died(&f, A, EXIT_1), "");
	assert_string_equal(fx_up(&f, B, "b1"), EVENT_UP("b") ", start-ctr a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_passages),
		cmocka_unit_test(test_sandbox_passages),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_failed_start),
		cmocka_unit_test(test_start_without_instance),
		cmocka_unit_test(test_start_errors_back_off),
		cmocka_unit_test(test_failed_start_with_never),
		cmocka_unit_test(test_image_failures),
		cmocka_unit_test(test_sandbox_retry),
		cmocka_unit_test(test_exit_reasons),
		cmocka_unit_test(test_crash_loop),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_unknown_ends),
		cmocka_unit_test(test_exit_overtakes_start),
		cmocka_unit_test(test_restarts_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
