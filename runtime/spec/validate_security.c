/* Kubernetes' rules for security contexts and sysctls, see validate.c. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"

/* Kubernetes prints a struct as JSON of its internal form: Go's names, nothing left out. */
static void write_go(struct buf *out, const struct json *object, const char *const (*names)[2])
{
	buf_addc(out, '{');
	for (size_t i = 0; names[i][0]; i++) {
		buf_addf(out, "%s\"%s\":", i ? "," : "", names[i][0]);
		json_write(json_get(object, names[i][1]), JSON_COMPACT, out);
	}
	buf_addc(out, '}');
}

static char *go_seccomp(const struct json *profile)
{
	static const char *const names[][2] = { { "Type", "type" },
		{ "LocalhostProfile", "localhostProfile" }, { NULL, NULL } };
	struct buf out = { 0 };

	write_go(&out, profile, names);
	return buf_take(&out);
}

static void validate_seccomp(struct check *k, const struct json *context, const char *path)
{
	static const char *const types[] = { "Localhost", "RuntimeDefault", "Unconfined", NULL };
	const struct json *profile = json_get(context, "seccompProfile");
	const struct json *file = json_get(profile, "localhostProfile");
	const char *type = text_at(profile, "type");
	CLEANUP(cleanup_free) char *at = str_fmt("%s.seccompProfile", path);
	CLEANUP(cleanup_free) char *type_at = str_fmt("%s.type", at);
	CLEANUP(cleanup_free) char *file_at = str_fmt("%s.localhostProfile", at);
	CLEANUP(cleanup_free) char *raw = NULL;

	if (!profile)
		return;
	if (!*type)
		cause_required(k->causes, type_at, "type is required when seccompProfile is set");
	else
		check_word(k, profile, "type", at, types);
	raw = go_seccomp(profile);
	if (!str_eq(type, "Localhost") && file)
		cause_invalid_raw(
			k->causes, file_at, raw, "can only be set when seccomp type is Localhost");
	else if (str_eq(type, "Localhost") && !file)
		cause_required(k->causes, file_at, "must be set when seccomp type is Localhost");
	else if (file)
		check_descending(k, json_str(file), file_at);
}

static void check_profile_name(struct check *k, const char *name, const char *at)
{
	enum { PROFILE_MAX = 4095 };
	const size_t len = strlen(name);

	if (strchr(" \t\n\r\v\f", name[0]) || strchr(" \t\n\r\v\f", name[len - 1]))
		cause_invalid(k->causes, at, name, "must not be padded with whitespace");
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			cause_invalid(k->causes, at, name, "must not have control characters");
			break;
		}
	if (len > PROFILE_MAX)
		cause_too_long(k->causes, at, PROFILE_MAX);
}

static void validate_app_armor(struct check *k, const struct json *context, const char *path)
{
	static const char *const types[] = { "Localhost", "RuntimeDefault", "Unconfined", NULL };
	const struct json *profile = json_get(context, "appArmorProfile");
	const struct json *name = json_get(profile, "localhostProfile");
	CLEANUP(cleanup_free) char *at = str_fmt("%s.appArmorProfile", path);
	CLEANUP(cleanup_free) char *type_at = str_fmt("%s.type", at);
	CLEANUP(cleanup_free) char *file_at = str_fmt("%s.localhostProfile", at);

	if (!profile)
		return;
	if (!*text_at(profile, "type"))
		cause_required(k->causes, type_at, "");
	else
		check_word(k, profile, "type", at, types);
	if (!str_eq(text_at(profile, "type"), "Localhost")) {
		if (name)
			cause_invalid(k->causes, file_at, json_str(name),
				"can only be set when AppArmor type is Localhost");
	} else if (!name || !*json_str(name))
		cause_required(k->causes, file_at, "must be set when AppArmor type is Localhost");
	else
		check_profile_name(k, json_str(name), file_at);
}

/* ---- container ---- */

static void write_go_capabilities(struct buf *out, const struct json *capabilities)
{
	static const char *const names[][2] = { { "Add", "add" }, { "Drop", "drop" },
		{ NULL, NULL } };

	if (capabilities)
		write_go(out, capabilities, names);
	else
		buf_adds(out, "null");
}

