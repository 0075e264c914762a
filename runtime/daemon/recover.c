/* Pods after a crash: their records say what was meant to be, engine/resume.c finds what is. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "engine/ctr_record.h"
#include "engine/discard.h"
#include "engine/logs.h"
#include "engine/resume.h"
#include "image/lease.h"
#include "pod/record.h"
#include "pod/status.h"
#include "spec/names.h"

/* ---- records ---- */

static void restore_ctr(struct pod_ctr *ctr, const struct json *j)
{
	struct ctr *c = &ctr->ctr;
	const char *id = json_get_str(j, "id");

	if (id && strlen(id) < sizeof(c->id))
		memcpy(c->id, id, strlen(id) + 1);
	ctr_from_json(c, j);
	c->is_made = *c->id;
	ctr->instance = 1;
	pod_ctr_place(ctr);
}

static struct pod_spec *read_spec(const struct json *object, struct err *e)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	CLEANUP(cleanup_json) struct json *doc = json_copy(object);

	json_set_str(doc, "kind", "Pod");
	json_set_str(doc, "apiVersion", "v1");
	if (manifest_read(doc, FIELDS_IGNORE, NULL, &r, e) < 0)
		return NULL;
	free(r.spec->uid);
	r.spec->uid = str_dup(json_str(json_path(object, "metadata.uid")));
	return TAKE(r.spec);
}

static int load_pod(
	struct daemon *d, const char *uid, struct json *body, uint64_t sum, struct err *e)
{
	const struct json *object = json_get(body, "object"), *ctrs = json_get(body, "containers");
	struct pod_spec *spec = read_spec(object, e);
	struct pod_state *state = NULL;
	struct pod *p;

	if (!spec)
		return err_wrap(e, -EBADMSG, "the pod's manifest");
	if (!str_eq(spec->uid, uid) || pod_users_from_json(spec, body, e) < 0 ||
		pod_state_from_json(json_get(body, "state"), spec, &state, e) < 0) {
		pod_spec_free(spec);
		return e->code ? -e->code : err_say(e, EBADMSG, "the uid is another one");
	}
	p = pod_new(d, json_copy(object), spec);
	p->state = state;
	pod_resize_restore(p);
	p->record_sum = sum;
	(void)json_i64(json_get(body, "generation"), 1, INT64_MAX, &p->generation);
	for (size_t i = 0; i < spec->containers_len; i++)
		restore_ctr(&p->ctrs[i], json_at(ctrs, i));
	pod_link(p);
	return 0;
}

static void on_record(void *arg, const char *uid, struct json *body, uint64_t sum)
{
	CLEANUP(cleanup_json) struct json *owned = body;
	struct daemon *d = arg;
	CLEANUP(cleanup_free) char *bad = str_fmt("%s.bad", uid);
	struct err e = { 0 };

	if (load_pod(d, uid, owned, sum, &e) == 0)
		return;
	/* Kept for whoever looks into it.  What it speaks of is swept away below. */
	log_err("pod uid=%s cannot be taken over, its record is kept as %s: %s", uid, bad, e.text);
	(void)renameat(d->pods_dir, uid, d->pods_dir, bad);
}

static void on_stale(void *arg, const char *uid)
{
	struct daemon *d = arg;

	log_info("pod uid=%s ended with the machine's last run", uid);
	(void)record_remove(d->pods_dir, uid, NULL);
}

/* ---- what nobody claims ---- */

/* Directories that bear the uid of a pod that is not there any more. */
static void sweep_dirs(struct daemon *d)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/pods", d->engine.layout.lib);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		CLEANUP(cleanup_free) char *one = str_fmt("%s/%s", path, entry->d_name);

		if (!name_is_path_safe(entry->d_name) || pod_find_uid(d, entry->d_name))
			continue;
		log_info("nobody's %s is removed", one);
		discard_dir(&d->engine, one);
	}
	if (dir)
		(void)closedir(dir);
}

/* Leases are named after their pod's uid and the container, by a dot; those of CRI are CRI's. */
static void sweep_leases(struct daemon *d)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/leases", d->engine.layout.images);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		CLEANUP(cleanup_free)
		char *uid = str_ndup(entry->d_name, strcspn(entry->d_name, "."));

		if (entry->d_name[0] != '.' && !str_ends(entry->d_name, ".cri") &&
			!pod_find_uid(d, uid))
			(void)image_lease_drop(d->engine.layout.images, entry->d_name, NULL);
	}
	if (dir)
		(void)closedir(dir);
}

