/* The order of precedence for what runs: the pod's word, then the image's, then a default.  Image
 * content is hostile: it is passed on as data (arguments, environment, a user to resolve inside the
 * container), never opened or resolved here.
 */
#include "pod/container_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "pod/resources.h"
#include "pod/users.h"
#include "sys/caps.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void container_fds_close(struct container_fds *f)
{
	for (size_t i = 0; i < f->len; i++)
		close(f->at[i]);
	f->len = 0;
}

char *container_cgroup(const struct place *at, const char *id)
{
	return str_fmt("%s/%s", at->cgroup, id);
}

char *container_exec_cgroup(const struct place *at, const char *id, const char *exec_id)
{
	return str_fmt("%s/%s/" CONTAINER_EXEC_PREFIX "%s", at->cgroup, id, exec_id);
}

char *container_message_path(const char *dir)
{
	return str_fmt("%s/termination-log", dir);
}

/* The image's user is text of a stranger: only digits can be judged without looking into the image.
 */
static int check_image_user(const char *user, const char *who, struct err *e)
{
	CLEANUP(cleanup_free) char *name = str_ndup(user, strcspn(user, ":"));
	int64_t uid = 0;
	int rc = *name ? str_to_i64(name, 0, INT32_MAX, &uid) : 0;

	if (rc == -ERANGE)
		return err_say(e, EPERM,
			"container has runAsNonRoot and image has an invalid user id (%s). (Must "
			"be 1-(2147483647)): must be between 0 and 2147483647, inclusive %s",
			name, who);
	if (rc < 0)
		return err_say(e, EPERM,
			"container has runAsNonRoot and image has non-numeric user (%s), cannot "
			"verify user is non-root %s",
			name, who);
	if (uid == 0)
		return err_say(
			e, EPERM, "container has runAsNonRoot and image will run as root %s", who);
	return 0;
}

int container_check_user(const struct container_request *q, struct err *e)
{
	const struct security_spec *s = &q->spec->security;
	CLEANUP(cleanup_free)
	char *who = str_fmt("(pod: \"%s_%s(%s)\", container: %s)", q->pod->name, q->pod->namespace,
		q->pod->uid, q->spec->name);

	if (!s->run_as_non_root)
		return 0;
	if (s->run_as_user == 0)
		return err_say(e, EPERM, "container's runAsUser breaks non-root policy %s", who);
	if (s->run_as_user > 0)
		return 0;
	return check_image_user(q->image->user ? q->image->user : "", who, e);
}

static int make_message(const struct container_request *q, struct err *e)
{
	CLEANUP(cleanup_free) char *path = container_message_path(q->dir);
	CLEANUP(cleanup_fd) int fd = -1;

	if (!q->spec->message_path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	return fd < 0 || fchmod(fd, 0666) < 0 ? err_set(e, errno, "make %s", path) : 0;
}

int container_prepare(const struct container_request *q, struct cgroups *cg, struct err *e)
{
	CLEANUP(cleanup_free) char *upper = str_fmt("%s/upper", q->dir);
	CLEANUP(cleanup_free) char *work = str_fmt("%s/work", q->dir);
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(q->at, q->id);
	CLEANUP(cgroup_limits_release)
	struct cgroup_limits limits = resources_of_container(q->spec);
	int rc = fd_mkdir_all(AT_FDCWD, q->dir, 0700, e);

	if (rc == 0)
		rc = fd_mkdir_all(
			AT_FDCWD, upper, 0755, e); /* its mode becomes that of the container's / */
	if (rc == 0)
		rc = fd_mkdir_all(AT_FDCWD, work, 0700, e);
	if (rc == 0)
		rc = users_give(q->pod, upper, e); /* so does its owner */
	if (rc == 0)
		rc = users_give(q->pod, work, e);
	if (rc == 0)
		rc = make_message(q, e);
	/* The device of the writable layer. */
	if (rc == 0 && cgroup_io_is_limited(&limits.io))
		rc = cgroup_io_find_device(q->dir, &limits.io, e);
	return rc == 0 ? cgroup_make(cg, cgroup, CGROUP_LEAF, &limits, e) : rc;
}

static char *user_text(const struct container_request *q)
{
	const struct security_spec *s = &q->spec->security;
	const char *image_user = q->image->user && *q->image->user ? q->image->user : "0";
	CLEANUP(cleanup_free)
	char *user = s->run_as_user >= 0    ? str_fmt("%" PRId64, s->run_as_user)
		     : s->run_as_username   ? str_dup(s->run_as_username)
		     : s->run_as_group >= 0 ? str_ndup(image_user, strcspn(image_user, ":"))
					    : str_dup(image_user);

	return s->run_as_group >= 0 ? str_fmt("%s:%" PRId64, user, s->run_as_group) : TAKE(user);
}

static uint64_t bits_of(const struct strv *names)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < names->len; i++)
		mask |= str_eq(names->at[i], "ALL") ? 0 : caps_bit(names->at[i]);
	return mask;
}

