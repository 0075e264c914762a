/* The containers of a pod: a new instance at each start, with its image, its layers and its log;
 * what became of it, as an event of the life cycle.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "engine/discard.h"
#include "image/lease.h"
#include "log/reader.h"
#include "log/rotated.h"

enum { LEASE_TRIES = 3, MESSAGE_BYTES_MAX = 4096 };

static struct pod_ctr *of(const struct ctr *c)
{
	return container_of(c, struct pod_ctr, ctr);
}

static struct engine *engine_of(const struct pod_ctr *c)
{
	return &c->pod->d->engine;
}

static const struct ctr_state *state_of(const struct pod_ctr *c)
{
	return &c->pod->state->ctrs[c->index];
}

/* ---- where its instances are ---- */

static char *dir_of(const struct pod_ctr *c, uint32_t attempt)
{
	return place_container_dir(&c->pod->sandbox.at, c->ctr.spec->name, attempt);
}

static char *log_of(const struct pod_ctr *c, uint32_t attempt)
{
	return layout_log_file(&engine_of(c)->layout, c->pod->spec, c->ctr.spec->name, attempt);
}

void pod_ctr_place(struct pod_ctr *c)
{
	free(c->ctr.dir);
	free(c->ctr.log_file);
	c->ctr.dir = dir_of(c, state_of(c)->attempt);
	c->ctr.log_file = log_of(c, state_of(c)->attempt);
}

static void link_log(const struct pod_ctr *c)
{
	CLEANUP(cleanup_free)
	char *link =
		layout_log_link(&engine_of(c)->layout, c->pod->spec, c->ctr.spec->name, c->ctr.id);

	if (symlink(c->ctr.log_file, link) < 0 && errno != EEXIST)
		log_warn("cannot link %s: %s", link, strerror(errno));
}

static void unlink_log(const struct pod_ctr *c, const char *id)
{
	CLEANUP(cleanup_free)
	char *link = layout_log_link(&engine_of(c)->layout, c->pod->spec, c->ctr.spec->name, id);

	if (unlink(link) < 0 && errno != ENOENT)
		log_warn("cannot remove %s: %s", link, strerror(errno));
}

void pod_ctr_unlink_logs(struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		const struct ctr_state *s = &p->state->ctrs[i];

		unlink_log(&p->ctrs[i], s->id);
		unlink_log(&p->ctrs[i], s->last.id);
		unlink_log(&p->ctrs[i], s->before.id);
	}
}

/* A new instance is there: the one before the former is no "previous" any more. Not earlier, or it
 * could not be read while the start is under way. */
static void drop_old_log(const struct pod_ctr *c)
{
	CLEANUP(cleanup_free) char *log = NULL;

	if (state_of(c)->attempt < 2)
		return;
	log = log_of(c, state_of(c)->attempt - 2);
	(void)unlink(log);
	rotated_remove_all(log);
	unlink_log(c, state_of(c)->before.id);
}

static void discard_layers(const struct pod_ctr *c, uint32_t attempt)
{
	CLEANUP(cleanup_free) char *layers = dir_of(c, attempt);

	discard_dir(engine_of(c), layers);
}

/* Nothing of the instance before is mounted any more.  A start that failed before the instance was
 * made is tried again under the same number: what it left of a writable layer cannot be mounted a
 * second time. */
static void drop_old_layers(const struct pod_ctr *c)
{
	uint32_t attempt = state_of(c)->attempt;

	discard_layers(c, attempt);
	if (attempt >= 1)
		discard_layers(c, attempt - 1);
}

/* ---- its image ---- */

static char *lease_of(const struct pod_ctr *c)
{
	return str_fmt("%s.%s", c->pod->spec->uid, c->ctr.spec->name);
}

/* Finds the image anew and keeps its layers; they may be taken away between the two. */
static int take_image(struct pod_ctr *c, struct err *e)
{
	const struct layout *l = &engine_of(c)->layout;
	CLEANUP(cleanup_free) char *holder = lease_of(c);
	CLEANUP(cleanup_free) char *held = str_dup(c->ctr.image.id);
	int rc = 0;

	for (int tries = 0; tries < LEASE_TRIES; tries++) {
		image_record_free(&c->ctr.image);
		rc = image_find(c->pod->d, c->ctr.spec->image, &c->ctr.image, e);
		if (rc < 0 || str_eq(held, c->ctr.image.id))
			return rc;
		rc = image_lease_take(l->images, holder, &c->ctr.image, e);
		if (rc != -ENOENT)
			break;
	}
	return rc;
}

void pod_ctr_drop_leases(struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		CLEANUP(cleanup_free) char *holder = lease_of(&p->ctrs[i]);
		struct err e = { 0 };

		if (image_lease_drop(p->d->engine.layout.images, holder, &e) < 0)
			log_warn("pod=%s %s", p->sandbox.name, e.text);
	}
}

/* ---- what the engine asks and tells ---- */

static int on_record(struct ctr *c, struct err *e)
{
	return pod_record(of(c)->pod, e);
}

static int on_request(struct ctr *ctr, struct container_request *out, struct err *e)
{
	struct pod_ctr *c = of(ctr);
	int rc = ctr->image.ref ? 0 : image_find(c->pod->d, ctr->spec->image, &ctr->image, e);

	if (rc < 0)
		return rc;
	*out = (struct container_request){ .at = &c->pod->sandbox.at,
		.dir = ctr->dir,
		.pod = c->pod->spec,
		.spec = ctr->spec,
		.image = &ctr->image,
		.facts = &c->pod->facts,
		.id = ctr->id };
	return 0;
}

