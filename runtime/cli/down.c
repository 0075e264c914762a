/* down: every pod, the daemon and its keeper end, and then it is looked whether anything is left.
 * The daemon removes what it made; records without a daemon get one first, since only it knows how
 * to undo them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/info.h"
#include "cli/request.h"

enum { DOWN_MARGIN_S = 60, GRACE_DEFAULT_S = 30, FILE_MAX = 8 << 20, NAMED_MAX = 5 };

/* What is going down. */
struct instance {
	char *root;
	int64_t pid, pods;
	char *cgroup;       /* NULL unknown */
	int daemon, keeper; /* pidfds; -1 */
};

static void instance_free(struct instance *i)
{
	cleanup_fd(&i->daemon);
	cleanup_fd(&i->keeper);
	free(i->cgroup);
	free(i->root);
}

/* ---- before ---- */

/* A lock or a log may stay. */
static bool may_stay(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lock") == 0 ||
	       str_ends(name, ".lock") || str_ends(name, ".log");
}

static void find_in_run(const char *root, struct strv *left)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/run/carpel", root);
	DIR *d = opendir(path);

	for (struct dirent *entry; d && (entry = readdir(d));) {
		CLEANUP(cleanup_free) char *one = str_fmt("%s/%s", path, entry->d_name);

		if (!may_stay(entry->d_name))
			strv_add(left, one);
	}
	if (d)
		(void)closedir(d);
}

static int open_pid(int64_t pid)
{
	return pid > 1 ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
}

/* The keeper is the daemon's parent. The parent's number is the second field behind the name, which
 * ends at the last parenthesis. */
static int64_t parent_of(int64_t pid)
{
	CLEANUP(cleanup_free) char *path = str_fmt("/proc/%" PRId64 "/stat", pid);
	CLEANUP(buf_free) struct buf text = { 0 };
	char *fields, *end;
	int64_t parent = 0;

	if (fd_read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) < 0 ||
		!(fields = strrchr(text.data, ')')) || strlen(fields) < 5)
		return 0;
	fields += 4; /* ") S " */
	end = strchr(fields, ' ');
	if (end)
		*end = '\0';
	(void)str_to_i64(fields, 0, INT32_MAX, &parent);
	return parent;
}

static int read_instance(struct cli *c, struct instance *i, struct err *e)
{
	CLEANUP(cleanup_json) struct json *info = NULL;
	const char *root;
	int rc = info_read(c, &info, e);

	if (rc < 0)
		return rc;
	if (json_i64(json_get(info, "pid"), 1, INT32_MAX, &i->pid) < 0)
		return err_say(e, EPROTO, "carpeld does not say its pid");
	(void)json_i64(json_get(info, "pods"), 0, INT32_MAX, &i->pods);
	/* Its own word, not --root: --socket may lead to any instance. */
	root = json_get_str(info, "root");
	i->root = str_dup(root && strcmp(root, "/") != 0 ? root : "");
	i->cgroup = str_dup(json_get_str(json_get(info, "cgroup"), "root"));
	/* It has just answered on this connection, so the number is still its own. */
	i->daemon = open_pid(i->pid);
	if (i->daemon < 0)
		return err_set(e, errno, "watch carpeld, pid %" PRId64 ": pidfd_open", i->pid);
	if (json_is_true(json_get(info, "keeper")))
		i->keeper = open_pid(parent_of(i->pid));
	return 0;
}

static void print_pods(struct cli *c)
{
	CLEANUP(cleanup_json) struct json *list = NULL;
	const struct json *items;
	struct err e = { 0 };

	if (request_get(c, "/api/v1/pods", &list, &e) < 0)
		return;
	items = json_get(list, "items");
	for (size_t i = 0; i < json_len(items); i++) {
		const struct json *metadata = json_get(json_at(items, i), "metadata");
		const char *ns = json_get_str(metadata, "namespace");
		const char *name = json_get_str(metadata, "name");

		printf("pod %s/%s\n", ns ? ns : "", name ? name : "");
	}
	(void)fflush(stdout);
}

/* ---- the end ---- */

static int ask_shutdown(struct cli *c, int64_t grace_seconds, struct err *e)
{
	CLEANUP(cleanup_json) struct json *body = json_new_object();
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct request q = { .method = "POST", .path = "/apis/carpel/v1/shutdown", .body = body };
	int rc;

	if (grace_seconds >= 0)
		json_set_i64(body, "gracePeriodSeconds", grace_seconds);
	rc = request_json(c, &q, &answer, e);
	request_disconnect(c);
	return rc < 0 ? rc : 0;
}

static int await_process(int pidfd, int64_t limit_ms, const char *what, struct err *e)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n = pidfd < 0 ? 1 : poll(&p, 1, (int)limit_ms);

	if (n < 0)
		return err_set(e, errno, "wait for %s", what);
	return n > 0 ? 0 : err_say(e, ETIMEDOUT, "%s has not ended", what);
}

