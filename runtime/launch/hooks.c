#include "launch/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "launch/report.h"
#include "sys/hook.h"
#include "sys/mount.h"
#include "sys/ns.h"
#include "sys/spawn.h"

enum { KEEPER_FD = 3, TREE = 0, SELF = 1 };

/* There: descriptors of the mounts and of the first process.  Back: HOOK_BEGINS and which; at last
 * the descriptor of the mounts, with rc 0. */
enum { HOOK_BEGINS = 1 };
struct word {
	int32_t rc;
	struct err err;
};

/* ---- the keeper ---- */

static void add_texts(struct json *object, const char *key, char *const *texts)
{
	struct json *list = json_new_array();

	for (size_t i = 0; texts[i]; i++)
		json_push(list, json_new_string(texts[i]));
	json_set(object, key, list);
}

/* What hooks look for in it: the root, and what is going to run. */
static int write_config(const struct job *j, int dir, struct err *e)
{
	CLEANUP(cleanup_json) struct json *config = json_new_object();
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = -1;
	struct json *root = json_new_object(), *process = json_new_object(),
		    *user = json_new_object();

	json_set_str(config, "ociVersion", "1.2.0");
	json_set_str(root, "path", "rootfs");
	json_set_bool(root, "readonly", j->plan->read_only_root);
	json_set(config, "root", root);
	json_set_i64(user, "uid", j->user.uid);
	json_set_i64(user, "gid", j->user.gid);
	json_set(process, "user", user);
	add_texts(process, "args", j->argv);
	add_texts(process, "env", j->envp);
	json_set_str(process, "cwd", j->plan->cwd ? j->plan->cwd : "/");
	json_set(config, "process", process);
	json_write(config, JSON_COMPACT, &text);
	fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, text.data, text.len) < 0)
		return err_set(e, errno, "write config.json");
	return 0;
}

/* Its file system, attached.  Nobody but us and the hooks sees it, and it ends with us. */
static int make_bundle(const struct job *j, int tree, struct err *e)
{
	static const struct mount_option options[] = { { "size", "4m" }, { "mode", "0700" } };
	CLEANUP(cleanup_fd) int place = -1;
	CLEANUP(cleanup_fd) int bundle = -1;
	int rc;

	if ((rc = ns_leave(CLONE_NEWNS, e)) < 0 || (rc = mount_leave_peers(e)) < 0)
		return rc;
	place = open(j->plan->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		return err_set(e, errno, "open %s", j->plan->bundle);
	bundle = mount_new("tmpfs", options, ARRAY_LEN(options),
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
	if (bundle < 0)
		return bundle;
	if ((rc = write_config(j, bundle, e)) < 0 || (rc = mount_attach(bundle, place, e)) < 0)
		return rc;
	if (mkdirat(bundle, "rootfs", 0755) < 0)
		return err_set(e, errno, "make rootfs");
	rc = mount_attach_at(tree, bundle, "rootfs", e);
	return rc < 0 ? rc : take_fd(&bundle);
}

static int write_state(const struct job *j, int32_t pid, struct err *e)
{
	CLEANUP(cleanup_json) struct json *state = json_new_object();

	json_set_str(state, "ociVersion", "1.2.0");
	json_set_str(state, "id", j->plan->id);
	json_set_str(state, "status", "creating");
	json_set_i64(state, "pid", pid);
	json_set_str(state, "bundle", j->plan->bundle);
	return hook_state_file(state, e);
}

static void tell_begin(const char *name, const char *path)
{
	struct word w = { .rc = HOOK_BEGINS };

	(void)err_say(&w.err, 0, "run hooks: %s: %s", name, path);
	(void)fd_send(KEEPER_FD, &w, sizeof(w), NULL, 0);
}

static int run_one(const struct job *j, const struct plan_hook *h, int32_t pid, struct err *e)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const usual[] = { path, NULL };
	CLEANUP(cleanup_free) char **argv = h->args.len ? strv_argv(&h->args) : NULL;
	CLEANUP(cleanup_free) char **envp = strv_argv(&h->env);
	CLEANUP(cleanup_free) char *name = str_fmt("%s hook", plan_hook_name(h->kind));
	CLEANUP(cleanup_fd) int state = write_state(j, pid, e);
	const struct hook hook = { .name = name,
		.path = h->path,
		.argv = argv,
		.envp = h->env.len ? envp : usual,
		.timeout_s = h->timeout_s };

	tell_begin(name, h->path);
	return state < 0 ? state : hook_run(&hook, state, e);
}

static int run_kind(const struct job *j, enum plan_hook_kind kind, int32_t pid, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < j->plan->hooks_len; i++)
		if (j->plan->hooks[i].kind == kind)
			rc = run_one(j, &j->plan->hooks[i], pid, e);
	return rc;
}