static void on_up(struct ctr *ctr)
{
	struct pod_ctr *c = of(ctr);

	c->instance++;
	drop_old_log(c);
	link_log(c);
	pod_log_started(c);
	pod_step(c->pod, &(struct pod_event){ .kind = EV_CTR_UP,
				 .ctr = c->index,
				 .id = ctr->id,
				 .text = ctr->image.id,
				 .user = ctr->user });
}

static void tell_failed(
	struct pod_ctr *c, const char *id, const char *reason, const struct err *e, int exit_code)
{
	pod_step(c->pod, &(struct pod_event){ .kind = EV_CTR_FAILED,
				 .ctr = c->index,
				 .id = id,
				 .reason = reason,
				 .text = e->text,
				 .exit_code = exit_code });
}

static void on_failed(struct ctr *ctr, enum ctr_failure how, const struct err *e, int exit_code)
{
	static const char *const reasons[] = {
		[CTR_BAD_CONFIG] = "CreateContainerConfigError",
		[CTR_NOT_MADE] = "CreateContainerError",
		[CTR_NOT_RUN] = "RunContainerError",
	};
	struct pod_ctr *c = of(ctr);

	if (ctr->is_made)
		drop_old_log(c); /* it counts as an instance */
	tell_failed(c, ctr->is_made ? ctr->id : "", reasons[how], e, exit_code);
}

/* The file's last 4096 bytes, or the log's last lines for FallbackToLogsOnError. NULL when there is
 * nothing. */
static char *termination_message(const struct ctr *c, bool has_failed)
{
	CLEANUP(cleanup_free) char *path = container_message_path(c->dir);
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
	if (!text.len && has_failed && c->spec->message_policy == MESSAGE_FALLBACK_TO_LOGS) {
		CLEANUP(cleanup_fd) int log_fd = rotated_open(c->log_file, NULL);

		if (log_fd >= 0 && log_tail_message(log_fd, &text, NULL) < 0)
			buf_clear(&text);
	}
	return text.len ? str_utf8(text.data, text.len) : NULL;
}

static void on_ended(struct ctr *ctr, int32_t wait_status, bool is_oom)
{
	struct pod_ctr *c = of(ctr);
	CLEANUP(cleanup_free) char *message = termination_message(ctr, wait_status != 0);

	pod_step(c->pod, &(struct pod_event){ .kind = EV_CTR_DIED,
				 .ctr = c->index,
				 .id = ctr->id,
				 .wait_status = wait_status,
				 .is_oom = is_oom,
				 .text = message });
}

static bool wants_log(const struct ctr *c, int32_t wait_status)
{
	return wait_status != 0 && c->spec->message_policy == MESSAGE_FALLBACK_TO_LOGS;
}

static void on_log_full(struct ctr *c)
{
	pod_log_rotate(of(c));
}

static void on_released(struct ctr *c)
{
	exec_end_container(of(c));
}

static const struct ctr_owner owner = {
	.record = on_record,
	.request = on_request,
	.up = on_up,
	.failed = on_failed,
	.ended = on_ended,
	.wants_log = wants_log,
	.released = on_released,
	.log_full = on_log_full,
};

void pod_ctr_open(struct pod *p, size_t index)
{
	struct pod_ctr *c = &p->ctrs[index];

	c->pod = p;
	c->index = index;
	ctr_open(&c->ctr, &p->sandbox, &owner, &p->spec->containers[index]);
	c->ctr.log_max_kib = p->d->log_max_kib;
}

static const char *missing_image_reason(const struct container_spec *spec)
{
	return spec->pull == PULL_NEVER ? "ErrImageNeverPull" : "ErrImagePull";
}

/* Nothing pulls images: whoever reads this has to bring it. */
static void tell_missing_image(struct pod_ctr *c, int rc, const struct err *why)
{
	const struct container_spec *spec = c->ctr.spec;
	struct err e = *why;

	if (spec->pull == PULL_NEVER)
		(void)err_say(&e, ENOENT,
			"Container image \"%s\" is not present with pull policy of Never",
			spec->image);
	else if (rc == -ENOENT)
		(void)err_say(&e, ENOENT, "%s; `carpel image import` puts it there", why->text);
	tell_failed(c, "", missing_image_reason(spec), &e, 128);
}

void pod_ctr_start(struct pod_ctr *c)
{
	struct err e = { 0 };
	int rc;

	ctr_release(&c->ctr);
	c->ctr.id[0] = '\0';
	c->ctr.is_made = false;
	pod_ctr_place(c);
	if ((rc = take_image(c, &e)) < 0) {
		tell_missing_image(c, rc, &e);
		return;
	}
	drop_old_layers(c);
	ctr_new_id(c->ctr.id);
	c->ctr.stop_signal = container_stop_signal(c->ctr.image.stop_signal);
	ctr_start(&c->ctr);
}

void pod_ctr_signal(struct pod_ctr *c)
{
	ctr_signal(&c->ctr, c->ctr.stop_signal ? c->ctr.stop_signal : SIGTERM);
}

void pod_ctr_kill(struct pod_ctr *c)
{
	ctr_kill(&c->ctr);
}