/* ---- what is left ---- */

/* carpeld tells the path of its cgroup in the v2 hierarchy; it is the same in those of v1. */
static void find_cgroups(const struct instance *i, struct strv *left)
{
	static const char top[] = "/sys/fs/cgroup", unified[] = "/unified";
	const char *path = i->cgroup && str_starts(i->cgroup, top) ? i->cgroup + strlen(top) : "";
	CLEANUP(cleanup_free) char *pattern = NULL;
	glob_t found;

	if (str_starts(path, unified))
		path += strlen(unified);
	if (path[0] != '/' || !path[1])
		return;
	/* v2 alone is mounted at the top, the hierarchies of v1 and hybrid machines below it. */
	pattern = str_fmt("%s{,/*}%s", top, path);
	if (glob(pattern, GLOB_BRACE | GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t n = 0; n < found.gl_pathc; n++)
		strv_add(left, found.gl_pathv[n]);
	globfree(&found);
}

/* Mount points below our folders: the fifth field of each line. */
static void find_mounts(const struct instance *i, struct strv *left)
{
	CLEANUP(cleanup_free) char *run = str_fmt("%s/run/carpel/", i->root);
	CLEANUP(cleanup_free) char *lib = str_fmt("%s/var/lib/carpel/", i->root);
	CLEANUP(buf_free) struct buf text = { 0 };
	char *rest;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", FILE_MAX, &text, NULL) < 0)
		return;
	rest = text.data;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *point = NULL;

		for (int field = 0; field < 5; field++)
			point = strsep(&line, " ");
		if (point && (str_starts(point, run) || str_starts(point, lib)))
			strv_add(left, point);
	}
}

static int check_left(const struct instance *i)
{
	CLEANUP(strv_free) struct strv left = { 0 };
	CLEANUP(buf_free) struct buf text = { 0 };

	find_in_run(i->root, &left);
	find_cgroups(i, &left);
	find_mounts(i, &left);
	if (left.len == 0)
		return EXIT_OK;
	for (size_t n = 0; n < left.len && n < NAMED_MAX; n++)
		buf_addf(&text, "%s%s", n ? ", " : "", left.at[n]);
	if (left.len > NAMED_MAX)
		buf_addf(&text, " and %zu more", left.len - NAMED_MAX);
	return cli_say("carpeld has ended, but something is left: %s", text.data);
}

/* ---- the verb ---- */

static int take_down(struct cli *c, struct instance *i, int64_t grace_seconds, struct err *e)
{
	int64_t grace = grace_seconds >= 0 ? grace_seconds : GRACE_DEFAULT_S;
	int64_t limit_ms = (grace + DOWN_MARGIN_S) * 1000;
	int rc = read_instance(c, i, e);

	if (rc < 0)
		return rc;
	if (limit_ms > INT32_MAX)
		limit_ms = INT32_MAX;
	print_pods(c);
	rc = ask_shutdown(c, grace_seconds, e);
	if (rc == 0)
		rc = await_process(i->daemon, limit_ms, "carpeld", e);
	if (rc == 0)
		rc = await_process(i->keeper, DOWN_MARGIN_S * 1000, "the keeper", e);
	return rc;
}

static int run(struct cli *c, int64_t grace_seconds)
{
	CLEANUP(instance_free)
	struct instance i = { .daemon = -1, .keeper = -1 };
	CLEANUP(strv_free) struct strv left = { 0 };
	struct err e = { 0 };
	int rc = request_connect(c, REQUEST_NO_START, &e);
	bool is_alone = rc == -ENOENT || rc == -ECONNREFUSED;

	if (is_alone && !c->is_socket_given)
		find_in_run(c->root, &left);
	if (is_alone && left.len > 0)
		rc = request_connect(c, REQUEST_STARTS, &e);
	else if (is_alone) {
		printf("nothing is running\n");
		return EXIT_OK;
	}
	if (rc == 0)
		rc = take_down(c, &i, grace_seconds, &e);
	if (rc < 0) {
		(void)cli_fail(c, NULL, &e);
		return rc == -ETIMEDOUT ? EXIT_TIMED_OUT : EXIT_ERROR;
	}
	printf("carpeld (pid %" PRId64 ") and %" PRId64 " pod%s are down\n", i.pid, i.pods,
		i.pods == 1 ? "" : "s");
	return check_left(&i);
}

int verb_down(struct cli *c, char **argv)
{
	int64_t grace_seconds = -1;
	const struct option table[] = {
		{ "grace-period", 0, OPTION_NUMBER, &grace_seconds },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (args.len > 0)
		return cli_usage(c, "unexpected argument \"%s\"", args.at[0]);
	return run(c, grace_seconds);
}
