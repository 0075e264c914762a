/* Reading.  A key that the kind of plan does not know is refused rather than ignored: a plan that
 * asks for something gets it or fails.
 */
#include "spec/plan_keys.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"

enum { NAME_MAX_LEN = 253, HOSTNAME_MAX_LEN = 64, LABEL_MAX_LEN = 4095, FD_MAX = 1 << 20 };

/* ---- checks of single values: true when the text is acceptable
 * ------------------------------------ */

bool plan_is_path(const char *text)
{
	return text[0] == '/' && strlen(text) <= PLAN_PATH_MAX;
}

static bool is_name(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return len > 0 && len <= NAME_MAX_LEN;
}

static bool is_hostname(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	size_t len = strlen(text);

	return len > 0 && len <= HOSTNAME_MAX_LEN && strspn(text, allowed) == len;
}

/* Digits only, no second spelling of a number: a group list must mean one thing to every reader. */
static bool is_id(const char *text)
{
	int64_t id;

	return text[0] >= '0' && text[0] <= '9' && (text[0] != '0' || !text[1]) &&
	       str_to_i64(text, 0, INT32_MAX, &id) == 0;
}

static bool is_namespace(const char *text)
{
	static const char *const words[] = { "pid", "network", "ipc", "uts", "cgroup" };
	const size_t len = strcspn(text, ":");

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len && strncmp(text, words[i], len) == 0)
			return !text[len] || plan_is_path(text + len + 1);
	return str_starts(text, "user:") && plan_is_path(text + strlen("user:"));
}

static bool is_limit_value(const char *text, size_t len)
{
	CLEANUP(cleanup_free) char *value = str_ndup(text, len);
	uint64_t number;

	return str_eq(value, "max") || str_to_u64(value, UINT64_MAX, &number) == 0;
}

/* Which names there are is known where they are set. */
static bool is_limit(const char *text)
{
	const size_t name = strcspn(text, ":"),
		     soft = text[name] ? strcspn(text + name + 1, ":") : 0;
	const char *hard = text + name + 1 + soft + 1;

	return name > 0 && strspn(text, "abcdefghijklmnopqrstuvwxyz") == name && soft > 0 &&
	       text[name + 1 + soft] && is_limit_value(text + name + 1, soft) &&
	       is_limit_value(hard, strlen(hard));
}

/* What it means is the kernel's to say. */
static bool is_label(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return text[0] && strlen(text) <= LABEL_MAX_LEN;
}

static bool is_umask(const char *text)
{
	const size_t len = strlen(text);

	return len > 0 && len <= 4 && strspn(text, "01234567") == len &&
	       (len < 4 || text[0] == '0');
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static int refuse(const struct plan_key *k, const char *value, const char *want, struct err *e)
{
	return err_say(e, EINVAL, "plan: %s=%.64s: %s", k->name, value, want);
}

static int read_hex(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 16 || strspn(text, "0123456789abcdef") != len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		value = value << 4 |
			(uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
	*out = value;
	return 0;
}

static int read_word(const struct plan_key *k, const char *value, struct plan *p, struct err *e)
{
	const unsigned first = k->type == VALUE_KIND ? PLAN_SANDBOX : 0;

	for (unsigned i = first; plan_word(k->type, i); i++)
		if (str_eq(value, plan_word(k->type, i))) {
			*FIELD(p, k, unsigned) = i;
			return 0;
		}
	return refuse(k, value,
		k->type == VALUE_KIND  ? "want sandbox, container, exec or bundle"
		: k->type == VALUE_PID ? "want container, pod, target or host"
				       : "want default or given",
		e);
}

char *plan_unescape(const char **at)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	for (; **at && **at != ':'; (*at)++) {
		if (**at == '\\' && *++*at != ':' && **at != '\\')
			return NULL;
		buf_addc(&b, **at);
	}
	return buf_take(&b);
}

bool plan_take_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0 || (*at)[len] != ',')
		return false;
	*at += len + 1;
	return true;
}

static int read_mount(const struct plan_key *k, const char *value, struct plan *p, struct err *e)
{
	struct plan_mount m = { 0 };
	const char *want = plan_mount_read(value, &m);

	if (want)
		return refuse(k, value, want, e);
	p->mounts = mem_resize(p->mounts, p->mounts_len + 1, sizeof(*p->mounts));
	p->mounts[p->mounts_len++] = m;
	return 0;
}

