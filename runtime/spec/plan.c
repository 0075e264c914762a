/* The table of keys, and writing: one walk over the table. */
#include "spec/plan_keys.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"

const struct plan_key plan_keys[] = {
	{ "kind", VALUE_KIND, ANY, ANY, offsetof(struct plan, kind) },
	{ "id", VALUE_NAME, ANY, ANY, offsetof(struct plan, id) },
	{ "result-fd", VALUE_FD, ANY, 0, offsetof(struct plan, result_fd) },
	{ "pause-fd", VALUE_FD, INSIDE, INSIDE, offsetof(struct plan, pause_fd) },
	{ "stdin-fd", VALUE_FD, PROCESS, 0, offsetof(struct plan, stdin_fd) },
	{ "stdout-fd", VALUE_FD, PROCESS, 0, offsetof(struct plan, stdout_fd) },
	{ "stderr-fd", VALUE_FD, PROCESS, 0, offsetof(struct plan, stderr_fd) },
	{ "tty-fd", VALUE_FD, PROCESS, 0, offsetof(struct plan, tty_fd) },
	{ "seccomp-fd", VALUE_FD, PROCESS, 0, offsetof(struct plan, seccomp_fd) },
	{ "cgroup", VALUE_PATHS, ANY, 0, offsetof(struct plan, cgroups) },
	{ "cgroup-v2", VALUE_PATH, ANY, 0, offsetof(struct plan, cgroup_v2) },
	{ "uid-map", VALUE_MAP, ANY, 0, offsetof(struct plan, uid_map) },
	{ "gid-map", VALUE_MAP, ANY, 0, offsetof(struct plan, gid_map) },
	{ "pause", VALUE_PATH, SANDBOX, SANDBOX, offsetof(struct plan, pause_path) },
	{ "hostname", VALUE_HOSTNAME, SANDBOX | BUNDLE, 0, offsetof(struct plan, hostname) },
	{ "host-network", VALUE_BOOL, SANDBOX, 0, offsetof(struct plan, host_network) },
	{ "host-ipc", VALUE_BOOL, SANDBOX, 0, offsetof(struct plan, host_ipc) },
	{ "sysctl", VALUE_SYSCTL, SANDBOX | BUNDLE, 0, offsetof(struct plan, sysctls) },
	{ "shm-bytes", VALUE_I64, SANDBOX, 0, offsetof(struct plan, shm_bytes) },
	{ "volume", VALUE_VOLUME, SANDBOX, 0, offsetof(struct plan, volumes) },
	{ "lower", VALUE_PATHS, CONTAINER, CONTAINER, offsetof(struct plan, lowers) },
	{ "upper", VALUE_PATH, CONTAINER, CONTAINER, offsetof(struct plan, upper) },
	{ "work", VALUE_PATH, CONTAINER, CONTAINER, offsetof(struct plan, work) },
	{ "read-only-root", VALUE_BOOL, CONTAINER | BUNDLE, 0,
		offsetof(struct plan, read_only_root) },
	{ "rootfs", VALUE_PATH, BUNDLE, BUNDLE, offsetof(struct plan, rootfs) },
	{ "root-shared", VALUE_BOOL, BUNDLE, 0, offsetof(struct plan, is_root_shared) },
	{ "namespace", VALUE_NAMESPACES, BUNDLE, 0, offsetof(struct plan, namespaces) },
	{ "domainname", VALUE_HOSTNAME, BUNDLE, 0, offsetof(struct plan, domainname) },
	{ "start-fd", VALUE_FD, BUNDLE, 0, offsetof(struct plan, start_fd) },
	{ "hooks", VALUE_BOOL, BUNDLE, 0, offsetof(struct plan, stops_before_root) },
	{ "pid", VALUE_PID, CONTAINER, 0, offsetof(struct plan, pid) },
	{ "pid-target-fd", VALUE_FD, CONTAINER, 0, offsetof(struct plan, pid_target_fd) },
	{ "privileged", VALUE_BOOL, CONTAINER, 0, offsetof(struct plan, privileged) },
	{ "masks", VALUE_MASKS, CONTAINER | BUNDLE, 0, offsetof(struct plan, masks) },
	{ "masked", VALUE_PATHS, CONTAINER | BUNDLE, 0, offsetof(struct plan, masked) },
	{ "readonly-path", VALUE_PATHS, CONTAINER | BUNDLE, 0,
		offsetof(struct plan, readonly_paths) },
	{ "mount", VALUE_MOUNT, CONTAINER | BUNDLE, 0, offsetof(struct plan, mounts) },
	{ "device", VALUE_DEVICE, CONTAINER | BUNDLE, 0, offsetof(struct plan, devices) },
	{ "device-rule", VALUE_DEVICE_RULE, CONTAINER | BUNDLE, 0,
		offsetof(struct plan, device_rules) },
	{ "hook", VALUE_HOOK, CONTAINER, 0, offsetof(struct plan, hooks) },
	{ "bundle", VALUE_PATH, CONTAINER, 0, offsetof(struct plan, bundle) },
	{ "arg", VALUE_TEXTS, PROCESS, PROCESS, offsetof(struct plan, args) },
	{ "env", VALUE_ENV, PROCESS, 0, offsetof(struct plan, env) },
	{ "cwd", VALUE_PATH, PROCESS, 0, offsetof(struct plan, cwd) },
	{ "user", VALUE_TEXT, PROCESS, 0, offsetof(struct plan, user) },
	{ "group", VALUE_DIGITS, PROCESS, 0, offsetof(struct plan, groups) },
	{ "merge-groups", VALUE_BOOL, PROCESS, 0, offsetof(struct plan, merge_image_groups) },
	{ "refuse-root", VALUE_BOOL, PROCESS, 0, offsetof(struct plan, refuse_root) },
	{ "caps", VALUE_HEX, PROCESS, 0, offsetof(struct plan, caps) },
	{ "ambient", VALUE_HEX, PROCESS, 0, offsetof(struct plan, ambient) },
	{ "inheritable", VALUE_HEX, PROCESS, 0, offsetof(struct plan, inheritable) },
	{ "umask", VALUE_UMASK, PROCESS, 0, offsetof(struct plan, umask) },
	{ "rlimit", VALUE_LIMITS, PROCESS, 0, offsetof(struct plan, limits) },
	{ "keep-limits", VALUE_BOOL, PROCESS, 0, offsetof(struct plan, keeps_limits) },
	{ "keep-fd", VALUE_DIGITS, PROCESS, 0, offsetof(struct plan, kept_fds) },
	{ "no-new-privs", VALUE_BOOL, PROCESS, 0, offsetof(struct plan, no_new_privs) },
	{ "apparmor", VALUE_LABEL, PROCESS, 0, offsetof(struct plan, apparmor) },
	{ "selinux", VALUE_LABEL, ANY, 0, offsetof(struct plan, selinux) },
	{ "selinux-mount", VALUE_LABEL, SANDBOX | CONTAINER, 0,
		offsetof(struct plan, selinux_mount) },
	{ "oom-score-adj", VALUE_OOM, ANY, 0, offsetof(struct plan, oom_score_adj) },
};
const size_t plan_keys_len = ARRAY_LEN(plan_keys);

