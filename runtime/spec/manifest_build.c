/* From the arranged, validated tree to the model.  Nothing can be missing or of a wrong type here:
 * what could was refused before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/annotations.h"
#include "spec/check.h"
#include "spec/manifest_build.h"
#include "spec/manifest_parts.h"
#include "spec/qos.h"
#include "spec/quantity.h"

int word_value(const struct word *words, const char *text)
{
	for (size_t i = 0; words[i].text; i++)
		if (str_eq(words[i].text, text))
			return words[i].value;
	return words[0].value;
}

char *optional_text(const struct json *object, const char *key)
{
	const char *text = json_get_str(object, key);

	return text && *text ? str_dup(text) : NULL;
}

int64_t optional_number(const struct json *object, const char *key)
{
	return json_get(object, key) ? number_at(object, key) : -1;
}

bool is_true(const struct json *object, const char *key)
{
	return json_is_true(json_get(object, key));
}

/* Room for a list's elements, at least one byte, so NULL means nothing. */
void *make_list(const struct json *list, size_t size, size_t *out_len)
{
	*out_len = json_len(list);
	return *out_len ? mem_zalloc(*out_len * size) : NULL;
}

void build_texts(const struct json *list, struct strv *out)
{
	for (size_t i = 0; i < json_len(list); i++)
		strv_add(out, json_str(json_at(list, i)));
}

int64_t id_of(const struct json *value)
{
	int64_t id = -1;

	(void)json_i64(value, 0, INT32_MAX, &id);
	return id;
}

static void build_labels(const struct json *map, struct labels *out)
{
	out->at = make_list(map, sizeof(*out->at), &out->len);
	for (size_t i = 0; i < out->len; i++) {
		const char *key = NULL;
		const struct json *value = json_member(map, i, &key);

		out->at[i] = (struct label){ str_dup(key), str_dup(json_str(value)) };
	}
}

/* ---- pod ---- */

static void build_volumes(const struct json *volumes, struct pod_spec *out)
{
	out->volumes = make_list(volumes, sizeof(*out->volumes), &out->volumes_len);
	for (size_t i = 0; i < out->volumes_len; i++) {
		const struct json *volume = json_at(volumes, i);
		const struct json *host = json_get(volume, "hostPath");
		int64_t size = -1;

		(void)quantity_units(json_str(json_path(volume, "emptyDir.sizeLimit")), &size);
		out->volumes[i] = (struct volume_spec){ .name = str_dup(text_at(volume, "name")),
			.kind = host ? VOLUME_HOST_PATH : VOLUME_EMPTY_DIR,
			.in_memory =
				str_eq(json_str(json_path(volume, "emptyDir.medium")), "Memory"),
			.size_limit_bytes = size > 0 ? size : -1,
			.host_path = optional_text(host, "path"),
			.host_type = str_dup(text_at(host, "type")) };
	}
}

static void build_dns(const struct json *spec, struct dns_spec *out)
{
	static const struct word policies[] = { { "ClusterFirst", DNS_CLUSTER_FIRST },
		{ "ClusterFirstWithHostNet", DNS_CLUSTER_FIRST_HOST_NET },
		{ "Default", DNS_DEFAULT }, { "None", DNS_NONE }, { NULL, 0 } };
	const struct json *config = json_get(spec, "dnsConfig");
	const struct json *options = json_get(config, "options");

	out->policy = (enum dns_policy)word_value(policies, text_at(spec, "dnsPolicy"));
	build_texts(json_get(config, "nameservers"), &out->nameservers);
	build_texts(json_get(config, "searches"), &out->searches);
	for (size_t i = 0; i < json_len(options); i++) {
		const char *value = json_get_str(json_at(options, i), "value");
		CLEANUP(cleanup_free)
		char *text = str_fmt("%s%s%s", text_at(json_at(options, i), "name"),
			value ? ":" : "", value ? value : "");

		strv_add(&out->options, text);
	}
}

static void build_aliases(const struct json *aliases, struct pod_spec *out)
{
	out->aliases = make_list(aliases, sizeof(*out->aliases), &out->aliases_len);
	for (size_t i = 0; i < out->aliases_len; i++) {
		out->aliases[i].ip = str_dup(text_at(json_at(aliases, i), "ip"));
		build_texts(json_get(json_at(aliases, i), "hostnames"), &out->aliases[i].names);
	}
}