static int read_text(const struct plan_key *k, const char *value, bool is_good, const char *want,
	struct plan *p, struct err *e)
{
	if (!is_good)
		return refuse(k, value, want, e);
	if (k->type >= VALUE_PATHS)
		strv_add(FIELD(p, k, struct strv), value);
	else
		*FIELD(p, k, char *) = str_dup(value);
	return 0;
}

static int read_number(const struct plan_key *k, const char *value, int64_t min, int64_t max,
	int64_t *out, struct err *e)
{
	if (str_to_i64(value, min, max, out) < 0)
		return err_say(e, EINVAL,
			"plan: %s=%.64s: want a number from %" PRId64 " to %" PRId64, k->name,
			value, min, max);
	return 0;
}

static int read_scalar(const struct plan_key *k, const char *value, struct plan *p, struct err *e)
{
	int64_t number;
	int rc;

	switch ((int)k->type) {
	case VALUE_KIND:
	case VALUE_PID:
	case VALUE_MASKS:
		return read_word(k, value, p, e);
	case VALUE_FD:
		if ((rc = read_number(k, value, -1, FD_MAX, &number, e)) < 0)
			return rc;
		if (number == PLAN_FD)
			return refuse(k, value, "the plan itself is there", e);
		*FIELD(p, k, int32_t) = (int32_t)number;
		return 0;
	case VALUE_OOM:
		if ((rc = read_number(k, value, -1000, 1000, &number, e)) < 0)
			return rc;
		p->oom_score_adj = (int32_t)number;
		p->has_oom_score_adj = true;
		return 0;
	case VALUE_I64:
		return read_number(k, value, 0, INT64_MAX, FIELD(p, k, int64_t), e);
	case VALUE_HEX:
		return read_hex(value, FIELD(p, k, uint64_t)) < 0
			       ? refuse(k, value,
					 "want a mask of 1 to 16 lower-case hexadecimal digits", e)
			       : 0;
	default: /* VALUE_BOOL */
		if (!str_eq(value, "0") && !str_eq(value, "1"))
			return refuse(k, value, "want 0 or 1", e);
		*FIELD(p, k, bool) = value[0] == '1';
		return 0;
	}
}

static int read_value(const struct plan_key *k, const char *value, struct plan *p, struct err *e)
{
	const char *want;

	switch (k->type) {
	case VALUE_NAME:
		return read_text(
			k, value, is_name(value), "want 1 to 253 characters without blanks", p, e);
	case VALUE_TEXT:
		return read_text(k, value, value[0], "want a text", p, e);
	case VALUE_PATH:
	case VALUE_PATHS:
		return read_text(k, value, plan_is_path(value), "want an absolute path", p, e);
	case VALUE_HOSTNAME:
		return read_text(k, value, is_hostname(value),
			"want letters, digits, '-' and '.', 64 at most", p, e);
	case VALUE_UMASK:
		return read_text(
			k, value, is_umask(value), "want at most three octal digits", p, e);
	case VALUE_LABEL:
		return read_text(k, value, is_label(value),
			"want 1 to 4095 bytes without control characters", p, e);
	case VALUE_NAMESPACES:
		return read_text(k, value, is_namespace(value),
			"want pid, network, ipc, uts or cgroup, and :/PATH of one that is there", p,
			e);
	case VALUE_LIMITS:
		return read_text(
			k, value, is_limit(value), "want NAME:SOFT:HARD, numbers or max", p, e);
	case VALUE_DIGITS:
		return read_text(
			k, value, is_id(value), "want a number from 0 to 2147483647", p, e);
	case VALUE_TEXTS:
		return read_text(k, value, true, "", p, e);
	case VALUE_ENV:
		return read_text(
			k, value, value[0] != '=' && strchr(value, '='), "want NAME=VALUE", p, e);
	case VALUE_SYSCTL:
		want = plan_read_sysctl(value, p);
		return want ? refuse(k, value, want, e) : 0;
	case VALUE_MOUNT:
		return read_mount(k, value, p, e);
	case VALUE_VOLUME:
		want = plan_read_volume(value, p);
		return want ? refuse(k, value, want, e) : 0;
	case VALUE_DEVICE:
		want = plan_read_device(value, p);
		return want ? refuse(k, value, want, e) : 0;
	case VALUE_DEVICE_RULE:
		want = plan_read_device_rule(value, p);
		return want ? refuse(k, value, want, e) : 0;
	case VALUE_HOOK:
		want = plan_read_hook(value, p);
		return want ? refuse(k, value, want, e) : 0;
	case VALUE_MAP:
		return plan_map_read(k->name, value, FIELD(p, k, struct plan_map), e);
	case VALUE_KIND:
	case VALUE_PID:
	case VALUE_MASKS:
	case VALUE_FD:
	case VALUE_I64:
	case VALUE_OOM:
	case VALUE_HEX:
	case VALUE_BOOL:
		return read_scalar(k, value, p, e);
	}
	return -EINVAL;
}

