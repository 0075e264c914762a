/* exec: one more process in a container, confined as the first one is unless it is told otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "oci/await.h"
#include "oci/create.h"
#include "oci/groups.h"
#include "oci/launch.h"
#include "oci/options.h"
#include "oci/pause.h"
#include "oci/streams.h"
#include "sys/caps.h"

static const char usage[] =
	"Usage: carpel-oci exec [OPTION…] ID COMMAND [ARGUMENT…]\n"
	"       carpel-oci exec --process FILE [OPTION…] ID\n"
	"\n"
	"Executes a command in a running container.\n"
	"\n"
	"  -p, --process FILE           the process object of config.json for it\n"
	"  -d, --detach                 do not wait for its end\n"
	"  --pid-file FILE              write its pid there\n"
	"  --console-socket SOCKET      send its terminal there\n"
	"  -t, --tty                    give it a terminal\n"
	"  --cwd DIR                    its working directory\n"
	"  -e, --env NAME=VALUE         one more variable\n"
	"  -u, --user UID[:GID]         who it is\n"
	"  -g, --additional-gids GID    one more group\n"
	"  --cap CAP_NAME               one more capability\n"
	"  --no-new-privs               it cannot gain privileges\n"
	"  --preserve-fds N             keep descriptors 3 to 3+N-1 open\n"
	"  --ignore-paused              also in a paused container\n";

struct request {
	const char *process, *cwd, *user, *apparmor, *selinux;
	struct strv env, groups, caps;
	bool detaches, has_tty, no_new_privs, ignores_pause;
	struct stream_options streams;
};

static void request_free(struct request *r)
{
	strv_free(&r->env);
	strv_free(&r->groups);
	strv_free(&r->caps);
}

static int read_request(int argc, char **argv, struct request *r, struct err *e)
{
	const char *refused = NULL;
	const struct option_row rows[] = {
		{ "process", 'p', OPTION_TEXT, &r->process },
		{ "detach", 'd', OPTION_FLAG, &r->detaches },
		{ "pid-file", 0, OPTION_TEXT, &r->streams.pid_file },
		{ "console-socket", 0, OPTION_TEXT, &r->streams.console_socket },
		{ "tty", 't', OPTION_FLAG, &r->has_tty },
		{ "cwd", 0, OPTION_TEXT, &r->cwd },
		{ "env", 'e', OPTION_TEXTS, &r->env },
		{ "user", 'u', OPTION_TEXT, &r->user },
		{ "additional-gids", 'g', OPTION_TEXTS, &r->groups },
		{ "cap", 'c', OPTION_TEXTS, &r->caps },
		{ "no-new-privs", 0, OPTION_FLAG, &r->no_new_privs },
		{ "preserve-fds", 0, OPTION_NUMBER, &r->streams.preserved },
		{ "ignore-paused", 0, OPTION_FLAG, &r->ignores_pause },
		{ "apparmor", 0, OPTION_TEXT, &r->apparmor },
		{ "process-label", 0, OPTION_TEXT, &r->selinux },
		{ "cgroup", 0, OPTION_TEXT, &refused },
	};
	int at = options_read(argc, argv, rows, ARRAY_LEN(rows), usage, e);

	if (at >= 0 && refused && *refused)
		return err_say(e, EINVAL, "%s: --cgroup is not supported", refused);
	return at;
}

static int read_process_file(const char *path, struct json **out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	const struct json_options options = { .max_bytes = CONFIG_BYTES_MAX };
	int rc = fd_read_file(AT_FDCWD, path, CONFIG_BYTES_MAX, &text, e);

	if (rc == 0)
		rc = json_parse(text.data ? text.data : "", text.len, &options, out, e);
	return rc < 0 ? err_wrap(e, rc, "--process %s", path) : 0;
}

static void take_label(const char *given, char **label)
{
	if (!given || !*given)
		return;
	free(*label);
	*label = str_dup(given);
}

/* Options say what differs from the container's own process. */
static int apply_request(const struct request *r, char **args, struct plan *p, struct err *e)
{
	if (*args) {
		strv_free(&p->args);
		for (; *args; args++)
			strv_add(&p->args, *args);
	}
	for (size_t i = 0; i < r->env.len; i++)
		strv_add(&p->env, r->env.at[i]);
	for (size_t i = 0; i < r->groups.len; i++)
		strv_add(&p->groups, r->groups.at[i]);
	for (size_t i = 0; i < r->caps.len; i++) {
		const uint64_t bit = caps_bit(r->caps.at[i]);

		if (!bit)
			return err_say(e, EINVAL, "--cap %s: no such capability", r->caps.at[i]);
		p->caps |= bit;
	}
	p->no_new_privs |= r->no_new_privs;
	take_label(r->apparmor, &p->apparmor);
	take_label(r->selinux, &p->selinux);
	if (r->cwd) {
		if (r->cwd[0] != '/')
			return err_say(e, EINVAL, "--cwd %s: want an absolute path", r->cwd);
		free(p->cwd);
		p->cwd = str_dup(r->cwd);
	}
	if (r->user) {
		free(p->user);
		p->user = str_dup(r->user);
	}
	return 0;
}

