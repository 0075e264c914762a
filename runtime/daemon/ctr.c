/* Starting one instance of a container and noticing its end.  The instance's id is in the pod's
 * record before its cgroup exists, so whatever a crash leaves behind can be found by that name.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/launch.h"
#include "image/lease.h"
#include "log/reader.h"
#include "pod/container.h"

enum { LEASE_TRIES = 3, ID_BYTES = 32, MESSAGE_BYTES_MAX = 4096 };

static const struct container_spec *spec_of(const struct ctr *c)
{
	return &c->pod->spec->containers[c->index];
}

static struct container_request request_of(const struct ctr *c, const struct image_record *image)
{
	return (struct container_request){ .at = &c->pod->at,
		.dir = c->dir,
		.pod = c->pod->spec,
		.spec = spec_of(c),
		.image = image,
		.facts = &c->pod->facts,
		.id = c->id };
}

static char *dir_of(const struct ctr *c, uint32_t attempt)
{
	return place_container_dir(&c->pod->at, spec_of(c)->name, attempt);
}

int ctr_request(struct ctr *c, struct container_request *out, struct err *e)
{
	int rc = c->image.ref ? 0 : image_find(c->pod->d, spec_of(c)->image, &c->image, e);

	if (rc < 0)
		return rc;
	free(c->dir);
	c->dir = dir_of(c, c->pod->state->ctrs[c->index].attempt);
	*out = request_of(c, &c->image);
	return 0;
}

static char *lease_of(const struct ctr *c)
{
	return str_fmt("%s.%s", c->pod->spec->uid, spec_of(c)->name);
}

/* Finds the image anew and keeps its layers; they may be taken away between the two. */
static int take_image(struct ctr *c, struct container_request *out, struct err *e)
{
	const char *store = c->pod->d->layout.images;
	CLEANUP(cleanup_free) char *holder = lease_of(c);
	CLEANUP(cleanup_free) char *held = str_dup(c->image.id);
	int rc = 0;

	for (int tries = 0; tries < LEASE_TRIES; tries++) {
		image_record_free(&c->image);
		rc = ctr_request(c, out, e);
		if (rc < 0 || str_eq(held, c->image.id))
			return rc;
		rc = image_lease_take(store, holder, &c->image, e);
		if (rc != -ENOENT)
			break;
	}
	return rc;
}

void ctr_drop_leases(struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		CLEANUP(cleanup_free) char *holder = lease_of(&p->ctrs[i]);
		struct err e = { 0 };

		if (image_lease_drop(p->d->layout.images, holder, &e) < 0)
			log_warn("pod=%s/%s %s", p->spec->namespace, p->spec->name, e.text);
	}
}

struct ctr *ctr_by_id(const struct daemon *d, const char *id)
{
	for (struct pod *p = d->pods; p; p = p->next)
		for (size_t i = 0; i < p->spec->containers_len; i++)
			if (str_eq(p->ctrs[i].id, id) || str_eq(p->ctrs[i].logging_id, id))
				return &p->ctrs[i];
	return NULL;
}

void ctr_release(struct ctr *c)
{
	exec_end_container(c);
	launch_cancel(c->launch);
	profile_cancel(c->profile);
	c->launch = NULL;
	c->profile = NULL;
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->stdin_fd >= 0)
		close(c->stdin_fd);
	c->pidfd = c->stdin_fd = -1;
	c->pid = 0;
}