static const char *const kind_words[] = {
	[PLAN_SANDBOX] = "sandbox",
	[PLAN_CONTAINER] = "container",
	[PLAN_EXEC] = "exec",
	[PLAN_BUNDLE] = "bundle",
};
static const char *const pid_words[] = {
	[PLAN_PID_CONTAINER] = "container",
	[PLAN_PID_POD] = "pod",
	[PLAN_PID_TARGET] = "target",
	[PLAN_PID_HOST] = "host",
};
static const char *const masks_words[] = {
	[PLAN_MASKS_DEFAULT] = "default",
	[PLAN_MASKS_GIVEN] = "given",
};

const char *plan_word(enum value_type type, unsigned value)
{
	const char *const *words = type == VALUE_KIND  ? kind_words
				   : type == VALUE_PID ? pid_words
						       : masks_words;
	size_t len = type == VALUE_KIND  ? ARRAY_LEN(kind_words)
		     : type == VALUE_PID ? ARRAY_LEN(pid_words)
					 : ARRAY_LEN(masks_words);

	return value < len ? words[value] : NULL;
}

const char *plan_kind_name(enum plan_kind kind)
{
	return plan_word(VALUE_KIND, kind);
}

void plan_init(struct plan *p)
{
	*p = (struct plan){ .result_fd = -1,
		.pause_fd = -1,
		.pid_target_fd = -1,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.tty_fd = -1,
		.seccomp_fd = -1,
		.start_fd = -1 };
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->sysctls_len; i++) {
		free(p->sysctls[i].name);
		free(p->sysctls[i].value);
	}
	for (size_t i = 0; i < p->mounts_len; i++)
		plan_mount_free(&p->mounts[i]);
	free(p->sysctls);
	free(p->mounts);
	plan_free_volumes(p);
	plan_free_devices(p);
	plan_free_hooks(p);
	free(p->uid_map.at);
	free(p->gid_map.at);
	for (size_t i = 0; i < plan_keys_len; i++)
		switch (plan_keys[i].type) {
		case VALUE_NAME:
		case VALUE_TEXT:
		case VALUE_PATH:
		case VALUE_HOSTNAME:
		case VALUE_UMASK:
		case VALUE_LABEL:
			free(*FIELD(p, &plan_keys[i], char *));
			break;
		case VALUE_PATHS:
		case VALUE_DIGITS:
		case VALUE_TEXTS:
		case VALUE_ENV:
		case VALUE_NAMESPACES:
		case VALUE_LIMITS:
			strv_free(FIELD(p, &plan_keys[i], struct strv));
			break;
		case VALUE_KIND:
		case VALUE_PID:
		case VALUE_MASKS:
		case VALUE_FD:
		case VALUE_I64:
		case VALUE_OOM:
		case VALUE_HEX:
		case VALUE_BOOL:
		case VALUE_SYSCTL:
		case VALUE_MOUNT:
		case VALUE_VOLUME:
		case VALUE_DEVICE:
		case VALUE_DEVICE_RULE:
		case VALUE_HOOK:
		case VALUE_MAP:
			break;
		}
	plan_init(p);
}

