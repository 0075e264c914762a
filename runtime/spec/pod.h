/* The one model of a pod: what a manifest or a CRI request asks for, after defaulting and
 * validation.  Data only; nobody behind it knows where it came from.  A field that carpel does not
 * honour has no place here: the reader refuses it by name.  What only CRI can say is marked (CRI);
 * its zero is what a manifest means.  Sources: spec/kube-api.md, and spec/cri.md for CRI v1's
 * PodSandboxConfig, ContainerConfig and LinuxContainerResources.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "spec/devices.h"
#include "spec/probe.h"

enum restart_policy { RESTART_ALWAYS = 1, RESTART_ON_FAILURE, RESTART_NEVER };
enum pull_policy { PULL_ALWAYS = 1, PULL_IF_NOT_PRESENT, PULL_NEVER };
enum qos_class { QOS_GUARANTEED = 1, QOS_BURSTABLE, QOS_BEST_EFFORT };
enum message_policy { MESSAGE_FILE = 1, MESSAGE_FALLBACK_TO_LOGS };
enum seccomp_type {
	SECCOMP_DEFAULT = 1, /* RuntimeDefault; of a manifest also when not given */
	SECCOMP_UNCONFINED,
	SECCOMP_LOCALHOST /* the profile in a file of the node */
};
enum apparmor_type {
	APPARMOR_DEFAULT = 0, /* not given: ours, where it is loaded */
	APPARMOR_RUNTIME_DEFAULT,
	APPARMOR_UNCONFINED,
	APPARMOR_LOCALHOST /* a profile that is loaded on the node */
};
enum dns_policy {
	DNS_CLUSTER_FIRST = 1,
	DNS_CLUSTER_FIRST_HOST_NET,
	DNS_DEFAULT,
	DNS_NONE,
	DNS_LITERAL /* (CRI) the lists as they are, without limits; all empty: an empty file */
};
/* Whose PID namespace a container's first process lives in. */
enum pid_mode {
	PID_BY_POD = 0, /* the pod's where share_pid is set, else its own */
	PID_CONTAINER,  /* (CRI) its own */
	PID_POD,        /* (CRI) */
	PID_NODE,       /* hostPID */
	PID_TARGET      /* (CRI) that of the container pid_target */
};
/* What mounting below one of host path and container path means for the other. */
enum mount_propagation {
	MOUNT_PRIVATE = 0, /* nothing */
	MOUNT_SLAVE,       /* HostToContainer: what the host mounts appears in the container */
	MOUNT_SHARED       /* Bidirectional */
};

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

/* Parts of an SELinux context, NULL: not given. */
struct selinux_spec {
	char *user, *role, *type, *level;
};
bool selinux_is_given(const struct selinux_spec *s);

struct security_spec {                     /* effective: the container's value, else the pod's */
	int64_t run_as_user, run_as_group; /* -1: not given */
	bool run_as_non_root;
	bool read_only_root, privileged;
	bool no_new_privs; /* allowPrivilegeEscalation: false */
	enum seccomp_type seccomp;
	enum apparmor_type apparmor;
	char *apparmor_profile; /* its name; NULL but for APPARMOR_LOCALHOST */
	struct selinux_spec selinux;
	struct strv cap_add, cap_drop; /* names without CAP_, upper case; "ALL" */
	/* (CRI) */
	char *run_as_username; /* must be in the image's /etc/passwd; NULL: not given */
	/* SECCOMP_LOCALHOST: absolute (CRI), or below the instance's folder of profiles. */
	char *seccomp_path;
	struct strv cap_ambient;
	int64_t *groups; /* supplementary, of this container beside the pod's */
	size_t groups_len;
	bool strict_groups; /* without those that the image's /etc/group adds */
	/* The two lists count, also when empty (procMount: Unmasked); else the usual ones. */
	bool has_masks;
	struct strv masked_paths, readonly_paths; /* absolute, in the container */
};

