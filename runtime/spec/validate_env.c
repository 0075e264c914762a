/* Kubernetes' rules for environment variables, see validate.c. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"

/* "metadata.labels['k']" in its two parts; false when there is no subscript. */
static bool split_subscript(const char *path, char **out_field, char **out_key)
{
	const char *open = strstr(path, "['");

	if (!open || open == path || !str_ends(path, "']") || strlen(open) < strlen("['']"))
		return false;
	*out_field = str_ndup(path, (size_t)(open - path));
	*out_key = str_ndup(open + 2, strlen(open) - strlen("['']"));
	return true;
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (size_t i = 0; list[i]; i++)
		if (str_eq(text, list[i]))
			return true;
	return false;
}

static void check_subscripted(struct check *k, const char *path, const char *name, const char *key,
	const char *ref_at, const char *path_at)
{
	static const char *const maps[] = { "metadata.annotations", "metadata.labels", NULL };
	CLEANUP(cleanup_free) char *wrong = NULL;

	if (is_one_of(name, maps)) {
		(void)check_name(k, key, ref_at, name_faults_qualified);
		return;
	}
	wrong = str_fmt(
		"error converting fieldPath: field label does not support subscript: %s", path);
	cause_invalid(k->causes, path_at, path, wrong);
}

static void validate_field_ref(struct check *k, const struct json *ref, const char *at)
{
	/* What a field selector knows, and of these what a variable may be. */
	static const char *const known[] = { "metadata.annotations", "metadata.labels",
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
		"spec.restartPolicy", "spec.serviceAccountName", "spec.schedulerName",
		"status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
		"spec.host", NULL };
	static const char *const supported[] = { "metadata.name", "metadata.namespace",
		"metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
		"status.hostIPs", "status.podIP", "status.podIPs", NULL };
	const char *path = text_at(ref, "fieldPath"), *version = text_at(ref, "apiVersion");
	CLEANUP(cleanup_free) char *path_at = str_fmt("%s.fieldPath", at);
	CLEANUP(cleanup_free) char *name = NULL, *key = NULL, *wrong = NULL;

	if (!*path) {
		cause_required(k->causes, path_at, "");
	} else if (!str_eq(version, "v1")) {
		wrong = str_fmt("error converting fieldPath: unsupported pod version: %s", version);
		cause_invalid(k->causes, path_at, path, wrong);
	} else if (split_subscript(path, &name, &key)) {
		check_subscripted(k, path, name, key, at, path_at);
	} else if (!is_one_of(path, known)) {
		wrong = str_fmt("error converting fieldPath: field label not supported: %s", path);
		cause_invalid(k->causes, path_at, path, wrong);
	} else if (!is_one_of(path, supported) && !str_eq(path, "spec.host")) {
		cause_unsupported(k->causes, path_at, path, supported);
	}
}

static void check_divisor(
	struct check *k, const char *resource, const char *divisor, const char *at)
{
	static const char *const cpu[] = { "0", "1m", "1", NULL };
	static const char *const bytes[] = { "0", "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki",
		"1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL };
	CLEANUP(cleanup_free) char *field = str_fmt("%s.divisor", at);
	CLEANUP(cleanup_free) char *wrong = NULL;

	if (str_ends(resource, ".cpu") && !is_one_of(divisor, cpu))
		cause_invalid(k->causes, field, resource,
			"only divisor's values 1m and 1 are supported with the cpu resource");
	if (str_ends(resource, ".cpu") || is_one_of(divisor, bytes))
		return;
	wrong = str_fmt("only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, "
			"1Ei are supported with the %s resource",
		strchr(resource, '.') + 1);
	cause_invalid(k->causes, field, resource, wrong);
}

static void validate_resource_ref(struct check *k, const struct json *ref, const char *at)
{
	static const char *const resources[] = { "limits.cpu", "limits.ephemeral-storage",
		"limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory",
		NULL };
	const char *resource = text_at(ref, "resource");
	CLEANUP(cleanup_free) char *field = str_fmt("%s.resource", at);

	if (!*resource)
		cause_required(k->causes, field, "");
	else if (!is_one_of(resource, resources))
		cause_unsupported(k->causes, field, resource, resources);
	else
		check_divisor(k, resource, text_at(ref, "divisor"), at);
}

static void validate_source(struct check *k, const struct json *var, const char *path)
{
	const struct json *from = json_get(var, "valueFrom");
	const struct json *field = json_get(from, "fieldRef");
	const struct json *resource = json_get(from, "resourceFieldRef");
	CLEANUP(cleanup_free) char *at = str_fmt("%s.valueFrom", path);
	CLEANUP(cleanup_free) char *field_at = str_fmt("%s.fieldRef", at);
	CLEANUP(cleanup_free) char *resource_at = str_fmt("%s.resourceFieldRef", at);

	if (!from)
		return;
	if (field)
		validate_field_ref(k, field, field_at);
	if (resource)
		validate_resource_ref(k, resource, resource_at);
	if (json_len(from) == 0)
		cause_invalid(k->causes, at, "",
			"must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
			"`secretKeyRef` or `fileKeyRef`");
	else if (*text_at(var, "value"))
		cause_invalid(k->causes, at, "", "may not be specified when `value` is not empty");
	else if (json_len(from) > 1)
		cause_invalid(
			k->causes, at, "", "may not have more than one field specified at a time");
}

static bool is_variable_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (*p < ' ' || *p > '~' || *p == '=')
			return false;
	return true;
}

void validate_env(struct check *k, const struct json *env, const char *path)
{
	for (size_t i = 0; i < json_len(env); i++) {
		const struct json *var = json_at(env, i);
		const char *name = text_at(var, "name");
		CLEANUP(cleanup_free) char *at = str_fmt("%s[%zu]", path, i);
		CLEANUP(cleanup_free) char *name_at = str_fmt("%s.name", at);

		if (!*name)
			cause_required(k->causes, name_at, "");
		else if (!is_variable_name(name))
			cause_invalid(k->causes, name_at, name,
				"a valid environment variable name must consist only of printable "
				"ASCII characters other than '='");
		validate_source(k, var, at);
	}
}