static void write_record(struct buf *out, const char *name, const char *value)
{
	buf_adds(out, name);
	buf_addc(out, '=');
	buf_adds(out, value);
	buf_addc(out, '\0');
}

static void write_number(struct buf *out, const char *name, int64_t value)
{
	buf_addf(out, "%s=%" PRId64, name, value);
	buf_addc(out, '\0');
}

void plan_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == ':' || *text == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *text);
	}
}

static void write_mount(struct buf *out, const char *name, const struct plan_mount *m)
{
	buf_addf(out, "%s=", name);
	plan_mount_write(m, out);
	buf_addc(out, '\0');
}

static void write_map(struct buf *out, const char *name, const struct plan_map *m)
{
	for (size_t i = 0; i < m->len; i++) {
		buf_addf(out, "%s=%" PRIu32 ":%" PRIu32 ":%" PRIu32, name, m->at[i].inside,
			m->at[i].outside, m->at[i].size);
		buf_addc(out, '\0');
	}
}

static void write_texts(struct buf *out, const char *name, const struct strv *v)
{
	for (size_t i = 0; i < v->len; i++)
		write_record(out, name, v->at[i]);
}

static void write_sysctls(const struct plan *p, const char *key, struct buf *out)
{
	for (size_t i = 0; i < p->sysctls_len; i++) {
		buf_addf(out, "%s=%s=%s", key, p->sysctls[i].name, p->sysctls[i].value);
		buf_addc(out, '\0');
	}
}

/* What a key may repeat. */
static void write_list(const struct plan *p, const struct plan_key *k, struct buf *out)
{
	if (k->type == VALUE_SYSCTL)
		write_sysctls(p, k->name, out);
	else if (k->type == VALUE_MOUNT)
		for (size_t i = 0; i < p->mounts_len; i++)
			write_mount(out, k->name, &p->mounts[i]);
	else if (k->type == VALUE_VOLUME)
		plan_write_volumes(p, out);
	else if (k->type == VALUE_DEVICE)
		plan_write_devices(p, out);
	else if (k->type == VALUE_DEVICE_RULE)
		plan_write_device_rules(p, out);
	else if (k->type == VALUE_HOOK)
		plan_write_hooks(p, out);
	else if (k->type == VALUE_MAP)
		write_map(out, k->name, CONST_FIELD(p, k, struct plan_map));
	else
		write_texts(out, k->name, CONST_FIELD(p, k, struct strv));
}

static void write_key(const struct plan *p, const struct plan_key *k, struct buf *out)
{
	switch (k->type) {
	case VALUE_KIND:
	case VALUE_PID:
	case VALUE_MASKS:
		if (*CONST_FIELD(p, k, unsigned))
			write_record(
				out, k->name, plan_word(k->type, *CONST_FIELD(p, k, unsigned)));
		break;
	case VALUE_FD:
		if (*CONST_FIELD(p, k, int32_t) >= 0)
			write_number(out, k->name, *CONST_FIELD(p, k, int32_t));
		break;
	case VALUE_I64:
		if (*CONST_FIELD(p, k, int64_t))
			write_number(out, k->name, *CONST_FIELD(p, k, int64_t));
		break;
	case VALUE_OOM:
		if (p->has_oom_score_adj)
			write_number(out, k->name, p->oom_score_adj);
		break;
	case VALUE_HEX:
		if (*CONST_FIELD(p, k, uint64_t)) {
			buf_addf(out, "%s=%" PRIx64, k->name, *CONST_FIELD(p, k, uint64_t));
			buf_addc(out, '\0');
		}
		break;
	case VALUE_BOOL:
		if (*CONST_FIELD(p, k, bool))
			write_record(out, k->name, "1");
		break;
	case VALUE_NAME:
	case VALUE_TEXT:
	case VALUE_PATH:
	case VALUE_HOSTNAME:
	case VALUE_UMASK:
	case VALUE_LABEL:
		if (*CONST_FIELD(p, k, char *))
			write_record(out, k->name, *CONST_FIELD(p, k, char *));
		break;
	case VALUE_PATHS:
	case VALUE_DIGITS:
	case VALUE_TEXTS:
	case VALUE_ENV:
	case VALUE_NAMESPACES:
	case VALUE_LIMITS:
	case VALUE_SYSCTL:
	case VALUE_MOUNT:
	case VALUE_VOLUME:
	case VALUE_DEVICE:
	case VALUE_DEVICE_RULE:
	case VALUE_HOOK:
	case VALUE_MAP:
		write_list(p, k, out);
		break;
	}
}

void plan_write(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < plan_keys_len; i++)
		write_key(p, &plan_keys[i], out);
}