/* config is the container's own. */
static int fill_plan(const struct container *c, const struct request *r, char **args,
	struct config *config, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_json) struct json *file = NULL;
	const struct part whole = part_of(config->json, "");
	struct part process;
	int64_t score = 0;
	int has_score, rc = part_get(&whole, "process", JSON_OBJECT, &process, e);

	if (rc < 0)
		return rc;
	has_score = read_number(&process, "oomScoreAdj", (struct bounds){ -1000, 1000 }, &score, e);
	if (has_score < 0)
		return has_score;
	if (r->process) {
		if ((rc = config_labels(&process, p, e)) < 0 ||
			(rc = read_process_file(r->process, &file, e)) < 0)
			return rc;
		process = part_of(file, "process");
	}
	if ((rc = config_process(&process, config, p, e)) < 0 ||
		(rc = container_maps(c, config->json, p, e)) < 0 ||
		(rc = apply_request(r, args, p, e)) < 0)
		return rc;
	config->has_terminal = (r->process && config->has_terminal) || r->has_tty;
	/* What the container's process has, one that is added has, too. */
	if (!p->has_oom_score_adj && has_score) {
		p->oom_score_adj = (int32_t)score;
		p->has_oom_score_adj = true;
	}
	return 0;
}

static int add_container(const struct oci *o, const struct container *c, struct plan *p,
	struct launch *l, int *out_filter, struct err *e)
{
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	int rc = groups_open(o, &cgroups, e);

	if (rc < 0)
		return rc;
	groups_to_plan(cgroups, c->r.cgroup, p);
	*out_filter = openat(c->dir, "seccomp", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*out_filter < 0 && errno != ENOENT)
		return err_set(e, errno, "open the container's filter");
	if (*out_filter >= 0 && (rc = launch_fd(l, *out_filter, &p->seccomp_fd, e)) < 0)
		return rc;
	return launch_fd(l, c->pidfd, &p->pause_fd, e);
}

static int launch(const struct oci *o, const struct container *c, const struct request *r,
	char **args, int *out_pidfd, struct err *e)
{
	CLEANUP(config_free) struct config config;
	CLEANUP(plan_free) struct plan p;
	CLEANUP(launch_close) struct launch l = LAUNCH_NONE;
	CLEANUP(streams_close) struct streams streams = STREAMS_NONE;
	CLEANUP(cleanup_fd) int filter = -1;
	int rc;

	plan_init(&p);
	rc = saved_config(c, &config, e);
	p.kind = PLAN_EXEC;
	p.id = str_dup(c->r.id);
	if (rc < 0 || (rc = fill_plan(c, r, args, &config, &p, e)) < 0 ||
		(rc = streams_check(&r->streams, config.has_terminal, e)) < 0 ||
		(rc = add_container(o, c, &p, &l, &filter, e)) < 0 ||
		(rc = streams_prepare(&r->streams, &config, &l, &p, &streams, e)) < 0 ||
		(rc = streams_send(&r->streams, &streams, e)) < 0 ||
		(rc = launch_begin(&l, &p, e)) < 0 ||
		(rc = launch_expect(&l, REPORT_STARTED, out_pidfd, e)) < 0)
		return rc;
	launch_reap(&l); /* now it is an orphan: ours, or our caller's */
	return streams_write_pid(&r->streams, l.pid, e);
}

int oci_exec(const struct oci *o, int argc, char **argv, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	CLEANUP(request_free) struct request r = { 0 };
	CLEANUP(cleanup_fd) int pidfd = -1;
	int at = read_request(argc, argv, &r, e), rc;
	enum status s;

	if (at < 0)
		return at;
	if (at >= argc)
		return err_say(e, EINVAL, "want a container id");
	if (!r.process && at + 1 >= argc)
		return err_say(e, EINVAL, "want a command or --process");
	if ((rc = container_open(o, argv[at], FOR_READING, &c, e)) < 0)
		return rc;
	s = container_status_of(o, &c);
	if (s == STATUS_STOPPED || s == STATUS_CREATING)
		return err_say(e, EINVAL, "cannot exec in a %s container", status_word(s));
	if (s == STATUS_PAUSED && !r.ignores_pause)
		return err_say(
			e, EINVAL, "cannot exec in a paused container (see --ignore-paused)");
	if (!r.detaches && (rc = await_prepare(e)) < 0)
		return rc;
	rc = launch(o, &c, &r, argv + at + 1, &pidfd, e);
	if (rc < 0 || r.detaches)
		return rc;
	return await_end(pidfd, e);
}
