/* Kubernetes' rules for probes, see validate.c. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"

static void check_probe_port(struct check *k, const struct json *port, const char *at)
{
	int64_t n = 0;

	if (json_type(port) == JSON_STRING) {
		(void)check_port_name(k, json_str(port), at);
		return;
	}
	(void)json_i64(port, INT32_MIN, INT32_MAX, &n);
	check_port(k, n, at);
}

static bool is_header_name(const char *name)
{
	return *name && strspn(name, "-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789") == strlen(name);
}

static void validate_http(struct check *k, const struct json *http, const char *at)
{
	static const char *const schemes[] = { "HTTP", "HTTPS", NULL };
	const struct json *headers = json_get(http, "httpHeaders");
	CLEANUP(cleanup_free) char *port_at = str_fmt("%s.port", at);
	CLEANUP(cleanup_free) char *headers_at = str_fmt("%s.httpHeaders", at);

	check_probe_port(k, json_get(http, "port"), port_at);
	check_word(k, http, "scheme", at, schemes);
	for (size_t i = 0; i < json_len(headers); i++) {
		const char *name = text_at(json_at(headers, i), "name");

		if (!is_header_name(name))
			cause_invalid(k->causes, headers_at, name,
				"a valid HTTP header must consist of alphanumeric characters or "
				"'-' (e.g. 'X-Header-Name', regex used for validation is "
				"'[-A-Za-z0-9]+')");
	}
}

static void validate_handler(
	struct check *k, const struct json *handler, const char *name, const char *at)
{
	CLEANUP(cleanup_free) char *command_at = str_fmt("%s.command", at);
	CLEANUP(cleanup_free) char *port_at = str_fmt("%s.port", at);

	if (str_eq(name, "exec") && json_len(json_get(handler, "command")) == 0)
		cause_required(k->causes, command_at, "");
	else if (str_eq(name, "httpGet"))
		validate_http(k, handler, at);
	else if (str_eq(name, "tcpSocket") || str_eq(name, "grpc"))
		check_probe_port(k, json_get(handler, "port"), port_at);
}

static void validate_handlers(struct check *k, const struct json *probe, const char *path)
{
	static const char *const handlers[] = { "exec", "httpGet", "tcpSocket", "grpc" };
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
		const struct json *handler = json_get(probe, handlers[i]);
		CLEANUP(cleanup_free) char *at = str_fmt("%s.%s", path, handlers[i]);

		if (!handler)
			continue;
		if (found++)
			cause_forbidden(k->causes, at, "may not specify more than 1 handler type");
		else
			validate_handler(k, handler, handlers[i], at);
	}
	if (!found)
		cause_required(k->causes, path, "must specify a handler type");
}

static void validate_probe(struct check *k, const struct json *probe, const char *path)
{
	static const char *const numbers[] = { "initialDelaySeconds", "timeoutSeconds",
		"periodSeconds", "successThreshold", "failureThreshold" };
	static const char grace[] = "terminationGracePeriodSeconds";
	CLEANUP(cleanup_free) char *grace_at = str_fmt("%s.%s", path, grace);

	validate_handlers(k, probe, path);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("%s.%s", path, numbers[i]);

		check_at_least(k, number_at(probe, numbers[i]), 0, at);
	}
	if (json_get(probe, grace) && number_at(probe, grace) <= 0)
		cause_invalid_number(
			k->causes, grace_at, number_at(probe, grace), "must be greater than 0");
}

/* A liveness or startup probe decides by its first success. */
static void validate_deciding(
	struct check *k, const struct json *c, const char *name, const char *path)
{
	const struct json *probe = json_get(c, name);
	CLEANUP(cleanup_free) char *at = str_fmt("%s.%s", path, name);
	CLEANUP(cleanup_free) char *success_at = str_fmt("%s.successThreshold", at);

	if (!probe)
		return;
	validate_probe(k, probe, at);
	if (number_at(probe, "successThreshold") != 1)
		cause_invalid_number(
			k->causes, success_at, number_at(probe, "successThreshold"), "must be 1");
}

static void validate_readiness(struct check *k, const struct json *c, const char *path)
{
	static const char grace[] = "terminationGracePeriodSeconds";
	const struct json *probe = json_get(c, "readinessProbe");
	CLEANUP(cleanup_free) char *at = str_fmt("%s.readinessProbe", path);
	CLEANUP(cleanup_free) char *grace_at = str_fmt("%s.%s", at, grace);

	if (!probe)
		return;
	validate_probe(k, probe, at);
	if (json_get(probe, grace))
		cause_invalid_number(k->causes, grace_at, number_at(probe, grace),
			"must not be set for readinessProbes");
}

void validate_probes(struct check *k, const struct json *container, const char *path)
{
	validate_deciding(k, container, "livenessProbe", path);
	validate_readiness(k, container, path);
	validate_deciding(k, container, "startupProbe", path);
}