static void new_id(char out[65])
{
	unsigned char bytes[ID_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort(); /* cannot happen once the system has booted */
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void link_log(const struct ctr *c)
{
	const char *name = spec_of(c)->name;
	CLEANUP(cleanup_free)
	char *link = layout_log_link(&c->pod->d->layout, c->pod->spec, name, c->id);
	CLEANUP(cleanup_free)
	char *file = layout_log_file(
		&c->pod->d->layout, c->pod->spec, name, c->pod->state->ctrs[c->index].attempt);

	if (symlink(file, link) < 0 && errno != EEXIST)
		log_warn("cannot link %s: %s", link, strerror(errno));
}

static void unlink_log(const struct ctr *c, const char *id)
{
	CLEANUP(cleanup_free)
	char *link = layout_log_link(&c->pod->d->layout, c->pod->spec, spec_of(c)->name, id);

	if (unlink(link) < 0 && errno != ENOENT)
		log_warn("cannot remove %s: %s", link, strerror(errno));
}

/* A new instance is there: the one before the former is no "previous" any more. Not earlier, or it
 * could not be read while the start is under way. */
static void drop_old_log(const struct ctr *c)
{
	const struct ctr_state *s = &c->pod->state->ctrs[c->index];
	CLEANUP(cleanup_free) char *log = NULL;

	if (s->attempt < 2)
		return;
	log = layout_log_file(&c->pod->d->layout, c->pod->spec, spec_of(c)->name, s->attempt - 2);
	(void)unlink(log);
	unlink_log(c, s->before.id);
}

static void start_failed(struct ctr *c, const char *reason, const struct err *e, int exit_code)
{
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&c->pod->at, c->id);

	if (*c->id) {
		(void)cgroup_kill(c->pod->d->cgroups, cgroup, NULL);
		daemon_discard_cgroup(c->pod->d, cgroup);
		logs_end(c);
		drop_old_log(c); /* it counts as an instance */
	}
	ctr_release(c);
	log_info("pod=%s/%s ctr=%s start failed: %s", c->pod->spec->namespace, c->pod->spec->name,
		spec_of(c)->name, e->text);
	pod_step(c->pod, &(struct pod_event){ .kind = EV_CTR_FAILED,
				 .ctr = c->index,
				 .id = c->id,
				 .reason = reason,
				 .text = e->text,
				 .exit_code = exit_code ? exit_code : 128 });
	sandbox_watch_exits(c->pod);
}

void ctr_unlink_logs(struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		const struct ctr_state *s = &p->state->ctrs[i];

		unlink_log(&p->ctrs[i], s->id);
		unlink_log(&p->ctrs[i], s->last.id);
		unlink_log(&p->ctrs[i], s->before.id);
	}
}

void ctr_is_up(struct ctr *c)
{
	c->instance++;
	drop_old_log(c);
	link_log(c);
	pod_step(c->pod,
		&(struct pod_event){
			.kind = EV_CTR_UP, .ctr = c->index, .id = c->id, .text = c->image.id });
	sandbox_watch_exits(c->pod);
}

static void on_launched(void *arg, struct launch_result *r)
{
	struct ctr *c = arg;

	c->launch = NULL;
	if (r->rc < 0) {
		start_failed(c, "RunContainerError", &r->err, r->exit_code);
		return;
	}
	c->pid = r->pid;
	c->pidfd = r->pidfd;
	ctr_is_up(c);
}

/* filter: the compiled seccomp profile; -1: none is wanted. */
static int launch_instance(struct ctr *c, const struct container_request *q, int filter,
	const struct ctr_streams *s, struct err *e)
{
	struct daemon *d = c->pod->d;
	struct launch_fds fds = { 0 };
	struct container_fds extra = { 0 };
	const int fixed[] = { c->pod->pause_fd, filter, s->in, s->out, s->err, s->tty };
	int number[ARRAY_LEN(fixed)], rc;
	struct plan plan;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		number[i] = launch_fd(&fds, fixed[i]);
	rc = container_plan(q, d->cgroups, LAUNCH_FIRST_FD + (int)fds.len, &plan, &extra, e);
	plan.pause_fd = number[0];
	plan.seccomp_fd = number[1];
	plan.stdin_fd = number[2];
	plan.stdout_fd = number[3];
	plan.stderr_fd = number[4];
	plan.tty_fd = number[5];
	for (size_t i = 0; i < extra.len; i++)
		(void)launch_fd(&fds, extra.at[i]);
	if (rc == 0)
		rc = launch_start(d, &plan, &fds, on_launched, c, &c->launch, e);
	container_fds_close(&extra);
	plan_free(&plan);
	return rc;
}

