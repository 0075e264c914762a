#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/describe.h"
#include "cli/pod_text.h"

enum { CTR_INDENT = 4, CTR_WIDTH = 16, STATE_WIDTH = 14 };

void describe_line(struct buf *out, int indent, int width, const char *label, const char *value)
{
	CLEANUP(cleanup_free) char *head = str_fmt("%s:", label);

	buf_addf(out, "%*s%-*s", indent, "", *value ? width : 0, head);
	table_safe_text(out, value);
	buf_addc(out, '\n');
}

void describe_time(const char *rfc3339, struct buf *out)
{
	char text[64];
	int64_t ns;
	time_t seconds;
	struct tm tm;

	if (!rfc3339 || clock_parse_rfc3339(rfc3339, &ns) < 0) {
		buf_adds(out, rfc3339 ? rfc3339 : "");
		return;
	}
	seconds = (time_t)(ns / 1000000000);
	(void)localtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S %z", &tm);
	buf_adds(out, text);
}

/* ---- probes ---- */

static void add_words(const struct json *list, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < json_len(list); i++)
		buf_addf(out, "%s%s", i ? " " : "", json_str(json_at(list, i)));
	buf_addc(out, ']');
}

static const char *text_or(const struct json *object, const char *key, const char *otherwise)
{
	const char *text = json_str(json_get(object, key));

	return text ? text : otherwise;
}

static void add_action(const struct json *probe, struct buf *out)
{
	const struct json *http = json_get(probe, "httpGet"), *tcp = json_get(probe, "tcpSocket");
	const struct json *exec = json_get(probe, "exec"), *grpc = json_get(probe, "grpc");

	if (exec) {
		buf_adds(out, "exec ");
		add_words(json_get(exec, "command"), out);
	} else if (http) {
		const char *scheme = text_or(http, "scheme", "HTTP");
		const char *path = text_or(http, "path", "/");

		buf_addf(out, "http-get %s://%s:%s%s%s",
			strcmp(scheme, "HTTPS") == 0 ? "https" : "http", text_or(http, "host", ""),
			text_or(http, "port", ""), *path == '/' ? "" : "/", path);
	} else if (tcp) {
		buf_addf(out, "tcp-socket %s:%s", text_or(tcp, "host", ""),
			text_or(tcp, "port", ""));
	} else if (grpc) {
		buf_addf(out, "grpc <pod>:%s %s", text_or(grpc, "port", ""),
			text_or(grpc, "service", ""));
	} else {
		buf_adds(out, "unknown");
	}
}

void describe_probe(const struct json *probe, struct buf *out)
{
	add_action(probe, out);
	buf_addf(out, " delay=%ss timeout=%ss period=%ss #success=%s #failure=%s",
		text_or(probe, "initialDelaySeconds", "0"), text_or(probe, "timeoutSeconds", "1"),
		text_or(probe, "periodSeconds", "10"), text_or(probe, "successThreshold", "1"),
		text_or(probe, "failureThreshold", "3"));
}

/* ---- state ---- */

static void line(struct buf *out, const char *label, const char *value)
{
	describe_line(out, CTR_INDENT, CTR_WIDTH, label, value ? value : "");
}

static void state_line(struct buf *out, const char *label, const char *value)
{
	if (value)
		describe_line(out, CTR_INDENT + 2, STATE_WIDTH, label, value);
}

static void state_time(struct buf *out, const char *label, const char *rfc3339)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	describe_time(rfc3339, &text);
	state_line(out, label, rfc3339 ? text.data : NULL);
}

