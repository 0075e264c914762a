/* The order of precedence for what runs: the pod's word, then the image's, then a default.  Image
 * content is hostile: it is passed on as data (arguments, environment, a user to resolve inside the
 * container), never opened or resolved here.
 */
#include "pod/container.h"

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
#include "pod/volume.h"
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
	return str_fmt("%s/%s/exec-%s", at->cgroup, id, exec_id);
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

int container_prepare(const struct container_request *q, struct cgroups *cg, struct err *e)
{
	CLEANUP(cleanup_free) char *upper = str_fmt("%s/upper", q->dir);
	CLEANUP(cleanup_free) char *work = str_fmt("%s/work", q->dir);
	CLEANUP(cleanup_free) char *message = container_message_path(q->dir);
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(q->at, q->id);
	CLEANUP(cleanup_fd) int fd = -1;
	CLEANUP(cgroup_limits_release)
	struct cgroup_limits limits = resources_of_container(q->spec);
	int rc = fd_mkdir_all(AT_FDCWD, q->dir, 0700, e);

	if (rc == 0)
		rc = fd_mkdir_all(
			AT_FDCWD, upper, 0755, e); /* its mode becomes that of the container's / */
	if (rc == 0)
		rc = fd_mkdir_all(AT_FDCWD, work, 0700, e);
	if (rc < 0)
		return rc;
	fd = open(message, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0 || fchmod(fd, 0666) < 0)
		return err_set(e, errno, "make %s", message);
	return cgroup_make(cg, cgroup, CGROUP_LEAF, &limits, e);
}

static char *user_text(const struct container_request *q)
{
	const struct security_spec *s = &q->spec->security;
	const char *image_user = q->image->user && *q->image->user ? q->image->user : "0";
	CLEANUP(cleanup_free)
	char *user = s->run_as_user >= 0    ? str_fmt("%" PRId64, s->run_as_user)
		     : s->run_as_group >= 0 ? str_ndup(image_user, strcspn(image_user, ":"))
					    : str_dup(image_user);

	return s->run_as_group >= 0 ? str_fmt("%s:%" PRId64, user, s->run_as_group) : TAKE(user);
}

/* The order in which containerd reads the lists: ALL before any name, and of a name in both, that
 * it is dropped. */
uint64_t container_caps(const struct security_spec *s)
{
	uint64_t mask = s->privileged || strv_has(&s->cap_add, "ALL") ? caps_all() : caps_default();

	if (strv_has(&s->cap_drop, "ALL"))
		mask = 0;
	for (size_t i = 0; i < s->cap_add.len; i++)
		if (!str_eq(s->cap_add.at[i], "ALL"))
			mask |= caps_bit(s->cap_add.at[i]);
	for (size_t i = 0; i < s->cap_drop.len; i++)
		if (!str_eq(s->cap_drop.at[i], "ALL"))
			mask &= ~caps_bit(s->cap_drop.at[i]);
	return mask;
}

static int check_caps(const struct security_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->cap_add.len; i++)
		if (!str_eq(s->cap_add.at[i], "ALL") && !caps_bit(s->cap_add.at[i]))
			return err_say(e, EINVAL, "capability %s is unknown to this kernel",
				s->cap_add.at[i]);
	return 0;
}

static void add_group(struct plan *p, int64_t gid)
{
	CLEANUP(cleanup_free) char *text = str_fmt("%" PRId64, gid);

	if (!strv_has(&p->groups, text))
		strv_add(&p->groups, text);
}