/* The order in which containerd reads the lists: ALL before any name, and of a name in both, that
 * it is dropped.  What is to be ambient is added too. */
uint64_t container_caps(const struct security_spec *s)
{
	uint64_t mask = s->privileged || strv_has(&s->cap_add, "ALL") ? caps_all() : caps_default();

	if (strv_has(&s->cap_drop, "ALL"))
		mask = 0;
	mask |= bits_of(&s->cap_add) | bits_of(&s->cap_ambient);
	return mask & ~bits_of(&s->cap_drop);
}

/* Of those that it has: the kernel gives no others. */
static uint64_t ambient_caps(const struct security_spec *s)
{
	uint64_t caps = container_caps(s);

	return strv_has(&s->cap_ambient, "ALL") ? caps : caps & bits_of(&s->cap_ambient);
}

static int check_caps(const struct strv *names, struct err *e)
{
	for (size_t i = 0; i < names->len; i++)
		if (!str_eq(names->at[i], "ALL") && !caps_bit(names->at[i]))
			return err_say(
				e, EINVAL, "capability %s is unknown to this kernel", names->at[i]);
	return 0;
}

void container_add_group(struct plan *p, int64_t gid)
{
	CLEANUP(cleanup_free) char *text = str_fmt("%" PRId64, gid);

	if (!strv_has(&p->groups, text))
		strv_add(&p->groups, text);
}

/* Who it is and what it may do: the same for the container and for whatever is executed in it. */
static int plan_identity(const struct container_request *q, struct plan *p, struct err *e)
{
	const struct security_spec *s = &q->spec->security;
	int rc = check_caps(&s->cap_add, e);

	if (rc == 0)
		rc = check_caps(&s->cap_ambient, e);
	users_plan(q->pod, p);
	p->user = user_text(q);
	for (size_t i = 0; i < q->pod->groups_len; i++)
		container_add_group(p, q->pod->groups[i]);
	if (q->pod->fs_group >= 0)
		container_add_group(p, q->pod->fs_group);
	for (size_t i = 0; i < s->groups_len; i++)
		container_add_group(p, s->groups[i]);
	p->merge_image_groups = !s->strict_groups;
	p->refuse_root = s->run_as_non_root;
	p->caps = container_caps(s);
	p->ambient = ambient_caps(s);
	p->no_new_privs = s->no_new_privs;
	if (rc == 0)
		rc = lsm_plan(q->lsm, q->spec, p, e);
	p->has_oom_score_adj = true;
	p->oom_score_adj = resources_oom_score(q->pod, q->spec, q->facts->node_memory_bytes);
	return rc;
}

/* An entry without '=' is none. */
static void env_take_all(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->len; i++) {
		CLEANUP(cleanup_free) char *name = str_ndup(from->at[i], strcspn(from->at[i], "="));

		if (strchr(from->at[i], '='))
			env_set(to, name, from->at[i] + strlen(name) + 1);
	}
}

/* The image's variables over our defaults, the name that the pod really has over the image's, the
 * pod's own over all. */
static int plan_env(
	const struct container_request *q, struct strv *own, struct plan *p, struct err *e)
{
	int rc = env_build(q->pod, q->spec, q->facts, own, e);

	if (rc < 0)
		return rc;
	env_set(&p->env, "PATH", default_path);
	if (q->spec->tty)
		env_set(&p->env, "TERM", "xterm");
	env_take_all(&p->env, &q->image->env);
	env_set(&p->env, "HOSTNAME", q->pod->host_network ? q->facts->node_name : q->pod->hostname);
	env_take_all(&p->env, own);
	return 0;
}

static void add_expanded(struct strv *out, const struct strv *from, const struct strv *env)
{
	for (size_t i = 0; i < from->len; i++) {
		CLEANUP(cleanup_free)
		char *text = env ? env_expand(from->at[i], env) : str_dup(from->at[i]);

		strv_add(out, text);
	}
}

/* command replaces entry point and arguments of the image, args only its arguments. */
static int plan_args(
	const struct container_request *q, const struct strv *own, struct plan *p, struct err *e)
{
	const struct container_spec *c = q->spec;
	const struct strv *names = c->is_literal ? NULL : own;

	if (c->command.len)
		add_expanded(&p->args, &c->command, names);
	else
		add_expanded(&p->args, &q->image->entrypoint, NULL);
	if (c->args.len)
		add_expanded(&p->args, &c->args, names);
	else if (!c->command.len)
		add_expanded(&p->args, &q->image->cmd, NULL);
	if (!p->args.len)
		return err_say(e, EINVAL,
			"no command specified: neither the container nor image %s has one",
			q->image->name);
	return 0;
}

