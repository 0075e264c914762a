/* What people see: columns, ages, and a pod in kubectl's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/age.h"
#include "cli/pod_text.h"
#include "cli/table.h"

/* 2026-11-24T14:20:00Z */
#define NOW_MS (1795530000LL * 1000)

static void test_columns(void **state)
{
	static const char *const header[] = { "NAME", "STATUS" };
	struct table t = { 0 };
	struct buf out = { 0 };

	(void)state;
	table_row(&t, header, 2);
	table_add(&t, "a-longer-name");
	table_add(&t, "Running");
	table_add(&t, "\xc3\xa4");
	table_add(&t, "x");
	table_flush(&t, &out);
	assert_string_equal(out.data, "NAME            STATUS\n"
				      "a-longer-name   Running\n"
				      "\xc3\xa4               x\n");
	/* Later rows keep the columns. */
	buf_clear(&out);
	table_add(&t, "b");
	table_add(&t, "y");
	table_flush(&t, &out);
	assert_string_equal(out.data, "b               y\n");
	buf_free(&out);
	table_free(&t);
}

static void test_colour(void **state)
{
	struct table t = { .columns = 2, .has_colour = true };
	struct buf out = { 0 };

	(void)state;
	table_add_coloured(&t, "bad", TABLE_BAD);
	table_add_coloured(&t, "plain", TABLE_PLAIN);
	table_flush(&t, &out);
	/* The codes take no room. */
	assert_string_equal(out.data, "\033[31mbad\033[0m   plain\n");
	buf_clear(&out);
	t.has_colour = false;
	table_add_coloured(&t, "bad", TABLE_BAD);
	table_add(&t, "x");
	table_flush(&t, &out);
	assert_string_equal(out.data, "bad   x\n");
	buf_free(&out);
	table_free(&t);
}

static void test_hostile_text(void **state)
{
	struct table t = { .columns = 1 };
	struct buf out = { 0 };

	(void)state;
	table_add(&t, "a\nb\tc\033[2Jd\x7f\xc2\x9b"
		      "e\xc3\xa9");
	table_flush(&t, &out);
	assert_string_equal(out.data, "a\\nb\\tc\\x1b[2Jd\\x7f\\x9be\xc3\xa9\n");
	buf_free(&out);
	table_free(&t);
}

static void check_age(int64_t seconds, const char *expected)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	age_text(seconds * 1000, &out);
	assert_string_equal(out.data, expected);
}

static void test_ages(void **state)
{
	enum { H = 3600, D = 24 * H, Y = 365 * D };

	(void)state;
	check_age(0, "0s");
	check_age(-1, "0s");
	check_age(-2, "<invalid>");
	check_age(119, "119s");
	check_age(120, "2m");
	check_age(599, "9m59s");
	check_age(600, "10m");
	check_age(3 * H - 1, "179m");
	check_age(3 * H, "3h");
	check_age(7 * H + 90, "7h1m");
	check_age(8 * H, "8h");
	check_age(2 * D - 1, "47h");
	check_age(2 * D, "2d");
	check_age(5 * D + 22 * H, "5d22h");
	check_age(8 * D, "8d");
	check_age(2LL * Y - 1, "729d");
	check_age(2LL * Y, "2y");
	check_age(3LL * Y + 45 * D, "3y45d");
	check_age(8LL * Y + D, "8y");
}

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(text, strlen(text), NULL, &j, &e) < 0)
		fail_msg("%s: %s", e.text, text);
	return j;
}

static void check_event_age(const char *event, const char *expected)
{
	CLEANUP(cleanup_json) struct json *j = parse(event);
	CLEANUP(buf_free) struct buf out = { 0 };

	age_of_event(j, NOW_MS, &out);
	assert_string_equal(out.data, expected);
}

static void test_event_ages(void **state)
{
	(void)state;
	check_event_age("{\"firstTimestamp\":\"2026-11-24T14:09:00Z\",\"lastTimestamp\":"
			"\"2026-11-24T14:11:53Z\",\"count\":6}",
		"8m7s (x6 over 11m)");
	check_event_age("{\"firstTimestamp\":\"2026-11-24T14:19:55Z\",\"lastTimestamp\":"
			"\"2026-11-24T14:19:55Z\",\"count\":1}",
		"5s");
	check_event_age(
		"{\"firstTimestamp\":null,\"eventTime\":\"2026-11-24T14:19:00.000000Z\"}", "60s");
	check_event_age("{\"eventTime\":\"2026-11-24T14:10:00.000000Z\",\"series\":{\"count\":3,"
			"\"lastObservedTime\":\"2026-11-24T14:19:50.000000Z\"}}",
		"10s (x3 over 10m)");
	check_event_age("{}", "<unknown>");
}

/* status: the JSON behind "status":; more: members of metadata, "" none. */
static void check_pod(const char *spec, const char *status, const char *metadata, const char *ready,
	const char *expected, const char *restarts)
{
	CLEANUP(cleanup_free)
	char *text = str_fmt("{\"metadata\":{\"name\":\"p\"%s},\"spec\":%s,\"status\":%s}",
		metadata, spec, status);
	CLEANUP(cleanup_json) struct json *pod = parse(text);
	CLEANUP(pod_text_free) struct pod_text t = { 0 };
	CLEANUP(cleanup_free) char *got_ready = NULL;

	pod_text_read(pod, NOW_MS, &t);
	got_ready = str_fmt("%lld/%lld", (long long)t.ready, (long long)t.total);
	assert_string_equal(got_ready, ready);
	assert_string_equal(t.status, expected);
	assert_string_equal(t.restarts, restarts);
}

#define ONE "{\"containers\":[{\"name\":\"a\"}]}"
#define TWO "{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"
#define INIT                                                                                       \
	"{\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}],\"containers\":[{\"name\":\"a\"}" \
	"]}"
