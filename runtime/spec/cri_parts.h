/* What the files of the CRI reader share: bounds, refusals, and the checks that more than one of
 * them makes.  at and name make the field: "config.metadata" and "uid".  See cri.h.
 */
#pragma once

#include "spec/cri.h"

enum {
	CRI_NAME_MAX = 253,
	CRI_PATH_MAX = 4095,
	CRI_ID_MAX = 64,
	CRI_KEY_MAX = 1024,                /* of a label or annotation */
	CRI_VALUE_MAX = 256 * 1024,        /* Kubernetes' limit for all annotations of a pod */
	CRI_ARGUMENT_MAX = 128 * 1024 - 1, /* of one string, as execve() takes it: MAX_ARG_STRLEN */
	/* Lists are walked in quadratic time further on. */
	CRI_LABELS_MAX = 1024,
	CRI_ENV_MAX = 4096,
	CRI_ARGS_MAX = 16384,
	CRI_MOUNTS_MAX = 1024,
	CRI_LIST_MAX = 1024, /* groups, paths, sysctls … */
};

enum { CRI_SANDBOX_WINDOWS = 9, CRI_CONTAINER_WINDOWS = 16 }; /* field numbers */

/* ---- refusals: the field, the value as Go quotes it, the reason ---- */
int cri_bad(struct err *e, const char *at, const char *name, const char *value, const char *why);
int cri_bad_number(struct err *e, const char *at, const char *name, int64_t value, const char *why);
/* what: a subject, "user namespaces are". */
int cri_not_yet(struct err *e, const char *at, const char *name, const char *what);

/* ---- checks: 0 or a refusal ---- */
int cri_check_text(
	const char *at, const char *name, const char *text, size_t max, struct err *e); /* UTF-8 */
int cri_check_count(const char *at, const char *name, size_t n, size_t max, struct err *e);
int cri_check_enum(const char *at, const char *name, int value, int max, struct err *e);
/* A number that the message may leave out; 0 to 2147483647 as Kubernetes has it. *out stays when
 * it is NULL. */
int cri_read_id(const char *at, const char *name, const Runtime__V1__Int64Value *value,
	int64_t *out, struct err *e);
int cri_read_groups(const char *at, const int64_t *ids, size_t n, int64_t **out, size_t *out_len,
	struct err *e);
/* A file name: [A-Za-z0-9][A-Za-z0-9._-]*, at most 253 bytes. */
int cri_check_name(const char *at, const char *name, const char *text, struct err *e);
/* Absolute, no "..": *out is owned and without "//", "/./" and a '/' at its end. */
int cri_read_path(const char *at, const char *name, const char *path, char **out, struct err *e);
/* The same below another path: relative and not empty. */
int cri_read_subpath(const char *at, const char *name, const char *path, char **out, struct err *e);
/* One entry of a label or annotation map; the last of a key wins.  out: NULL only checks. */
int cri_read_label(const char *at, const char *name, const char *key, const char *value,
	struct labels *out, struct err *e);
/* A message for Windows has no field in our proto, but a number. */
int cri_check_no_windows(const ProtobufCMessage *m, uint32_t tag, struct err *e);

/* ---- what sandbox and container both have ---- */
/* at: of the security context. */
int cri_check_namespaces(const char *at, const Runtime__V1__NamespaceOption *o, struct err *e);
int cri_read_selinux(const char *at, const Runtime__V1__SELinuxOption *o, struct selinux_spec *out,
	struct err *e);
/* old: as below.  *out_profile: NULL but for LOCALHOST. */
int cri_read_apparmor(const char *at, const Runtime__V1__SecurityProfile *p, const char *old,
	enum apparmor_type *out, char **out_profile, struct err *e);
/* old: the deprecated text, which counts where p is NULL.  *out_path: NULL but for LOCALHOST. */
int cri_read_seccomp(const char *at, const Runtime__V1__SecurityProfile *p, const char *old,
	enum seccomp_type *out, char **out_path, struct err *e);
/* NULL when a sandbox has no linux part, no security context or no namespace options. */
const Runtime__V1__NamespaceOption *cri_sandbox_namespaces(const Runtime__V1__PodSandboxConfig *c);

/* ---- user namespaces ---- */
struct cri_users {
	bool is_own; /* POD with ranges, and not NODE */
	struct id_range uids, gids;
};
/* at: of the namespace options.  u NULL: the node's. */
int cri_read_users(
	const char *at, const Runtime__V1__UserNamespace *u, struct cri_users *out, struct err *e);
int cri_read_sandbox_users(
	const Runtime__V1__PodSandboxConfig *sandbox, struct cri_users *out, struct err *e);
/* A list of mappings that must be one range from id 0 on. */
int cri_read_idmap(const char *at, const char *name, Runtime__V1__IDMapping *const *list, size_t n,
	struct id_range *out, struct err *e);
bool cri_users_are_same(const struct cri_users *a, const struct cri_users *b);

/* ---- parts of a container ---- */
int cri_read_security(const Runtime__V1__ContainerConfig *c,
	const Runtime__V1__PodSandboxConfig *sandbox, struct container_spec *out, struct err *e);
/* Both in bytes, as LinuxContainerResources has them: swap counts memory too. */
int cri_check_swap(const char *at, int64_t memory, int64_t swap, struct err *e);
int cri_read_mounts(const Runtime__V1__ContainerConfig *c, const struct cri_users *users,
	struct container_spec *out, struct err *e);
int cri_read_devices(
	const Runtime__V1__ContainerConfig *c, struct container_spec *out, struct err *e);