static void build_pod_security(const struct json *sc, struct pod_spec *out)
{
	const struct json *groups = json_get(sc, "supplementalGroups");
	const struct json *sysctls = json_get(sc, "sysctls");

	build_selinux(json_get(sc, "seLinuxOptions"), &out->selinux);
	out->fs_group = id_of(json_get(sc, "fsGroup"));
	out->groups = make_list(groups, sizeof(*out->groups), &out->groups_len);
	for (size_t i = 0; i < out->groups_len; i++)
		out->groups[i] = id_of(json_at(groups, i));
	out->sysctls = make_list(sysctls, sizeof(*out->sysctls), &out->sysctls_len);
	for (size_t i = 0; i < out->sysctls_len; i++)
		out->sysctls[i] =
			(struct sysctl_spec){ sysctl_dotted(text_at(json_at(sysctls, i), "name")),
				str_dup(text_at(json_at(sysctls, i), "value")) };
}

/* A host's name has 63 bytes at most and ends in no mark. */
static char *hostname_of(const struct json *spec, const char *pod_name)
{
	enum { HOSTNAME_MAX = 63 };
	const char *override = json_get_str(spec, "hostnameOverride");
	const char *own = json_get_str(spec, "hostname");
	const char *full = override && *override ? override : own && *own ? own : pod_name;
	char *name = str_ndup(full, HOSTNAME_MAX);

	for (size_t len = strlen(name); len && strchr("-.", name[len - 1]); len--)
		name[len - 1] = '\0';
	return name;
}

static void build_metadata(const struct json *metadata, struct pod_spec *out)
{
	out->name = str_dup(text_at(metadata, "name"));
	out->namespace = str_dup(text_at(metadata, "namespace"));
	out->uid = optional_text(metadata, "uid");
	build_labels(json_get(metadata, "labels"), &out->labels);
	build_labels(json_get(metadata, "annotations"), &out->annotations);
}

static void build_spec(const struct json *spec, struct pod_spec *out)
{
	static const struct word restarts[] = { { "Always", RESTART_ALWAYS },
		{ "OnFailure", RESTART_ON_FAILURE }, { "Never", RESTART_NEVER }, { NULL, 0 } };
	const struct json *containers = json_get(spec, "containers");
	const struct json *gates = json_get(spec, "readinessGates");

	out->containers = make_list(containers, sizeof(*out->containers), &out->containers_len);
	for (size_t i = 0; i < out->containers_len; i++)
		build_container(json_at(containers, i), json_get(spec, "securityContext"),
			&out->containers[i]);
	build_volumes(json_get(spec, "volumes"), out);
	out->restart = (enum restart_policy)word_value(restarts, text_at(spec, "restartPolicy"));
	out->grace_seconds = number_at(spec, "terminationGracePeriodSeconds");
	out->deadline_seconds = optional_number(spec, "activeDeadlineSeconds");
	out->host_network = is_true(spec, "hostNetwork");
	out->host_ipc = is_true(spec, "hostIPC");
	out->host_pid = is_true(spec, "hostPID");
	for (size_t i = 0; out->host_pid && i < out->containers_len; i++)
		out->containers[i].pid = PID_NODE;
	out->share_pid = is_true(spec, "shareProcessNamespace");
	out->own_users = json_get(spec, "hostUsers") && !is_true(spec, "hostUsers");
	out->hostname = hostname_of(spec, out->name);
	out->node_name = optional_text(spec, "nodeName");
	out->service_account = optional_text(spec, "serviceAccountName");
	build_dns(spec, &out->dns);
	build_aliases(json_get(spec, "hostAliases"), out);
	build_pod_security(json_get(spec, "securityContext"), out);
	for (size_t i = 0; i < json_len(gates); i++)
		strv_add(&out->readiness_gates, text_at(json_at(gates, i), "conditionType"));
}

struct pod_spec *build_pod(const struct json *pod)
{
	struct pod_spec *out = mem_zalloc(sizeof(*out));

	build_metadata(json_get(pod, "metadata"), out);
	build_spec(json_get(pod, "spec"), out);
	annotations_apply(json_path(pod, "metadata.annotations"), out);
	out->qos = qos_of_pod(out);
	return out;
}