static int read_record(const char *record, uint64_t *seen, struct plan *p, struct err *e)
{
	const char *eq = strchr(record, '=');
	size_t len = eq ? (size_t)(eq - record) : strlen(record);

	for (size_t i = 0; eq && i < plan_keys_len; i++) {
		if (strncmp(plan_keys[i].name, record, len) != 0 || plan_keys[i].name[len])
			continue;
		if ((*seen & 1ULL << i) && plan_keys[i].type < VALUE_PATHS)
			return err_say(e, EINVAL, "plan: %s is given twice", plan_keys[i].name);
		*seen |= 1ULL << i;
		return read_value(&plan_keys[i], eq + 1, p, e);
	}
	return eq ? err_say(e, EINVAL, "plan: unknown key %.*s", (int)(len < 64 ? len : 64), record)
		  : err_say(e, EINVAL, "plan: %.64s: want KEY=VALUE", record);
}

static bool has_namespace(const struct plan *p, const char *word)
{
	for (size_t i = 0; i < p->namespaces.len; i++)
		if (str_starts(p->namespaces.at[i], word))
			return true;
	return false;
}

/* A sysctl is set in a namespace that is not the host's. */
static int check_sysctls(const struct plan *p, struct err *e)
{
	const bool is_bundle = p->kind == PLAN_BUNDLE;

	for (size_t i = 0; i < p->sysctls_len; i++) {
		const bool is_net = str_starts(p->sysctls[i].name, "net");

		if (is_bundle ? !has_namespace(p, is_net ? "network" : "ipc")
			      : (is_net ? p->host_network : p->host_ipc))
			return err_say(e, EINVAL,
				"plan: sysctl=%s: the %s uses the host's %s namespace",
				p->sysctls[i].name, is_bundle ? "container" : "pod",
				is_net ? "network" : "IPC");
	}
	return 0;
}

static int check_bundle(const struct plan *p, struct err *e)
{
	if (p->result_fd < 0 || p->start_fd < 0)
		return err_say(e, EINVAL, "plan: kind=bundle needs result-fd and start-fd");
	if ((p->hostname || p->domainname) && !has_namespace(p, "uts"))
		return err_say(e, EINVAL, "plan: hostname and domainname need namespace=uts");
	if (has_namespace(p, "user") && !p->uid_map.len)
		return err_say(e, EINVAL, "plan: namespace=user needs uid-map");
	for (size_t i = 0; i < p->namespaces.len; i++)
		for (size_t k = 0; k < i; k++)
			if (strncmp(p->namespaces.at[i], p->namespaces.at[k], 2) == 0)
				return err_say(e, EINVAL, "plan: namespace=%.64s is given twice",
					p->namespaces.at[i]);
	return 0;
}

