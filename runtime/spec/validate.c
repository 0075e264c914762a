/* Kubernetes' validation of a pod, in its order and words: metadata, volumes, containers, then the
 * fields of the spec.  Every rule looks at the arranged and defaulted tree; none stops another, so
 * one answer names all that is wrong.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/check.h"
#include "spec/manifest_parts.h"

enum { ANNOTATIONS_MAX = 256 * 1024 };

/* ---- metadata ---- */

static void validate_labels(struct check *k, const struct json *labels)
{
	for (size_t i = 0; i < json_len(labels); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(labels, i, &key));

		(void)check_name(k, key, "metadata.labels", name_faults_qualified);
		(void)check_name(k, value, "metadata.labels", name_faults_label_value);
	}
}

static void validate_annotation_keys(struct check *k, const struct json *annotations)
{
	size_t total = 0;

	for (size_t i = 0; i < json_len(annotations); i++) {
		const char *key = NULL;

		total += json_str_len(json_member(annotations, i, &key)) + strlen(key);
		(void)check_name(k, key, "metadata.annotations", name_faults_qualified);
	}
	if (total > ANNOTATIONS_MAX)
		cause_too_long(k->causes, "metadata.annotations", ANNOTATIONS_MAX);
}

static void validate_metadata(struct check *k, const struct json *metadata)
{
	/* Whoever reads a manifest has made a name of generateName before. */
	if (!*text_at(metadata, "name"))
		cause_required(k->causes, "metadata.name", "name or generateName is required");
	check_name_at(k, metadata, "name", "metadata", name_faults_subdomain);
	check_name_at(k, metadata, "namespace", "metadata", name_faults_label);
	/* Ours, when a pod of ours is read again; paths are made of it. */
	if (*text_at(metadata, "uid") && !name_is_path_safe(text_at(metadata, "uid")))
		cause_invalid(k->causes, "metadata.uid", text_at(metadata, "uid"),
			"must be safe as a part of a path");
	validate_labels(k, json_get(metadata, "labels"));
	validate_annotation_keys(k, json_get(metadata, "annotations"));
	validate_annotations(k, json_get(metadata, "annotations"));
}

/* ---- DNS and hosts ---- */

/* "010.1.1.1" without the zeros that some readers take for an octal number. */
static char *without_leading_zeros(const char *text)
{
	struct buf out = { 0 };

	for (const char *p = text; *p; p++) {
		bool is_first = p == text || p[-1] == '.';
		bool is_more = p[1] >= '0' && p[1] <= '9';

		while (is_first && *p == '0' && is_more) {
			p++;
			is_more = p[1] >= '0' && p[1] <= '9';
		}
		buf_addc(&out, *p);
	}
	return buf_take(&out);
}

/* NULL: fine. */
static const char *why_no_address(const char *text)
{
	static const unsigned char mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	unsigned char bytes[sizeof(struct in6_addr)];
	CLEANUP(cleanup_free) char *plain = NULL;

	if (inet_pton(AF_INET, text, bytes) == 1)
		return NULL;
	if (inet_pton(AF_INET6, text, bytes) == 1)
		return memcmp(bytes, mapped, sizeof(mapped)) == 0
			       ? "must not be an IPv4-mapped IPv6 address"
			       : NULL;
	plain = without_leading_zeros(text);
	return inet_pton(AF_INET, plain, bytes) == 1
		       ? "must not have leading 0s"
		       : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
}

static void check_address(struct check *k, const char *text, const char *path)
{
	const char *wrong = why_no_address(text);

	if (wrong)
		cause_invalid(k->causes, path, text, wrong);
}

/* As a subdomain, but that "_" may stand inside, and a dot at the end, or alone. */
static bool is_search_path(const char *text)
{
	size_t len = strlen(text);
	CLEANUP(cleanup_free) char *name = NULL;

	if (str_eq(text, "."))
		return true;
	name = str_ndup(text, len && text[len - 1] == '.' ? len - 1 : len);
	for (char *p = name; *p; p++) {
		bool is_inside = p > name && p[-1] != '.' && p[1] && p[1] != '.';

		if (*p == '_' && is_inside)
			*p = '-';
	}
	return name_check_subdomain(name) == NULL;
}

