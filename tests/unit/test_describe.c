/* The parts of describe that are made of a pod alone, in kubectl's layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/describe.h"

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(text, strlen(text), NULL, &j, &e) < 0)
		fail_msg("%s: %s", e.text, text);
	return j;
}

static void check_probe(const char *probe, const char *expected)
{
	CLEANUP(cleanup_json) struct json *j = parse(probe);
	CLEANUP(buf_free) struct buf out = { 0 };

	describe_probe(j, &out);
	assert_string_equal(out.data, expected);
}

static void test_probes(void **state)
{
	(void)state;
	check_probe("{\"httpGet\":{\"path\":\"/healthz\",\"port\":8080,\"scheme\":\"HTTP\"},"
		    "\"initialDelaySeconds\":3,\"timeoutSeconds\":1,\"periodSeconds\":10,"
		    "\"successThreshold\":1,\"failureThreshold\":3}",
		"http-get http://:8080/healthz delay=3s timeout=1s period=10s #success=1 "
		"#failure=3");
	check_probe("{\"httpGet\":{\"port\":\"web\",\"scheme\":\"HTTPS\",\"host\":\"h\"}}",
		"http-get https://h:web/ delay=0s timeout=1s period=10s #success=1 #failure=3");
	check_probe("{\"tcpSocket\":{\"port\":80},\"failureThreshold\":5}",
		"tcp-socket :80 delay=0s timeout=1s period=10s #success=1 #failure=5");
	check_probe("{\"exec\":{\"command\":[\"cat\",\"/tmp/x y\"]}}",
		"exec [cat /tmp/x y] delay=0s timeout=1s period=10s #success=1 #failure=3");
}

static void test_containers(void **state)
{
	static const char pod[] =
		"{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"command\":[\"sh\",\"-"
		"c\","
		"\"x\\ny\"],\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}],\"env\":[{"
		"\"name\":\"K\","
		"\"value\":\"v\"},{\"name\":\"N\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":"
		"\"metadata.name\"}}}],\"resources\":{\"limits\":{\"memory\":\"64Mi\"}},"
		"\"volumeMounts\":"
		"[{\"name\":\"d\",\"mountPath\":\"/d\",\"readOnly\":true}]}]},"
		"\"status\":{\"containerStatuses\":[{\"name\":\"a\",\"ready\":false,"
		"\"restartCount\":2,"
		"\"containerID\":\"carpel://"
		"1\",\"imageID\":\"s\",\"state\":{\"waiting\":{\"reason\":"
		"\"CrashLoopBackOff\",\"message\":\"back-off "
		"10s\"}},\"lastState\":{\"terminated\":{"
		"\"exitCode\":137,\"signal\":9,\"reason\":\"OOMKilled\",\"startedAt\":"
		"\"2026-11-24T14:20:05Z\",\"finishedAt\":\"2026-11-24T14:20:06Z\"}}}]}}";
	CLEANUP(cleanup_json) struct json *j = parse(pod);
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	describe_containers(j, &out);
	assert_string_equal(out.data, "Containers:\n"
				      "  a:\n"
				      "    Container ID:   carpel://1\n"
				      "    Image:          i\n"
				      "    Image ID:       s\n"
				      "    Port:           80/TCP\n"
				      "    Host Port:      0/TCP\n"
				      "    Command:\n"
				      "      sh\n"
				      "      -c\n"
				      "      x\\ny\n"
				      "    State:          Waiting\n"
				      "      Reason:       CrashLoopBackOff\n"
				      "      Message:      back-off 10s\n"
				      "    Last State:     Terminated\n"
				      "      Reason:       OOMKilled\n"
				      "      Exit Code:    137\n"
				      "      Signal:       9\n"
				      "      Started:      Tue, 24 Nov 2026 14:20:05 +0000\n"
				      "      Finished:     Tue, 24 Nov 2026 14:20:06 +0000\n"
				      "    Ready:          False\n"
				      "    Restart Count:  2\n"
				      "    Limits:\n"
				      "      memory:   64Mi\n"
				      "    Environment:\n"
				      "      K:              v\n"
				      "      N:               (v1:metadata.name)\n"
				      "    Mounts:\n"
				      "      /d from d (ro)\n");
}

static void test_volumes(void **state)
{
	CLEANUP(cleanup_json)
	struct json *j =
		parse("{\"spec\":{\"volumes\":[{\"name\":\"e\",\"emptyDir\":{}},{\"name\":\"h\","
		      "\"hostPath\":{\"path\":\"/"
		      "x\"}},{\"name\":\"o\",\"image\":{\"reference\":\"r\"}}]}}");
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	describe_volumes(j, &out);
	assert_non_null(strstr(out.data, "  e:\n    Type:           EmptyDir"));
	assert_non_null(strstr(out.data, "    SizeLimit:      <unset>\n"));
	assert_non_null(strstr(out.data, "    Path:           /x\n"));
	assert_non_null(strstr(out.data, "    Type:           image\n"));
}

/* Texts of a workload reach a terminal through here. */
static void test_hostile_value(void **state)
{
	CLEANUP(buf_free) struct buf out = { 0 };

	(void)state;
	describe_line(&out, 2, 10, "Label", "\033]0;x\007");
	assert_string_equal(out.data, "  Label:    \\x1b]0;x\\x07\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_hostile_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
