/* status of a pod in each stage of its life, as the JSON that a user gets. */
#include "tests/unit/pod_fixture.h"

#include "base/json.h"

static const struct status_node node = { .host_ip = "192.0.2.7" };

static struct json *status_of(const struct fx *f)
{
	return status_to_json(&f->spec, f->s, &node, 3);
}

/* The text must be the golden one byte by byte: order of members is part of it. */
static void expect_json(struct json *got, const char *golden)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	json_write(got, JSON_COMPACT, &text);
	json_free(got);
	assert_string_equal(text.data, golden);
}

static void expect_part(const struct fx *f, const char *path, size_t index, const char *golden)
{
	struct json *whole = status_of(f);
	struct json *part = json_copy(json_at(json_get(whole, path), index));

	json_free(whole);
	expect_json(part, golden);
}

#define COND(type, gen, status, time, more)                                                        \
	"{\"type\":\"" type "\",\"observedGeneration\":" gen ",\"status\":\"" status               \
	"\",\"lastProbeTime\":null,\"lastTransitionTime\":\"2026-01-01T00:00:" time "Z\"" more "}"
#define WHY(reason, message) ",\"reason\":\"" reason "\",\"message\":\"" message "\""

static void test_new_pod(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_event(&f, EV_ADMIT);
	expect_json(status_of(&f),
		"{\"observedGeneration\":3,\"phase\":\"Pending\",\"conditions\":[" COND(
			"PodReadyToStartContainers", "3", "False", "00",
			WHY("PodSandboxNotReady", "no pod sandbox exists")) "," COND("Initialized",
			"3", "True", "00", "") "," COND("Ready", "3", "False", "00",
			WHY("ContainersNotReady",
				"containers with unready status: [a]")) "," COND("ContainersReady",
			"3", "False", "00",
			WHY("ContainersNotReady",
				"containers with unready status: [a]")) "," COND("PodScheduled",
			"3", "True", "00",
			"") "],\"hostIP\":\"192.0.2.7\",\"hostIPs\":[{\"ip\":\"192.0.2.7\"}],"
			    "\"startTime\":\"2026-01-01T00:00:00Z\",\"containerStatuses\":["
			    "{\"name\":\"a\",\"state\":{\"waiting\":{\"reason\":"
			    "\"ContainerCreating\"}},"
			    "\"lastState\":{},\"ready\":false,\"restartCount\":0,\"image\":"
			    "\"busybox\","
			    "\"imageID\":\"\",\"started\":false}],\"qosClass\":\"BestEffort\"}");
}

static void test_running_pod(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);
	CLEANUP(cleanup_json) struct json *user = json_new_object();
	const struct pod_event up = {
		.kind = EV_CTR_UP, .id = "a0", .text = "sha256:1", .user = user
	};
	const struct status_node addressed = { .pod_ip = "10.0.0.2" };

	(void)state;
	fx_begin(&f);
	fx_pass(&f, 2700); /* whole seconds are shown */
	json_set_i64(user, "linux", 5);
	fx_send(&f, &up);
	expect_json(status_to_json(&f.spec, f.s, &addressed, 1),
		"{\"observedGeneration\":1,\"phase\":\"Running\",\"conditions\":[" COND(
			"PodReadyToStartContainers", "1", "True", "00", "") "," COND("Initialized",
			"1", "True", "00",
			"") "," COND("Ready", "1", "True", "02", "") "," COND("ContainersReady",
			"1", "True", "02", "") "," COND("PodScheduled", "1", "True", "00",
			"") "],\"podIP\":\"10.0.0.2\",\"podIPs\":[{\"ip\":\"10.0.0.2\"}],"
			    "\"startTime\":\"2026-01-01T00:00:00Z\",\"containerStatuses\":["
			    "{\"name\":\"a\",\"state\":{\"running\":{\"startedAt\":\"2026-01-01T00:"
			    "00:02Z\"}},"
			    "\"lastState\":{},\"ready\":true,\"restartCount\":0,\"image\":"
			    "\"busybox\","
			    "\"imageID\":\"sha256:1\",\"containerID\":\"carpel://"
			    "a0\",\"started\":true,\"user\":{\"linux\":5}}],"
			    "\"qosClass\":\"BestEffort\"}");
}

#define ENDED(code, reason, from, to, id)                                                          \
	"{\"terminated\":{\"exitCode\":" code ",\"reason\":\"" reason                              \
	"\",\"startedAt\":\"2026-01-01T00:00:" from "Z\",\"finishedAt\":\"2026-01-01T00:00:" to    \
	"Z\",\"containerID\":\"carpel://" id "\"}}"
#define STATUS(state, last, ready, count, id)                                                      \
	"{\"name\":\"a\",\"state\":" state ",\"lastState\":" last ",\"ready\":" ready              \
	",\"restartCount\":" count ",\"image\":\"busybox\",\"imageID\":\"\",\"containerID\":"      \
	"\"carpel://" id "\",\"started\":" ready "}"

