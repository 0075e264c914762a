/* In order: the mounts need capabilities, so those go later; no_new_privs before the filter; the
 * filter last, since it denies what the rows above use.  A process that makes any other call
 * afterwards is not ours any more and is killed.
 */
#include "image/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sys/cred.h"
#include "sys/mount.h"
#include "sys/ns.h"

/* ---- files --------------------------------------------------------------------------------- */

enum { NO_PROGRAMS = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

/* A mount of its own even for a directory: what is mounted below it is not part of it, and ".."
 * ends at its root. */
static int open_source(const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	CLEANUP(cleanup_fd) int mount = -1;
	struct stat st;
	int rc, dir;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open %s", path);
	if (S_ISREG(st.st_mode))
		return take_fd(&fd);
	if (!S_ISDIR(st.st_mode))
		return err_say(e, EINVAL, "%s is neither a directory nor a file", path);
	mount = mount_copy(fd, "", MOUNT_ONE, e);
	if (mount < 0)
		return mount;
	rc = mount_restrict(mount, NO_PROGRAMS | MOUNT_ATTR_RDONLY, MOUNT_ONE, e);
	if (rc < 0)
		return rc;
	dir = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? err_set(e, errno, "open %s", path) : dir;
}

static int open_place(int dir, const char *path, struct err *e)
{
	int fd = openat(dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_set(e, errno, "open %s", path) : fd;
}

/* An empty, read-only root, where nothing is but the way to the store. */
static int enter_root(const char *store, struct err *e)
{
	static const struct mount_option options[] = { { "size", "64k" }, { "mode", "0755" } };
	CLEANUP(cleanup_fd) int place = open_place(AT_FDCWD, store, e);
	CLEANUP(cleanup_fd) int root = -1;
	CLEANUP(cleanup_fd) int copy = -1;
	CLEANUP(cleanup_fd) int inside = -1;
	int rc;

	if (place < 0)
		return place;
	copy = mount_copy(place, "", MOUNT_ONE, e);
	if (copy < 0)
		return copy;
	root = mount_new("tmpfs", options, ARRAY_LEN(options), NO_PROGRAMS, e);
	if (root < 0)
		return root;
	/* Over the store itself: in this namespace nobody needs that place any more. */
	if ((rc = mount_restrict(copy, NO_PROGRAMS, MOUNT_ONE, e)) < 0 ||
		(rc = mount_attach(root, place, e)) < 0 ||
		(rc = fd_mkdir_all(root, store + 1, 0700, e)) < 0)
		return rc;
	inside = open_place(root, store + 1, e);
	if (inside < 0)
		return inside;
	if ((rc = mount_attach(copy, inside, e)) < 0 ||
		(rc = mount_restrict(root, NO_PROGRAMS | MOUNT_ATTR_RDONLY, MOUNT_ONE, e)) < 0)
		return rc;
	return mount_pivot(root, e);
}

int confine_files(const char *store, const char *source, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = -1;
	int rc;

	if ((rc = ns_leave(CLONE_NEWNS, e)) < 0 || (rc = mount_leave_peers(e)) < 0)
		return rc;
	if (source && (fd = open_source(source, e)) < 0)
		return fd;
	rc = enter_root(store, e);
	if (rc < 0)
		return err_wrap(e, rc, "confine to %s", store);
	return source ? take_fd(&fd) : 0;
}

/* ---- powers -------------------------------------------------------------------------------- */

#define CAP(c) (UINT64_C(1) << CAP_##c)

/* SYS_ADMIN is for "trusted." attributes alone: the filter below has no call left that would ask
 * for it otherwise.  Whiteouts need no MKNOD. */
static const uint64_t kept_caps =
	CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(SETFCAP) | CAP(SYS_ADMIN);

static int set_limits(struct err *e)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	if (setrlimit(RLIMIT_CORE, &none) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(e, errno, "limits");
	files.rlim_cur = files.rlim_max; /* a descriptor a layer, another a level of directories */
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? err_set(e, errno, "descriptors") : 0;
}

static int drop_caps(struct err *e)
{
	cap_t caps = NULL;
	int rc = cred_keep_bounding(kept_caps, e);

	if (rc == 0)
		rc = cred_caps_make(kept_caps, 0, &caps, e);
	if (rc == 0)
		rc = cred_apply_caps(caps, e);
	cred_caps_free(&caps);
	return rc;
}

static int no_new_privs(struct err *e)
{
	int rc = cred_no_new_privs(e);

	return rc < 0 ? rc : cred_undumpable(e);
}

static const int allowed_calls[] = {
	/* files, by descriptor */
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(close),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(lseek),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64),
	SCMP_SYS(readlinkat),
	SCMP_SYS(fcntl),
	SCMP_SYS(flock),
	SCMP_SYS(fsync),
	SCMP_SYS(syncfs),
	/* making and removing */
	SCMP_SYS(mkdirat),
	SCMP_SYS(symlinkat),
	SCMP_SYS(linkat),
	SCMP_SYS(unlinkat),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(utimensat),
	SCMP_SYS(fgetxattr),
	SCMP_SYS(fsetxattr),
	SCMP_SYS(flistxattr),
	/* the heap, the clock, the end */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid),
	SCMP_SYS(sysinfo), /* qsort(3) asks how much memory there is, once it sorts more than 1 KiB
			    */
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit_group),
#ifdef __SANITIZE_ADDRESS__
	SCMP_SYS(sigaltstack),
#endif
};

/* Calls with one argument that decides. */
static const struct {
	int call;
	struct scmp_arg_cmp arg;
} narrowed_calls[] = {
	/* no memory that can be executed */
	{ SCMP_SYS(mmap), { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ SCMP_SYS(mprotect), { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ SCMP_SYS(ioctl), { 1, SCMP_CMP_EQ, FICLONE, 0 } },
	{ SCMP_SYS(mknodat), { 2, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO } },
};

/* A whiteout: the character device 0:0. */
static const struct scmp_arg_cmp whiteout[] = {
	{ 2, SCMP_CMP_MASKED_EQ, S_IFMT, S_IFCHR },
	{ 3, SCMP_CMP_EQ, 0, 0 },
};

static int add_rules(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* done already */

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed_calls); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(narrowed_calls); i++)
		rc = seccomp_rule_add_array(
			filter, SCMP_ACT_ALLOW, narrowed_calls[i].call, 1, &narrowed_calls[i].arg);
	if (rc == 0)
		rc = seccomp_rule_add_array(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), ARRAY_LEN(whiteout), whiteout);
	return rc;
}

static int filter_calls(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? add_rules(filter) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc < 0 ? err_set(e, -rc, "filter") : 0;
}

static const struct {
	const char *name;
	int (*take)(struct err *e);
} steps[] = {
	{ "set limits", set_limits },            /* while the hard limit is ours to use */
	{ "drop capabilities", drop_caps },      /* needs SETPCAP */
	{ "no new privileges", no_new_privs },   /* what SYS_ADMIN would do for the filter */
	{ "filter system calls", filter_calls }, /* last: denies what the rows above use */
};

int confine_powers(struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = steps[i].take(e);

		if (rc < 0)
			return err_wrap(e, rc, "%s", steps[i].name);
	}
	return 0;
}