static void close_streams(struct ctr_streams *s)
{
	const int fds[] = { s->in, s->out, s->err, s->tty };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A start that failed before the instance was made is tried again under the same number: what it
 * left of a writable layer cannot be mounted a second time. */
static void discard_layers(const struct ctr *c, uint32_t attempt)
{
	CLEANUP(cleanup_free) char *layers = dir_of(c, attempt);

	daemon_discard(c->pod->d, layers);
}

/* Nothing of the instance before is mounted any more. */
static void drop_old_layers(const struct ctr *c)
{
	uint32_t attempt = c->pod->state->ctrs[c->index].attempt;

	discard_layers(c, attempt);
	if (attempt >= 1)
		discard_layers(c, attempt - 1);
}

static int begin(struct ctr *c, const struct container_request *q, int filter, const char **reason,
	struct err *e)
{
	struct ctr_streams s = { -1, -1, -1, -1 };
	int rc;

	*reason = "CreateContainerConfigError";
	if ((rc = container_check_user(q, e)) < 0)
		return rc;
	*reason = "CreateContainerError";
	new_id(c->id);
	c->oom_kills_before = 0; /* the cgroup is new */
	c->stop_signal = container_stop_signal(q->image->stop_signal);
	if ((rc = pod_record(c->pod, e)) < 0 ||
		(rc = container_prepare(q, c->pod->d->cgroups, e)) < 0 ||
		(rc = logs_begin(c, &s, e)) < 0)
		return rc;
	rc = launch_instance(c, q, filter, &s, e);
	if (rc == -ENODATA)
		*reason = "CreateContainerConfigError";
	close_streams(&s);
	return rc;
}

static const char *missing_image_reason(const struct container_spec *spec)
{
	return spec->pull == PULL_NEVER ? "ErrImageNeverPull" : "ErrImagePull";
}

static void on_profile(void *arg, const struct err *e)
{
	struct ctr *c = arg;

	c->profile = NULL;
	if (e->code)
		start_failed(c, "CreateContainerError", e, 0);
	else
		ctr_start(c);
}

int ctr_filter(
	struct ctr *c, void (*ready)(void *arg, const struct err *e), int *out_fd, struct err *e)
{
	const struct security_spec *s = &spec_of(c)->security;
	int fd;

	*out_fd = -1;
	if (s->seccomp == SECCOMP_UNCONFINED || s->privileged)
		return 0;
	fd = profile_get(c->pod->d, container_caps(s), ready, c, &c->profile, e);
	if (fd < 0)
		return fd;
	*out_fd = fd;
	return 0;
}

void ctr_start(struct ctr *c)
{
	struct container_request q;
	const char *reason;
	struct err e = { 0 };
	int filter, rc;

	ctr_release(c);
	c->id[0] = '\0';
	rc = ctr_filter(c, on_profile, &filter, &e);
	if (rc == -EINPROGRESS)
		return; /* once for each set of capabilities */
	if (rc < 0) {
		start_failed(c, "CreateContainerError", &e, 0);
		return;
	}
	if (take_image(c, &q, &e) < 0) {
		if (spec_of(c)->pull == PULL_NEVER)
			(void)err_say(&e, ENOENT,
				"Container image \"%s\" is not present with pull policy of Never",
				spec_of(c)->image);
		start_failed(c, missing_image_reason(spec_of(c)), &e, 0);
		return;
	}
	drop_old_layers(c);
	if (begin(c, &q, filter, &reason, &e) < 0)
		start_failed(c, reason, &e, 0);
	else
		sandbox_watch_exits(c->pod);
}

void ctr_signal(struct ctr *c)
{
	if (c->pidfd >= 0 &&
		syscall(SYS_pidfd_send_signal, c->pidfd, c->stop_signal ? c->stop_signal : SIGTERM,
			NULL, 0) < 0 &&
		errno != ESRCH)
		log_warn("pod=%s ctr=%s cannot signal: %s", c->pod->spec->name, spec_of(c)->name,
			strerror(errno));
}

void ctr_kill(struct ctr *c)
{
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&c->pod->at, c->id);
	struct err e = { 0 };

	launch_give_up(c->launch); /* before the kill: see there */
	if (*c->id && cgroup_kill(c->pod->d->cgroups, cgroup, &e) < 0)
		log_warn("pod=%s ctr=%s %s", c->pod->spec->name, spec_of(c)->name, e.text);
}

