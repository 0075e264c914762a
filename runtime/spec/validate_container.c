/* Kubernetes' rules for a container, see validate.c: name, image, ports, mounts, policies,
 * resources, security, probes, in this order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"
#include "spec/quantity.h"

/* ---- ports ---- */

static void validate_ports(struct check *k, const struct json *ports, const char *path)
{
	static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };
	CLEANUP(seen_free) struct seen names = { 0 };

	for (size_t i = 0; i < json_len(ports); i++) {
		const struct json *port = json_at(ports, i);
		const char *name = text_at(port, "name");
		int64_t number = number_at(port, "containerPort");
		CLEANUP(cleanup_free) char *at = str_fmt("%s.ports[%zu]", path, i);
		CLEANUP(cleanup_free) char *name_at = str_fmt("%s.name", at);
		CLEANUP(cleanup_free) char *number_at_path = str_fmt("%s.containerPort", at);
		CLEANUP(cleanup_free) char *host_at = str_fmt("%s.hostPort", at);

		if (*name && check_port_name(k, name, name_at) && seen_before(&names, name))
			cause_duplicate(k->causes, name_at, name);
		if (number == 0)
			cause_required(k->causes, number_at_path, "");
		else
			check_port(k, number, number_at_path);
		if (number_at(port, "hostPort") != 0)
			check_port(k, number_at(port, "hostPort"), host_at);
		check_word(k, port, "protocol", at, protocols);
	}
}

/* One host port serves one container, over the whole pod. */
static void validate_host_ports(struct check *k, const struct json *containers)
{
	CLEANUP(seen_free) struct seen taken = { 0 };
	CLEANUP(strv_free) struct strv texts = { 0 };

	for (size_t i = 0; i < json_len(containers); i++) {
		const struct json *ports = json_get(json_at(containers, i), "ports");

		for (size_t n = 0; n < json_len(ports); n++) {
			const struct json *port = json_at(ports, n);
			CLEANUP(cleanup_free)
			char *text = str_fmt("%s/%s/%" PRId64, text_at(port, "protocol"),
				text_at(port, "hostIP"), number_at(port, "hostPort"));
			CLEANUP(cleanup_free)
			char *path = str_fmt("spec.containers[%zu].ports[%zu].hostPort", i, n);

			if (number_at(port, "hostPort") == 0)
				continue;
			strv_add(&texts, text);
			if (seen_before(&taken, texts.at[texts.len - 1]))
				cause_duplicate(k->causes, path, text);
		}
	}
}

/* With the host's network a container's port is the host's. */
static void validate_host_network(struct check *k, const struct json *containers)
{
	if (!json_is_true(json_get(k->spec, "hostNetwork")))
		return;
	for (size_t i = 0; i < json_len(containers); i++) {
		const struct json *ports = json_get(json_at(containers, i), "ports");

		for (size_t n = 0; n < json_len(ports); n++) {
			int64_t host = number_at(json_at(ports, n), "hostPort");
			CLEANUP(cleanup_free)
			char *path = str_fmt("spec.containers[%zu].ports[%zu].hostPort", i, n);

			if (host != number_at(json_at(ports, n), "containerPort"))
				cause_invalid_number(k->causes, path, host,
					"must match `containerPort` when `hostNetwork` is true");
		}
	}
}

/* ---- mounts ---- */

static void validate_mount_modes(
	struct check *k, const struct json *container, const struct json *mount, const char *path)
{
	static const char *const propagations[] = { "Bidirectional", "HostToContainer", "None",
		NULL };
	static const char *const recursions[] = { "Disabled", "Enabled", "IfPossible", NULL };
	CLEANUP(cleanup_free) char *mounts = str_fmt("%s.volumeMounts", path);
	CLEANUP(cleanup_free) char *propagation_at = str_fmt("%s.mountPropagation", mounts);
	CLEANUP(cleanup_free) char *recursion_at = str_fmt("%s.recursiveReadOnly", mounts);
	const char *propagation = json_get_str(mount, "mountPropagation");
	const char *recursion = json_get_str(mount, "recursiveReadOnly");
	bool is_recursive = recursion && !str_eq(recursion, "Disabled");

