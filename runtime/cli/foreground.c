/* The log of each container's instance is followed by a `carpel logs -f` of its own: it ends when
 * the instance has, and the next instance gets the next one.
 */
#include "cli/foreground.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/await.h"
#include "cli/pod_text.h"
#include "cli/request.h"

enum { SIGNALS_MAX = 3 };

struct follower {
	pid_t pid; /* 0: none runs */
	char *id;  /* of the instance that was followed last */
};

struct foreground {
	struct cli *cli;
	struct cli second; /* for the stop, while the watch is on */
	const char *ns, *name;
	struct follower *followers; /* by place in status.containerStatuses */
	size_t len;
	int signals; /* how many came */
	sigset_t mask;
};

/* ---- logs ---- */

static void spawn_follower(const struct foreground *f, struct follower *who, const char *container)
{
	char self[] = "/proc/self/exe", verb[] = "logs", follow[] = "-f",
	     socket_option[] = "--socket";
	char ns_option[] = "-n", container_option[] = "-c", name[] = "carpel";
	CLEANUP(cleanup_free) char *socket = str_dup(f->cli->socket);
	CLEANUP(cleanup_free) char *ns = str_dup(f->ns);
	CLEANUP(cleanup_free) char *pod = str_fmt("pod/%s", f->name);
	CLEANUP(cleanup_free) char *which = str_dup(container);
	char *argv[] = { name, socket_option, socket, verb, follow, ns_option, ns, container_option,
		which, pod, NULL };
	int rc = posix_spawn(&who->pid, self, NULL, NULL, argv, environ);

	/* An interrupt is for the pod: the mask that holds it back is inherited. */
	if (rc != 0) {
		who->pid = 0;
		(void)cli_say("follow the log of \"%s\": %s", container, strerror(rc));
	}
}

static void follow_instance(struct foreground *f, size_t i, const struct json *status)
{
	const char *id = json_get_str(status, "containerID");
	bool has_log = json_path(status, "state.running") || json_path(status, "state.terminated");
	const char *name = json_get_str(status, "name");
	struct follower *who = &f->followers[i];

	if (who->pid > 0 && waitpid(who->pid, NULL, WNOHANG) == who->pid)
		who->pid = 0;
	if (who->pid > 0 || !has_log || !id || !*id || !name || str_eq(id, who->id))
		return;
	free(who->id);
	who->id = str_dup(id);
	spawn_follower(f, who, name);
}

static void follow_all(struct foreground *f, const struct json *pod)
{
	const struct json *list = json_path(pod, "status.containerStatuses");

	for (size_t i = 0; i < f->len && i < json_len(list); i++)
		follow_instance(f, i, json_at(list, i));
}

/* The logs to their end, also of an instance that came and went between two looks. */
static void finish_logs(struct foreground *f, const struct json *pod)
{
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < f->len; i++) {
			if (f->followers[i].pid > 0)
				(void)waitpid(f->followers[i].pid, NULL, 0);
			f->followers[i].pid = 0;
		}
		if (round == 0)
			follow_all(f, pod);
	}
}

/* ---- the wait ---- */

static int ask_stop(struct foreground *f, struct err *e)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	CLEANUP(cleanup_json) struct json *body = json_new_object();
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct request q = { .method = "POST", .body = body };
	int rc;

	if (f->signals > 1)
		json_set_i64(body, "gracePeriodSeconds", 0);
	path_carpel_pod(&path, f->ns, f->name, "stop");
	q.path = path.data;
	rc = request_connect(&f->second, REQUEST_NO_START, e);
	if (rc == 0)
		rc = request_json(&f->second, &q, &answer, e);
	return rc < 0 ? rc : 0;
}

/* The first interrupt ends the pod gracefully, the second at once, the third leaves it alone. */
static int on_idle(void *arg, const struct json *pod, struct err *e)
{
	struct foreground *f = arg;
	struct timespec none = { 0 };
	int signal = sigtimedwait(&f->mask, NULL, &none);

	follow_all(f, pod);
	if (signal < 0)
		return 0;
	f->signals++;
	if (f->signals == SIGNALS_MAX)
		return err_say(e, EINTR, "interrupted; the pod may still be ending");
	return ask_stop(f, e);
}

static void on_state(void *arg, const struct json *pod)
{
	follow_all(arg, pod);
}

static int64_t exit_code_of(const struct json *status)
{
	int64_t code = 0;

	(void)json_i64(json_path(status, "state.terminated.exitCode"), 0, 255, &code);
	return code;
}

int foreground_exit_code(const struct json *pod)
{
	const struct json *list = json_path(pod, "status.containerStatuses");

	for (size_t i = 0; i < json_len(list); i++)
		if (exit_code_of(json_at(list, i)) != 0)
			return (int)exit_code_of(json_at(list, i));
	return strcmp(pod_phase(pod), "Failed") == 0 ? EXIT_ERROR : EXIT_OK;
}

static int finish(struct foreground *f, const struct await *a, int rc, const struct err *e)
{
	CLEANUP(cleanup_free) char *where = str_fmt("pod \"%s\"", f->name);
	int code;

	if (rc == -ETIMEDOUT) {
		(void)cli_say("%s: timed out waiting for it to end", where);
		return EXIT_TIMED_OUT;
	}
	if (rc == 0 || rc == -ECHILD)
		finish_logs(f, a->pod);
	if (rc == 0 && a->pod)
		return foreground_exit_code(a->pod);
	(void)cli_fail(f->cli, where, e);
	if (rc == -EINTR)
		return 128 + SIGINT;
	code = rc == -ECHILD ? foreground_exit_code(a->pod) : EXIT_OK;
	return code > EXIT_ERROR ? code : EXIT_SELF;
}

int foreground_run(struct cli *c, const struct json *pod, int64_t timeout_ms)
{
	const struct json *metadata = json_get(pod, "metadata");
	struct foreground f = {
		.cli = c,
		.second = { .root = c->root, .socket = c->socket, .is_socket_given = true },
		.ns = json_get_str(metadata, "namespace"),
		.name = json_get_str(metadata, "name"),
		.len = json_len(json_path(pod, "spec.containers")),
	};
	struct await a = {
		.goal = AWAIT_EXIT,
		.ns = f.ns,
		.name = f.name,
		.uid = json_get_str(metadata, "uid"),
		.timeout_ms = timeout_ms,
		.minds_start = true,
		.on_idle = on_idle,
		.on_state = on_state,
		.arg = &f,
	};
	struct err e = { 0 };
	sigset_t before;
	int code, rc;

	f.followers = mem_zalloc((f.len + 1) * sizeof(*f.followers));
	(void)sigemptyset(&f.mask);
	(void)sigaddset(&f.mask, SIGINT);
	(void)sigaddset(&f.mask, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &f.mask, &before);
	rc = await_pod(c, &a, &e);
	code = finish(&f, &a, rc, &e);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	json_free(a.pod);
	request_disconnect(&f.second);
	buf_free(&f.second.refusal);
	for (size_t i = 0; i < f.len; i++)
		free(f.followers[i].id);
	free(f.followers);
	return code;
}
