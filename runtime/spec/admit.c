#include "spec/admit.h"

#include <string.h>

#include "base/cleanup.h"
#include "spec/causes.h"
#include "spec/check.h"

/* What Kubernetes lets every pod set; what else is set is allowed node by node. */
static bool is_safe_sysctl(const char *name)
{
	static const char *const safe[] = { "kernel.shm_rmid_forced",
		"net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies",
		"net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
		"net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
		"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
		"net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
		"net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat" };

	for (size_t i = 0; i < ARRAY_LEN(safe); i++)
		if (str_eq(safe[i], name))
			return true;
	return false;
}

bool admit_is_sysctl_pattern(const char *pattern)
{
	static const char *const groups[] = { "kernel.shm", "kernel.msg", "fs.mqueue.", "net." };
	const size_t len = strlen(pattern);
	const bool is_group = len > 0 && pattern[len - 1] == '*';
	CLEANUP(cleanup_free) char *name = str_ndup(pattern, is_group ? len - 1 : len);

	for (size_t i = 0; is_group && i < ARRAY_LEN(groups); i++)
		if (str_starts(name, groups[i]) &&
			strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-/") == len - 1)
			return true;
	return !is_group && sysctl_is_name(name) &&
	       (str_starts(name, "net.") || sysctl_is_ipc(name));
}

static bool is_allowed(const struct node_rules *n, const char *name)
{
	for (size_t i = 0; n->sysctls && i < n->sysctls->len; i++) {
		const char *pattern = n->sysctls->at[i];
		const size_t len = strlen(pattern) - 1;

		if (pattern[len] == '*' ? strncmp(pattern, name, len) == 0 : str_eq(pattern, name))
			return true;
	}
	return is_safe_sysctl(name);
}

static char *reject_sysctls(const struct node_rules *n, const struct pod_spec *p)
{
	for (size_t i = 0; i < p->sysctls_len; i++)
		if (!is_allowed(n, p->sysctls[i].name))
			return str_fmt(
				"forbidden sysctl: \"%s\" not allowlisted", p->sysctls[i].name);
	return NULL;
}

/* A privileged container's profile and label do not count. */
static char *reject_apparmor(const struct node_rules *n, const struct pod_spec *p)
{
	for (size_t i = 0; i < p->containers_len; i++) {
		const struct security_spec *s = &p->containers[i].security;

		if (s->apparmor == APPARMOR_LOCALHOST && !s->privileged && !n->has_apparmor)
			return str_dup("Cannot enforce AppArmor: AppArmor is not enabled on the "
				       "host");
	}
	return NULL;
}

char *admit_rejection(const struct node_rules *n, const struct pod_spec *p, const char **out_reason)
{
	static const struct {
		const char *reason;
		char *(*check)(const struct node_rules *n, const struct pod_spec *p);
	} checks[] = {
		{ "SysctlForbidden", reject_sysctls }, /**/
		{ "AppArmor", reject_apparmor },       /**/
	};

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		char *text = checks[i].check(n, p);

		if (!text)
			continue;
		*out_reason = checks[i].reason;
		return text;
	}
	return NULL;
}

void admit_pod(const struct node_rules *n, const struct pod_spec *p, struct causes *out)
{
	static const char text[] = "SELinux is not enabled on the host";
	const bool is_of_pod = selinux_is_given(&p->selinux);

	if (n->has_selinux)
		return;
	if (is_of_pod)
		cause_forbidden(out, "spec.securityContext.seLinuxOptions", text);
	for (size_t i = 0; i < p->containers_len; i++) {
		const struct security_spec *s = &p->containers[i].security;
		CLEANUP(cleanup_free)
		char *at = str_fmt("spec.containers[%zu].securityContext.seLinuxOptions", i);

		if (!s->privileged && !is_of_pod && selinux_is_given(&s->selinux))
			cause_forbidden(out, at, text);
	}
}