	if (propagation)
		check_word(k, mount, "mountPropagation", mounts, propagations);
	if (str_eq(propagation, "Bidirectional") &&
		!json_is_true(json_path(container, "securityContext.privileged")))
		cause_forbidden(k->causes, propagation_at,
			"Bidirectional mount propagation is available only to privileged "
			"containers");
	if (recursion)
		check_word(k, mount, "recursiveReadOnly", mounts, recursions);
	if (is_recursive && !json_is_true(json_get(mount, "readOnly")))
		cause_forbidden(
			k->causes, recursion_at, "may only be specified when readOnly is true");
	if (is_recursive && propagation && !str_eq(propagation, "None"))
		cause_forbidden(k->causes, recursion_at,
			"may only be specified when mountPropagation is None or not specified");
}

static void validate_mounts(struct check *k, const struct json *container, const char *path)
{
	const struct json *mounts = json_get(container, "volumeMounts");
	CLEANUP(cleanup_free) char *sub_at = str_fmt("%s.volumeMounts.subPath", path);
	CLEANUP(seen_free) struct seen targets = { 0 };

	for (size_t i = 0; i < json_len(mounts); i++) {
		const struct json *mount = json_at(mounts, i);
		const char *name = text_at(mount, "name"), *target = text_at(mount, "mountPath");
		CLEANUP(cleanup_free) char *name_at = str_fmt("%s.volumeMounts[%zu].name", path, i);
		CLEANUP(cleanup_free)
		char *target_at = str_fmt("%s.volumeMounts[%zu].mountPath", path, i);

		if (!*name)
			cause_required(k->causes, name_at, "");
		if (!strv_has(&k->volumes, name))
			cause_not_found(k->causes, name_at, name);
		if (!*target)
			cause_required(k->causes, target_at, "");
		if (seen_before(&targets, target))
			cause_invalid(k->causes, target_at, target, "must be unique");
		check_descending(k, text_at(mount, "subPath"), sub_at);
		validate_mount_modes(k, container, mount, path);
	}
}

/* ---- resources ---- */

static bool is_standard_resource(const char *name)
{
	/* Names of quotas are standard, though no container has them. */
	static const char *const names[] = { "cpu", "memory", "ephemeral-storage", "requests.cpu",
		"requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
		"limits.ephemeral-storage", "pods", "resourcequotas", "services",
		"replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
		"storage", "requests.storage", "services.nodeports", "services.loadbalancers" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(names[i], name))
			return true;
	return str_starts(name, "hugepages-") || str_starts(name, "requests.hugepages-");
}

static bool is_container_resource(const char *name)
{
	return str_eq(name, "cpu") || str_eq(name, "memory") || str_eq(name, "ephemeral-storage") ||
	       str_starts(name, "hugepages-");
}

static void validate_resource(
	struct check *k, const char *name, const char *value, const char *path)
{
	int64_t milli = 0;

	if (check_name(k, name, path, name_faults_qualified) && !strchr(name, '/')) {
		if (!is_standard_resource(name))
			cause_invalid(k->causes, path, name,
				"must be a standard resource type or fully qualified");
		if (!is_container_resource(name))
			cause_invalid(k->causes, path, name,
				"must be a standard resource for containers");
	}
	(void)quantity_milli(value, &milli);
	if (milli < 0)
		cause_invalid(k->causes, path, value, "must be greater than or equal to 0");
}

/* Compared in whole units where thousandths would saturate. */
static bool is_greater(const char *a, const char *b)
{
	int64_t a_milli = 0, b_milli = 0, a_units = 0, b_units = 0;

	(void)quantity_milli(a, &a_milli);
	(void)quantity_milli(b, &b_milli);
	(void)quantity_units(a, &a_units);
	(void)quantity_units(b, &b_units);
	return a_milli == b_milli ? a_units > b_units : a_milli > b_milli;
}

