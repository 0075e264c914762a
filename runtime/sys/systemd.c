#include "sys/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"

static const char slice_end[] = ".slice", scope_end[] = ".scope";

enum { UNIT_NAME_MAX = 255, SHOWN_MAX = 64, DEFAULT_PERIOD_US = 100000 };

static const int64_t quota_us_max = (int64_t)1 << 44; /* the kernel's, at least */

/* As sd_booted(3). */
int systemd_is_init(struct err *e)
{
	static const char *const programs[] = { SYSTEMD_RUN, SYSTEMD_CTL };
	struct stat st;

	if (lstat("/run/systemd/system", &st) < 0 || !S_ISDIR(st.st_mode))
		return err_say(e, ENOTSUP,
			"systemd is not this machine's init: there is no directory "
			"/run/systemd/system");
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		if (access(programs[i], X_OK) < 0)
			return err_set(e, errno, "%s", programs[i]);
	return 0;
}

/* ---- names ---- */

static bool is_unit_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(":_.\\-", c));
}

/* systemd-run and systemctl take a '-' for an option.  Before the others, and before what the
 * kernel may name its own files like, systemd puts a '_' into the cgroup tree: we would look
 * elsewhere. ends: what a part of the name ends with. */
static const char *why_no_unit(const char *name, const char *ends)
{
	static const char *const taken[] = { "cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio",
		"memory", "devices", "pids", "bpf-firewall", "bpf-devices", "bpf-foreign",
		"bpf-socket-bind", "bpf-restrict-network-interfaces" };

	if (*name == '-' || *name == '_' || *name == '.')
		return "must not begin with any of -_.";
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		const size_t len = strlen(taken[i]);

		if (str_starts(name, taken[i]) && name[len] && strchr(ends, name[len]))
			return "must not begin as files of a cgroup do";
	}
	return NULL;
}

/* Every '-' stands between two names. */
static const char *why_no_slice(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_unit_char(name[i]))
			return "must consist of letters, digits and any of :_.\\-";
		if (name[i] == '-' && (i == 0 || i + 1 == len || name[i + 1] == '-'))
			return "'-' must stand between two names";
	}
	return len ? why_no_unit(name, ".-") : "has no name";
}

static int check_length(const char *kind, const char *name, size_t *out_len, struct err *e)
{
	*out_len = strnlen(name, UNIT_NAME_MAX + 1);
	return *out_len > UNIT_NAME_MAX
		       ? err_say(e, ENAMETOOLONG, "%s \"%.*s…\" is longer than %d bytes", kind,
				 SHOWN_MAX, name, UNIT_NAME_MAX)
		       : 0;
}

int systemd_check_slice(const char *name, struct err *e)
{
	size_t len;
	const char *why;
	int rc = check_length("slice", name, &len, e);

	if (rc < 0)
		return rc;
	if (!str_ends(name, slice_end))
		return err_say(
			e, EINVAL, "\"%s\" is no slice: it does not end in %s", name, slice_end);
	why = why_no_slice(name, len - strlen(slice_end));
	return why ? err_say(e, EINVAL, "slice \"%s\": %s", name, why) : 0;
}

int systemd_check_scope(const char *name, struct err *e)
{
	size_t len;
	const char *why;
	int rc = check_length("scope", name, &len, e);

	if (rc < 0)
		return rc;
	if (!str_ends(name, scope_end) || len == strlen(scope_end))
		return err_say(e, EINVAL, "\"%s\" is no scope", name);
	for (size_t i = 0; i < len; i++)
		if (!is_unit_char(name[i]))
			return err_say(e, EINVAL,
				"scope \"%s\": must consist of letters, digits and any of :_.\\-",
				name);
	why = why_no_unit(name, ".");
	return why ? err_say(e, EINVAL, "scope \"%s\": %s", name, why) : 0;
}

char *systemd_slice_path(const char *name)
{
	size_t len = strlen(name) - strlen(slice_end);
	struct buf out = { 0 };

	for (size_t i = 1; i <= len; i++)
		if (i == len || name[i] == '-')
			buf_addf(&out, "/%.*s%s", (int)i, name, slice_end);
	return buf_take(&out);
}

const char *systemd_unit_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool systemd_is_scope(const char *path)
{
	return str_ends(systemd_unit_of(path), scope_end);
}

/* ---- properties ---- */

static void add_bytes(struct strv *out, const char *prefix, const char *property, int64_t n)
{
	CLEANUP(cleanup_free)
	char *word = n == CGROUP_UNLIMITED ? str_fmt("%s%s=infinity", prefix, property)
					   : str_fmt("%s%s=%" PRId64, prefix, property, n);

	strv_add(out, word);
}

static void add_empty(struct strv *out, const char *prefix, const char *property)
{
	CLEANUP(cleanup_free) char *word = str_fmt("%s%s=", prefix, property);

	strv_add(out, word);
}

/* In hundredths of a percent, rounded up: systemd takes no more digits.  One that is too large for
 * any cpu.max has no word. */
static void add_quota(struct strv *out, const char *prefix, int64_t quota_us, int64_t period_us)
{
	if (quota_us > quota_us_max || period_us > quota_us_max)
		return;

	int64_t hundredths = (quota_us * 10000 + period_us - 1) / period_us;
	CLEANUP(cleanup_free)
	char *quota = str_fmt("%sCPUQuota=%" PRId64 ".%02" PRId64 "%%", prefix, hundredths / 100,
		hundredths % 100);
	CLEANUP(cleanup_free)
	char *period = str_fmt("%sCPUQuotaPeriodSec=%" PRId64 "us", prefix, period_us);

	strv_add(out, quota);
	strv_add(out, period);
}