/* Returns the mounts, as the hooks have left them. */
static int run_all(const struct job *j, int tree, int self, struct err *e)
{
	const int32_t pid = spawn_pid(self);
	CLEANUP(cleanup_fd) int bundle = -1;
	int rc;

	if (!pid)
		return err_say(e, ESRCH, "the container's process is gone");
	bundle = make_bundle(j, tree, e);
	if (bundle < 0)
		return bundle;
	if ((rc = run_kind(j, PLAN_HOOK_PRESTART, pid, e)) < 0 ||
		(rc = run_kind(j, PLAN_HOOK_CREATE_RUNTIME, pid, e)) < 0 ||
		(rc = ns_enter(self, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS, e)) < 0 ||
		(rc = run_kind(j, PLAN_HOOK_CREATE_CONTAINER, pid, e)) < 0)
		return rc;
	return mount_copy(bundle, "rootfs", MOUNT_WITH_BELOW, e);
}

/* Nothing is open but the socket and what a hook may say on: result-fd's end of file tells that the
 * program runs. */
static _Noreturn void keep(const struct job *j, int sock, pid_t parent)
{
	struct word w = { 0 };
	int fds[2] = { -1, -1 }, tree;
	size_t n = ARRAY_LEN(fds);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent ||
		(sock != KEEPER_FD && dup3(sock, KEEPER_FD, O_CLOEXEC) < 0) ||
		syscall(SYS_close_range, KEEPER_FD + 1, ~0U, 0) < 0 || chdir("/") < 0)
		_exit(1);
	if (fd_recv(KEEPER_FD, &w, sizeof(w), fds, &n) != (ssize_t)sizeof(w) || n != 2)
		_exit(1); /* it did not come to that */
	w = (struct word){ 0 };
	tree = run_all(j, fds[TREE], fds[SELF], &w.err);
	w.rc = tree < 0 ? tree : 0;
	(void)fd_send(KEEPER_FD, &w, sizeof(w), &tree, tree < 0 ? 0 : 1);
	_exit(0);
}

int hooks_prepare(struct job *j, struct err *e)
{
	const pid_t self = getpid();
	int pair[2];

	if (!j->plan->hooks_len)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "make a socket pair");
	j->hooks_fd = pair[0];
	j->hooks_pid = fork();
	if (j->hooks_pid == 0)
		keep(j, pair[1], self);
	(void)close(pair[1]);
	return j->hooks_pid < 0 ? err_set(e, errno, "fork") : 0;
}

void hooks_end(struct job *j)
{
	if (j->hooks_pid <= 0)
		return;
	cleanup_fd(&j->hooks_fd);
	if (!j->is_executing || j->rc < 0)
		(void)kill(j->hooks_pid, SIGKILL); /* and with it the hook that runs */
	(void)waitpid(j->hooks_pid, NULL, 0);
}

/* ---- the first process ---- */

/* Lazily, and on its own: what is mounted below a peer of the host's is not unmounted there. */
static int exchange_root(struct job *j, int tree, struct err *e)
{
	int rc = mount_restrict(j->mounts.root, 0, MOUNT_WITH_BELOW, e);

	if (rc < 0)
		return rc;
	if (umount2("/", MNT_DETACH) < 0)
		return err_set(e, errno, "detach the root that hooks have not seen");
	if ((rc = mount_attach_at(tree, AT_FDCWD, "/", e)) < 0)
		return rc;
	return dup3(tree, j->mounts.root, O_CLOEXEC) < 0 ? err_set(e, errno, "dup3") : 0;
}

/* The last word.  Those before it are handed on: the keeper has no result-fd. */
static ssize_t hear_keeper(const struct job *j, struct word *out, int *out_mounts, size_t *out_n)
{
	ssize_t got;

	do {
		*out_n = 1;
		got = fd_recv(j->hooks_fd, out, sizeof(*out), out_mounts, out_n);
		if (got == (ssize_t)sizeof(*out) && out->rc == HOOK_BEGINS)
			(void)report_hook(j->plan->result_fd, &out->err);
	} while (got == -EINTR || (got == (ssize_t)sizeof(*out) && out->rc == HOOK_BEGINS));
	return got;
}

static int ask_keeper(struct job *j, int tree, int self, struct err *e)
{
	const int fds[] = { [TREE] = tree, [SELF] = self };
	const struct err none = { 0 };
	struct word w = { 0 };
	int back = -1;
	size_t n = 1;
	ssize_t got = fd_send(j->hooks_fd, &w, sizeof(w), fds, ARRAY_LEN(fds));

	if (got >= 0)
		got = hear_keeper(j, &w, &back, &n);
	if (got != (ssize_t)sizeof(w) || (w.rc == 0 && n != 1))
		return err_say(e, EPIPE, "who runs the hooks has died");
	(void)report_hook(j->plan->result_fd, &none);
	if (w.rc < 0)
		*e = w.err;
	return w.rc < 0 ? w.rc : back;
}

int hooks_run(struct job *j, struct err *e)
{
	CLEANUP(cleanup_fd) int self = -1;
	CLEANUP(cleanup_fd) int tree = -1;
	CLEANUP(cleanup_fd) int back = -1;

	if (j->hooks_fd < 0)
		return 0;
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (self < 0)
		return err_set(e, errno, "open our own pidfd");
	if ((tree = mount_copy(j->mounts.root, "", MOUNT_WITH_BELOW, e)) < 0)
		return tree;
	back = ask_keeper(j, tree, self, e);
	cleanup_fd(&j->hooks_fd);
	return back < 0 ? back : exchange_root(j, back, e);
}