void validate_resources(struct check *k, const struct json *resources, const char *path)
{
	const struct json *limits = json_get(resources, "limits");
	const struct json *requests = json_get(resources, "requests");
	CLEANUP(cleanup_free) char *requests_at = str_fmt("%s.requests", path);

	for (size_t i = 0; i < json_len(limits); i++) {
		const char *name = NULL;
		const char *value = json_str(json_member(limits, i, &name));
		CLEANUP(cleanup_free) char *at = str_fmt("%s.limits[%s]", path, name);

		validate_resource(k, name, value, at);
	}
	for (size_t i = 0; i < json_len(requests); i++) {
		const char *name = NULL;
		const char *value = json_str(json_member(requests, i, &name));
		const char *limit = json_get_str(limits, name);
		CLEANUP(cleanup_free) char *at = str_fmt("%s[%s]", requests_at, name);
		CLEANUP(cleanup_free)
		char *detail = str_fmt(
			"must be less than or equal to %s limit of %s", name, limit ? limit : "");

		validate_resource(k, name, value, at);
		if (limit && is_greater(value, limit))
			cause_invalid(k->causes, requests_at, value, detail);
	}
}

/* Whatever is wrong with an entry is said of the list. */
static void check_resize_word(
	struct check *k, const char *word, const char *path, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		if (str_eq(word, words[i]))
			return;
	if (*word)
		cause_unsupported(k->causes, path, word, words);
	else
		cause_required(k->causes, path, "");
}

static void validate_resize_policy(struct check *k, const struct json *list, const char *path)
{
	static const char *const resources[] = { "cpu", "memory", NULL };
	static const char *const policies[] = { "NotRequired", "RestartContainer", NULL };
	bool is_never = str_eq(text_at(k->spec, "restartPolicy"), "Never");
	CLEANUP(seen_free) struct seen names = { 0 };

	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = text_at(json_at(list, i), "resourceName");
		const char *policy = text_at(json_at(list, i), "restartPolicy");
		CLEANUP(cleanup_free) char *at = str_fmt("%s[%zu]", path, i);

		if (seen_before(&names, name))
			cause_duplicate(k->causes, at, name);
		check_resize_word(k, name, path, resources);
		check_resize_word(k, policy, path, policies);
		if (is_never && !str_eq(policy, "NotRequired"))
			cause_invalid(k->causes, path, policy,
				"must be 'NotRequired' when pod `restartPolicy` is 'Never'");
	}
}

/* ---- the container ---- */

static void validate_container(struct check *k, const struct json *c, const char *path)
{
	static const char *const messages[] = { "File", "FallbackToLogsOnError", NULL };
	static const char *const pulls[] = { "Always", "IfNotPresent", "Never", NULL };
	const char *name = text_at(c, "name");
	CLEANUP(cleanup_free) char *name_at = str_fmt("%s.name", path);
	CLEANUP(cleanup_free) char *image_at = str_fmt("%s.image", path);
	CLEANUP(cleanup_free) char *env_at = str_fmt("%s.env", path);
	CLEANUP(cleanup_free) char *resources_at = str_fmt("%s.resources", path);
	CLEANUP(cleanup_free) char *resize_at = str_fmt("%s.resizePolicy", path);
	CLEANUP(cleanup_free) char *security_at = str_fmt("%s.securityContext", path);

	if (!*name)
		cause_required(k->causes, name_at, "");
	else
		(void)check_name(k, name, name_at, name_faults_label);
	if (!*text_at(c, "image"))
		cause_required(k->causes, image_at, "");
	check_word(k, c, "terminationMessagePolicy", path, messages);
	validate_ports(k, json_get(c, "ports"), path);
	validate_env(k, json_get(c, "env"), env_at);
	validate_mounts(k, c, path);
	check_word(k, c, "imagePullPolicy", path, pulls);
	validate_resources(k, json_get(c, "resources"), resources_at);
	validate_resize_policy(k, json_get(c, "resizePolicy"), resize_at);
	validate_container_security(k, json_get(c, "securityContext"), security_at);
}

void validate_containers(struct check *k)
{
	const struct json *containers = json_get(k->spec, "containers");
	CLEANUP(seen_free) struct seen names = { 0 };

	if (json_len(containers) == 0)
		cause_required(k->causes, "spec.containers", "");
	for (size_t i = 0; i < json_len(containers); i++) {
		const struct json *c = json_at(containers, i);
		const char *name = text_at(c, "name");
		CLEANUP(cleanup_free) char *path = str_fmt("spec.containers[%zu]", i);
		CLEANUP(cleanup_free) char *name_at = str_fmt("%s.name", path);

		validate_container(k, c, path);
		if (seen_before(&names, name))
			cause_duplicate(k->causes, name_at, name);
		validate_probes(k, c, path);
	}
	validate_host_ports(k, containers);
	validate_host_network(k, containers);
}
