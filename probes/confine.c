/* In order: the descriptors that may be open are counted while that is allowed; the bounding set
 * needs a capability, so it is emptied before the identity goes; no_new_privs lets an unprivileged
 * process load the two filters; seccomp comes last, since it denies what the rows above use.  A
 * process that makes any other call afterwards is not ours any more and is killed.
 */
#include "probes/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

struct step {
	const char *name;
	int (*take)(uid_t id, struct err *e);
};

/* Each attempt holds a socket, and a thousand may be under way at once. */
static int set_limits(uid_t id, struct err *e)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	(void)id;
	if (setrlimit(RLIMIT_CORE, &none) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(e, errno, "limits");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(e, errno, "limit of descriptors");
	return 0;
}

static int empty_bounding_set(uid_t id, struct err *e)
{
	(void)id;
	if (geteuid() != 0)
		return 0;
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) < 0)
			return err_set(e, errno, "capability %lu", cap);
	return 0;
}

static int become(uid_t id, struct err *e)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
		return err_set(e, errno, "user %u", id);
	return 0;
}

/* By the bare call: libcap would be one more library in a process that should be small. */
static int drop_caps(uid_t id, struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)id;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		syscall(SYS_capset, &header, none) < 0)
		return err_set(e, errno, "capabilities");
	return 0;
}

static int no_new_privs(uid_t id, struct err *e)
{
	(void)id;
	/* Not dumpable: no other process of this user may look into us or trace us. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_set(e, errno, "prctl");
	return 0;
}

/* As <linux/landlock.h> of newer kernels than the one that we are built on. */
struct landlock_rules {
	uint64_t files, net, scoped;
};

enum { LANDLOCK_VERSION = 1U << 0, BIND_TCP = 1U << 0, SCOPE_ALL = 3 };

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
static int lock_files(uid_t id, struct err *e)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	CLEANUP(cleanup_fd) int rules = -1;
	struct landlock_rules all;

	(void)id;
	if (version < 0) /* not built in, or not switched on: seccomp alone keeps files away */
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_set(e, errno, "version");
	all = (struct landlock_rules){ file_rights(version), version >= 4 ? BIND_TCP : 0,
		version >= 6 ? SCOPE_ALL : 0 };
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0 || syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return err_set(e, errno, "rules");
	return 0;
}

/* What the loop, the sockets, the log and the heap need. */
static const int allowed_calls[] = {
	/* sockets, the channel, the log */
	SCMP_SYS(connect),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(getsockname),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(close),
	/* the loop; libev makes its set anew when carpeld closes its copy of a socket after us, and
	 * a stopped and continued wait is restarted */
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	/* the heap, which asks for random bytes once */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(getrandom),
	SCMP_SYS(sysinfo), /* qsort(3) asks how much memory there is, once it sorts more than 1 KiB */
	/* the end */
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit_group),
#ifdef __SANITIZE_ADDRESS__
	SCMP_SYS(sigaltstack),
#endif
};

/* Memory that can be executed is nobody's business here. */
static const struct scmp_arg_cmp not_executable[] = {
	{ .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0 },
};

static const struct scmp_arg_cmp linger_option[] = {
	{ .arg = 1, .op = SCMP_CMP_EQ, .datum_a = SOL_SOCKET },
	{ .arg = 2, .op = SCMP_CMP_EQ, .datum_a = SO_LINGER },
};

static int add_rules(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* done already */

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed_calls); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	if (rc == 0)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap),
			ARRAY_LEN(not_executable), not_executable);
	if (rc == 0)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt),
			ARRAY_LEN(linger_option), linger_option);
	return rc;
}

static int filter_calls(uid_t id, struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? add_rules(filter) : -ENOMEM;

	(void)id;
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	(void)malloc_trim(0); /* building took more memory than all probing will */
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

int confine(uid_t id, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = steps[i].take(id, e);

		if (rc < 0)
			return err_wrap(e, rc, "%s", steps[i].name);
	}
	return 0;
}
