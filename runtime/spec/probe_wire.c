#include "spec/probe_wire.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

static const char *const handler_name[PROBE_HANDLERS] = {
	[PROBE_EXEC] = "exec",
	[PROBE_HTTP] = "http",
	[PROBE_TCP] = "tcp",
};

/* A delay or timeout of int32 seconds, the longest that a manifest can ask for, in milliseconds. */
static const int64_t time_max_ms = INT32_MAX * INT64_C(1000);

struct json *probe_spec_to_json(const struct probe_spec *p)
{
	struct json *j = json_new_object(), *list;

	json_set_str(j, "handler", handler_name[p->handler]);
	json_set_i64(j, "delayMs", p->timing.delay_ms);
	json_set_i64(j, "timeoutMs", p->timing.timeout_ms);
	json_set_i64(j, "periodMs", p->timing.period_ms);
	json_set_i64(j, "successThreshold", p->timing.success_threshold);
	json_set_i64(j, "failureThreshold", p->timing.failure_threshold);
	json_set_i64(j, "graceSeconds", p->grace_seconds);
	json_set_i64(j, "port", p->port);
	json_set_str(j, "portName", p->port_name);
	json_set_str(j, "host", p->host);
	json_set_str(j, "path", p->path);
	json_set(j, "command", list = json_new_array());
	for (size_t i = 0; i < p->command.len; i++)
		json_push(list, json_new_string(p->command.at[i]));
	json_set(j, "headers", list = json_new_array());
	for (size_t i = 0; i < p->headers_len; i++) {
		struct json *header = json_new_object();

		json_set_str(header, "name", p->headers[i].name);
		json_set_str(header, "value", p->headers[i].value);
		json_push(list, header);
	}
	return j;
}

static int take_handler(const struct json *j, struct probe_spec *out, struct err *e)
{
	const char *name = json_get_str(j, "handler");

	for (enum probe_handler h = PROBE_EXEC; name && h < PROBE_HANDLERS; h++)
		if (str_eq(name, handler_name[h])) {
			out->handler = h;
			return 0;
		}
	return err_say(e, EINVAL, "handler: not one of ours");
}

struct number {
	const char *key;
	int64_t min, max, *out;
};

static int take_numbers(const struct json *j, struct probe_spec *out, struct err *e)
{
	int64_t success = 0, failure = 0, port = 0;
	const struct number numbers[] = {
		{ "delayMs", 0, time_max_ms, &out->timing.delay_ms },
		{ "timeoutMs", 1, time_max_ms, &out->timing.timeout_ms },
		{ "periodMs", 1, time_max_ms, &out->timing.period_ms },
		{ "successThreshold", 1, INT32_MAX, &success },
		{ "failureThreshold", 1, INT32_MAX, &failure },
		{ "graceSeconds", -1, INT64_MAX, &out->grace_seconds },
		{ "port", INT32_MIN, INT32_MAX, &port },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		const struct number *n = &numbers[i];

		if (json_i64(json_get(j, n->key), n->min, n->max, n->out) < 0)
			return err_say(e, EINVAL, "%s: missing or out of range", n->key);
	}
	out->timing.success_threshold = (int32_t)success;
	out->timing.failure_threshold = (int32_t)failure;
	out->port = (int32_t)port;
	return 0;
}

/* Absent is NULL; present must be a string. */
static int take_text(const struct json *j, const char *key, char **out, struct err *e)
{
	const struct json *value = json_get(j, key);

	if (value && json_type(value) != JSON_STRING)
		return err_say(e, EINVAL, "%s: not a string", key);
	*out = str_dup(json_str(value));
	return 0;
}

static int take_command(const struct json *j, struct probe_spec *out, struct err *e)
{
	const struct json *list = json_get(j, "command");

	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *word = json_at(list, i);

		if (json_type(word) != JSON_STRING)
			return err_say(e, EINVAL, "command: not a list of strings");
		strv_add(&out->command, json_str(word));
	}
	return 0;
}

static int take_headers(const struct json *j, struct probe_spec *out, struct err *e)
{
	const struct json *list = json_get(j, "headers");

	const size_t len = json_len(list);

	out->headers = len ? mem_zalloc(len * sizeof(*out->headers)) : NULL;
	for (size_t i = 0; i < len; i++) {
		const char *name = json_get_str(json_at(list, i), "name"),
			   *value = json_get_str(json_at(list, i), "value");

		if (!name || !value)
			return err_say(e, EINVAL, "headers: not a list of names and values");
		out->headers[out->headers_len++] =
			(struct probe_header){ str_dup(name), str_dup(value) };
	}
	return 0;
}

int probe_spec_from_json(const struct json *j, struct probe_spec *out, struct err *e)
{
	CLEANUP(probe_spec_free) struct probe_spec p = { 0 };
	int rc = take_handler(j, &p, e);

	if (rc == 0)
		rc = take_numbers(j, &p, e);
	if (rc == 0)
		rc = take_text(j, "portName", &p.port_name, e);
	if (rc == 0)
		rc = take_text(j, "host", &p.host, e);
	if (rc == 0)
		rc = take_text(j, "path", &p.path, e);
	if (rc == 0)
		rc = take_command(j, &p, e);
	if (rc == 0)
		rc = take_headers(j, &p, e);
	if (rc < 0)
		return err_wrap(e, rc, "probe");
	*out = p;
	p = (struct probe_spec){ 0 };
	return 0;
}