struct mount_spec {
	/* Exactly one of volume and host_path is given; sub_path, of a volume: NULL when not given.
	 */
	char *volume, *path, *sub_path;
	bool read_only;
	/* (CRI) */
	char *host_path;          /* absolute; a missing directory is made */
	bool recursive_read_only; /* needs read_only and MOUNT_PRIVATE */
	bool no_exec, no_dev, no_suid;
	bool relabels;  /* selinux_relabel */
	bool keeps_ids; /* its files have the host's ids, though the pod has own_users */
	enum mount_propagation propagation;
};

/* Of the host's user or group ids; size 0: none. */
struct id_range {
	uint32_t first, size;
};

struct label {
	char *key, *value;
};

struct labels {
	struct label *at;
	size_t len;
};
const char *labels_get(const struct labels *l, const char *key);       /* NULL when absent */
void labels_put(struct labels *l, const char *key, const char *value); /* copies; replaces */
void labels_free(struct labels *l);

struct hugepage_limit {
	char *page_size; /* "2MB", "1GB" */
	uint64_t limit_bytes;
};

/* (CRI) LinuxContainerResources, for the kernel as it is.  0, NULL and empty: not given, which an
 * update leaves alone. */
struct linux_resources {
	int64_t cpu_period_us, cpu_quota_us; /* quota -1: unlimited; it counts per period, 100 ms
						when that is 0 */
	int64_t cpu_shares;                  /* 2..262144 */
	int64_t memory_bytes;
	int64_t memory_swap_bytes;        /* memory and swap together; -1: unlimited */
	int32_t oom_score_adj;            /* -1000..1000 */
	char *cpuset_cpus, *cpuset_mems;  /* "0-3,7" */
	struct hugepage_limit *hugepages; /* one of each size; a limit of 0 is one */
	size_t hugepages_len;
	struct labels unified; /* names of cgroup v2 files without '/', and what to write */
};
void linux_resources_clear(struct linux_resources *r); /* frees what it holds */

/* By annotation, see manifest.h; 0: not given. */
struct io_spec {
	int64_t read_bps, write_bps, read_iops, write_iops;
	int64_t weight; /* 1..10000 */
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
	/* resizePolicy: a change of these takes a restart of the container. */
	bool cpu_resize_restarts, memory_resize_restarts;
	struct io_spec io;
	struct devices_asked devices;
	struct security_spec security;
	struct probe_spec probes[PROBE_TYPES]; /* by enum probe_type; [0] unused */
	char *message_path;
	enum message_policy message_policy;
	bool stdin_open, stdin_once, tty;
	/* (CRI) */
	bool is_literal; /* command, args and env hold no references: $(NAME) stays as it is */
	struct linux_resources *resources; /* instead of limits and requests; NULL: those */
	enum pid_mode pid;
	char *pid_target; /* PID_TARGET: id of a container of the same pod */
	int stop_signal;  /* Linux' number; 0: the image's */
	char *log_path;   /* absolute; NULL: as the pod's place says, or none (CRI) */
};
void container_spec_free(struct container_spec *c); /* the struct itself too; NULL is fine */
void cleanup_container_spec(struct container_spec **c);

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
	bool host_pid; /* no PID namespace of the pod: the node's; then no container is PID_POD */
	/* hostUsers: false: the pod's ids from 0 on are these of the host.  Who admits a manifest's
	 * pod chooses them. */
	bool own_users;
	struct id_range uids, gids;
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
	struct selinux_spec selinux; /* of what the pod has beside its containers */
	struct strv readiness_gates;
	int64_t pids_limit; /* by annotation; 0: not given */
	/* (CRI) */
	bool may_privileged; /* its containers may be privileged */
	char *cgroup_parent; /* absolute, in every hierarchy, or "….slice"; NULL: the instance's */
	char *log_directory; /* absolute; NULL: nothing is logged */
};

void pod_spec_free(struct pod_spec *p); /* the struct itself too; NULL is fine */
void cleanup_pod_spec(struct pod_spec **p);