static char *go_security_context(const struct json *sc)
{
	static const char *const names[][2] = { { "Privileged", "privileged" },
		{ "SELinuxOptions", "seLinuxOptions" }, { "WindowsOptions", "windowsOptions" },
		{ "RunAsUser", "runAsUser" }, { "RunAsGroup", "runAsGroup" },
		{ "RunAsNonRoot", "runAsNonRoot" },
		{ "ReadOnlyRootFilesystem", "readOnlyRootFilesystem" },
		{ "AllowPrivilegeEscalation", "allowPrivilegeEscalation" },
		{ "ProcMount", "procMount" }, { NULL, NULL } };
	const struct json *seccomp = json_get(sc, "seccompProfile");
	CLEANUP(buf_free) struct buf plain = { 0 };
	struct buf out = { 0 };
	CLEANUP(cleanup_free) char *seccomp_text = seccomp ? go_seccomp(seccomp) : str_dup("null");
	const struct json *app_armor = json_get(sc, "appArmorProfile");
	CLEANUP(cleanup_free)
	char *app_armor_text = app_armor ? go_seccomp(app_armor) : str_dup("null");

	buf_adds(&out, "{\"Capabilities\":");
	write_go_capabilities(&out, json_get(sc, "capabilities"));
	write_go(&plain, sc, names);
	plain.data[plain.len - 1] = '\0'; /* its closing brace comes later */
	buf_addf(&out, ",%s,\"SeccompProfile\":%s,\"AppArmorProfile\":%s}", plain.data + 1,
		seccomp_text, app_armor_text);
	return buf_take(&out);
}