static char *plan_cwd(const struct container_request *q)
{
	const char *dir = q->spec->working_dir && *q->spec->working_dir     ? q->spec->working_dir
			  : q->image->working_dir && *q->image->working_dir ? q->image->working_dir
									    : "/";

	return *dir == '/' ? str_dup(dir) : str_fmt("/%s", dir);
}

static enum plan_pid pid_of(const struct container_request *q)
{
	static const enum plan_pid modes[] = {
		[PID_CONTAINER] = PLAN_PID_CONTAINER,
		[PID_POD] = PLAN_PID_POD,
		[PID_NODE] = PLAN_PID_HOST,
		[PID_TARGET] = PLAN_PID_TARGET, /* whoever launches knows a pidfd of it */
	};

	if (q->spec->pid == PID_BY_POD)
		return q->pod->share_pid ? PLAN_PID_POD : PLAN_PID_CONTAINER;
	return modes[q->spec->pid];
}

/* What it sees of the machine; an exec joins it. */
static void plan_confinement(const struct container_request *q, struct plan *p)
{
	const struct security_spec *s = &q->spec->security;

	p->pid = pid_of(q);
	p->read_only_root = s->read_only_root;
	p->privileged = s->privileged;
	if (!s->has_masks)
		return;
	p->masks = PLAN_MASKS_GIVEN;
	for (size_t i = 0; i < s->masked_paths.len; i++)
		strv_add(&p->masked, s->masked_paths.at[i]);
	for (size_t i = 0; i < s->readonly_paths.len; i++)
		strv_add(&p->readonly_paths, s->readonly_paths.at[i]);
}

int container_plan(const struct container_request *q, const struct cgroups *cg, int first_fd,
	struct plan *out, struct container_fds *fds, struct err *e)
{
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(q->at, q->id);
	struct strv own = { 0 };
	int rc;

	plan_init(out);
	out->kind = PLAN_CONTAINER;
	out->id = str_dup(q->spec->name);
	plan_confinement(q, out);
	out->upper = str_fmt("%s/upper", q->dir);
	out->work = str_fmt("%s/work", q->dir);
	for (size_t i = 0; i < q->image->layers.len; i++)
		strv_add(&out->lowers, q->image->layers.at[i]);
	cgroup_dirs(cg, cgroup, &out->cgroups, &out->cgroup_v2);
	out->cwd = plan_cwd(q);
	rc = plan_identity(q, out, e);
	if (rc == 0)
		rc = plan_env(q, &own, out, e);
	if (rc == 0)
		rc = plan_args(q, &own, out, e);
	if (rc == 0)
		rc = container_plan_mounts(q, first_fd, out, fds, e);
	if (rc == 0)
		rc = container_plan_devices(q, out, e);
	container_sort_mounts(out);
	strv_free(&own);
	return rc;
}

int container_exec_plan(const struct container_request *q, const struct cgroups *cg,
	const char *exec_id, const struct strv *command, struct plan *out, struct err *e)
{
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(q->at, q->id);
	CLEANUP(cleanup_free) char *own_cgroup = container_exec_cgroup(q->at, q->id, exec_id);
	CLEANUP(cleanup_free) char *unused = NULL;
	struct strv own = { 0 }, none = { 0 };
	int rc;

	plan_init(out);
	out->kind = PLAN_EXEC;
	out->id = str_dup(q->spec->name);
	cgroup_dirs(cg, cgroup, &out->cgroups, &unused); /* limits: the container's own */
	cgroup_dirs(
		cg, own_cgroup, &none, &out->cgroup_v2); /* tracking: apart, to be killed alone */
	strv_free(&none);
	out->cwd = plan_cwd(q);
	add_expanded(&out->args, command, NULL);
	rc = plan_identity(q, out, e);
	if (rc == 0)
		rc = plan_env(q, &own, out, e);
	container_plan_cdi_identity(q, out);
	strv_free(&own);
	return rc;
}

/* "" or "+3", "-14": what follows RTMIN and RTMAX. */
static int realtime_signal(int base, const char *offset)
{
	int64_t n = 0;

	if (*offset && str_to_i64(*offset == '+' ? offset + 1 : offset, -64, 64, &n) < 0)
		return SIGTERM;
	n += base;
	return n < SIGRTMIN || n > SIGRTMAX ? SIGTERM : (int)n;
}

int container_stop_signal(const char *name)
{
	int64_t n;

	if (!name || str_to_i64(name, 1, SIGRTMAX, &n) == 0)
		return name ? (int)n : SIGTERM;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	if (strncasecmp(name, "RTMIN", 5) == 0)
		return realtime_signal(SIGRTMIN, name + 5);
	if (strncasecmp(name, "RTMAX", 5) == 0)
		return realtime_signal(SIGRTMAX, name + 5);
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *known = sigabbrev_np(sig);

		if (known && strcasecmp(known, name) == 0)
			return sig;
	}
	return SIGTERM;
}