/* The file's last 4096 bytes, or the log's last lines for FallbackToLogsOnError. NULL when there is
 * nothing. */
static char *termination_message(const struct ctr *c, bool has_failed)
{
	const struct container_spec *spec = spec_of(c);
	uint32_t attempt = c->pod->state->ctrs[c->index].attempt;
	CLEANUP(cleanup_free) char *dir = dir_of(c, attempt);
	CLEANUP(cleanup_free) char *path = container_message_path(dir);
	CLEANUP(cleanup_fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP(buf_free) struct buf text = { 0 };
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		char bytes[MESSAGE_BYTES_MAX];
		ssize_t n = pread(fd, bytes, sizeof(bytes),
			st.st_size > MESSAGE_BYTES_MAX ? st.st_size - MESSAGE_BYTES_MAX : 0);

		if (n > 0)
			buf_add(&text, bytes, (size_t)n);
	}
	if (!text.len && has_failed && spec->message_policy == MESSAGE_FALLBACK_TO_LOGS) {
		CLEANUP(cleanup_free)
		char *log = layout_log_file(&c->pod->d->layout, c->pod->spec, spec->name, attempt);
		int log_fd = open(log, O_RDONLY | O_CLOEXEC);

		if (log_fd >= 0 && log_tail_message(log_fd, &text, NULL) < 0)
			buf_clear(&text);
		if (log_fd >= 0)
			close(log_fd);
	}
	return text.len ? str_utf8(text.data, text.len) : NULL;
}

static void bury(struct ctr *c, int32_t wait_status)
{
	struct pod *p = c->pod;
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&p->at, c->id);
	CLEANUP(cleanup_free) char *message = termination_message(c, wait_status != 0);
	bool is_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
	bool is_oom = wait_status >= 0 && is_killed &&
		      cgroup_oom_kills(p->d->cgroups, cgroup) > c->oom_kills_before;

	/* With a shared pid namespace its children outlive it; they are of this instance and go
	 * with it. */
	(void)cgroup_kill(p->d->cgroups, cgroup, NULL);
	ctr_release(c);
	logs_end(c);
	daemon_discard_cgroup(p->d, cgroup);
	log_info("pod=%s/%s ctr=%s ended status=%d", p->spec->namespace, p->spec->name,
		spec_of(c)->name, (int)wait_status);
	pod_step(p, &(struct pod_event){ .kind = EV_CTR_DIED,
			    .ctr = c->index,
			    .id = c->id,
			    .wait_status = wait_status,
			    .is_oom = is_oom,
			    .text = message });
}

/* Its last words may still be on their way through carpel-log. */
static bool waits_for_log(struct ctr *c, int32_t wait_status)
{
	if (wait_status == 0 || spec_of(c)->message_policy != MESSAGE_FALLBACK_TO_LOGS)
		return false;
	logs_end(c);
	return str_eq(c->logging_id, c->id);
}

bool ctr_ended(struct ctr *c, int32_t wait_status, enum ctr_patience patience)
{
	if (patience == CTR_MAY_WAIT && waits_for_log(c, wait_status))
		return false;
	bury(c, wait_status);
	return true;
}