static void validate_escalation(struct check *k, const struct json *sc, const char *path)
{
	const struct json *escalation = json_get(sc, "allowPrivilegeEscalation");
	const struct json *add = json_path(sc, "capabilities.add");
	CLEANUP(cleanup_free) char *raw = NULL;

	if (!escalation || json_is_true(escalation))
		return;
	raw = go_security_context(sc);
	if (json_is_true(json_get(sc, "privileged")))
		cause_invalid_raw(k->causes, path, raw,
			"cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
	for (size_t i = 0; i < json_len(add); i++)
		if (str_eq(json_str(json_at(add, i)), "CAP_SYS_ADMIN"))
			cause_invalid_raw(k->causes, path, raw,
				"cannot set `allowPrivilegeEscalation` to false and "
				"`capabilities.Add` CAP_SYS_ADMIN");
}

static void validate_proc_mount(struct check *k, const struct json *sc, const char *path)
{
	static const char *const words[] = { "Default", "Unmasked", NULL };
	const struct json *mount = json_get(sc, "procMount");
	const struct json *host_users = json_get(k->spec, "hostUsers");
	CLEANUP(cleanup_free) char *at = str_fmt("%s.procMount", path);

	if (!mount)
		return;
	check_word(k, sc, "procMount", path, words);
	if (str_eq(json_str(mount), "Unmasked") && (!host_users || json_is_true(host_users)))
		cause_invalid(
			k->causes, at, "Unmasked", "`hostUsers` must be false to use `Unmasked`");
}

void validate_container_security(struct check *k, const struct json *sc, const char *path)
{
	check_id_at(k, sc, "runAsUser", path);
	check_id_at(k, sc, "runAsGroup", path);
	validate_proc_mount(k, sc, path);
	validate_seccomp(k, sc, path);
	validate_escalation(k, sc, path);
	validate_app_armor(k, sc, path);
}

/* ---- pod ---- */

static bool is_sysctl_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$ */
bool sysctl_is_name(const char *name)
{
	enum { SYSCTL_MAX = 253 };

	if (strlen(name) > SYSCTL_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(name, "./");

		if (!len || !is_sysctl_char(name[0]) || !is_sysctl_char(name[len - 1]))
			return false;
		for (size_t i = 0; i < len; i++)
			if (!is_sysctl_char(name[i]) && name[i] != '-' && name[i] != '_')
				return false;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

bool sysctl_is_ipc(const char *name)
{
	return str_starts(name, "kernel.shm") || str_starts(name, "kernel.msg") ||
	       str_eq(name, "kernel.sem") || str_starts(name, "fs.mqueue.");
}

char *sysctl_dotted(const char *name)
{
	char *dotted = str_dup(name);
	const char *separator = strpbrk(name, "./");

	/* Written with slashes, a dot is part of a name (of an interface) and the two change
	 * places. */
	if (!separator || *separator == '.')
		return dotted;
	for (char *p = dotted; *p; p++)
		*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
	return dotted;
}

static void check_sysctl_scope(struct check *k, const char *name, const char *at)
{
	CLEANUP(cleanup_free) char *dotted = sysctl_dotted(name);

	if (str_starts(dotted, "net.") && json_is_true(json_get(k->spec, "hostNetwork")))
		cause_invalid(
			k->causes, at, name, "may not be specified when 'hostNetwork' is true");
	else if (sysctl_is_ipc(dotted) && json_is_true(json_get(k->spec, "hostIPC")))
		cause_invalid(k->causes, at, name, "may not be specified when 'hostIPC' is true");
}

static void validate_sysctls(struct check *k, const struct json *sysctls)
{
	CLEANUP(seen_free) struct seen names = { 0 };

	for (size_t i = 0; i < json_len(sysctls); i++) {
		const char *name = text_at(json_at(sysctls, i), "name");
		CLEANUP(cleanup_free)
		char *at = str_fmt("spec.securityContext.sysctls[%zu].name", i);

		if (!*name)
			cause_required(k->causes, at, "");
		else if (!sysctl_is_name(name))
			cause_invalid(k->causes, at, name,
				"must have at most 253 characters and match regex "
				"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-"
				"9])?$");
		else if (seen_before(&names, name))
			cause_duplicate(k->causes, at, name);
		else
			check_sysctl_scope(k, name, at);
	}
}

/* Fields as Kubernetes spells them here. */
static void validate_host_users(struct check *k)
{
	static const char why[] = "when `hostUsers` is false";
	static const struct {
		const char *name, *field;
	} shared[] = { { "hostNetwork", "spec.hostNetwork" }, { "hostPID", "spec.HostPID" },
		{ "hostIPC", "spec.HostIPC" } };
	const struct json *users = json_get(k->spec, "hostUsers");
	const struct json *containers = json_get(k->spec, "containers");

	if (!users || json_is_true(users))
		return;
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (json_is_true(json_get(k->spec, shared[i].name)))
			cause_forbidden(k->causes, shared[i].field, why);
	for (size_t i = 0; i < json_len(containers); i++) {
		CLEANUP(cleanup_free)
		char *at = str_fmt("spec.containers[%zu].volumeDevices", i);

		if (json_len(json_get(json_at(containers, i), "volumeDevices")))
			cause_forbidden(k->causes, at, why);
	}
}

void validate_pod_security(struct check *k)
{
	static const char path[] = "spec.securityContext";
	static const char *const changes[] = { "Always", "OnRootMismatch", NULL };
	static const char *const merges[] = { "Merge", "Strict", NULL };
	const struct json *sc = json_get(k->spec, "securityContext");
	const struct json *groups = json_get(sc, "supplementalGroups");

	check_id_at(k, sc, "fsGroup", path);
	check_id_at(k, sc, "runAsUser", path);
	check_id_at(k, sc, "runAsGroup", path);
	for (size_t i = 0; i < json_len(groups); i++) {
		CLEANUP(cleanup_free) char *at = str_fmt("%s.supplementalGroups[%zu]", path, i);
		int64_t id = -1;

		(void)json_i64(json_at(groups, i), INT64_MIN, INT64_MAX, &id);
		check_id(k, id, at);
	}
	validate_sysctls(k, json_get(sc, "sysctls"));
	if (json_get(sc, "fsGroupChangePolicy"))
		check_word(k, sc, "fsGroupChangePolicy", path, changes);
	validate_seccomp(k, sc, path);
	validate_app_armor(k, sc, path);
	if (json_get(sc, "supplementalGroupsPolicy"))
		check_word(k, sc, "supplementalGroupsPolicy", path, merges);
	if (json_is_true(json_get(k->spec, "shareProcessNamespace")) &&
		json_is_true(json_get(k->spec, "hostPID")))
		cause_invalid_raw(k->causes, "spec.shareProcessNamespace", "true",
			"ShareProcessNamespace and HostPID cannot both be enabled");
	validate_host_users(k);
}
