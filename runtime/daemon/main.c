/* carpeld: sets itself up in the order of the table below, takes over what an earlier one left, and
 * runs its loop.  SIGTERM and SIGINT end it like a crash that was announced: pods go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/confine.h"
#include "daemon/daemon.h"
#include "daemon/disk.h"
#include "daemon/driver.h"
#include "daemon/keeper.h"
#include "daemon/listen.h"
#include "daemon/node.h"
#include "daemon/options.h"
#include "daemon/own_cgroup.h"
#include "engine/child.h"
#include "engine/logs.h"
#include "engine/open.h"
#include "sys/starter.h"

enum { GOODBYE_MS = 200, FILES_MAX = 1 << 20 };

struct setup {
	struct daemon *d;
	const struct options *o;
};

static int keep_alive(struct setup *s, struct err *e)
{
	(void)s;
	(void)e;
	confine_keep_alive();
	return 0;
}

/* Without it nothing can be started, and another can only be made by another carpeld. */
static void on_starter_gone(struct loop_io *io, unsigned events)
{
	(void)io;
	(void)events;
	log_err("who starts our programs is gone: leaving the pods to the next carpeld");
	abort(); /* a crash, for whoever is to start the next one */
}

static int open_starter(struct setup *s, struct err *e)
{
	struct daemon *d = s->d;

	d->engine.starter = starter_open(&d->starter_pid, e);
	if (d->engine.starter < 0)
		return d->engine.starter;
	loop_io_start(d->engine.loop, &d->starter_io, d->engine.starter, LOOP_READ, on_starter_gone,
		NULL);
	return 0;
}

