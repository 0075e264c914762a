/* The model of one container, see manifest_build.c. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"
#include "spec/manifest_build.h"
#include "spec/quantity.h"

static void build_ports(const struct json *ports, struct container_spec *out)
{
	out->ports = make_list(ports, sizeof(*out->ports), &out->ports_len);
	for (size_t i = 0; i < out->ports_len; i++) {
		const struct json *port = json_at(ports, i);

		out->ports[i] = (struct port_spec){ .name = optional_text(port, "name"),
			.protocol = str_dup(text_at(port, "protocol")),
			.host_ip = optional_text(port, "hostIP"),
			.container_port = (int32_t)number_at(port, "containerPort"),
			.host_port = (int32_t)number_at(port, "hostPort") };
	}
}

static int64_t milli_of(const char *text)
{
	int64_t milli = 0;

	(void)quantity_milli(text, &milli);
	return milli;
}

static void build_env(const struct json *env, struct container_spec *out)
{
	out->env = make_list(env, sizeof(*out->env), &out->env_len);
	for (size_t i = 0; i < out->env_len; i++) {
		const struct json *var = json_at(env, i);
		const struct json *field = json_path(var, "valueFrom.fieldRef");
		const struct json *resource = json_path(var, "valueFrom.resourceFieldRef");
		const char *path = json_get_str(field, "fieldPath");
		struct env_spec *v = &out->env[i];

		v->name = str_dup(text_at(var, "name"));
		if (field) {
			/* The old name of the field. */
			v->field_path = str_dup(str_eq(path, "spec.host") ? "spec.nodeName" : path);
		} else if (resource) {
			v->resource = str_dup(text_at(resource, "resource"));
			v->resource_container = optional_text(resource, "containerName");
			v->divisor_milli = milli_of(text_at(resource, "divisor"));
		} else {
			v->value = str_dup(text_at(var, "value"));
		}
	}
}

static void build_mounts(const struct json *mounts, struct container_spec *out)
{
	out->mounts = make_list(mounts, sizeof(*out->mounts), &out->mounts_len);
	for (size_t i = 0; i < out->mounts_len; i++) {
		const struct json *mount = json_at(mounts, i);

		out->mounts[i] = (struct mount_spec){ .volume = str_dup(text_at(mount, "name")),
			.path = str_dup(text_at(mount, "mountPath")),
			.sub_path = optional_text(mount, "subPath"),
			.read_only = is_true(mount, "readOnly") };
	}
}

/* What is not there reads as no quantity and leaves its -1. */
static struct resource_spec build_resources(const struct json *list)
{
	struct resource_spec r = { -1, -1, -1 };

	(void)quantity_milli(json_get_str(list, "cpu"), &r.cpu_milli);
	(void)quantity_units(json_get_str(list, "memory"), &r.memory_bytes);
	(void)quantity_units(json_get_str(list, "ephemeral-storage"), &r.ephemeral_bytes);
	return r;
}

void manifest_read_resources(const struct json *resources, struct container_spec *out)
{
	out->limits = build_resources(json_get(resources, "limits"));
	out->requests = build_resources(json_get(resources, "requests"));
}

static void build_resize_policy(const struct json *list, struct container_spec *out)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *one = json_at(list, i);
		bool restarts = str_eq(text_at(one, "restartPolicy"), "RestartContainer");

		if (str_eq(text_at(one, "resourceName"), "cpu"))
			out->cpu_resize_restarts = restarts;
		else
			out->memory_resize_restarts = restarts;
	}
}

/* Names are taken with or without "CAP_" and in any case. */
static void build_capabilities(const struct json *list, struct strv *out)
{
	for (size_t i = 0; i < json_len(list); i++) {
		CLEANUP(cleanup_free) char *name = str_dup(json_str(json_at(list, i)));

		for (char *p = name; *p; p++)
			if (*p >= 'a' && *p <= 'z')
				*p = (char)(*p - 'a' + 'A');
		strv_add(out, name + (str_starts(name, "CAP_") ? strlen("CAP_") : 0));
	}
}

/* The container's word, else the pod's. */
static const struct json *either(
	const struct json *container, const struct json *pod, const char *key)
{
	const struct json *own = json_get(container, key);

	return own ? own : json_get(pod, key);
}

/* Without one a manifest's container has the default. */
static void build_seccomp(const struct json *profile, struct security_spec *out)
{
	static const struct word types[] = { { "RuntimeDefault", SECCOMP_DEFAULT },
		{ "Unconfined", SECCOMP_UNCONFINED }, { "Localhost", SECCOMP_LOCALHOST },
		{ NULL, 0 } };

	out->seccomp = SECCOMP_DEFAULT;
	if (profile)
		out->seccomp = (enum seccomp_type)word_value(types, text_at(profile, "type"));
	out->seccomp_path = optional_text(profile, "localhostProfile");
}

static void build_apparmor(const struct json *profile, struct security_spec *out)
{
	static const struct word types[] = { { "RuntimeDefault", APPARMOR_RUNTIME_DEFAULT },
		{ "Unconfined", APPARMOR_UNCONFINED }, { "Localhost", APPARMOR_LOCALHOST },
		{ NULL, 0 } };

	if (profile)
		out->apparmor = (enum apparmor_type)word_value(types, text_at(profile, "type"));
	out->apparmor_profile = optional_text(profile, "localhostProfile");
}

/* An empty part is one that is not given. */
static char *part_of(const struct json *options, const char *key)
{
	const char *text = text_at(options, key);

	return *text ? str_dup(text) : NULL;
}

