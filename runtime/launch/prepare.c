#include "launch/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "sys/cred.h"
#include "sys/lsm.h"
#include "sys/mount.h"

/* The holder of a pod dies after everything else of it: see contrib/docs/security.md. */
enum { OOM_SCORE_PAUSE = -998 };

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* The host's and not the container's: /dev/null of a running container may be anything by now. */
int prepare_null(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;

	if (p->kind != PLAN_SANDBOX &&
		(p->tty_fd >= 0 || (p->stdin_fd >= 0 && p->stdout_fd >= 0 && p->stderr_fd >= 0)))
		return 0;
	j->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return j->null_fd < 0 ? err_set(e, errno, "open /dev/null") : 0;
}

int prepare_make_proc(const char *subset, struct err *e)
{
	const struct mount_option option = { "subset", subset };

	return mount_new("proc", &option, subset ? 1 : 0,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
}

int prepare_proc(struct job *j, struct err *e)
{
	int *shared = &j->shared.fd[SHARED_PROC];

	j->proc_fd = *shared >= 0 ? take_fd(shared) : prepare_make_proc("pid", e);
	return j->proc_fd < 0 ? j->proc_fd : 0;
}

/* Few plans have any, and nobody shall have what writes all settings of the machine for longer than
 * it takes. */
int prepare_sysctls(struct job *j, struct err *e)
{
	if (j->plan->sysctls_len == 0)
		return 0;
	j->sysctls_fd = prepare_make_proc(NULL, e);
	return j->sysctls_fd < 0 ? j->sysctls_fd : 0;
}

/* The file "tasks", not "cgroup.procs": the kernel moves a lone thread that names itself ("0")
 * without taking the lock that waits for every fork and exec of the machine. */
int prepare_cgroups(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	char path[PATH_MAX];

	if (p->cgroups.len > JOB_CGROUPS_MAX)
		return err_say(e, E2BIG, "more than %d cgroups", JOB_CGROUPS_MAX);
	for (size_t i = 0; i < p->cgroups.len; i++) {
		(void)snprintf(path, sizeof(path), "%s/tasks", p->cgroups.at[i]);
		j->cgroup_tasks[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (j->cgroup_tasks[i] < 0)
			return err_set(e, errno, "open %s", path);
	}
	if (!p->cgroup_v2)
		return 0;
	j->cgroup_fd = open(p->cgroup_v2, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j->cgroup_fd < 0 ? err_set(e, errno, "open %s", p->cgroup_v2) : 0;
}

static int write_oom(const struct job *j, int score, struct err *e)
{
	struct open_how how = { .flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };
	CLEANUP(cleanup_fd) int fd = fd_openat2(j->proc_fd, "self/oom_score_adj", &how, e);
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", score);

	if (fd < 0)
		return err_wrap(e, fd, "set oom_score_adj to %d", score);
	if (write(fd, text, (size_t)n) < 0)
		return err_set(e, errno, "set oom_score_adj to %d", score);
	return 0;
}

/* Always written, so that carpeld's own score is never inherited.  Lowering it needs
 * CAP_SYS_RESOURCE, which not every machine grants us.  The score is our choice for the pod, not a
 * restriction that somebody asked for: without it things run, a little less protected. */
int prepare_oom(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	int usual = p->kind == PLAN_SANDBOX ? OOM_SCORE_PAUSE : 0, rc;

	if (p->kind == PLAN_BUNDLE && !p->has_oom_score_adj)
		return 0; /* OCI: the caller's */
	rc = write_oom(j, p->has_oom_score_adj ? p->oom_score_adj : usual, e);

	if (rc != -EACCES)
		return rc;
	if (p->has_oom_score_adj)
		log_warn("%s: %s; it keeps the inherited one", p->id, e->text);
	return 0;
}

static int set_label(struct job *j, enum lsm m, const char *label, struct err *e)
{
	if (!label)
		return 0;
	if (!lsm_is_active(m))
		return err_say(e, ENOTSUP, "%s %s: this machine has no %s", lsm_label_name(m),
			label, lsm_name(m));
	return lsm_set_exec(j->proc_fd, m, label, e);
}

/* The kernel keeps them for what we start: exec puts them in force, and nothing of ours is executed
 * before that. */
int prepare_labels(struct job *j, struct err *e)
{
	int rc = set_label(j, LSM_APPARMOR, j->plan->apparmor, e);

	if (rc == 0 && j->plan->selinux_mount && !lsm_is_active(LSM_SELINUX))
		rc = err_say(e, ENOTSUP, "SELinux label %s: this machine has no SELinux",
			j->plan->selinux_mount);
	return rc < 0 ? rc : set_label(j, LSM_SELINUX, j->plan->selinux, e);
}

int prepare_filter(struct job *j, struct err *e)
{
	return j->plan->seccomp_fd < 0 ? 0 : seccomp_read(j->plan->seccomp_fd, &j->filter, e);
}

/* A power that this machine does not grant us cannot be passed on.  That is no reason to refuse a
 * start: less power is never unsafe. */
int prepare_caps(struct job *j, struct err *e)
{
	uint64_t ours;
	int rc = cred_caps_held(&ours, e);

	if (rc < 0)
		return rc;
	if (j->plan->caps & ~ours)
		log_warn("%s: capabilities %llx are not ours to give", j->plan->id,
			(unsigned long long)(j->plan->caps & ~ours));
	j->caps_mask = j->plan->caps & ours;
	j->ambient_mask = j->plan->ambient & ours;
	rc = cred_caps_make(
		j->caps_mask, j->ambient_mask | (j->plan->inheritable & ours), &j->caps, e);
	/* Without no_new_privs loading a filter needs this one: see launch/process.c. */
	if (rc == 0 && j->filter.code && !j->plan->no_new_privs)
		rc = cred_caps_make(
			j->caps_mask | UINT64_C(1) << CAP_SYS_ADMIN, 0, &j->caps_filter, e);
	return rc;
}

static const char *env_of(const struct plan *p, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = p->env.len; i-- > 0;)
		if (strncmp(p->env.at[i], name, len) == 0 && p->env.at[i][len] == '=')
			return p->env.at[i] + len + 1;
	return NULL;
}

int prepare_arrays(struct job *j, struct err *e)
{
	const struct plan *p = j->plan;

	j->argv = strv_argv(&p->args);
	j->envp = mem_resize(NULL, p->env.len + 2, sizeof(*j->envp));
	for (size_t i = 0; i < p->env.len; i++)
		j->envp[i] = p->env.at[i];
	j->envp[p->env.len] = j->envp[p->env.len + 1] = NULL;
	if (!env_of(p, "HOME"))
		j->envp[p->env.len] = j->home =
			str_fmt("HOME=%s", j->user.home ? j->user.home : "/");
	if (p->kept_fds.len)
		j->kept_fds = mem_resize(NULL, p->kept_fds.len, sizeof(int));
	for (int64_t fd; j->kept_len < p->kept_fds.len; j->kept_fds[j->kept_len++] = (int)fd)
		if (str_to_i64(p->kept_fds.at[j->kept_len], 0, INT32_MAX, &fd) < 0 ||
			fcntl((int)fd, F_GETFD) < 0)
			return err_say(
				e, EBADF, "keep-fd=%s is not open", p->kept_fds.at[j->kept_len]);
	j->path = env_of(p, "PATH");
	if (!j->path)
		j->path = default_path;
	return 0;
}

/* Regular files only, opened so that a FIFO or a device cannot hold us, and no more than a ceiling
 * of them.  A missing file is an empty one. */
static int read_image_file(int root, const char *path, struct buf *out, struct err *e)
{
	CLEANUP(cleanup_fd)
	int fd = fd_walk(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, e);
	struct stat st;
	int rc;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "%s is no regular file", path);
	if (st.st_size > USER_FILE_MAX)
		return err_say(e, EFBIG, "%s has more than %d bytes", path, (int)USER_FILE_MAX);
	rc = fd_read_all(fd, USER_FILE_MAX, out, e);
	return rc < 0 ? err_wrap(e, rc, "%s", path) : 0;
}

static int find_user(int root, const struct user_request *q, struct user *out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = user_needs_passwd(q) ? read_image_file(root, "etc/passwd", &text, e) : 0;

	return rc < 0 ? rc : user_find(q, &(struct user_file){ text.data, text.len }, out, e);
}

static int find_groups(int root, const struct user_request *q, struct user *u, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc = user_needs_group(q) ? read_image_file(root, "etc/group", &text, e) : 0;

	return rc < 0 ? rc : user_find_groups(q, &(struct user_file){ text.data, text.len }, u, e);
}

int prepare_user(struct job *j, int root, struct err *e)
{
	const struct plan *p = j->plan;
	const struct user_request q = { .text = p->user,
		.groups = &p->groups,
		.merge_groups = p->merge_image_groups,
		.refuse_root = p->refuse_root,
		.wants_home = !env_of(p, "HOME") };
	int rc = find_user(root, &q, &j->user, e);

	return rc < 0 ? rc : find_groups(root, &q, &j->user, e);
}

int prepare_hiding(struct job *j, struct err *e)
{
	(void)j;
	return cred_undumpable(e);
}
