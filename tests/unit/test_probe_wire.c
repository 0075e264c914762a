#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/probe_wire.h"

static void there_and_back(const struct probe_spec *p, struct probe_spec *out)
{
	CLEANUP(cleanup_json) struct json *j = NULL, *sent = probe_spec_to_json(p);
	CLEANUP(buf_free) struct buf text = { 0 };

	json_write(sent, JSON_COMPACT, &text);
	assert_int_equal(json_parse(text.data, text.len, NULL, &j, NULL), 0);
	assert_int_equal(probe_spec_from_json(j, out, NULL), 0);
	assert_int_equal(out->handler, p->handler);
	assert_memory_equal(&out->timing, &p->timing, sizeof(p->timing));
	assert_int_equal(out->grace_seconds, p->grace_seconds);
	assert_int_equal(out->port, p->port);
}

static void test_http(void **state)
{
	char path[] = "/a b?x=\"\xc3\xa4\"", host[] = "127.0.0.1", name[] = "X-A",
	     value[] = "1\r\n";
	struct probe_header headers[] = { { name, value }, { name, path } };
	const struct probe_spec p = { .handler = PROBE_HTTP,
		.timing = { 1, 2, 3, 4, 5 },
		.grace_seconds = 30,
		.host = host,
		.port = 8080,
		.path = path,
		.headers = headers,
		.headers_len = ARRAY_LEN(headers) };
	CLEANUP(probe_spec_free) struct probe_spec got = { 0 };

	(void)state;
	there_and_back(&p, &got);
	assert_string_equal(got.path, path);
	assert_string_equal(got.host, host);
	assert_null(got.port_name);
	assert_int_equal(got.headers_len, 2);
	assert_string_equal(got.headers[0].value, value);
	assert_string_equal(got.headers[1].value, path);
	assert_int_equal(got.command.len, 0);
}

static void test_tcp_by_name(void **state)
{
	char name[] = "web";
	const struct probe_spec p = { .handler = PROBE_TCP,
		.timing = { 0, 1000, 10000, 1, 3 },
		.grace_seconds = -1,
		.port_name = name };
	CLEANUP(probe_spec_free) struct probe_spec got = { 0 };

	(void)state;
	there_and_back(&p, &got);
	assert_string_equal(got.port_name, name);
	assert_null(got.host);
	assert_null(got.path);
}

static void test_exec(void **state)
{
	struct probe_spec p = {
		.handler = PROBE_EXEC, .timing = { 0, 1000, 10000, 1, 3 }, .grace_seconds = -1
	};
	CLEANUP(probe_spec_free) struct probe_spec got = { 0 };

	(void)state;
	strv_add(&p.command, "cat");
	strv_add(&p.command, "");
	there_and_back(&p, &got);
	assert_int_equal(got.command.len, 2);
	assert_string_equal(got.command.at[0], "cat");
	assert_string_equal(got.command.at[1], "");
	strv_free(&p.command);
}

static const char good[] =
	"{\"handler\":\"tcp\",\"delayMs\":0,\"timeoutMs\":1,\"periodMs\":1,\"successThreshold\":1,"
	"\"failureThreshold\":1,\"graceSeconds\":-1,\"port\":80}";

static int read_with(const char *key, const char *value, struct err *e)
{
	CLEANUP(cleanup_json) struct json *j = NULL, *v = NULL;
	CLEANUP(probe_spec_free) struct probe_spec got = { 0 };

	assert_int_equal(json_parse(good, strlen(good), NULL, &j, NULL), 0);
	if (value) {
		assert_int_equal(json_parse(value, strlen(value), NULL, &v, NULL), 0);
		json_set(j, key, TAKE(v));
	} else {
		(void)json_remove(j, key);
	}
	return probe_spec_from_json(j, &got, e);
}

static void test_refusals(void **state)
{
	static const char *const bad[][2] = {
		{ "handler", "\"grpc\"" },
		{ "handler", NULL },
		{ "handler", "1" },
		{ "delayMs", "-1" },
		{ "delayMs", "2147483647001" },
		{ "delayMs", "\"1\"" },
		{ "timeoutMs", "0" },
		{ "periodMs", "0" },
		{ "periodMs", NULL },
		{ "periodMs", "1.5" },
		{ "successThreshold", "0" },
		{ "failureThreshold", "2147483648" },
		{ "port", NULL },
		{ "port", "2147483648" },
		{ "portName", "1" },
		{ "host", "[]" },
		{ "path", "null" },
		{ "command", "[1]" },
		{ "headers", "[{}]" },
		{ "headers", "[\"x\"]" },
		{ "headers", "[{\"name\":\"x\",\"value\":1}]" },
	};

	(void)state;
	assert_int_equal(read_with("unknown", "1", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };

		assert_int_equal(read_with(bad[i][0], bad[i][1], &e), -EINVAL);
		assert_non_null(strstr(e.text, bad[i][0])); /* the reason names the key */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_tcp_by_name),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