static void add_state(struct buf *out, const char *label, const struct json *state)
{
	const struct json *running = json_get(state, "running"),
			  *ended = json_get(state, "terminated");
	const struct json *waiting = json_get(state, "waiting");
	const struct json *any = ended ? ended : waiting;

	line(out, label, running ? "Running" : ended ? "Terminated" : "Waiting");
	state_line(out, "Reason", json_get_str(any, "reason"));
	state_line(out, "Message", json_get_str(any, "message"));
	if (ended)
		state_line(out, "Exit Code", json_str(json_get(ended, "exitCode")));
	state_line(out, "Signal", json_str(json_get(ended, "signal")));
	state_time(out, "Started", json_get_str(running ? running : ended, "startedAt"));
	state_time(out, "Finished", json_get_str(ended, "finishedAt"));
}

static void add_status(struct buf *out, const struct json *status)
{
	add_state(out, "State", json_get(status, "state"));
	if (json_len(json_get(status, "lastState")) > 0)
		add_state(out, "Last State", json_get(status, "lastState"));
	line(out, "Ready", json_is_true(json_get(status, "ready")) ? "True" : "False");
	line(out, "Restart Count", text_or(status, "restartCount", "0"));
}

/* ---- the rest of a container ---- */

static void add_list(struct buf *out, const char *label, const struct json *list)
{
	if (json_len(list) == 0)
		return;
	line(out, label, "");
	for (size_t i = 0; i < json_len(list); i++) {
		buf_addf(out, "%*s", CTR_INDENT + 2, "");
		table_safe_text(out, json_str(json_at(list, i)) ? json_str(json_at(list, i)) : "");
		buf_addc(out, '\n');
	}
}

static void add_ports(struct buf *out, const struct json *ports)
{
	CLEANUP(buf_free) struct buf ours = { 0 };
	CLEANUP(buf_free) struct buf hosts = { 0 };

	for (size_t i = 0; i < json_len(ports); i++) {
		const struct json *p = json_at(ports, i);
		const char *protocol = text_or(p, "protocol", "TCP");

		buf_addf(
			&ours, "%s%s/%s", i ? ", " : "", text_or(p, "containerPort", ""), protocol);
		buf_addf(&hosts, "%s%s/%s", i ? ", " : "", text_or(p, "hostPort", "0"), protocol);
	}
	line(out, json_len(ports) > 1 ? "Ports" : "Port", ours.len ? ours.data : "<none>");
	line(out, json_len(ports) > 1 ? "Host Ports" : "Host Port",
		hosts.len ? hosts.data : "<none>");
}

static void add_map(struct buf *out, const char *label, const struct json *map)
{
	if (json_len(map) == 0)
		return;
	line(out, label, "");
	for (size_t i = 0; i < json_len(map); i++) {
		const char *key;
		const char *value = json_str(json_member(map, i, &key));

		describe_line(out, CTR_INDENT + 2, 10, key, value ? value : "");
	}
}

static void add_probes(struct buf *out, const struct json *container)
{
	static const struct {
		const char *key, *label;
	} probes[] = {
		{ "livenessProbe", "Liveness" },   /* */
		{ "readinessProbe", "Readiness" }, /* */
		{ "startupProbe", "Startup" },     /* */
	};

	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };

		if (!json_get(container, probes[i].key))
			continue;
		describe_probe(json_get(container, probes[i].key), &text);
		line(out, probes[i].label, text.data);
	}
}

static void add_value_from(const struct json *from, struct buf *out)
{
	const char *path = json_get_str(json_get(from, "fieldRef"), "fieldPath");
	const struct json *resource = json_get(from, "resourceFieldRef");

	if (path)
		buf_addf(out, " (v1:%s)", path);
	else if (resource)
		buf_addf(out, " (%s)", text_or(resource, "resource", ""));
	else
		json_write(from, JSON_COMPACT, out);
}

static void add_environment(struct buf *out, const struct json *env)
{
	line(out, "Environment", json_len(env) ? "" : "<none>");
	for (size_t i = 0; i < json_len(env); i++) {
		const struct json *one = json_at(env, i);
		CLEANUP(buf_free) struct buf value = { 0 };

		if (json_get(one, "valueFrom"))
			add_value_from(json_get(one, "valueFrom"), &value);
		else
			buf_adds(&value, text_or(one, "value", ""));
		describe_line(out, CTR_INDENT + 2, 16, text_or(one, "name", ""), value.data);
	}
}

