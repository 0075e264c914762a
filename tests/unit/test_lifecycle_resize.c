/* What an in-place resize makes of running, starting and ended containers, and of a crash. */
#include "tests/unit/pod_fixture.h"

static struct json *containers(const char *a_cpu, const char *a_memory, const char *b_cpu)
{
	const char *const amounts[][2] = { { a_cpu, a_memory }, { b_cpu, "1Gi" } };
	struct json *list = json_new_array();

	for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
		struct json *c = json_new_object(), *r = json_new_object(), *l = json_new_object();

		json_set_str(l, "cpu", amounts[i][0]);
		json_set_str(l, "memory", amounts[i][1]);
		json_set(r, "limits", l);
		json_set(c, "resources", r);
		json_push(list, c);
	}
	return list;
}

/* As daemon/resize.c does it. */
static void allocate(struct fx *f, const char *a_cpu, const char *a_memory, const char *b_cpu)
{
	CLEANUP(cleanup_json) struct json *before = containers("1", "1Gi", "1");
	CLEANUP(cleanup_json) struct json *after = containers(a_cpu, a_memory, b_cpu);

	if (!f->s->resize)
		f->s->resize = resize_new(before);
	resize_allocate(f->s->resize, after, 2, f->now);
}

static const char *told(struct fx *f, size_t ctr, const char *id, const char *text)
{
	return fx_send(f, &(struct pod_event){ .kind = EV_RESIZED,
				  .ctr = ctr,
				  .id = id,
				  .text = text,
				  .is_success = ctr == NO_CTR && !text });
}

static const char *actual(const struct fx *f, size_t ctr, const char *resource)
{
	return json_get_str(json_get(f->s->resize->ctrs[ctr].actual, "limits"), resource);
}

static bool has_completed(const char *said)
{
	return strstr(said, "event N ResizeCompleted 'Pod resize completed: {\"containers\"") !=
	       NULL;
}

static void test_in_place(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_run(&f);
	allocate(&f, "2", "1Gi", "1");
	assert_string_equal(fx_event(&f, EV_TIMER), "resize");
	assert_string_equal(fx_event(&f, EV_TIMER), ""); /* once, until it is answered */
	told(&f, A, "a9", NULL);                         /* of another instance */
	assert_string_equal(actual(&f, A, "cpu"), "1");
	assert_string_equal(told(&f, A, "a0", NULL), "");
	assert_string_equal(actual(&f, A, "cpu"), "2");
	told(&f, B, "b0", NULL);
	assert_true(f.s->resize->is_running);
	assert_true(has_completed(told(&f, NO_CTR, NULL, NULL)));
	assert_false(f.s->resize->is_running);
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), INT64_MAX);
}

static void test_failure_is_tried_again(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);
	const char *said;

	(void)state;
	fx_run(&f);
	allocate(&f, "1", "1Mi", "1");
	assert_string_equal(fx_event(&f, EV_TIMER), "resize");
	told(&f, B, "b0", NULL);
	said = told(&f, NO_CTR, NULL, "in use");
	assert_non_null(strstr(said, "event W ResizeError"));
	assert_non_null(strstr(said, "\"generation\":2,\"error\":\"in use\""));
	assert_string_equal(actual(&f, A, "memory"), "1Gi");
	assert_int_equal(lifecycle_next_timer(&f.spec, f.s), f.now.boot_ms + 3000);
	assert_string_equal(fx_timer(&f, 2999), "");
	assert_string_equal(fx_timer(&f, 1), "resize");
	assert_string_equal(told(&f, NO_CTR, NULL, "in use"), ""); /* said once */
	fx_pass(&f, 3000);
	assert_string_equal(fx_event(&f, EV_TIMER), "resize");
	told(&f, A, "a0", NULL);
	assert_true(has_completed(told(&f, NO_CTR, NULL, NULL)));
}