static void test_crash_loop(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_run(&f);
	fx_pass(&f, 5000);
	fx_died(&f, A, EXIT_3);
	/* A restart that is due at once is no back-off. */
	expect_part(&f, "containerStatuses", 0,
		STATUS(ENDED("3", "Error", "00", "05", "a0"), "{}", "false", "0", "a0"));
	assert_int_equal(f.s->phase, POD_RUNNING);
	fx_up(&f, A, "a1");
	fx_pass(&f, 2000);
	fx_died(&f, A, BY_SIGKILL);
	expect_part(&f, "containerStatuses", 0,
		STATUS("{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 10s "
		       "restarting failed container=a pod=web_default(u1)\"}}",
			ENDED("137", "Error", "05", "07", "a1"), "false", "1", "a1"));
	expect_part(&f, "conditions", COND_READY,
		COND("Ready", "3", "False", "07",
			WHY("ContainersNotReady", "containers with unready status: [a]")));
	assert_int_equal(f.s->phase, POD_RUNNING);
	fx_timer(&f, 10000);
	/* While it starts: its end, and the one before that. */
	expect_part(&f, "containerStatuses", 0,
		STATUS(ENDED("137", "Error", "05", "07", "a1"),
			ENDED("3", "Error", "00", "05", "a0"), "false", "1", "a1"));
	fx_up(&f, A, "a2");
	expect_part(&f, "containerStatuses", 0,
		STATUS("{\"running\":{\"startedAt\":\"2026-01-01T00:00:17Z\"}}",
			ENDED("137", "Error", "05", "07", "a1"), "true", "2", "a2"));
}

/* Due at once, and only held up by another one's start: that is no back-off either. */
static void test_waiting_for_its_turn(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_run(&f);
	fx_died(&f, B, EXIT_1);
	fx_died(&f, A, EXIT_3);
	assert_int_equal(f.s->ctrs[A].phase, CTR_BACKOFF);
	expect_part(&f, "containerStatuses", 0,
		STATUS(ENDED("3", "Error", "00", "00", "a0"), "{}", "false", "0", "a0"));
}

static void test_start_that_says_nothing(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_begin(&f);
	fx_send(&f, &(struct pod_event){ .kind = EV_CTR_FAILED });
	expect_part(&f, "containerStatuses", 0,
		"{\"name\":\"a\",\"state\":{\"waiting\":{\"reason\":\"RunContainerError\"}},"
		"\"lastState\":{},\"ready\":false,\"restartCount\":0,\"image\":\"busybox\","
		"\"imageID\":\"\",\"started\":false}");
}

static void test_failed_start(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 2);

	(void)state;
	fx_begin(&f);
	fx_failed(&f, A, "");
	fx_up(&f, B, "b0");
	expect_part(&f, "containerStatuses", 0,
		"{\"name\":\"a\",\"state\":{\"waiting\":{\"reason\":\"RunContainerError\","
		"\"message\":\"no such file\"}},\"lastState\":{},\"ready\":false,"
		"\"restartCount\":0,\"image\":\"busybox\",\"imageID\":\"\",\"started\":false}");
	assert_int_equal(f.s->phase, POD_PENDING); /* one has never run */
	fx_stop(&f, EV_STOP, -1);
	fx_died(&f, B, EXIT_0);
	expect_part(&f, "containerStatuses", 0,
		"{\"name\":\"a\",\"state\":{\"terminated\":{\"exitCode\":137,"
		"\"reason\":\"ContainerStatusUnknown\",\"message\":\"The container could not be "
		"located when the pod was terminated\",\"startedAt\":null,\"finishedAt\":null}},"
		"\"lastState\":{},\"ready\":false,\"restartCount\":0,\"image\":\"busybox\","
		"\"imageID\":\"\",\"started\":false}");
	assert_int_equal(f.s->phase, POD_FAILED);
}

static void test_conditions_of_ended_pods(void **state)
{
	CLEANUP(fx_close) struct fx well = fx_spec(RESTART_NEVER, 1);
	CLEANUP(fx_close) struct fx ill = fx_spec(RESTART_NEVER, 1);

	(void)state;
	fx_run(&well);
	fx_pass(&well, 9000);
	fx_died(&well, A, EXIT_0);
	expect_part(&well, "conditions", COND_READY_TO_START,
		COND("PodReadyToStartContainers", "3", "False", "09",
			WHY("PodSandboxNotReady", "pod sandbox is not ready")));
	expect_part(&well, "conditions", COND_INITIALIZED,
		COND("Initialized", "3", "True", "00", ",\"reason\":\"PodCompleted\""));
	expect_part(&well, "conditions", COND_READY,
		COND("Ready", "3", "False", "09", ",\"reason\":\"PodCompleted\""));
	fx_event(&well, EV_SANDBOX_GONE);
	expect_part(&well, "conditions", COND_READY_TO_START,
		COND("PodReadyToStartContainers", "3", "False", "09",
			WHY("PodSandboxNotReady", "no pod sandbox exists")));

	fx_run(&ill);
	fx_died(&ill, A, EXIT_1);
	expect_part(&ill, "conditions", COND_CONTAINERS_READY,
		COND("ContainersReady", "3", "False", "00", ",\"reason\":\"PodFailed\""));
}