static void add_mounts(struct buf *out, const struct json *mounts)
{
	line(out, "Mounts", json_len(mounts) ? "" : "<none>");
	for (size_t i = 0; i < json_len(mounts); i++) {
		const struct json *m = json_at(mounts, i);
		const char *path = json_get_str(m, "subPath");

		buf_addf(out, "%*s", CTR_INDENT + 2, "");
		table_safe_text(out, text_or(m, "mountPath", ""));
		buf_addf(out, " from %s (%s", text_or(m, "name", ""),
			json_is_true(json_get(m, "readOnly")) ? "ro" : "rw");
		if (path)
			buf_addf(out, ",path=\"%s\"", path);
		buf_adds(out, ")\n");
	}
}

static void add_container(struct buf *out, const struct json *container, const struct json *status)
{
	buf_addf(out, "  %s:\n", text_or(container, "name", ""));
	line(out, "Container ID", json_get_str(status, "containerID"));
	line(out, "Image", json_get_str(container, "image"));
	line(out, "Image ID", json_get_str(status, "imageID"));
	add_ports(out, json_get(container, "ports"));
	add_list(out, "Command", json_get(container, "command"));
	add_list(out, "Args", json_get(container, "args"));
	if (status)
		add_status(out, status);
	add_map(out, "Limits", json_path(container, "resources.limits"));
	add_map(out, "Requests", json_path(container, "resources.requests"));
	add_probes(out, container);
	add_environment(out, json_get(container, "env"));
	add_mounts(out, json_get(container, "volumeMounts"));
}

void describe_containers(const struct json *pod, struct buf *out)
{
	static const struct {
		const char *title, *spec, *status;
	} groups[] = {
		{ "Init Containers", "spec.initContainers", "status.initContainerStatuses" }, /* */
		{ "Containers", "spec.containers", "status.containerStatuses" },              /* */
	};

	for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
		const struct json *list = json_path(pod, groups[g].spec);
		const struct json *statuses = json_path(pod, groups[g].status);

		if (json_len(list) > 0)
			buf_addf(out, "%s:\n", groups[g].title);
		for (size_t i = 0; i < json_len(list); i++) {
			const struct json *c = json_at(list, i);

			add_container(out, c, named_entry(statuses, json_get_str(c, "name")));
		}
	}
}

/* ---- volumes ---- */

static void add_volume(struct buf *out, const struct json *volume)
{
	const struct json *empty = json_get(volume, "emptyDir"),
			  *host = json_get(volume, "hostPath");

	buf_addf(out, "  %s:\n", text_or(volume, "name", ""));
	if (empty) {
		line(out, "Type", "EmptyDir (a temporary directory that shares a pod's lifetime)");
		line(out, "Medium", text_or(empty, "medium", ""));
		line(out, "SizeLimit", text_or(empty, "sizeLimit", "<unset>"));
		return;
	}
	if (host) {
		line(out, "Type", "HostPath (bare host directory volume)");
		line(out, "Path", text_or(host, "path", ""));
		line(out, "HostPathType", text_or(host, "type", ""));
		return;
	}
	for (size_t i = 0; i < json_len(volume); i++) {
		CLEANUP(buf_free) struct buf text = { 0 };
		const char *key;
		const struct json *source = json_member(volume, i, &key);

		if (strcmp(key, "name") == 0)
			continue;
		line(out, "Type", key);
		json_write(source, JSON_COMPACT, &text);
		line(out, "Source", text.data);
	}
}

void describe_volumes(const struct json *pod, struct buf *out)
{
	const struct json *list = json_path(pod, "spec.volumes");

	buf_adds(out, json_len(list) ? "Volumes:\n" : "Volumes:  <none>\n");
	for (size_t i = 0; i < json_len(list); i++)
		add_volume(out, json_at(list, i));
}
