#include "spec/manifest_fields.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

#define TYPE(name, rows)                                                                           \
	{                                                                                          \
		name, rows, ARRAY_LEN(rows)                                                        \
	}

static const struct field pod[] = {
	{ "kind", "string", HONOURED, NULL },
	{ "apiVersion", "string", HONOURED, NULL },
	{ "metadata", "v1.ObjectMeta", WRITTEN, NULL },
	{ "spec", "v1.PodSpec", WRITTEN, NULL },
	{ "status", "v1.PodStatus", SERVER, NULL },
};

static const struct field object_meta[] = {
	{ "name", "string", HONOURED, NULL },
	{ "generateName", "string", HONOURED, NULL }, /* the API makes a name of it */
	{ "namespace", "string", HONOURED, NULL },
	{ "selfLink", "string", SERVER, NULL },
	{ "uid", "types.UID", SERVER, NULL },
	{ "resourceVersion", "string", SERVER, NULL },
	{ "generation", "int64", SERVER, NULL },
	{ "creationTimestamp", "v1.Time", SERVER, NULL },
	{ "deletionTimestamp", "*v1.Time", SERVER, NULL },
	{ "deletionGracePeriodSeconds", "*int64", SERVER, NULL },
	{ "labels", "map[string]string", HONOURED, NULL },
	{ "annotations", "map[string]string", HONOURED, NULL },
	{ "ownerReferences", "[]v1.OwnerReference", LATER, NULL },
	{ "finalizers", "[]string", LATER, NULL },
	{ "managedFields", "[]v1.ManagedFieldsEntry", SERVER, NULL },
};

static const struct field owner_reference[] = {
	{ "apiVersion", "string", WRITTEN, NULL },
	{ "kind", "string", WRITTEN, NULL },
	{ "name", "string", WRITTEN, NULL },
	{ "uid", "types.UID", WRITTEN, NULL },
	{ "controller", "*bool", HONOURED, NULL },
	{ "blockOwnerDeletion", "*bool", HONOURED, NULL },
};

static const struct field pod_spec[] = {
	{ "volumes", "[]v1.Volume", HONOURED, NULL },
	{ "initContainers", "[]v1.Container", LATER, NULL },
	{ "containers", "[]v1.Container", WRITTEN, NULL },
	{ "ephemeralContainers", "[]v1.EphemeralContainer", LATER, NULL },
	{ "restartPolicy", "v1.RestartPolicy", HONOURED, NULL },
	{ "terminationGracePeriodSeconds", "*int64", HONOURED, NULL },
	{ "activeDeadlineSeconds", "*int64", HONOURED, NULL },
	{ "dnsPolicy", "v1.DNSPolicy", HONOURED, NULL },
	{ "nodeSelector", "map[string]string", SCHEDULING, NULL },
	{ "serviceAccountName", "string", HONOURED, NULL },
	{ "serviceAccount", "string", HONOURED, NULL },
	{ "automountServiceAccountToken", "*bool", HONOURED, "false" },
	{ "nodeName", "string", HONOURED, NULL },
	{ "hostNetwork", "bool", HONOURED, NULL },
	{ "hostPID", "bool", HONOURED, NULL },
	{ "hostIPC", "bool", HONOURED, NULL },
	{ "shareProcessNamespace", "*bool", HONOURED, NULL },
	{ "securityContext", "*v1.PodSecurityContext", HONOURED, NULL },
	{ "imagePullSecrets", "[]v1.LocalObjectReference", LATER, NULL },
	{ "hostname", "string", HONOURED, NULL },
	{ "subdomain", "string", LATER, NULL },
	{ "affinity", "*v1.Affinity", SCHEDULING, NULL },
	{ "schedulerName", "string", SCHEDULING, "\"default-scheduler\"" },
	{ "tolerations", "[]v1.Toleration", SCHEDULING, NULL },
	{ "hostAliases", "[]v1.HostAlias", HONOURED, NULL },
	{ "priorityClassName", "string", SCHEDULING, NULL },
	{ "priority", "*int32", SCHEDULING, "0" },
	{ "dnsConfig", "*v1.PodDNSConfig", HONOURED, NULL },
	{ "readinessGates", "[]v1.PodReadinessGate", HONOURED, NULL },
	{ "runtimeClassName", "*string", LATER, NULL },
	{ "enableServiceLinks", "*bool", HONOURED, NULL }, /* there are no services to link to */
	{ "preemptionPolicy", "*v1.PreemptionPolicy", SCHEDULING, "\"PreemptLowerPriority\"" },
	{ "overhead", "v1.ResourceList", LATER, NULL },
	{ "topologySpreadConstraints", "[]v1.TopologySpreadConstraint", SCHEDULING, NULL },
	{ "setHostnameAsFQDN", "*bool", HONOURED, "false" },
	{ "os", "*v1.PodOS", HONOURED, "{\"name\":\"linux\"}" },
	{ "hostUsers", "*bool", HONOURED, NULL },
	{ "schedulingGates", "[]v1.PodSchedulingGate", LATER, NULL }, /* they hold a pod back */
	{ "resourceClaims", "[]v1.PodResourceClaim", LATER, NULL },
	{ "resources", "*v1.ResourceRequirements", LATER, NULL },
	{ "hostnameOverride", "*string", HONOURED, NULL },
	{ "schedulingGroup", "*v1.PodSchedulingGroup", SCHEDULING, NULL },
	{ "evictionResponders", "[]v1.EvictionResponder", LATER, NULL },
};