static int check_container(const struct plan *p, struct err *e)
{
	const char *list = p->masked.len ? "masked" : "readonly-path";
	bool has_list = p->masked.len || p->readonly_paths.len;
	int rc = plan_map_check(p, e);

	if (rc < 0)
		return rc;

	if (p->pid == PLAN_PID_TARGET && p->pid_target_fd < 0)
		return err_say(e, EINVAL, "plan: pid=target needs pid-target-fd");
	if (p->pid != PLAN_PID_TARGET && p->pid_target_fd >= 0)
		return err_say(e, EINVAL, "plan: pid-target-fd needs pid=target");
	if (has_list && p->masks != PLAN_MASKS_GIVEN)
		return err_say(e, EINVAL, "plan: %s needs masks=given", list);
	if (has_list && p->privileged)
		return err_say(e, EINVAL, "plan: %s is not for privileged=1", list);
	if (p->device_rules_len && p->privileged)
		return err_say(e, EINVAL, "plan: device-rule is not for privileged=1");
	if (p->hooks_len && !p->bundle)
		return err_say(e, EINVAL, "plan: hook needs bundle");
	if (p->device_rules_len && !p->cgroup_v2)
		return err_say(e, EINVAL, "plan: device-rule needs cgroup-v2");
	return 0;
}

/* What single values cannot show: keys of another kind, missing ones, and pairs that exclude each
 * other. */
static int check_whole(const struct plan *p, uint64_t seen, struct err *e)
{
	unsigned kind = 1U << p->kind;
	int rc;

	if (!p->kind)
		return err_say(e, EINVAL, "plan: kind is missing");
	for (size_t i = 0; i < plan_keys_len; i++) {
		bool is_seen = seen & 1ULL << i;

		if (is_seen && !(plan_keys[i].kinds & kind))
			return err_say(e, EINVAL, "plan: %s is not for kind=%s", plan_keys[i].name,
				plan_kind_name(p->kind));
		if (!is_seen && (plan_keys[i].needed & kind))
			return err_say(e, EINVAL, "plan: %s is missing", plan_keys[i].name);
	}
	if ((kind & INSIDE) && p->pause_fd < 0)
		return err_say(e, EINVAL, "plan: pause-fd is missing");
	if ((kind & PROCESS) && !p->args.at[0][0])
		return err_say(e, EINVAL, "plan: the first arg is empty");
	if (p->ambient & ~p->caps)
		return err_say(e, EINVAL, "plan: ambient=%" PRIx64 " is not within caps=%" PRIx64,
			p->ambient, p->caps);
	if (p->inheritable & ~p->caps)
		return err_say(e, EINVAL,
			"plan: inheritable=%" PRIx64 " is not within caps=%" PRIx64, p->inheritable,
			p->caps);
	for (size_t i = 0; p->kind == PLAN_BUNDLE && i < p->mounts_len; i++)
		if (p->mounts[i].is_volume)
			return err_say(
				e, EINVAL, "plan: mount=volume,…: kind=bundle has no sandbox");
	for (size_t i = 0; p->kind != PLAN_BUNDLE && i < p->mounts_len; i++)
		if (p->mounts[i].type || p->mounts[i].atime)
			return err_say(e, EINVAL,
				"plan: mount=…:%s: new file systems are for kind=bundle",
				p->mounts[i].target);
	if ((rc = check_sysctls(p, e)) < 0 ||
		(p->kind == PLAN_BUNDLE && (rc = check_bundle(p, e)) < 0))
		return rc;
	return check_container(p, e);
}

int plan_parse(const char *bytes, size_t len, struct plan *out, struct err *e)
{
	CLEANUP(plan_free) struct plan p;
	uint64_t seen = 0; /* a bit for each row of the table */
	int rc;

	assert(plan_keys_len <= 64);

	plan_init(&p);
	if (len > PLAN_BYTES_MAX)
		return err_say(e, EFBIG, "plan: more than %d bytes", (int)PLAN_BYTES_MAX);
	/* Without the last NUL the plan was cut: what is missing might be a restriction. */
	if (len > 0 && bytes[len - 1] != '\0')
		return err_say(e, EINVAL, "plan: the last record is not closed by NUL");
	for (const char *at = bytes; at < bytes + len; at += strlen(at) + 1)
		if ((rc = read_record(at, &seen, &p, e)) < 0)
			return rc;
	if ((rc = check_whole(&p, seen, e)) < 0)
		return rc;
	*out = p;
	plan_init(&p);
	return 0;
}

int plan_read(int fd, struct plan *out, struct err *e)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	int rc = fd_read_all(fd, PLAN_BYTES_MAX, &b, e);

	return rc < 0 ? err_wrap(e, rc, "plan") : plan_parse(b.data ? b.data : "", b.len, out, e);
}
