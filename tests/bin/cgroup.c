/* Drives runtime/sys/cgroup by hand, for tests: one call of it on the cgroups of an instance.
 *
 * usage: cgroup NAME VERB PATH [ARGUMENTS]        exit status 1 and the reason when it fails
 *   make PATH inner|leaf|tracking [LIMIT=VALUE…]
 *   set PATH LIMIT=VALUE…     shares quota period memory swap pids cpus mems huge:SIZE unified:KEY;
 *                             a number or max
 *   join PATH PID · pids PATH · dirs PATH · kill PATH · remove PATH · forget PATH
 *   stats PATH                a line each: NAME VALUE
 *   time N PATH…              microseconds that reading the statistics takes, of N rounds
 *   down ""                   the root goes, too
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sys/cgroup_stats.h"

struct call {
	struct cgroups *c;
	const char *path;
	char **args;
	int count;
};

enum { LIST_MAX = 64 };

/* key=value, of which the value is left; NULL: another key. */
static const char *value_of(const char *arg, const char *key)
{
	size_t len = strlen(key);

	return strncmp(arg, key, len) == 0 && arg[len] == '=' ? arg + len + 1 : NULL;
}

static bool parse_number(const char *arg, struct cgroup_limits *l)
{
	const struct {
		const char *key;
		int64_t *to;
	} rows[] = { { "shares", &l->cpu_shares }, { "quota", &l->cpu_quota_us },
		{ "period", &l->cpu_period_us }, { "memory", &l->memory_bytes },
		{ "swap", &l->memory_swap_bytes }, { "pids", &l->pids } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *value = value_of(arg, rows[i].key);

		if (value && str_eq(value, "max"))
			*rows[i].to = CGROUP_UNLIMITED;
		else if (value && str_to_i64(value, -1, INT64_MAX, rows[i].to) < 0)
			return false;
		if (value)
			return true;
	}
	return false;
}

/* "huge:2MB=0", "unified:memory.high=max": cuts the argument at its '='. */
static bool parse_pair(char *arg, struct cgroup_limits *l)
{
	char *value = strchr(arg, '=');

	if (!value)
		return false;
	*value++ = '\0';
	if (str_starts(arg, "huge:")) {
		l->hugepages =
			mem_resize(l->hugepages, l->hugepages_len + 1, sizeof(*l->hugepages));
		l->hugepages[l->hugepages_len].size = arg + strlen("huge:");
		return str_to_u64(value, UINT64_MAX, &l->hugepages[l->hugepages_len++].bytes) == 0;
	}
	if (!str_starts(arg, "unified:"))
		return false;
	l->unified = mem_resize(l->unified, l->unified_len + 1, sizeof(*l->unified));
	l->unified[l->unified_len++] = (struct cgroup_pair){ arg + strlen("unified:"), value };
	return true;
}

static int parse_limits(char **args, int count, struct cgroup_limits *l, struct err *e)
{
	*l = CGROUP_LIMITS_NONE;
	l->cpu_scale = CGROUP_QUADRATIC;
	for (int i = 0; i < count; i++) {
		const char *cpus = value_of(args[i], "cpus"), *mems = value_of(args[i], "mems");

		if (cpus)
			l->cpuset_cpus = cpus;
		else if (mems)
			l->cpuset_mems = mems;
		else if (!parse_number(args[i], l) && !parse_pair(args[i], l))
			return err_say(e, EINVAL, "no limit: %s", args[i]);
	}
	return 0;
}

static int run_make(const struct call *k, struct err *e)
{
	static const char *const uses[] = { "", "inner", "leaf", "tracking" };
	CLEANUP(cgroup_limits_release) struct cgroup_limits l = CGROUP_LIMITS_NONE;
	int rc = parse_limits(k->args + 1, k->count - 1, &l, e);

	for (int use = CGROUP_INNER; rc == 0 && use <= CGROUP_TRACKING; use++)
		if (k->count && str_eq(k->args[0], uses[use]))
			return cgroup_make(k->c, k->path, (enum cgroup_use)use, &l, e);
	return rc < 0 ? rc : err_say(e, EINVAL, "inner, leaf or tracking");
}

static int run_set(const struct call *k, struct err *e)
{
	CLEANUP(cgroup_limits_release) struct cgroup_limits l = CGROUP_LIMITS_NONE;
	int rc = parse_limits(k->args, k->count, &l, e);

	return rc < 0 ? rc : cgroup_set_limits(k->c, k->path, &l, e);
}

static int run_join(const struct call *k, struct err *e)
{
	int64_t pid;

	if (k->count != 1 || str_to_i64(k->args[0], 1, INT32_MAX, &pid) < 0)
		return err_say(e, EINVAL, "join PATH PID");
	return cgroup_join(k->c, k->path, (int32_t)pid, e);
}

