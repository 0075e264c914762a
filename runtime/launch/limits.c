#include "launch/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "sys/cred.h"

enum { UMASK_USUAL = 022 };

static const struct {
	const char *name;
	int resource;
} names[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

static uint64_t value_of(const char *text, size_t len)
{
	CLEANUP(cleanup_free) char *value = str_ndup(text, len);
	uint64_t number = RLIM_INFINITY;

	if (!str_eq(value, "max"))
		(void)str_to_u64(value, UINT64_MAX, &number); /* checked by the plan's reader */
	return number;
}

static int read_limit(const char *text, struct cred_limit *out, struct err *e)
{
	const size_t name = strcspn(text, ":"), soft = strcspn(text + name + 1, ":");
	const char *hard = text + name + 1 + soft + 1;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i].name) == name && strncmp(names[i].name, text, name) == 0) {
			*out = (struct cred_limit){ .resource = names[i].resource,
				.soft = value_of(text + name + 1, soft),
				.hard = value_of(hard, strlen(hard)) };
			return out->soft <= out->hard
				       ? 0
				       : err_say(e, EINVAL, "rlimit %s: more than its hard limit",
						 text);
		}
	return err_say(e, EINVAL, "rlimit %s: the kernel has no such limit", text);
}

int limits_prepare(struct job *j, struct err *e)
{
	const struct strv *all = &j->plan->limits;
	int rc = 0;

	if (all->len)
		j->limits = mem_resize(NULL, all->len, sizeof(*j->limits));
	for (; rc == 0 && j->limits_len < all->len; j->limits_len++)
		rc = read_limit(all->at[j->limits_len], &j->limits[j->limits_len], e);
	return rc;
}

static mode_t umask_of(const char *text)
{
	mode_t mask = 0;

	if (!text)
		return UMASK_USUAL;
	for (; *text; text++)
		mask = mask << 3 | (mode_t)(*text - '0');
	return mask;
}

/* Of what somebody asked for nothing is less: cred_limit() lets the usual ones be. */
static int set_given(const struct cred_limit *l, struct err *e)
{
	const struct rlimit limit = { .rlim_cur = l->soft, .rlim_max = l->hard };

	return setrlimit((__rlimit_resource_t)l->resource, &limit) < 0
		       ? err_set(e, errno, "set resource limit %d to %llu:%llu", l->resource,
				 (unsigned long long)l->soft, (unsigned long long)l->hard)
		       : 0;
}

/* All of them, so that none of carpeld's is inherited by accident. */
static const struct cred_limit usual[] = {
	{ RLIMIT_NOFILE, 1024, 524288 },
	{ RLIMIT_CORE, 0, 0 },
	{ RLIMIT_STACK, 8 << 20, RLIM_INFINITY },
	{ RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY }, /* the pids cgroup counts better */
	{ RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY },
};

int limits_raise(struct job *j, struct err *e)
{
	int rc = 0;

	for (size_t i = 0;
		rc == 0 && j->plan->uid_map.len && !j->plan->keeps_limits && i < ARRAY_LEN(usual);
		i++)
		rc = cred_limit(
			&(struct cred_limit){ usual[i].resource, usual[i].hard, usual[i].hard }, e);
	return rc;
}

int limits_set(struct job *j, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && !j->plan->keeps_limits && i < ARRAY_LEN(usual); i++)
		rc = cred_limit(&usual[i], e);
	for (size_t i = 0; rc == 0 && i < j->limits_len; i++)
		rc = set_given(&j->limits[i], e);
	(void)umask(umask_of(j->plan->umask));
	return rc;
}
