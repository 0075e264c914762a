/* What Kubernetes adds to a pod that does not say it.  Works on the decoded tree, so the object
 * that is written back shows what runs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/manifest_parts.h"

static bool is_unset(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return !value || (json_type(value) == JSON_STRING && json_str_len(value) == 0);
}

static bool is_zero(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	return !value || str_eq(json_str(value), "0");
}

static void set_text(struct json *object, const char *key, const char *text)
{
	if (is_unset(object, key))
		json_set_str(object, key, text);
}

static void set_number(struct json *object, const char *key, int64_t n)
{
	if (is_zero(object, key))
		json_set_i64(object, key, n);
}

/* The repository of an image's name, without registry.  The first part is a registry when it could
 * be nothing else. */
static const char *repository_of(const char *image)
{
	size_t first = strcspn(image, "/");
	CLEANUP(cleanup_free) char *part = str_ndup(image, first);

	if (!image[first])
		return image;
	return strpbrk(part, ".:ABCDEFGHIJKLMNOPQRSTUVWXYZ") || str_eq(part, "localhost")
		       ? image + first + 1
		       : image;
}

/* A text that does not parse as an image's name gets IfNotPresent; the pull says what is wrong. */
static const char *pull_policy_of(const char *image)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
	const char *repository = repository_of(image);
	size_t len = strspn(repository, alphabet), tag_len;
	const char *tag = repository + len;

	if (!len || (*tag && *tag != ':'))
		return "IfNotPresent"; /* no name, or only a digest behind it */
	if (!*tag)
		return "Always";
	tag_len = strcspn(++tag, "@");
	return tag_len == strlen("latest") && memcmp(tag, "latest", tag_len) == 0 ? "Always"
										  : "IfNotPresent";
}

static void default_http(struct json *http)
{
	if (!http)
		return;
	set_text(http, "path", "/");
	set_text(http, "scheme", "HTTP");
}

static void default_probe(struct json *probe)
{
	if (!probe)
		return;
	set_number(probe, "timeoutSeconds", 1);
	set_number(probe, "periodSeconds", 10);
	set_number(probe, "successThreshold", 1);
	set_number(probe, "failureThreshold", 3);
	default_http(json_get(probe, "httpGet"));
}

static void default_ports(struct json *ports, bool is_host_network)
{
	for (size_t i = 0; i < json_len(ports); i++) {
		struct json *port = json_at(ports, i);

		set_text(port, "protocol", "TCP");
		if (is_host_network && is_zero(port, "hostPort") && json_get(port, "containerPort"))
			json_set(port, "hostPort", json_copy(json_get(port, "containerPort")));
	}
}

static void default_env(struct json *env)
{
	for (size_t i = 0; i < json_len(env); i++) {
		struct json *ref = json_path(json_at(env, i), "valueFrom.fieldRef");

		if (ref)
			set_text(ref, "apiVersion", "v1");
	}
}

/* What is limited is also asked for. */
static void default_requests(struct json *resources)
{
	const struct json *limits = json_get(resources, "limits");

	if (!limits)
		return;
	if (!json_get(resources, "requests"))
		json_set(resources, "requests", json_new_object());
	for (size_t i = 0; i < json_len(limits); i++) {
		const char *name = NULL;
		const struct json *limit = json_member(limits, i, &name);
		struct json *requests = json_get(resources, "requests");

		if (!json_get(requests, name))
			json_set(requests, name, json_copy(limit));
	}
}

static void default_container(struct json *c, bool is_host_network)
{
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };

	set_text(c, "terminationMessagePath", "/dev/termination-log");
	set_text(c, "terminationMessagePolicy", "File");
	if (is_unset(c, "imagePullPolicy")) {
		const char *image = json_get_str(c, "image");

		json_set_str(c, "imagePullPolicy", pull_policy_of(image ? image : ""));
	}
	default_ports(json_get(c, "ports"), is_host_network);
	default_env(json_get(c, "env"));
	default_requests(json_get(c, "resources"));
	for (size_t i = 0; i < ARRAY_LEN(probes); i++)
		default_probe(json_get(c, probes[i]));
}

static bool has_source(const struct json *volume)
{
	return json_len(volume) > (json_get(volume, "name") ? 1 : 0);
}

static void default_volumes(struct json *volumes)
{
	for (size_t i = 0; i < json_len(volumes); i++) {
		struct json *volume = json_at(volumes, i);
		struct json *host_path = json_get(volume, "hostPath");

		if (!has_source(volume))
			json_set(volume, "emptyDir", json_new_object());
		if (host_path && !json_get(host_path, "type"))
			json_set_str(host_path, "type", "");
	}
}

/* Two names of one field; the new one wins. */
static void default_account(struct json *spec)
{
	const char *name = json_get_str(spec, "serviceAccountName");
	const char *old = json_get_str(spec, "serviceAccount");
	CLEANUP(cleanup_free) char *account = str_dup(name && *name ? name : old);

	json_set_str(spec, "serviceAccountName", account);
	json_set_str(spec, "serviceAccount", account);
}

static void default_spec(struct json *spec)
{
	bool is_host_network = json_is_true(json_get(spec, "hostNetwork"));
	struct json *containers = json_get(spec, "containers");
	const struct json *grace = json_get(spec, "terminationGracePeriodSeconds");

	default_volumes(json_get(spec, "volumes"));
	for (size_t i = 0; i < json_len(containers); i++)
		default_container(json_at(containers, i), is_host_network);
	set_text(spec, "restartPolicy", "Always");
	set_text(spec, "dnsPolicy", "ClusterFirst");
	set_text(spec, "schedulerName", "default-scheduler");
	if (!grace)
		json_set_i64(spec, "terminationGracePeriodSeconds", 30);
	else if (json_str(grace)[0] == '-')
		json_set_i64(spec, "terminationGracePeriodSeconds", 1);
	if (!json_get(spec, "enableServiceLinks"))
		json_set_bool(spec, "enableServiceLinks", true);
	if (!json_get(spec, "securityContext"))
		json_set(spec, "securityContext", json_new_object());
	default_account(spec);
}

void default_pod(struct json *pod)
{
	if (!json_get(pod, "metadata"))
		json_set(pod, "metadata", json_new_object());
	set_text(json_get(pod, "metadata"), "namespace", "default");
	if (!json_get(pod, "spec"))
		json_set(pod, "spec", json_new_object());
	default_spec(json_get(pod, "spec"));
}