static const struct field pod_security_context[] = {
	{ "seLinuxOptions", "*v1.SELinuxOptions", HONOURED, NULL },
	{ "windowsOptions", "*v1.WindowsSecurityContextOptions", LATER, NULL },
	{ "runAsUser", "*int64", HONOURED, NULL },
	{ "runAsGroup", "*int64", HONOURED, NULL },
	{ "runAsNonRoot", "*bool", HONOURED, NULL },
	{ "supplementalGroups", "[]int64", HONOURED, NULL },
	{ "supplementalGroupsPolicy", "*v1.SupplementalGroupsPolicy", HONOURED, NULL },
	{ "fsGroup", "*int64", HONOURED, NULL },
	{ "sysctls", "[]v1.Sysctl", HONOURED, NULL },
	/* Both of its values do the same to an emptyDir, which is new when the walk would come. */
	{ "fsGroupChangePolicy", "*v1.PodFSGroupChangePolicy", HONOURED, NULL },
	{ "seccompProfile", "*v1.SeccompProfile", HONOURED, NULL },
	{ "appArmorProfile", "*v1.AppArmorProfile", HONOURED, NULL },
	{ "seLinuxChangePolicy", "*v1.PodSELinuxChangePolicy", LATER, NULL },
};

static const struct field security_context[] = {
	{ "capabilities", "*v1.Capabilities", HONOURED, NULL },
	{ "privileged", "*bool", HONOURED, NULL },
	{ "seLinuxOptions", "*v1.SELinuxOptions", HONOURED, NULL },
	{ "windowsOptions", "*v1.WindowsSecurityContextOptions", LATER, NULL },
	{ "runAsUser", "*int64", HONOURED, NULL },
	{ "runAsGroup", "*int64", HONOURED, NULL },
	{ "runAsNonRoot", "*bool", HONOURED, NULL },
	{ "readOnlyRootFilesystem", "*bool", HONOURED, NULL },
	{ "allowPrivilegeEscalation", "*bool", HONOURED, NULL },
	{ "procMount", "*v1.ProcMountType", HONOURED, NULL },
	{ "seccompProfile", "*v1.SeccompProfile", HONOURED, NULL },
	{ "appArmorProfile", "*v1.AppArmorProfile", HONOURED, NULL },
};

static const struct field capabilities[] = {
	{ "add", "[]v1.Capability", HONOURED, NULL },
	{ "drop", "[]v1.Capability", HONOURED, NULL },
};

static const struct field se_linux_options[] = {
	{ "user", "string", HONOURED, NULL },
	{ "role", "string", HONOURED, NULL },
	{ "type", "string", HONOURED, NULL },
	{ "level", "string", HONOURED, NULL },
};

static const struct field windows_options[] = {
	{ "gmsaCredentialSpecName", "*string", HONOURED, NULL },
	{ "gmsaCredentialSpec", "*string", HONOURED, NULL },
	{ "runAsUserName", "*string", HONOURED, NULL },
	{ "hostProcess", "*bool", HONOURED, NULL },
};

static const struct field seccomp_profile[] = {
	{ "type", "v1.SeccompProfileType", WRITTEN, NULL },
	{ "localhostProfile", "*string", HONOURED, NULL },
};

static const struct field app_armor_profile[] = {
	{ "type", "v1.AppArmorProfileType", WRITTEN, NULL },
	{ "localhostProfile", "*string", HONOURED, NULL },
};

static const struct field sysctl[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "value", "string", WRITTEN, NULL },
};

static const struct field host_alias[] = {
	{ "ip", "string", WRITTEN, NULL },
	{ "hostnames", "[]string", HONOURED, NULL },
};