static int take_instance(struct setup *s, struct err *e)
{
	struct daemon *d = s->d;
	CLEANUP(cleanup_free) char *pods = str_fmt("%s/pods", d->engine.layout.run);

	d->lock_fd = listen_lock(&d->engine.layout, e);
	if (d->lock_fd < 0)
		return d->lock_fd;
	d->pods_dir = open(pods, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->pods_dir < 0 ? err_set(e, errno, "open %s", pods) : 0;
}

static int become_reaper(struct setup *s, struct err *e)
{
	(void)s;
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0
		       ? err_set(e, errno, "become a subreaper")
		       : 0;
}

/* A pod costs us a handful of descriptors.  Only the soft limit: raising the hard one takes a
 * capability that not every machine leaves us. */
static int raise_limits(struct setup *s, struct err *e)
{
	struct rlimit files;

	(void)s;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(e, errno, "read the descriptor limit");
	files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		log_warn("cannot have more than the default descriptors: %s", strerror(errno));
	return 0;
}

static int open_network(struct setup *s, struct err *e)
{
	s->d->own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return s->d->own_netns < 0 ? err_set(e, errno, "open our network namespace") : 0;
}

static int read_node(struct setup *s, struct err *e)
{
	return node_read(s->d, s->o->node_name, e);
}

static int choose_driver(struct setup *s, struct err *e)
{
	return driver_choose(&s->d->engine.layout, s->o->cgroup_driver, e);
}

static int open_engine(struct setup *s, struct err *e)
{
	struct engine *g = &s->d->engine;
	int rc = engine_open(g, e);

	return rc == 0 ? driver_keep(&g->layout, e) : rc;
}

static int own_cgroup(struct setup *s, struct err *e)
{
	(void)e;
	own_cgroup_enter(s->d);
	return 0;
}

static int open_versions(struct setup *s, struct err *e)
{
	return versions_open(s->d, e);
}

static int open_events(struct setup *s, struct err *e)
{
	return events_open(s->d, e);
}

static int load_pods(struct setup *s, struct err *e)
{
	return recover_load(s->d, e);
}

static int load_cri(struct setup *s, struct err *e)
{
	return cri_open(&s->d->engine, &s->d->cri, e);
}

static int open_logs(struct setup *s, struct err *e)
{
	return logs_open(&s->d->engine, e);
}

static int open_prober(struct setup *s, struct err *e)
{
	return prober_open(s->d, e);
}

static int resume_pods(struct setup *s, struct err *e)
{
	(void)e;
	recover_resume(s->d);
	return 0;
}

static int resume_cri(struct setup *s, struct err *e)
{
	(void)e;
	cri_resume(s->d->cri);
	return 0;
}

static int watch_disk(struct setup *s, struct err *e)
{
	(void)e;
	(void)disk_open(s->d, s->o->disk_period_ms);
	return 0;
}

static void on_log_changed(void *arg)
{
	const struct daemon *d = arg;

	api_server_poke_logs(d->server);
}

static int serve(struct setup *s, struct err *e)
{
	struct daemon *d = s->d;
	const struct api_faces faces = {
		.backend = &d->backend, .grpc = cri_face(d->cri), .grpc_len = 1
	};
	int rc;

	d->listen_fd = s->o->listen_fd >= 0 ? s->o->listen_fd : listen_from_systemd();
	if (d->listen_fd < 0)
		d->listen_fd = listen_open(&d->engine.layout, e);
	if (d->listen_fd < 0)
		return d->listen_fd;
	if (fcntl(d->listen_fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set(e, errno, "listen on descriptor %d", d->listen_fd);
	daemon_backend(d);
	rc = api_server_start(d->engine.loop, d->listen_fd, &faces, &d->server, e);
	if (rc == 0) {
		d->engine.log_changed = on_log_changed;
		d->engine.log_arg = d;
	}
	return rc;
}

static int confine(struct setup *s, struct err *e)
{
	(void)s;
	return confine_daemon(e);
}

static const struct {
	const char *name;
	int (*run)(struct setup *s, struct err *e);
} steps[] = {
	{ "keep alive", keep_alive },           /* inherited by what serves all pods */
	{ "open the starter", open_starter },   /* a copy of us that is small and holds nothing */
	{ "take the instance", take_instance }, /* nobody else writes below root from here on */
	{ "become a reaper", become_reaper },   /* before anything is started */
	{ "raise limits", raise_limits },       /* */
	{ "open the network", open_network },   /* */
	{ "read the node", read_node },         /* its name is in every object */
	{ "choose a driver", choose_driver },   /* of cgroups: what its pods have, if any */
	{ "open the engine", open_engine },     /* */
	{ "enter our own cgroup", own_cgroup }, /* before there is much memory to protect */
	{ "open versions", open_versions },     /* makes the store */
	{ "open events", open_events },         /* into the store */
	{ "load pods", load_pods },             /* into the store; adopts their sandboxes */
	{ "load CRI's objects", load_cri },     /* adopts theirs */
	{ "open the log", open_logs },          /* knows the streams of all of these */
	{ "open the prober", open_prober },     /* is told of those pods */
	{ "resume pods", resume_pods },         /* makes news, so all that hear it come first */
	{ "resume CRI", resume_cri },           /* */
	{ "watch the disk", watch_disk },       /* of the pods that are left */
	{ "serve", serve },                     /* clients see a whole picture at once */
	{ "confine", confine },                 /* last: denies what the rows above use */
};

static void on_goodbye(void *arg)
{
	struct daemon *d = arg;

	loop_stop(d->engine.loop);
}

static void on_signal(int signal, void *arg)
{
	struct daemon *d = arg;

	if (signal == SIGCHLD) {
		child_reap_strangers(&d->engine);
		return;
	}
	log_info("signal %d: leaving %zu pods to the next carpeld", signal, d->pods_len);
	listen_notify("STOPPING=1");
	api_server_shutdown(d->server, GOODBYE_MS, on_goodbye, d);
}

static int set_up(struct daemon *d, const struct options *o, struct err *e)
{
	struct setup s = { d, o };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = steps[i].run(&s, e);

		if (rc < 0)
			return err_wrap(e, rc, "%s", steps[i].name);
	}
	return 0;
}

/* What we hold in memory; pods, helpers and what is on disk are left as they are. */
static void tear_down(struct daemon *d)
{
	d->engine.log_changed = NULL;
	api_server_free(d->server); /* its clients' sessions end, so they come first */
	disk_close(d->disk);
	d->disk = NULL;
	prober_close(d);
	cri_close(d->cri);
	logs_close(&d->engine);
	while (d->pods) {
		struct pod *p = d->pods;

		pod_unlink(p);
		pod_free(p);
	}
	events_close(d);
	store_free(d->store);
	engine_close(&d->engine);
	loop_io_stop(&d->starter_io);
	cleanup_fd(&d->engine.starter);
	node_free(d);
	strv_free(&d->origin);
	loop_free(d->engine.loop);
}

static int run(const struct layout *layout, const struct options *o)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGCHLD };
	struct daemon d = { .engine.layout = *layout,
		.config = o->config,
		.engine.start_deadline_ms = o->start_deadline_ms,
		.log_max_kib = o->log_max_kib,
		.log_max_files = o->log_max_files,
		.engine.starter = -1,
		.listen_fd = -1,
		.pods_dir = -1,
		.lock_fd = -1,
		.own_netns = -1,
		.keeper = o->keeper,
		.unsafe_sysctls = &o->unsafe_sysctls,
		.started_boot_ms = clock_now().boot_ms };
	struct err e = { 0 };

	/* A fixed limit, as is the default until a large block is freed: what one large request or
	 * answer takes goes back to the kernel with it, and is not kept for the next. */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	d.engine.loop = loop_new();
	if (set_up(&d, o, &e) < 0) {
		log_err("%s", e.text);
		return EXIT_FAILURE; /* the process's end releases the rest */
	}
	loop_signals(d.engine.loop, signals, ARRAY_LEN(signals), on_signal, &d);
	log_info("ready on %s, %zu pods", d.engine.layout.socket, d.pods_len);
	listen_notify("READY=1");
	loop_run(d.engine.loop);
	tear_down(&d);
	return EXIT_SUCCESS;
}

static int run_keeper(const struct layout *layout, char **argv)
{
	struct err e = { 0 };
	/* Held for an instant: a second keeper must not take the socket's name away. */
	int lock = listen_lock(layout, &e), sock = -1;

	if (lock >= 0) {
		sock = listen_open(layout, &e);
		close(lock);
	}
	if (sock < 0) {
		log_err("%s", e.text);
		return EXIT_FAILURE;
	}
	return keeper_run(layout, sock, argv);
}

int main(int argc, char **argv)
{
	CLEANUP(options_free) struct options o;
	struct layout layout;
	struct err e = { 0 };
	int rc = options_read(argc, argv, &o);

	if (rc != OPTIONS_RUN)
		return rc;
	log_set_name("carpeld");
	log_set_level(o.is_verbose ? LOG_DEBUG : LOG_INFO);
	(void)umask(022);
	(void)signal(SIGPIPE, SIG_IGN);
	if (geteuid() != 0)
		rc = err_say(&e, EPERM, "carpeld must be started by root");
	else
		rc = layout_init(&layout, o.root, &e);
	if (rc >= 0)
		rc = layout_make(&layout, &e);
	if (rc < 0) {
		log_err("%s", e.text);
		return EXIT_FAILURE;
	}
	rc = o.keep ? run_keeper(&layout, argv) : run(&layout, &o);
	layout_free(&layout);
	return rc;
}