/* As what is written to memory.swap.max; one that is refused there has no word. */
static void add_memory(const struct cgroup_limits *l, const char *prefix, struct strv *out)
{
	const int64_t memory = l->memory_bytes, both = l->memory_swap_bytes;

	if (memory != CGROUP_LEAVE)
		add_bytes(out, prefix, "MemoryMax", memory);
	if (both == CGROUP_UNLIMITED || (both <= 0 && memory == CGROUP_UNLIMITED))
		add_bytes(out, prefix, "MemorySwapMax", CGROUP_UNLIMITED);
	else if (memory >= 0 && both <= 0)
		add_bytes(out, prefix, "MemorySwapMax", 0);
	else if (memory >= 0 && both >= memory)
		add_bytes(out, prefix, "MemorySwapMax", both - memory);
}

static void add_text(struct strv *out, const char *prefix, const char *property, const char *text)
{
	CLEANUP(cleanup_free)
	char *word = str_fmt("%s%s=%s", prefix, property, str_eq(text, "max") ? "infinity" : text);

	strv_add(out, word);
}

/* "QUOTA PERIOD" or "QUOTA", of numbers or "max". */
static void add_cpu_max(struct strv *out, const char *prefix, const char *text)
{
	int64_t quota = 0, period = DEFAULT_PERIOD_US;

	if (sscanf(text, "%" SCNd64 " %" SCNd64, &quota, &period) >= 1 && quota > 0 && period > 0)
		add_quota(out, prefix, quota, period);
	else
		add_empty(out, prefix, "CPUQuota");
}

/* Files of v2 whose values systemd keeps, too.  Of the others it writes none. */
static void add_unified(const struct cgroup_pair *p, const char *prefix, struct strv *out)
{
	static const char *const known[][2] = {
		{ "cpu.weight", "CPUWeight" },
		{ "cpuset.cpus", "AllowedCPUs" },
		{ "cpuset.mems", "AllowedMemoryNodes" },
		{ "io.weight", "IOWeight" },
		{ "memory.min", "MemoryMin" },
		{ "memory.low", "MemoryLow" },
		{ "memory.high", "MemoryHigh" },
		{ "memory.max", "MemoryMax" },
		{ "memory.swap.max", "MemorySwapMax" },
		{ "pids.max", "TasksMax" },
	};
	static const char whole[] = "default ";

	if (str_eq(p->key, "cpu.max"))
		add_cpu_max(out, prefix, p->value);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(p->key, known[i][0]))
			add_text(out, prefix, known[i][1],
				p->value + (str_starts(p->value, whole) ? strlen(whole) : 0));
}

void systemd_limit_words(const struct cgroup_limits *l, const char *prefix, struct strv *out)
{
	int64_t period = l->cpu_period_us == CGROUP_LEAVE ? DEFAULT_PERIOD_US : l->cpu_period_us;

	if (l->pids != CGROUP_LEAVE)
		add_bytes(out, prefix, "TasksMax", l->pids);
	if (l->cpu_shares != CGROUP_LEAVE)
		add_bytes(out, prefix, "CPUWeight",
			(int64_t)cgroup_weight(l->cpu_shares, l->cpu_scale));
	if (l->cpu_quota_us == CGROUP_UNLIMITED)
		add_empty(out, prefix, "CPUQuota");
	else if (l->cpu_quota_us != CGROUP_LEAVE)
		add_quota(out, prefix, l->cpu_quota_us, period);
	add_memory(l, prefix, out);
	if (l->cpuset_cpus && *l->cpuset_cpus)
		add_text(out, prefix, "AllowedCPUs", l->cpuset_cpus);
	if (l->cpuset_mems && *l->cpuset_mems)
		add_text(out, prefix, "AllowedMemoryNodes", l->cpuset_mems);
	for (size_t i = 0; i < l->unified_len; i++)
		add_unified(&l->unified[i], prefix, out);
}

/* CollectMode: no unit stays, however its processes ended.  Without the default dependencies it is
 * not ended before carpeld when the machine goes down.  TasksMax always: systemd has a default. */
void systemd_scope_command(const struct systemd_scope *s, const char *program, struct strv *out)
{
	const struct cgroup_limits none = CGROUP_LIMITS_NONE, *l = s->limits ? s->limits : &none;
	CLEANUP(cleanup_free)
	char *above = str_ndup(s->path, strlen(s->path) - 1 - strlen(systemd_unit_of(s->path)));
	CLEANUP(cleanup_free) char *unit = str_fmt("--unit=%s", systemd_unit_of(s->path));
	CLEANUP(cleanup_free) char *slice = str_fmt("--slice=%s", systemd_unit_of(above));
	CLEANUP(cleanup_free)
	char *wants = s->wants ? str_fmt("--property=Wants=%s", s->wants) : NULL;

	strv_add(out, "systemd-run");
	strv_add(out, "--scope");
	strv_add(out, "--quiet");
	strv_add(out, "--collect");
	strv_add(out, unit);
	strv_add(out, slice);
	strv_add(out, "--property=Delegate=yes");
	strv_add(out, "--property=DefaultDependencies=no");
	if (wants)
		strv_add(out, wants);
	if (l->pids == CGROUP_LEAVE)
		add_bytes(out, "--property=", "TasksMax", CGROUP_UNLIMITED);
	systemd_limit_words(l, "--property=", out);
	strv_add(out, "--");
	strv_add(out, program);
}

int systemd_forget(const char *unit, struct err *e)
{
	CLEANUP(cleanup_free) char *name = str_fmt("%s.d", unit);
	CLEANUP(cleanup_fd)
	int dir = open("/run/systemd/system.control", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 ? fd_remove_tree(dir, name, e) : 0;
}