static int run_pids(const struct call *k, struct err *e)
{
	int32_t pids[LIST_MAX];
	int count = cgroup_pids(k->c, k->path, pids, LIST_MAX);

	(void)e;
	for (int i = 0; i < count; i++)
		printf("%d\n", (int)pids[i]);
	return 0;
}

static int run_dirs(const struct call *k, struct err *e)
{
	CLEANUP(cleanup_free) char *v2 = NULL;
	struct strv v1 = { 0 };

	(void)e;
	cgroup_dirs(k->c, k->path, &v1, &v2);
	for (size_t i = 0; i < v1.len; i++)
		puts(v1.at[i]);
	puts(v2);
	strv_free(&v1);
	return 0;
}

static int run_kill(const struct call *k, struct err *e)
{
	return cgroup_kill(k->c, k->path, e);
}

static int run_remove(const struct call *k, struct err *e)
{
	return cgroup_remove(k->c, k->path, e);
}

static int run_forget(const struct call *k, struct err *e)
{
	(void)e;
	cgroup_remove_tracking(k->c, k->path);
	return 0;
}

static int run_down(const struct call *k, struct err *e)
{
	return cgroup_remove(k->c, "", e);
}

static void print_pressure(const char *name, const struct pressure *p)
{
	printf("%s_pressure %s\n", name, p->is_known ? "known" : "unknown");
	printf("%s_some_ns %" PRIu64 "\n", name, p->some.total_ns);
	printf("%s_some_avg10 %.2f\n", name, p->some.avg10);
	printf("%s_full_ns %" PRIu64 "\n", name, p->full.total_ns);
}

static int run_stats(const struct call *k, struct err *e)
{
	struct cgroup_stats s;
	int rc = cgroup_stats_read(k->c, k->path, &s, e);

	if (rc < 0)
		return rc;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = { { "wall_ns", (uint64_t)s.wall_ns }, { "cpu_ns", s.cpu_ns },
		{ "memory", s.memory.usage_bytes }, { "working_set", s.memory.working_set_bytes },
		{ "rss", s.memory.rss_bytes }, { "faults", s.memory.page_faults },
		{ "limit", s.memory.limit_bytes }, { "oom_kills", s.memory.oom_kills },
		{ "has_swap_limit", s.memory.has_swap_limit },
		{ "swap_limit", s.memory.swap_limit_bytes }, { "pids", s.pids } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		printf("%s %" PRIu64 "\n", rows[i].name, rows[i].value);
	print_pressure("cpu", &s.cpu_pressure);
	print_pressure("memory", &s.memory_pressure);
	print_pressure("io", &s.io_pressure);
	return 0;
}

/* k->path: how many rounds. */
static int run_time(const struct call *k, struct err *e)
{
	struct cgroup_stats s;
	int64_t rounds, before = clock_boot_ns();
	int rc = str_to_i64(k->path, 1, 1 << 20, &rounds);

	if (rc < 0 || k->count < 1)
		return err_say(e, EINVAL, "time N PATH…");
	for (int64_t i = 0; rc == 0 && i < rounds; i++)
		for (int j = 0; rc == 0 && j < k->count; j++)
			rc = cgroup_stats_read(k->c, k->args[j], &s, e);
	if (rc == 0)
		printf("%.1f\n",
			(double)(clock_boot_ns() - before) / 1e3 / (double)rounds / k->count);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct call *k, struct err *e);
	} verbs[] = { { "make", run_make }, { "set", run_set }, { "join", run_join },
		{ "pids", run_pids }, { "dirs", run_dirs }, { "kill", run_kill },
		{ "remove", run_remove }, { "forget", run_forget }, { "stats", run_stats },
		{ "time", run_time }, { "down", run_down } };
	struct call k = { 0 };
	struct err e = { 0 };
	int rc;

	if (argc < 4) {
		fprintf(stderr, "usage: cgroup NAME VERB PATH [ARGUMENTS]\n");
		return 2;
	}
	k.path = argv[3];
	k.args = argv + 4;
	k.count = argc - 4;
	rc = cgroups_open(argv[1], &k.c, &e);
	if (rc == 0)
		rc = err_say(&e, EINVAL, "no verb: %s", argv[2]);
	for (size_t i = 0; k.c && i < ARRAY_LEN(verbs); i++)
		if (str_eq(argv[2], verbs[i].name))
			rc = verbs[i].run(&k, &e);
	cgroups_free(k.c);
	if (rc < 0)
		fprintf(stderr, "cgroup: %s\n", e.text);
	return rc < 0;
}
