#include "oci/hooks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "oci/launch.h"
#include "sys/caps.h"
#include "sys/spawn.h"

enum { TIMEOUT_MAX_S = 24 * 3600, HOOKS_MAX = 64 };

extern char **environ;

struct hook {
	const char *path;
	struct strv args, env;
	bool has_env;
	int64_t timeout_s; /* 0: none */
	char name[200];    /* "hooks.poststop[0]", for messages */
};

static void hook_free(struct hook *h)
{
	strv_free(&h->args);
	strv_free(&h->env);
}

static int read_hook(const struct part *list, size_t i, struct hook *h, struct err *e)
{
	struct part part;
	int rc = part_element(list, i, JSON_OBJECT, &part, e);

	*h = (struct hook){ 0 };
	memcpy(h->name, part.path, sizeof(part.path));
	if (rc < 0 || (rc = read_text(&part, "path", &h->path, e)) < 0 ||
		(rc = read_texts(&part, "args", &h->args, e)) < 0 ||
		(rc = read_texts(&part, "env", &h->env, e)) < 0 ||
		(rc = read_number(&part, "timeout", (struct bounds){ 1, TIMEOUT_MAX_S },
			 &h->timeout_s, e)) < 0)
		return rc;
	h->has_env = json_get(part.json, "env") != NULL;
	return h->path && h->path[0] == '/'
		       ? 0
		       : read_refuse(&part, "path", "want an absolute path", e);
}

static int find(const struct json *config, const char *kind, struct part *out, struct err *e)
{
	const struct part whole = part_of(config, "");
	struct part hooks;
	int rc = part_get(&whole, "hooks", JSON_OBJECT, &hooks, e);

	return rc < 0 ? rc : part_get(&hooks, kind, JSON_ARRAY, out, e);
}

bool hooks_has(const struct json *config, const char *kind)
{
	struct part list;

	return find(config, kind, &list, NULL) == 0 && json_len(list.json) > 0;
}

int hooks_check(const struct json *config, struct err *e)
{
	static const char *const kinds[] = { "prestart", "createRuntime", "createContainer",
		"startContainer", "poststart", "poststop" };
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < ARRAY_LEN(kinds); k++) {
		struct part list;

		if ((rc = find(config, kinds[k], &list, e)) < 0)
			return rc;
		if (json_len(list.json) > HOOKS_MAX)
			return err_say(
				e, E2BIG, "config.json: %s: more than %d", list.path, HOOKS_MAX);
		for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
			CLEANUP(hook_free) struct hook h = { 0 };

			rc = read_hook(&list, i, &h, e);
		}
	}
	return rc;
}