void build_selinux(const struct json *options, struct selinux_spec *out)
{
	*out = (struct selinux_spec){ .user = part_of(options, "user"),
		.role = part_of(options, "role"),
		.type = part_of(options, "type"),
		.level = part_of(options, "level") };
}

static void build_security(
	const struct json *sc, const struct json *pod_sc, struct security_spec *out)
{
	const struct json *escalation = json_get(sc, "allowPrivilegeEscalation");

	out->run_as_user = id_of(either(sc, pod_sc, "runAsUser"));
	out->run_as_group = id_of(either(sc, pod_sc, "runAsGroup"));
	out->run_as_non_root = json_is_true(either(sc, pod_sc, "runAsNonRoot"));
	out->read_only_root = is_true(sc, "readOnlyRootFilesystem");
	out->privileged = is_true(sc, "privileged");
	out->no_new_privs = escalation && !json_is_true(escalation);
	out->strict_groups = str_eq(text_at(pod_sc, "supplementalGroupsPolicy"), "Strict");
	build_seccomp(either(sc, pod_sc, "seccompProfile"), out);
	build_apparmor(either(sc, pod_sc, "appArmorProfile"), out);
	build_selinux(either(sc, pod_sc, "seLinuxOptions"), &out->selinux);
	/* Unmasked: lists that hold nothing. */
	out->has_masks = str_eq(text_at(sc, "procMount"), "Unmasked");
	build_capabilities(json_path(sc, "capabilities.add"), &out->cap_add);
	build_capabilities(json_path(sc, "capabilities.drop"), &out->cap_drop);
}

/* ---- probes ---- */

static void build_headers(const struct json *headers, struct probe_spec *out)
{
	out->headers = make_list(headers, sizeof(*out->headers), &out->headers_len);
	for (size_t i = 0; i < out->headers_len; i++)
		out->headers[i] =
			(struct probe_header){ str_dup(text_at(json_at(headers, i), "name")),
				str_dup(text_at(json_at(headers, i), "value")) };
}

static void build_target(const struct json *target, struct probe_spec *out)
{
	const struct json *port = json_get(target, "port");

	out->host = optional_text(target, "host");
	if (json_type(port) == JSON_STRING)
		out->port_name = str_dup(json_str(port));
	else
		out->port = (int32_t)number_at(target, "port");
}

static void build_probe(const struct json *probe, struct probe_spec *out)
{
	enum { SECOND_MS = 1000 };
	const struct json *exec = json_get(probe, "exec"), *http = json_get(probe, "httpGet");
	const struct json *tcp = json_get(probe, "tcpSocket");

	out->grace_seconds = optional_number(probe, "terminationGracePeriodSeconds");
	if (!probe)
		return;
	out->handler = exec ? PROBE_EXEC : http ? PROBE_HTTP : PROBE_TCP;
	out->timing = (struct probe_timing){
		.delay_ms = number_at(probe, "initialDelaySeconds") * SECOND_MS,
		.timeout_ms = number_at(probe, "timeoutSeconds") * SECOND_MS,
		.period_ms = number_at(probe, "periodSeconds") * SECOND_MS,
		.success_threshold = (int32_t)number_at(probe, "successThreshold"),
		.failure_threshold = (int32_t)number_at(probe, "failureThreshold"),
	};
	build_texts(json_get(exec, "command"), &out->command);
	if (http) {
		out->path = str_dup(text_at(http, "path"));
		build_headers(json_get(http, "httpHeaders"), out);
	}
	build_target(http ? http : tcp, out);
}

void build_container(const struct json *c, const struct json *pod_sc, struct container_spec *out)
{
	static const struct word pulls[] = { { "Always", PULL_ALWAYS },
		{ "IfNotPresent", PULL_IF_NOT_PRESENT }, { "Never", PULL_NEVER }, { NULL, 0 } };
	static const struct word messages[] = { { "File", MESSAGE_FILE },
		{ "FallbackToLogsOnError", MESSAGE_FALLBACK_TO_LOGS }, { NULL, 0 } };

	out->name = str_dup(text_at(c, "name"));
	out->image = str_dup(text_at(c, "image"));
	out->working_dir = optional_text(c, "workingDir");
	out->pull = (enum pull_policy)word_value(pulls, text_at(c, "imagePullPolicy"));
	build_texts(json_get(c, "command"), &out->command);
	build_texts(json_get(c, "args"), &out->args);
	build_ports(json_get(c, "ports"), out);
	build_env(json_get(c, "env"), out);
	build_mounts(json_get(c, "volumeMounts"), out);
	manifest_read_resources(json_get(c, "resources"), out);
	build_resize_policy(json_get(c, "resizePolicy"), out);
	build_security(json_get(c, "securityContext"), pod_sc, &out->security);
	build_probe(json_get(c, "livenessProbe"), &out->probes[PROBE_LIVENESS]);
	build_probe(json_get(c, "readinessProbe"), &out->probes[PROBE_READINESS]);
	build_probe(json_get(c, "startupProbe"), &out->probes[PROBE_STARTUP]);
	out->message_path = str_dup(text_at(c, "terminationMessagePath"));
	out->message_policy =
		(enum message_policy)word_value(messages, text_at(c, "terminationMessagePolicy"));
	out->stdin_open = is_true(c, "stdin");
	out->stdin_once = is_true(c, "stdinOnce");
	out->tty = is_true(c, "tty");
}