static void check_searches(struct check *k, const struct json *searches)
{
	static const char bad_search[] =
		"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
		"characters, '_', '-' or '.', and must start and end with an alphanumeric "
		"character (e.g. 'example.com', regex used for validation is "
		"'[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
	enum { SEARCHES_MAX = 32, SEARCH_CHARS_MAX = 2048 };
	static const char field[] = "spec.dnsConfig.searches";
	CLEANUP(buf_free) struct buf raw = { 0 };
	size_t chars = json_len(searches) ? json_len(searches) - 1 : 0;

	json_write(searches, JSON_COMPACT, &raw);
	for (size_t i = 0; i < json_len(searches); i++)
		chars += json_str_len(json_at(searches, i));
	if (json_len(searches) > SEARCHES_MAX)
		cause_invalid_raw(
			k->causes, field, raw.data, "must not have more than 32 search paths");
	if (chars > SEARCH_CHARS_MAX)
		cause_invalid_raw(k->causes, field, raw.data,
			"must not have more than 2048 characters (including spaces) in the search "
			"list");
	for (size_t i = 0; i < json_len(searches); i++) {
		const char *text = json_str(json_at(searches, i));
		CLEANUP(cleanup_free) char *path = str_fmt("%s[%zu]", field, i);

		if (!is_search_path(text))
			cause_invalid(k->causes, path, text, bad_search);
	}
}

static void check_nameservers(struct check *k, const struct json *servers)
{
	enum { NAMESERVERS_MAX = 3 };
	static const char field[] = "spec.dnsConfig.nameservers";
	CLEANUP(buf_free) struct buf raw = { 0 };

	json_write(servers, JSON_COMPACT, &raw);
	if (json_len(servers) > NAMESERVERS_MAX)
		cause_invalid_raw(
			k->causes, field, raw.data, "must not have more than 3 nameservers");
	for (size_t i = 0; i < json_len(servers); i++) {
		CLEANUP(cleanup_free) char *path = str_fmt("%s[%zu]", field, i);

		check_address(k, json_str(json_at(servers, i)), path);
	}
}

void validate_dns(struct check *k)
{
	const struct json *config = json_get(k->spec, "dnsConfig");
	const struct json *servers = json_get(config, "nameservers");
	const struct json *options = json_get(config, "options");

	if (str_eq(text_at(k->spec, "dnsPolicy"), "None")) {
		if (!config)
			cause_required(k->causes, "spec.dnsConfig",
				"must provide `dnsConfig` when `dnsPolicy` is None");
		else if (json_len(servers) == 0)
			cause_required(k->causes, "spec.dnsConfig.nameservers",
				"must provide at least one DNS nameserver when `dnsPolicy` is "
				"None");
	}
	check_nameservers(k, servers);
	check_searches(k, json_get(config, "searches"));
	for (size_t i = 0; i < json_len(options); i++) {
		CLEANUP(cleanup_free) char *path = str_fmt("spec.dnsConfig.options[%zu]", i);

		if (!*text_at(json_at(options, i), "name"))
			cause_required(k->causes, path, "must not be empty");
	}
}

void validate_host_aliases(struct check *k)
{
	const struct json *aliases = json_get(k->spec, "hostAliases");

	for (size_t i = 0; i < json_len(aliases); i++) {
		const struct json *names = json_get(json_at(aliases, i), "hostnames");
		CLEANUP(cleanup_free) char *ip = str_fmt("spec.hostAliases[%zu].ip", i);

		check_address(k, text_at(json_at(aliases, i), "ip"), ip);
		for (size_t n = 0; n < json_len(names); n++) {
			const char *name = json_str(json_at(names, n));
			CLEANUP(cleanup_free)
			char *path = str_fmt("spec.hostAliases[%zu].hostnames[%zu]", i, n);

			(void)check_name(k, name, path, name_faults_subdomain);
		}
	}
}

/* ---- the spec ---- */