static void test_restart_policy(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ON_FAILURE, 2);

	(void)state;
	f.ctrs[A].memory_resize_restarts = true;
	fx_run(&f);
	allocate(&f, "2", "1Gi", "1"); /* cpu alone restarts nothing */
	assert_string_equal(fx_event(&f, EV_TIMER), "resize");
	told(&f, A, "a0", NULL);
	told(&f, B, "b0", NULL);
	told(&f, NO_CTR, NULL, NULL);
	allocate(&f, "2", "2Gi", "2");
	assert_string_equal(fx_event(&f, EV_TIMER),
		"event N Killing a 'Container a resize requires restart', "
		"signal-ctr a, resize");
	told(&f, B, "b0", NULL);
	/* The pod's own limits wait: the old instance of a still runs. */
	assert_string_equal(
		fx_send(&f, &(struct pod_event){ .kind = EV_RESIZED, .ctr = NO_CTR }), "");
	assert_string_equal(actual(&f, A, "memory"), "1Gi");
	/* Ended well, and comes back all the same, with what is allocated. */
	assert_string_equal(fx_died(&f, A, EXIT_0), "resize, start-ctr a");
	assert_string_equal(actual(&f, A, "memory"), "2Gi");
	assert_true(has_completed(told(&f, NO_CTR, NULL, NULL)));
}

/* Limits that came while a start was in flight are told when it is up; one that has ended has them
 * from its next start on. */
static void test_starting_and_ended(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 2);

	(void)state;
	fx_begin(&f);
	fx_up(&f, A, "a0"); /* B is starting */
	fx_died(&f, A, EXIT_0);
	allocate(&f, "2", "1Gi", "2");
	assert_string_equal(fx_event(&f, EV_TIMER), "");
	assert_string_equal(actual(&f, A, "cpu"), "2");
	assert_string_equal(actual(&f, B, "cpu"), "1");
	assert_string_equal(fx_up(&f, B, "b0"), EVENT_UP("b") ", resize");
	told(&f, B, "b0", NULL);
	assert_true(has_completed(told(&f, NO_CTR, NULL, NULL)));
}

static void test_crash(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);
	CLEANUP(cleanup_json) struct json *record = NULL;
	struct pod_state *read = NULL;
	struct err e = { 0 };

	(void)state;
	fx_run(&f);
	allocate(&f, "2", "1Gi", "1");
	assert_string_equal(fx_event(&f, EV_TIMER), "resize");
	record = pod_state_to_json(f.s);
	assert_int_equal(pod_state_from_json(record, &f.spec, &read, &e), 0);
	pod_state_free(f.s);
	f.s = read;
	assert_string_equal(fx_event(&f, EV_TIMER), "resize"); /* asked again */
	json_remove(json_get(record, "resize"), "generation");
	assert_int_equal(pod_state_from_json(record, &f.spec, &read, &e), -EINVAL);
	assert_string_equal(e.text, "pod state: resize is missing or wrong");
}

static void test_conditions(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);
	CLEANUP(cleanup_json) struct json *list = json_new_array();
	CLEANUP(buf_free) struct buf text = { 0 };

	(void)state;
	fx_run(&f);
	allocate(&f, "2", "1Gi", "1");
	resize_reject(f.s->resize, resize_judge(3000, 1, 2000, 1), 3, f.now);
	resize_conditions(f.s->resize, list);
	json_write(list, JSON_COMPACT, &text);
	assert_string_equal(text.data,
		"[{\"type\":\"PodResizePending\",\"observedGeneration\":3,\"status\":\"True\","
		"\"lastProbeTime\":null,\"lastTransitionTime\":\"2026-01-01T00:00:00Z\","
		"\"reason\":\"Infeasible\",\"message\":\"Node didn't have enough capacity: cpu, "
		"requested: 3000, capacity: 2000\"},"
		"{\"type\":\"PodResizeInProgress\",\"observedGeneration\":2,\"status\":\"True\","
		"\"lastProbeTime\":null,\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]");
	assert_null(resize_judge(2000, 5, 2000, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_failure_is_tried_again),
		cmocka_unit_test(test_restart_policy),
		cmocka_unit_test(test_starting_and_ended),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