#define SIDECAR                                                                                    \
	"{\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\"}],"                     \
	"\"containers\":[{\"name\":\"a\"}]}"
#define RUNS(n, c)                                                                                 \
	"{\"name\":\"" n "\",\"ready\":true,\"restartCount\":" c ",\"state\":{\"running\":{}}}"
#define WAITS(n, r)                                                                                \
	"{\"name\":\"" n                                                                           \
	"\",\"ready\":false,\"restartCount\":0,\"state\":{\"waiting\":{\"reason\":\"" r "\"}}}"
#define ENDED(n, code, r)                                                                          \
	"{\"name\":\"" n                                                                           \
	"\",\"ready\":false,\"restartCount\":0,\"state\":{\"terminated\":{\"exitCode\":" code r    \
	"}}}"
#define READY "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],"
#define GONE ",\"deletionTimestamp\":\"2026-11-24T14:20:00Z\""

static void test_pod_status(void **state)
{
	(void)state;
	check_pod(ONE, "{}", "", "0/1", "Unknown", "0");
	check_pod(ONE, "{\"phase\":\"Pending\"}", "", "0/1", "Pending", "0");
	check_pod(ONE,
		"{\"phase\":\"Pending\",\"containerStatuses\":[" WAITS(
			"a", "ContainerCreating") "]}",
		"", "0/1", "ContainerCreating", "0");
	check_pod(ONE,
		"{\"phase\":\"Running\"," READY "\"containerStatuses\":[" RUNS("a", "2") "]}", "",
		"1/1", "Running", "2");
	check_pod(TWO,
		"{\"phase\":\"Running\",\"containerStatuses\":[" RUNS("a", "0") "," WAITS(
			"b", "CrashLoopBackOff") "]}",
		"", "1/2", "CrashLoopBackOff", "0");
	check_pod(TWO,
		"{\"phase\":\"Running\",\"containerStatuses\":[" ENDED(
			"a", "0", ",\"reason\":\"Completed\"") "," RUNS("b", "0") "]}",
		"", "1/2", "NotReady", "0");
	check_pod(TWO,
		"{\"phase\":\"Running\"," READY "\"containerStatuses\":[" ENDED(
			"a", "0", ",\"reason\":\"Completed\"") "," RUNS("b", "0") "]}",
		"", "1/2", "Running", "0");
	check_pod(TWO,
		"{\"phase\":\"Failed\",\"containerStatuses\":[" ENDED(
			"a", "0", ",\"reason\":\"Completed\"") "," ENDED("b", "3",
			",\"reason\":\"Error\"") "]}",
		"", "0/2", "Error", "0");
	check_pod(ONE,
		"{\"phase\":\"Failed\",\"containerStatuses\":[" ENDED(
			"a", "137", ",\"signal\":9") "]}",
		"", "0/1", "Signal:9", "0");
	check_pod(ONE, "{\"phase\":\"Failed\",\"containerStatuses\":[" ENDED("a", "3", "") "]}", "",
		"0/1", "ExitCode:3", "0");
	check_pod(ONE, "{\"phase\":\"Failed\",\"reason\":\"Evicted\"}", "", "0/1", "Evicted", "0");
}

static void test_pod_deletion(void **state)
{
	(void)state;
	check_pod(ONE,
		"{\"phase\":\"Running\"," READY "\"containerStatuses\":[" RUNS("a", "0") "]}", GONE,
		"1/1", "Terminating", "0");
	check_pod(ONE,
		"{\"phase\":\"Succeeded\",\"containerStatuses\":[" ENDED(
			"a", "0", ",\"reason\":\"Completed\"") "]}",
		GONE, "0/1", "Completed", "0");
	check_pod(ONE, "{\"phase\":\"Running\",\"reason\":\"NodeLost\"}", GONE, "0/1", "Unknown",
		"0");
}

static void test_pod_init(void **state)
{
	(void)state;
	check_pod(INIT,
		"{\"phase\":\"Pending\",\"initContainerStatuses\":[" ENDED("i", "0", "") "," RUNS(
			"j", "0") "],\"containerStatuses\":[" WAITS("a", "PodInitializing") "]}",
		"", "0/1", "Init:1/2", "0");
	check_pod(INIT,
		"{\"phase\":\"Pending\",\"initContainerStatuses\":[" WAITS(
			"i", "CrashLoopBackOff") "," WAITS("j", "PodInitializing") "]}",
		"", "0/1", "Init:CrashLoopBackOff", "0");
	check_pod(INIT,
		"{\"phase\":\"Failed\",\"initContainerStatuses\":[" ENDED("i", "2", "") "]}", "",
		"0/1", "Init:ExitCode:2", "0");
	check_pod(SIDECAR,
		"{\"phase\":\"Running\"," READY
		"\"initContainerStatuses\":[{\"name\":\"s\",\"started\":true,"
		"\"ready\":true,\"restartCount\":4,\"state\":{\"running\":{}}}],"
		"\"containerStatuses\":[" RUNS("a", "1") "]}",
		"", "2/2", "Running", "5");
}

static void test_restarts(void **state)
{
	(void)state;
	check_pod(ONE,
		"{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"a\",\"ready\":true,"
		"\"restartCount\":3,"
		"\"state\":{\"running\":{}},\"lastState\":{\"terminated\":{\"finishedAt\":"
		"\"2026-11-24T14:19:29Z\"}}}]}",
		"", "1/1", "Running", "3 (31s ago)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_event_ages),
		cmocka_unit_test(test_pod_status),
		cmocka_unit_test(test_pod_deletion),
		cmocka_unit_test(test_pod_init),
		cmocka_unit_test(test_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