static void validate_policies(struct check *k)
{
	static const char *const restart[] = { "Always", "OnFailure", "Never", NULL };
	static const char *const dns[] = { "ClusterFirstWithHostNet", "ClusterFirst", "Default",
		"None", NULL };

	check_word(k, k->spec, "restartPolicy", "spec", restart);
	check_word(k, k->spec, "dnsPolicy", "spec", dns);
}

static void validate_readiness_gates(struct check *k)
{
	const struct json *gates = json_get(k->spec, "readinessGates");

	for (size_t i = 0; i < json_len(gates); i++) {
		const char *type = text_at(json_at(gates, i), "conditionType");
		CLEANUP(cleanup_free)
		char *path = str_fmt("spec.readinessGates[%zu].conditionType", i);

		(void)check_name(k, type, path, name_faults_qualified);
	}
}

static void validate_hostname_override(struct check *k)
{
	enum { HOSTNAME_MAX = 64 };
	static const char field[] = "spec.hostnameOverride";
	const char *name = json_get_str(k->spec, "hostnameOverride");

	if (!name)
		return;
	if (json_is_true(json_get(k->spec, "setHostnameAsFQDN")))
		cause_forbidden(
			k->causes, field, "may not be specified when setHostnameAsFQDN is true");
	if (json_is_true(json_get(k->spec, "hostNetwork")))
		cause_forbidden(k->causes, field, "may not be specified when hostNetwork is true");
	if (strlen(name) > HOSTNAME_MAX)
		cause_too_long(k->causes, field, HOSTNAME_MAX);
	if (*name)
		(void)check_name(k, name, field, name_faults_subdomain);
}

static void validate_times(struct check *k)
{
	const struct json *deadline = json_get(k->spec, "activeDeadlineSeconds");
	int64_t seconds = number_at(k->spec, "activeDeadlineSeconds");

	if (deadline && (seconds < 1 || seconds > INT32_MAX))
		cause_invalid_number(k->causes, "spec.activeDeadlineSeconds", seconds,
			"must be between 1 and 2147483647, inclusive");
}

static void validate_os(struct check *k)
{
	static const char *const systems[] = { "linux", "windows", NULL };
	const struct json *os = json_get(k->spec, "os");
	const char *name = text_at(os, "name");

	if (os && !*name)
		cause_required(k->causes, "spec.os.name", "cannot be empty");
	else if (os && !str_eq(name, "linux") && !str_eq(name, "windows"))
		cause_unsupported(k->causes, "spec.os", name, systems);
}

static void validate_image_blanks(struct check *k)
{
	const struct json *containers = json_get(k->spec, "containers");

	for (size_t i = 0; i < json_len(containers); i++) {
		const char *image = text_at(json_at(containers, i), "image");
		size_t len = strlen(image);
		CLEANUP(cleanup_free) char *path = str_fmt("spec.containers[%zu].image", i);

		if (len &&
			(strchr(" \t\r\n\v\f", image[0]) || strchr(" \t\r\n\v\f", image[len - 1])))
			cause_invalid(k->causes, path, image,
				"must not have leading or trailing whitespace");
	}
}

void validate_pod(const struct json *pod, struct causes *c)
{
	struct check k = { .spec = json_get(pod, "spec"), .causes = c };

	validate_metadata(&k, json_get(pod, "metadata"));
	validate_volumes(&k);
	validate_containers(&k);
	validate_policies(&k);
	validate_pod_security(&k);
	validate_dns(&k);
	validate_readiness_gates(&k);
	validate_hostname_override(&k);
	check_name_at(&k, k.spec, "serviceAccountName", "spec", name_faults_subdomain);
	check_name_at(&k, k.spec, "nodeName", "spec", name_faults_subdomain);
	validate_times(&k);
	check_name_at(&k, k.spec, "hostname", "spec", name_faults_label);
	check_name_at(&k, k.spec, "subdomain", "spec", name_faults_label);
	validate_host_aliases(&k);
	validate_os(&k);
	validate_image_blanks(&k);
	strv_free(&k.volumes);
}
