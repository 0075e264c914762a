/* describe: a pod in kubectl's layout, with what carpel alone has to say: where probes dial. */
#include "cli/describe.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/age.h"
#include "cli/cli.h"
#include "cli/events.h"
#include "cli/pod_text.h"
#include "cli/request.h"
#include "cli/select.h"
#include "cli/target.h"

enum { TOP_WIDTH = 18 };

static void top(struct buf *out, const char *label, const char *value)
{
	describe_line(out, 0, TOP_WIDTH, label, value ? value : "");
}

/* One entry a line, under each other. */
static void top_map(struct buf *out, const char *label, const struct json *map)
{
	if (json_len(map) == 0)
		top(out, label, "<none>");
	for (size_t i = 0; i < json_len(map); i++) {
		const char *key;
		const char *value = json_str(json_member(map, i, &key));
		CLEANUP(cleanup_free) char *text = str_fmt("%s=%s", key, value ? value : "");
		CLEANUP(cleanup_free) char *spaced = str_fmt("%s: %s", key, value ? value : "");
		bool is_label = strcmp(label, "Labels") == 0;

		if (i == 0) {
			top(out, label, is_label ? text : spaced);
			continue;
		}
		buf_addf(out, "%*s", TOP_WIDTH, "");
		table_safe_text(out, is_label ? text : spaced);
		buf_addc(out, '\n');
	}
}

static void top_time(struct buf *out, const char *label, const char *rfc3339)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	buf_adds(&text, "");
	describe_time(rfc3339, &text);
	top(out, label, text.data);
}

static void add_status(const struct json *pod, struct buf *out)
{
	const struct json *status = json_get(pod, "status"), *metadata = json_get(pod, "metadata");
	const char *deleted = json_get_str(metadata, "deletionTimestamp");
	const char *grace = json_str(json_get(metadata, "deletionGracePeriodSeconds"));
	CLEANUP(buf_free) struct buf text = { 0 };

	if (deleted) {
		buf_adds(&text, "Terminating (lasts ");
		age_since(deleted, clock_now().wall_ms, &text);
		buf_addc(&text, ')');
		top(out, "Status", text.data);
		top(out, "Termination Grace Period", grace ? grace : "");
	} else {
		top(out, "Status", pod_phase(pod));
	}
	if (json_get_str(status, "reason"))
		top(out, "Reason", json_get_str(status, "reason"));
	if (json_get_str(status, "message"))
		top(out, "Message", json_get_str(status, "message"));
}

/* Until pods have an address of their own, this surprises whoever knows Kubernetes. */
static void add_network(const struct json *pod, struct buf *out)
{
	const char *ip = json_get_str(json_get(pod, "status"), "podIP");

	if (json_is_true(json_path(pod, "spec.hostNetwork")))
		top(out, "Network", "the host's (hostNetwork); probes dial 127.0.0.1 of the host");
	else if (!ip)
		top(out, "Network",
			"loopback only; probes dial 127.0.0.1 inside the pod's network namespace");
	top(out, "IP", ip ? ip : "<none>");
}

static void add_head(const struct json *pod, struct buf *out)
{
	const struct json *metadata = json_get(pod, "metadata"), *status = json_get(pod, "status");
	const char *node = json_get_str(json_get(pod, "spec"), "nodeName");
	const char *address = json_get_str(status, "hostIP");
	CLEANUP(cleanup_free)
	char *place = str_fmt(
		"%s%s%s", node ? node : "<none>", address ? "/" : "", address ? address : "");

	top(out, "Name", json_get_str(metadata, "name"));
	top(out, "Namespace", json_get_str(metadata, "namespace"));
	top(out, "UID", json_get_str(metadata, "uid"));
	top(out, "Node", place);
	top_time(out, "Start Time", json_get_str(status, "startTime"));
	top_map(out, "Labels", json_get(metadata, "labels"));
	top_map(out, "Annotations", json_get(metadata, "annotations"));
	add_status(pod, out);
	add_network(pod, out);
}

static void add_conditions(const struct json *pod, struct buf *out)
{
	static const char *const header[] = { "Type", "Status", "Reason", "Message" };
	const struct json *list = json_path(pod, "status.conditions");
	CLEANUP(table_free) struct table t = { .indent = "  " };
	bool has_reason = false;

	if (json_len(list) == 0)
		return;
	for (size_t i = 0; i < json_len(list); i++)
		has_reason = has_reason || json_get_str(json_at(list, i), "reason");
	table_row(&t, header, has_reason ? 4 : 2);
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *c = json_at(list, i);
		const char *cells[] = { json_get_str(c, "type"), json_get_str(c, "status"),
			json_get_str(c, "reason"), json_get_str(c, "message") };

		for (size_t n = 0; n < t.columns; n++)
			table_add(&t, cells[n] ? cells[n] : "");
	}
	buf_adds(out, "Conditions:\n");
	table_flush(&t, out);
}

