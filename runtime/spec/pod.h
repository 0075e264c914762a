/* The one model of a pod: what a manifest (or later a CRI request) asks for, after defaulting and
 * validation.  Data only; nobody behind it knows where it came from.  A field that carpel does not
 * honour has no place here: the reader refuses it by name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "spec/probe.h"

enum restart_policy { RESTART_ALWAYS = 1, RESTART_ON_FAILURE, RESTART_NEVER };
enum pull_policy { PULL_ALWAYS = 1, PULL_IF_NOT_PRESENT, PULL_NEVER };
enum qos_class { QOS_GUARANTEED = 1, QOS_BURSTABLE, QOS_BEST_EFFORT };
enum message_policy { MESSAGE_FILE = 1, MESSAGE_FALLBACK_TO_LOGS };
enum seccomp_type {
	SECCOMP_DEFAULT = 1 /* RuntimeDefault, also when not given */,
	SECCOMP_UNCONFINED
};
enum dns_policy { DNS_CLUSTER_FIRST = 1, DNS_CLUSTER_FIRST_HOST_NET, DNS_DEFAULT, DNS_NONE };

struct port_spec {
	char *name, *protocol, *host_ip;   /* name, host_ip: NULL when not given */
	int32_t container_port, host_port; /* host_port 0: none */
};

/* value, or a downward field reference, or a resource reference. */
struct env_spec {
	char *name, *value;
	char *field_path;                    /* fieldRef, NULL when a value */
	char *resource, *resource_container; /* resourceFieldRef */
	int64_t divisor_milli;               /* of the resource, in thousandths; 0 means 1 */
};

struct resource_spec { /* -1: not given */
	int64_t cpu_milli, memory_bytes, ephemeral_bytes;
};

struct security_spec {                     /* effective: the container's value, else the pod's */
	int64_t run_as_user, run_as_group; /* -1: not given */
	bool run_as_non_root;
	bool read_only_root, privileged;
	bool no_new_privs; /* allowPrivilegeEscalation: false */
	enum seccomp_type seccomp;
	struct strv cap_add, cap_drop; /* names without CAP_, upper case; "ALL" */
};

struct mount_spec {
	char *volume, *path, *sub_path; /* sub_path: NULL when not given */
	bool read_only;
};

struct container_spec {
	char *name, *image, *working_dir; /* working_dir: NULL when not given */
	enum pull_policy pull;
	struct strv command, args;
	struct port_spec *ports;
	size_t ports_len;
	struct env_spec *env;
	size_t env_len;
	struct mount_spec *mounts;
	size_t mounts_len;
	struct resource_spec limits, requests; /* requests: defaulted from limits */
	struct security_spec security;
	struct probe_spec probes[PROBE_TYPES]; /* by enum probe_type; [0] unused */
	char *message_path;
	enum message_policy message_policy;
	bool stdin_open, stdin_once, tty;
};

enum volume_kind { VOLUME_EMPTY_DIR = 1, VOLUME_HOST_PATH };

struct volume_spec {
	char *name;
	enum volume_kind kind;
	bool in_memory;              /* emptyDir.medium: Memory */
	int64_t size_limit_bytes;    /* -1: none */
	char *host_path, *host_type; /* "" when not given */
};

struct host_alias {
	char *ip;
	struct strv names;
};

struct dns_spec {
	enum dns_policy policy;
	struct strv nameservers, searches, options; /* options as "name:value" */
};

struct label {
	char *key, *value;
};

struct labels {
	struct label *at;
	size_t len;
};
const char *labels_get(const struct labels *l, const char *key); /* NULL when absent */
void labels_free(struct labels *l);

struct sysctl_spec {
	char *name, *value;
};

struct pod_spec {
	char *name, *namespace, *uid; /* uid: set by whoever admits the pod, NULL before */
	struct labels labels, annotations;
	struct container_spec *containers;
	size_t containers_len;
	struct volume_spec *volumes;
	size_t volumes_len;
	enum restart_policy restart;
	enum qos_class qos;
	int64_t grace_seconds;    /* terminationGracePeriodSeconds */
	int64_t deadline_seconds; /* activeDeadlineSeconds, -1: none */
	bool host_network, host_ipc, share_pid;
	char *hostname;        /* resolved: spec.hostname, else the name cut to 63; never NULL */
	char *node_name;       /* as in the manifest, NULL when not given */
	char *service_account; /* NULL when not given */
	struct dns_spec dns;
	struct host_alias *aliases;
	size_t aliases_len;
	int64_t fs_group; /* -1: not given */
	int64_t *groups;  /* supplementalGroups */
	size_t groups_len;
	struct sysctl_spec *sysctls;
	size_t sysctls_len;
	struct strv readiness_gates;
};

void pod_spec_free(struct pod_spec *p); /* the struct itself too; NULL is fine */
void cleanup_pod_spec(struct pod_spec **p);