static int state_file(const struct container *c, enum status s, struct err *e)
{
	CLEANUP(cleanup_json) struct json *state = container_state(c, s);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = memfd_create("state", MFD_CLOEXEC);

	json_write(state, JSON_COMPACT, &text);
	if (fd < 0 || fd_write_all(fd, text.data, text.len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "write the state for a hook");
	return take_fd(&fd);
}

/* Until its end or its time limit; then it is killed. */
static int await(int pidfd, const struct hook *h, struct err *e)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	const int64_t end = h->timeout_s ? clock_now().boot_ms + h->timeout_s * 1000 : 0;
	siginfo_t info = { 0 };
	int n;

	do {
		const int64_t left = end ? end - clock_now().boot_ms : -1;

		n = poll(&p, 1, end ? (int)(left > 0 ? left : 0) : -1);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return err_set(e, errno, "%s: wait for %s", h->name, h->path);
	if (n == 0)
		return err_say(e, ETIMEDOUT, "%s: %s: not done after %d s", h->name, h->path,
			(int)h->timeout_s);
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	return err_say(e, EIO, "%s: %s: %s %d", h->name, h->path,
		info.si_code == CLD_EXITED ? "exit status" : "ended by signal", info.si_status);
}

static int run_here(const struct hook *h, int state, struct err *e)
{
	CLEANUP(cleanup_free) char **argv = strv_argv(&h->args);
	CLEANUP(cleanup_free) char **envp = strv_argv(&h->env);
	CLEANUP(cleanup_free) char *path = str_dup(h->path);
	char *plain[] = { path, NULL };
	const int fds[] = { state, -1, STDERR_FILENO };
	const struct spawn s = { .path = h->path,
		.argv = h->args.len ? argv : plain,
		.envp = h->has_env ? envp : environ,
		.fds = fds,
		.nfds = ARRAY_LEN(fds) };
	pid_t pid;
	CLEANUP(cleanup_fd) int pidfd = spawn_process(&s, &pid, e);

	return pidfd < 0 ? err_wrap(e, pidfd, "%s", h->name) : await(pidfd, h, e);
}

int hooks_run(const struct json *config, const char *kind, const struct container *c, enum status s,
	struct err *e)
{
	struct part list;
	int rc = find(config, kind, &list, e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		CLEANUP(hook_free) struct hook h = { 0 };
		CLEANUP(cleanup_fd) int state = state_file(c, s, e);

		rc = state < 0 ? state : read_hook(&list, i, &h, e);
		if (rc == 0)
			rc = run_here(&h, state, e);
	}
	return rc;
}

void hooks_run_all(
	const struct json *config, const char *kind, const struct container *c, enum status s)
{
	struct err e = { 0 };
	struct part list;
	int rc = find(config, kind, &list, &e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		CLEANUP(hook_free) struct hook h = { 0 };
		CLEANUP(cleanup_fd) int state = state_file(c, s, &e);

		if (state < 0 || read_hook(&list, i, &h, &e) < 0 || run_here(&h, state, &e) < 0)
			log_warn("%s", e.text);
	}
}

/* As an exec: carpel-launch enters, and nothing of ours does. */
static int run_inside(const struct hook *h, int state, const struct container *c,
	const struct plan *cgroups, struct err *e)
{
	CLEANUP(launch_close) struct launch l = LAUNCH_NONE;
	CLEANUP(plan_free) struct plan p;
	CLEANUP(cleanup_fd) int pidfd = -1;
	int rc;

	plan_init(&p);
	p.kind = PLAN_EXEC;
	p.id = str_dup(c->r.id);
	p.user = str_dup("0:0");
	p.caps = caps_all();
	p.keeps_limits = true;
	strv_add(&p.args, h->path);
	for (size_t i = 1; i < h->args.len; i++)
		strv_add(&p.args, h->args.at[i]);
	for (size_t i = 0; i < h->env.len; i++)
		strv_add(&p.env, h->env.at[i]);
	for (size_t i = 0; i < cgroups->cgroups.len; i++)
		strv_add(&p.cgroups, cgroups->cgroups.at[i]);
	p.cgroup_v2 = str_dup(cgroups->cgroup_v2);
	if ((rc = launch_fd(&l, c->pidfd, &p.pause_fd, e)) < 0 ||
		(rc = launch_fd(&l, state, &p.stdin_fd, e)) < 0 ||
		(rc = launch_fd(&l, STDERR_FILENO, &p.stderr_fd, e)) < 0 ||
		(rc = launch_begin(&l, &p, e)) < 0 ||
		(rc = launch_expect(&l, REPORT_STARTED, &pidfd, e)) < 0)
		return err_wrap(e, rc, "%s", h->name);
	launch_reap(&l); /* so that the hook is ours to wait for */
	return await(pidfd, h, e);
}

int hooks_run_inside(const struct json *config, const char *kind, const struct container *c,
	enum status s, const struct plan *cgroups, struct err *e)
{
	struct part list;
	int rc = find(config, kind, &list, e);

	for (size_t i = 0; rc == 0 && i < json_len(list.json); i++) {
		CLEANUP(hook_free) struct hook h = { 0 };
		CLEANUP(cleanup_fd) int state = state_file(c, s, e);

		rc = state < 0 ? state : read_hook(&list, i, &h, e);
		if (rc == 0)
			rc = run_inside(&h, state, c, cgroups, e);
	}
	return rc;
}