/* ---- events ---- */

static void add_event(struct table *t, const struct json *event)
{
	const char *source = json_get_str(json_get(event, "source"), "component");
	const char *message = json_get_str(event, "message");
	const char *type = json_get_str(event, "type"), *reason = json_get_str(event, "reason");
	const char *field = json_get_str(json_get(event, "involvedObject"), "fieldPath");
	CLEANUP(cleanup_free)
	char *text =
		str_fmt("%s%s%s", field ? field : "", field ? ": " : "", message ? message : "");
	CLEANUP(buf_free) struct buf age = { 0 };

	if (!source)
		source = json_get_str(event, "reportingComponent");
	age_of_event(event, clock_now().wall_ms, &age);
	table_add(t, type ? type : "");
	table_add(t, reason ? reason : "");
	table_add(t, age.data);
	table_add(t, source ? source : "");
	table_add(t, text);
}

static void write_events(const struct json *list, struct buf *out)
{
	static const char *const header[] = { "Type", "Reason", "Age", "From", "Message" };
	static const char *const rule[] = { "----", "------", "----", "----", "-------" };
	CLEANUP(cleanup_free) const struct json **sorted = events_sorted(json_get(list, "items"));
	CLEANUP(table_free) struct table t = { .indent = "  " };

	if (!sorted[0]) {
		top(out, "Events", "<none>");
		return;
	}
	buf_adds(out, "Events:\n");
	table_row(&t, header, ARRAY_LEN(header));
	table_row(&t, rule, ARRAY_LEN(rule));
	for (size_t i = 0; sorted[i]; i++)
		add_event(&t, sorted[i]);
	table_flush(&t, out);
}

static int add_events(struct cli *c, const struct json *pod, struct buf *out, struct err *e)
{
	const struct json *metadata = json_get(pod, "metadata");
	const char *name = json_get_str(metadata, "name"),
		   *ns = json_get_str(metadata, "namespace");
	const char *uid = json_get_str(metadata, "uid");
	CLEANUP(cleanup_free)
	char *selector = str_fmt("involvedObject.name=%s,involvedObject.namespace=%s,"
				 "involvedObject.uid=%s",
		name ? name : "", ns ? ns : "", uid ? uid : "");
	CLEANUP(cleanup_json) struct json *list = NULL;
	CLEANUP(buf_free) struct buf path = { 0 };
	int rc;

	path_list(&path, ns, "events");
	path_query(&path, "fieldSelector", selector);
	rc = request_get(c, path.data, &list, e);
	if (rc < 0)
		return rc;
	write_events(list, out);
	return 0;
}

/* ---- the verb ---- */

static int describe_pod(struct cli *c, const struct chosen *who, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *pod = NULL;
	const char *class;
	int rc = request_pod(c, who->ns, who->name, &pod, e);

	if (rc < 0)
		return rc;
	add_head(pod, out);
	describe_containers(pod, out);
	add_conditions(pod, out);
	describe_volumes(pod, out);
	class = json_get_str(json_get(pod, "status"), "qosClass");
	top(out, "QoS Class", class ? class : "");
	return add_events(c, pod, out, e);
}

int verb_describe(struct cli *c, char **argv)
{
	struct choice by = { 0 };
	const struct option table[] = { { "selector", 'l', OPTION_TEXT, &by.labels } };
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(chosen_free) struct chosen_list pods = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);
	struct err e = { 0 };
	int rc;

	if (code != CLI_GO_ON)
		return code;
	/* `describe pods` alone means all of them, as in kubectl. */
	by.is_all = !by.labels && args.len == 1 && target_is_pod_word(args.at[0]);
	if (args.len == 0 && !by.labels)
		return cli_usage(c, "which pod?");
	rc = select_pods(c, &args, &by, &pods, &e);
	if (rc == -EINVAL && c->refusal.len == 0)
		return cli_usage(c, "%s", e.text);
	if (rc < 0)
		return cli_fail(c, NULL, &e);
	code = EXIT_OK;
	for (size_t i = 0; i < pods.len; i++) {
		if (i)
			buf_adds(&out, "\n\n");
		if (describe_pod(c, &pods.at[i], &out, &e) < 0)
			code = cli_fail(c, NULL, &e);
	}
	rc = output_write(&out);
	return code != EXIT_OK ? code : rc;
}
