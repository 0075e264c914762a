/* sysctl=NAME=VALUE of a plan. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/plan_keys.h"

enum { SYSCTL_NAME_MAX = 253 };

/* Only what the pod's own namespaces hold may be set: any other name would change the machine. */
static bool is_sysctl_of_pod(const char *name)
{
	static const char *const exact[] = { "kernel.shm_rmid_forced", "kernel.sem" };
	static const char *const prefixes[] = { "kernel.shm", "kernel.msg", "fs.mqueue.", "net." };
	char dotted[SYSCTL_NAME_MAX + 1];
	size_t len = strlen(name);

	if (len == 0 || len > SYSCTL_NAME_MAX ||
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-/") != len)
		return false;
	for (size_t i = 0; i <= len; i++)
		dotted[i] = name[i] == '/' ? '.' : name[i];
	/* An empty component would be "..", "//" or "./" in the path that the name becomes. */
	if (dotted[0] == '.' || dotted[len - 1] == '.' || strstr(dotted, ".."))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(exact); i++)
		if (str_eq(dotted, exact[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(dotted, prefixes[i]))
			return true;
	return false;
}

static bool is_sysctl_value(const char *value)
{
	for (const char *c = value; *c; c++)
		if ((*c < ' ' && *c != '\t') || *c > '~' || *c == '+' || *c == '=')
			return false;
	return value[0] && strlen(value) <= PLAN_PATH_MAX;
}

const char *plan_read_sysctl(const char *value, struct plan *p)
{
	const char *eq = strchr(value, '=');
	CLEANUP(cleanup_free) char *name = eq ? str_ndup(value, (size_t)(eq - value)) : NULL;

	if (!eq || !is_sysctl_of_pod(name))
		return "want NAME=VALUE with the name of a sysctl of the pod's namespaces";
	if (!is_sysctl_value(eq + 1))
		return "the value is empty, too long or has characters of no sysctl's value";
	p->sysctls = mem_resize(p->sysctls, p->sysctls_len + 1, sizeof(*p->sysctls));
	p->sysctls[p->sysctls_len++] =
		(struct plan_sysctl){ .name = TAKE(name), .value = str_dup(eq + 1) };
	return NULL;
}
