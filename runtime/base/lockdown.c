/* In order: the descriptors that may be open are counted while that is allowed; the bounding set
 * needs a capability, so it is emptied before the identity goes; no_new_privs lets an unprivileged
 * process load the two filters; seccomp comes last, since it denies what the rows above use.  A
 * process that makes any other call afterwards is not ours any more and is killed.
 */
#include "base/lockdown.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

struct wanted {
	uid_t id;
	const struct lockdown_call *calls;
	size_t len;
	bool is_lister; /* of directories */
};

struct step {
	const char *name;
	int (*take)(const struct wanted *w, struct err *e);
};

static int set_limits(const struct wanted *w, struct err *e)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	(void)w;
	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0 ||
		setrlimit(RLIMIT_MEMLOCK, &none) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(e, errno, "limits");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(e, errno, "limit of descriptors");
	return 0;
}

static int empty_bounding_set(const struct wanted *w, struct err *e)
{
	(void)w;
	if (geteuid() != 0)
		return 0;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) < 0)
			return err_set(e, errno, "capability %lu", cap);
	return 0;
}

static int become(const struct wanted *w, struct err *e)
{
	if (geteuid() != 0)
		return 0;
	if (w->is_lister && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_set(e, errno, "keep capabilities");
	if (setgroups(0, NULL) < 0 || setresgid(w->id, w->id, w->id) < 0 ||
		setresuid(w->id, w->id, w->id) < 0)
		return err_set(e, errno, "user %u", w->id);
	return 0;
}

/* By the bare call: libcap would be one more library in a process that should be small. */
static int drop_caps(const struct wanted *w, struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const uint32_t kept = w->is_lister ? UINT32_C(1) << CAP_DAC_READ_SEARCH : 0;
	const struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = {
		{ .permitted = kept, .effective = kept },
	};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		syscall(SYS_capset, &header, left) < 0)
		return err_set(e, errno, "capabilities");
	return 0;
}

static int no_new_privs(const struct wanted *w, struct err *e)
{
	(void)w;
	/* Not dumpable: no other process of this user may look into us or trace us. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_set(e, errno, "prctl");
	return 0;
}

/* As <linux/landlock.h> of newer kernels than the one that we are built on. */
struct landlock_rules {
	uint64_t files, net, scoped;
};

enum { LANDLOCK_VERSION = 1U << 0, BIND_TCP = 1U << 0, SCOPE_ALL = 3, READ_DIR = 1U << 3 };

/* All rights on files that the running kernel knows, by its version of Landlock. */
static uint64_t file_rights(long version)
{
	return (UINT64_C(1) << (version >= 5   ? 16
				: version >= 3 ? 15
				: version >= 2 ? 14
					       : 13)) -
	       1;
}

/* A second lock behind seccomp's: no file, no listening, nobody else's sockets and signals. */
static int lock_files(const struct wanted *w, struct err *e)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	CLEANUP(cleanup_fd) int rules = -1;
	struct landlock_rules all;

	if (version < 0) /* not built in, or not switched on: seccomp alone keeps files away */
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_set(e, errno, "version");
	all = (struct landlock_rules){ file_rights(version), version >= 4 ? BIND_TCP : 0,
		version >= 6 ? SCOPE_ALL : 0 };
	if (w->is_lister)
		all.files &= ~(uint64_t)READ_DIR;
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0 || syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return err_set(e, errno, "rules");
	return 0;
}

static const struct lockdown_call common_calls[] = {
	/* descriptors that are there, standard error among them */
	{ SYS_read, { { 0 } } },
	{ SYS_write, { { 0 } } },
	{ SYS_close, { { 0 } } },
	/* the loop; libev makes its set anew when another owner of a descriptor closes it after us,
	 * and a stopped and continued wait is restarted */
	{ SYS_epoll_ctl, { { 0 } } },
	{ SYS_epoll_wait, { { 0 } } },
	{ SYS_epoll_pwait, { { 0 } } },
	{ SYS_epoll_create1, { { 0 } } },
	{ SYS_restart_syscall, { { 0 } } },
	{ SYS_clock_gettime, { { 0 } } },
	{ SYS_gettimeofday, { { 0 } } },
	/* the heap, which asks for random bytes once; memory that can be executed is nobody's
	 * business here */
	{ SYS_brk, { { 0 } } },
	{ SYS_mmap, { { .index = 2, .mask = PROT_EXEC, .value = 0 } } },
	{ SYS_munmap, { { 0 } } },
	{ SYS_mremap, { { 0 } } },
	{ SYS_madvise, { { 0 } } },
	{ SYS_getrandom, { { 0 } } },
	/* the end */
	{ SYS_rt_sigreturn, { { 0 } } },
	{ SYS_exit_group, { { 0 } } },
#ifdef __SANITIZE_ADDRESS__
	{ SYS_sigaltstack, { { 0 } } },
#endif
};

static int allow(scmp_filter_ctx filter, const struct lockdown_call *calls, size_t len)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < len; i++) {
		struct scmp_arg_cmp only[LOCKDOWN_ARGS_MAX];
		unsigned n = 0;

		for (size_t a = 0; a < LOCKDOWN_ARGS_MAX; a++)
			if (calls[i].only[a].mask)
				only[n++] = (struct scmp_arg_cmp){ .arg = calls[i].only[a].index,
					.op = SCMP_CMP_MASKED_EQ,
					.datum_a = calls[i].only[a].mask,
					.datum_b = calls[i].only[a].value };
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[i].number, n, only);
	}
	return rc;
}

static int filter_calls(const struct wanted *w, struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) : -ENOMEM; /* done */

	if (rc == 0)
		rc = allow(filter, common_calls, ARRAY_LEN(common_calls));
	if (rc == 0)
		rc = allow(filter, w->calls, w->len);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	(void)malloc_trim(0); /* building took more memory than all that follows will */
	return rc < 0 ? err_set(e, -rc, "filter") : 0;
}

static const struct step steps[] = {
	{ "set limits", set_limits },                 /* while the hard limit is ours to use */
	{ "empty bounding set", empty_bounding_set }, /* needs CAP_SETPCAP */
	{ "become unprivileged", become },            /* needs CAP_SETUID, CAP_SETGID */
	{ "drop capabilities", drop_caps },           /* nothing below needs one */
	{ "no new privileges", no_new_privs },        /* lets us load the filters */
	{ "lock files", lock_files },                 /* Landlock */
	{ "filter system calls", filter_calls },      /* last: denies what the rows above use */
};

static int take_all(const struct wanted *w, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = steps[i].take(w, e);

		if (rc < 0)
			return err_wrap(e, rc, "%s", steps[i].name);
	}
	return 0;
}

int lockdown(uid_t id, const struct lockdown_call *calls, size_t len, struct err *e)
{
	return take_all(&(struct wanted){ id, calls, len, .is_lister = false }, e);
}

int lockdown_lister(uid_t id, const struct lockdown_call *calls, size_t len, struct err *e)
{
	return take_all(&(struct wanted){ id, calls, len, .is_lister = true }, e);
}