static void sweep_level(struct daemon *d, const char *name)
{
	struct engine *g = &d->engine;
	CLEANUP(cleanup_free) char *level = layout_level_cgroup(&g->layout, name);
	CLEANUP(cleanup_free) char *path = cgroup_v2_dir(g->cgroups, level);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		CLEANUP(cleanup_free)
		char *uid = layout_sandbox_id(&g->layout, LAYOUT_POD, entry->d_name);
		CLEANUP(cleanup_free) char *cgroup = NULL;

		if (!uid || !name_is_path_safe(uid) || pod_find_uid(d, uid))
			continue;
		log_info("nobody's %s/%s is removed", path, entry->d_name);
		cgroup = layout_sandbox_cgroup(&g->layout, level, LAYOUT_POD, uid);
		(void)cgroup_kill(g->cgroups, cgroup, NULL);
		discard_cgroup(g, cgroup);
	}
	if (dir)
		(void)closedir(dir);
}

static void sweep(struct daemon *d)
{
	static const char *const levels[] = { NULL, "burstable", "besteffort" };

	sweep_dirs(d);
	sweep_leases(d);
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		sweep_level(d, levels[i]);
}

/* ---- what is there ---- */

static void resume_ended_wish(struct pod_ctr *c, const struct ctr_state *s)
{
	/* The wish is on disk; whether it was carried out is not known. */
	if (s->kill_at_ms < 0)
		pod_ctr_kill(c);
	else
		pod_ctr_signal(c);
}

static void resume_containers(struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len && !p->is_removed; i++) {
		const struct ctr_state *s = &p->state->ctrs[i];
		struct pod_ctr *c = &p->ctrs[i];

		if (s->phase == CTR_STARTING) {
			if (!resume_starting(&c->ctr))
				pod_ctr_start(c);
		} else if (s->phase == CTR_RUNNING || s->phase == CTR_ENDING) {
			if (resume_running(&c->ctr) && s->phase == CTR_ENDING)
				resume_ended_wish(c, s);
		} else {
			c->ctr.pid = 0;
		}
	}
}

static void resume(struct pod *p)
{
	switch (p->state->sandbox) {
	case SANDBOX_NONE:
		pod_step(p, &(struct pod_event){ .kind = EV_ADMIT });
		return;
	case SANDBOX_STARTING:
		resume_undo(&p->d->engine, p->sandbox.at.cgroup);
		pod_sandbox_start(p);
		return;
	case SANDBOX_READY:
		if (p->sandbox.pause_fd < 0) {
			for (size_t i = 0; i < p->spec->containers_len; i++)
				p->ctrs[i].ctr.pid = 0;
			pod_step(p, &(struct pod_event){ .kind = EV_SANDBOX_DIED });
			return;
		}
		resume_containers(p);
		pod_step(p, &(struct pod_event){ .kind = EV_TIMER });
		return;
	case SANDBOX_ENDING:
		sandbox_end(&p->sandbox);
		return;
	case SANDBOX_GONE:
		pod_step(p, &(struct pod_event){ .kind = EV_TIMER });
		return;
	case SANDBOX_PHASES:
		return;
	}
}

int recover_load(struct daemon *d, struct err *e)
{
	const struct record_reader reader = { on_record, on_stale, d };
	int rc = records_read(d->pods_dir, &reader, e);

	if (rc < 0)
		return rc;
	for (struct pod *p = d->pods; p; p = p->next) {
		if (p->state->sandbox == SANDBOX_READY || p->state->sandbox == SANDBOX_ENDING)
			resume_sandbox(&p->sandbox);
		if (!p->state->is_forgotten)
			pod_publish(p);
	}
	discard_all(&d->engine);
	sweep(d);
	return 0;
}

void recover_resume(struct daemon *d)
{
	struct pod *next;

	if (d->pods_len)
		log_info("taking over %zu pods", d->pods_len);
	for (struct pod *p = d->pods; p; p = p->next)
		logs_take_over(&p->sandbox);
	for (struct pod *p = d->pods; p; p = next) {
		next = p->next; /* a step may end the pod */
		if (p->state->is_forgotten)
			pod_drop(p);
		else
			resume(p);
	}
}