static const struct field dns_config[] = {
	{ "nameservers", "[]string", HONOURED, NULL },
	{ "searches", "[]string", HONOURED, NULL },
	{ "options", "[]v1.PodDNSConfigOption", HONOURED, NULL },
};

static const struct field dns_config_option[] = {
	{ "name", "string", HONOURED, NULL },
	{ "value", "*string", HONOURED, NULL },
};

static const struct field readiness_gate[] = {
	{ "conditionType", "v1.PodConditionType", WRITTEN, NULL },
};

static const struct field local_object_reference[] = {
	{ "name", "string", HONOURED, NULL },
};

static const struct field pod_os[] = {
	{ "name", "v1.OSName", WRITTEN, NULL },
};

static const struct field scheduling_gate[] = {
	{ "name", "string", WRITTEN, NULL },
};

static const struct field pod_resource_claim[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "resourceClaimName", "*string", HONOURED, NULL },
	{ "resourceClaimTemplateName", "*string", HONOURED, NULL },
};

static const struct field eviction_responder[] = {
	{ "name", "string", WRITTEN, NULL },
	{ "priority", "*int32", HONOURED, NULL },
};

static const struct type rows[] = {
	TYPE("v1.Pod", pod),
	TYPE("v1.ObjectMeta", object_meta),
	TYPE("v1.OwnerReference", owner_reference),
	TYPE("v1.PodSpec", pod_spec),
	TYPE("v1.PodSecurityContext", pod_security_context),
	TYPE("v1.SecurityContext", security_context),
	TYPE("v1.Capabilities", capabilities),
	TYPE("v1.SELinuxOptions", se_linux_options),
	TYPE("v1.WindowsSecurityContextOptions", windows_options),
	TYPE("v1.SeccompProfile", seccomp_profile),
	TYPE("v1.AppArmorProfile", app_armor_profile),
	TYPE("v1.Sysctl", sysctl),
	TYPE("v1.HostAlias", host_alias),
	TYPE("v1.PodDNSConfig", dns_config),
	TYPE("v1.PodDNSConfigOption", dns_config_option),
	TYPE("v1.PodReadinessGate", readiness_gate),
	TYPE("v1.LocalObjectReference", local_object_reference),
	TYPE("v1.PodOS", pod_os),
	TYPE("v1.PodSchedulingGate", scheduling_gate),
	TYPE("v1.PodResourceClaim", pod_resource_claim),
	TYPE("v1.EvictionResponder", eviction_responder),
};
const struct types pod_types = { rows, ARRAY_LEN(rows) };

const struct type *type_find(const char *name)
{
	const struct types *const tables[] = { &pod_types, &container_types, &volume_types,
		&scheduling_types };

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (size_t k = 0; k < tables[i]->len; k++)
			if (str_eq(tables[i]->at[k].name, name))
				return &tables[i]->at[k];
	return NULL;
}

const struct field *type_field(const struct type *t, const char *name)
{
	for (size_t i = 0; i < t->len; i++)
		if (str_eq(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

static enum value_kind kind_of(const char *name, const struct type *of)
{
	static const struct {
		const char *name;
		enum value_kind kind;
	} kinds[] = {
		{ "bool", KIND_BOOL },
		{ "int32", KIND_INT32 },
		{ "int64", KIND_INT64 },
		{ "resource.Quantity", KIND_QUANTITY },
		{ "intstr.IntOrString", KIND_INT_OR_STRING },
		{ "v1.PodStatus", KIND_RAW },
		{ "v1.ManagedFieldsEntry", KIND_RAW },
	};

	if (of)
		return KIND_STRUCT;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(kinds[i].name, name))
			return kinds[i].kind;
	/* Drivers that no table describes: refused by their own name, whatever is inside. */
	return str_ends(name, "VolumeSource") ? KIND_RAW : KIND_STRING;
}

void value_type_parse(const char *go, struct value_type *out)
{
	static const char list[] = "[]", map[] = "map[string]";

	*out = (struct value_type){ .shape = SHAPE_ONE, .is_pointer = *go == '*' };
	out->whole = out->name = go + out->is_pointer;
	if (str_starts(out->name, list)) {
		out->shape = SHAPE_LIST;
		out->name += strlen(list);
	} else if (str_starts(out->name, map)) {
		out->shape = SHAPE_MAP;
		out->name += strlen(map);
	} else if (str_eq(out->name, "v1.ResourceList")) { /* the one map with a name */
		out->shape = SHAPE_MAP;
		out->name = "resource.Quantity";
	}
	out->of = type_find(out->name);
	out->kind = kind_of(out->name, out->of);
}