/* Who it is and what it may do: the same for the container and for whatever is executed in it. */
static int plan_identity(const struct container_request *q, struct plan *p, struct err *e)
{
	const struct security_spec *s = &q->spec->security;
	int rc = check_caps(s, e);

	p->user = user_text(q);
	for (size_t i = 0; i < q->pod->groups_len; i++)
		add_group(p, q->pod->groups[i]);
	if (q->pod->fs_group >= 0)
		add_group(p, q->pod->fs_group);
	p->merge_image_groups = true;
	p->refuse_root = s->run_as_non_root;
	p->caps = container_caps(s);
	p->no_new_privs = s->no_new_privs;
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

	if (c->command.len)
		add_expanded(&p->args, &c->command, own);
	else
		add_expanded(&p->args, &q->image->entrypoint, NULL);
	if (c->args.len)
		add_expanded(&p->args, &c->args, own);
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

static struct plan_mount *add_mount(struct plan *p)
{
	p->mounts = mem_resize(p->mounts, p->mounts_len + 1, sizeof(*p->mounts));
	p->mounts[p->mounts_len] = (struct plan_mount){ 0 };
	return &p->mounts[p->mounts_len++];
}

static bool mounts_over(const struct container_spec *c, const char *path)
{
	for (size_t i = 0; i < c->mounts_len; i++)
		if (str_eq(c->mounts[i].path, path))
			return true;
	return false;
}

/* /etc files and the termination message, unless the pod mounts something there itself.  Of a
 * read-only root, Kubernetes leaves /etc/hosts and the message writable. */
static void plan_own_mounts(const struct container_request *q, struct plan *p)
{
	static const struct {
		const char *name;
		bool follows_root;
	} files[] = { { "hosts", false }, { "hostname", true }, { "resolv.conf", true } };
	const char *message = q->spec->message_path;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(cleanup_free) char *target = str_fmt("/etc/%s", files[i].name);

		if (!mounts_over(q->spec, target))
			*add_mount(p) = (struct plan_mount){ .source = str_fmt("%s/etc/%s",
								     q->at->dir, files[i].name),
				.target = TAKE(target),
				.read_only =
					files[i].follows_root && q->spec->security.read_only_root,
				.is_file = true };
	}
	if (message && *message && !mounts_over(q->spec, message))
		*add_mount(p) = (struct plan_mount){ .source = container_message_path(q->dir),
			.target = *message == '/' ? str_dup(message) : str_fmt("/%s", message),
			.is_file = true };
}

static size_t depth_of(const char *path)
{
	size_t depth = 0;

	for (; *path; path++)
		depth += path[0] == '/' && path[1] != '/' && path[1] != '\0';
	return depth;
}

/* Parents before what is mounted below them, whatever the pod's order was; else the order stays. */
static void sort_mounts(struct plan *p)
{
	for (size_t i = 1; i < p->mounts_len; i++) {
		const struct plan_mount m = p->mounts[i];
		size_t at = i;

		for (; at > 0 && depth_of(p->mounts[at - 1].target) > depth_of(m.target); at--)
			p->mounts[at] = p->mounts[at - 1];
		p->mounts[at] = m;
	}
}

static int plan_volumes(const struct container_request *q, int first_fd, struct plan *p,
	struct container_fds *fds, struct err *e)
{
	for (size_t i = 0; i < q->spec->mounts_len; i++) {
		const struct mount_spec *m = &q->spec->mounts[i];
		struct plan_mount *out;
		char *source;
		bool is_file;
		int fd, rc;

		if (m->sub_path && fds->len == CONTAINER_FDS_MAX)
			return err_say(e, E2BIG, "container %s: more than %d sub paths",
				q->spec->name, CONTAINER_FDS_MAX);
		rc = volume_source(
			q->at, q->pod, m, first_fd + (int)fds->len, &fd, &source, &is_file, e);
		if (rc < 0)
			return err_wrap(e, rc, "container %s", q->spec->name);
		if (fd >= 0)
			fds->at[fds->len++] = fd;
		out = add_mount(p);
		out->source = source;
		out->target = *m->path == '/' ? str_dup(m->path) : str_fmt("/%s", m->path);
		out->read_only = out->recursive_read_only = m->read_only;
		out->is_file = is_file;
	}
	return 0;
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
	out->pid = q->pod->share_pid ? PLAN_PID_POD : PLAN_PID_CONTAINER;
	out->read_only_root = q->spec->security.read_only_root;
	out->privileged = q->spec->security.privileged; /* of the file system; an exec joins it */
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
	if (rc == 0) {
		plan_own_mounts(q, out);
		rc = plan_volumes(q, first_fd, out, fds, e);
		sort_mounts(out);
	}
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