static void test_deadline(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);
	struct json *got;

	(void)state;
	f.spec.deadline_seconds = 1;
	fx_run(&f);
	fx_timer(&f, 1000);
	got = status_of(&f);
	assert_string_equal(json_get_str(got, "phase"), "Failed");
	assert_string_equal(json_get_str(got, "reason"), "DeadlineExceeded");
	assert_string_equal(json_get_str(got, "message"),
		"Pod was active on the node longer than the specified deadline");
	json_free(got);
	assert_false(pod_is_ready(&f.spec, f.s)); /* though its container still is */
	assert_true(f.s->ctrs[A].ready);
}

static void test_readiness_gates(void **state)
{
	static char one[] = "example.org/one", two[] = "example.org/two";
	char *gates[] = { one, two };
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	f.spec.readiness_gates = (struct strv){ .at = gates, .len = 2 };
	fx_run(&f);
	expect_part(&f, "conditions", COND_READY,
		COND("Ready", "3", "False", "00",
			WHY("ReadinessGatesNotReady",
				"corresponding condition of pod readiness gate "
				"\\\"example.org/one\\\" does not exist., corresponding condition "
				"of pod readiness gate \\\"example.org/two\\\" does not exist.")));
	assert_int_equal(f.s->conditions[COND_CONTAINERS_READY].value, 1);
}

/* Only a change of value moves the time. */
static void test_transition_times(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 1);

	(void)state;
	fx_has_probe(&f, A, PROBE_READINESS);
	fx_run(&f);
	fx_pass(&f, 1000);
	fx_probe(&f, A, PROBE_READINESS, true);
	fx_pass(&f, 1000);
	fx_probe(&f, A, PROBE_READINESS, true);
	assert_int_equal(f.s->conditions[COND_READY].since_wall_ms, FX_WALL + 1000);
	fx_pass(&f, 1000);
	fx_probe(&f, A, PROBE_READINESS, false);
	assert_int_equal(f.s->conditions[COND_READY].since_wall_ms, FX_WALL + 3000);
	assert_int_equal(f.s->conditions[COND_SCHEDULED].since_wall_ms, FX_WALL);
}

static void test_sorted_by_name(void **state)
{
	static const char *const sorted[] = { "b", "c", "zed" };
	static char z[] = "zed";
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ALWAYS, 3);
	struct json *got;

	(void)state;
	f.ctrs[A].name = z;
	fx_event(&f, EV_ADMIT);
	got = status_of(&f);
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
		struct json *status = json_at(json_get(got, "containerStatuses"), i);

		assert_string_equal(json_get_str(status, "name"), sorted[i]);
	}
	json_free(got);
	/* The message names them in the order of the spec. */
	expect_part(&f, "conditions", COND_READY,
		COND("Ready", "3", "False", "00",
			WHY("ContainersNotReady", "containers with unready status: [zed b c]")));
}

/* 12288 bytes for all containers together, cut between characters. */
static void test_long_messages(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_NEVER, 3);
	struct pod_event died = { .kind = EV_CTR_DIED, .ctr = A };
	char text[5002];
	struct json *got;
	const struct json *end;

	(void)state;
	fx_run(&f);
	memset(text, 'x', sizeof(text));
	memcpy(text + 4095, "\xc3\xa4", 2); /* 4096 is in the middle of it */
	text[sizeof(text) - 1] = '\0';
	died.text = text;
	fx_send(&f, &died);
	got = status_of(&f);
	end = json_at(json_get(got, "containerStatuses"), 0);
	assert_int_equal(strlen(json_str(json_path(end, "state.terminated.message"))), 4095);
	json_free(got);
}

static void test_phase_of_a_half_ended_pod(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_spec(RESTART_ON_FAILURE, 2);

	(void)state;
	fx_run(&f);
	fx_died(&f, A, EXIT_0);
	assert_int_equal(f.s->phase, POD_RUNNING);
	fx_died(&f, B, EXIT_1);
	fx_up(&f, B, "b1");
	fx_died(&f, B, EXIT_1);
	assert_int_equal(f.s->ctrs[B].phase, CTR_BACKOFF);
	assert_int_equal(f.s->phase, POD_RUNNING); /* none runs, one will */
	assert_false(pod_is_final(f.s));
	fx_timer(&f, 10000);
	fx_up(&f, B, "b2");
	fx_died(&f, B, EXIT_0);
	assert_int_equal(f.s->phase, POD_SUCCEEDED);
	assert_true(pod_is_final(f.s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_pod),
		cmocka_unit_test(test_running_pod),
		cmocka_unit_test(test_crash_loop),
		cmocka_unit_test(test_waiting_for_its_turn),
		cmocka_unit_test(test_start_that_says_nothing),
		cmocka_unit_test(test_failed_start),
		cmocka_unit_test(test_conditions_of_ended_pods),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_readiness_gates),
		cmocka_unit_test(test_transition_times),
		cmocka_unit_test(test_sorted_by_name),
		cmocka_unit_test(test_long_messages),
		cmocka_unit_test(test_phase_of_a_half_ended_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
